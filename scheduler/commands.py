"""Commands that are carried out: each may start a job on several targets, and ends with the last.

A scheduler that dies leaves its commands claimed; the next one puts them back and does them again.
"""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from db.errors import DatabaseError
from db.repositories import job_commands
from db.session import Database

log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class _Pending:
    targets: set[str]
    errors: dict[str, str] = field(default_factory=dict)


class Commands:
    """Keeps track of claimed commands until all their targets are done."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._lock = threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._untold: list[tuple[int, str | None]] = []

    def begin(self, command_id: int, targets: frozenset[str]) -> None:
        """A command is under way on these targets."""
        with self._lock:
            self._pending[command_id] = _Pending(targets=set(targets))

    def target_done(self, command_id: int, target: str, error: str | None) -> None:
        """A command is done on one of its targets; with the last of them it ends."""
        with self._lock:
            pending = self._pending.get(command_id)
            if pending is None:
                return
            pending.targets.discard(target)
            if error is not None:
                pending.errors[target] = error
            if pending.targets:
                return
            del self._pending[command_id]
        self.finish(command_id, _joined(pending.errors))

    def forget(self) -> None:
        """Leave what is under way to the scheduler that leads now."""
        with self._lock:
            self._pending.clear()
            self._untold.clear()

    def finish(self, command_id: int, error: str | None) -> None:
        """Note a command's end now, or with ``tell_again`` where the database is away."""
        try:
            with self._database.transaction() as tx:
                job_commands.finish(
                    tx, command_id, claimed_by=self._holder, error=error, at=datetime.now(UTC)
                )
        except DatabaseError as trouble:
            log.error("command's end is not noted yet", command=command_id, why=trouble.problem)
            with self._lock:
                self._untold.append((command_id, error))

    def tell_again(self) -> None:
        """Note the ends that could not be noted before."""
        with self._lock:
            untold, self._untold = self._untold, []
        for command_id, error in untold:
            self.finish(command_id, error)


def _joined(errors: dict[str, str]) -> str | None:
    """One text: which target failed, and why."""
    if not errors:
        return None
    return "; ".join(f"{target}: {text}" if target else text for target, text in errors.items())
