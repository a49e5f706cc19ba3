"""Who of all schedulers works: the one that holds the lease ``scheduler``; the others stand by.

A thread of its own renews the lease each second, whatever the work does. Three things can happen to
a leader: it renews; it cannot reach the database, then it is *uncertain* once the lease would have
expired, begins nothing new and goes on trying; or somebody else took the lease, then it has *lost*
it and everything that it still wants to write is refused by the fence.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

import structlog

from db.errors import DatabaseError, LeaseLostError
from db.repositories import leases
from db.session import Database
from services.metrics import LEASE_FENCE, SCHEDULER_IS_LEADER

LEASE = "scheduler"
TTL = timedelta(seconds=10)
RENEW_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0  # between two attempts at a database that does not answer

log = structlog.get_logger(__name__)


def fenced(database: Database, term: int) -> Database:
    """The database for what only the leader of that term may write."""
    return database.guarded(lambda tx: leases.confirm(tx, LEASE, term))


class Leadership:
    """Holds, seeks and gives back the lease. ``term`` is the fence while it is held, else None."""

    def __init__(
        self, database: Database, holder: str, wake: Callable[[], None], ttl: timedelta = TTL
    ) -> None:
        """``wake`` is called whenever the lease came or went."""
        self._database = database
        self._ttl = ttl
        self._wake = wake
        self.holder = holder
        self.term: int | None = None
        self.trouble: DatabaseError | None = None
        self._renewed = float("-inf")  # monotonic: a stopped process knows how long it was away
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leadership", daemon=True)

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can hold the lease; only then new work may begin."""
        return self.term is not None and self.seconds_since_renewal < self._ttl.total_seconds()

    @property
    def seconds_since_renewal(self) -> float:
        """Since the database last confirmed the lease; infinite where it never did."""
        return monotonic() - self._renewed

    def start(self) -> None:
        """Begin to seek the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Give the lease back, where it is held, so that a standby takes over at once."""
        self._stop.set()
        self._thread.join(timeout=2)
        if self.term is None:
            return
        try:
            with self._database.transaction() as tx:
                leases.release(tx, LEASE, self.term)
        except DatabaseError as error:
            log.warning("lease was not given back: it will expire", problem=error.problem)
        self._set_term(None)

    def _keep(self) -> None:
        pause = RENEW_SECONDS
        while not self._stop.is_set():
            began = monotonic()
            try:
                self._renew_or_seek(began)
                self._note_trouble(None)
                pause = RENEW_SECONDS
            except LeaseLostError:
                log.warning("lease was lost: another scheduler works", term=self.term)
                self._set_term(None)
            except DatabaseError as error:
                self._note_trouble(error)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._stop.wait(max(pause - (monotonic() - began), 0.05))

    def _renew_or_seek(self, began: float) -> None:
        """``began`` counts, not the end: the lease runs from when the database was asked."""
        if self.term is not None:
            with self._database.transaction() as tx:
                leases.renew(tx, LEASE, self.term, ttl=self._ttl)
            self._renewed = began
            return
        with self._database.reader() as reader:
            is_free = leases.is_free(reader, LEASE, ttl=self._ttl)
        if is_free:
            with self._database.transaction() as tx:
                term = leases.acquire(tx, LEASE, self.holder, ttl=self._ttl)
            if term is not None:
                self._renewed = began
                log.info("leading", holder=self.holder, term=term)
                self._set_term(term)

    def _set_term(self, term: int | None) -> None:
        self.term = term
        SCHEDULER_IS_LEADER.set(0 if term is None else 1)
        LEASE_FENCE.set(term or 0)
        self._wake()

    def _note_trouble(self, error: DatabaseError | None) -> None:
        """A line when it begins to fail, and one when it is well again."""
        if error is not None and self.trouble is None:
            log.error("database fails", problem=error.problem, next_step=error.next_step)
        elif error is None and self.trouble is not None:
            log.info("database is back")
        self.trouble = error
