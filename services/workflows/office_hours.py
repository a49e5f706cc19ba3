"""Give an environment of a cluster its office hours, or take them away; both leave a trace."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.ledger_records import ScheduleRecord
from db.records import Cluster
from db.repositories import audit, clusters, events, schedules
from db.session import Database, Reader, Transaction
from engines.office_hours.schedules import BadSchedule, read_schedule
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError, NotFoundError


def save_schedule(
    database: Database, cluster_id: str, schedule: Mapping[str, Any], *, actor: Actor, at: datetime
) -> bool:
    """Store a schedule under its environment's name; False: it was stored like this before.

    Raises InvalidInputError in the engine's words for what the engine would not understand, and
    AccessDeniedError below the role operator. Nothing is stored then.
    """
    authorise(actor, Role.OPERATOR, "change office hours")
    read = read_schedule(schedule)
    if isinstance(read, BadSchedule):
        raise InvalidInputError(
            f"schedule of {read.environment!r}",
            read.problem,
            next_step="correct that value; nothing was stored",
        )
    environment = read.document.environment
    with database.transaction() as tx:
        cluster = clusters.get(tx, cluster_id)
        before = _stored(tx, cluster_id, environment)
        if before is not None and before.schedule == schedule:
            return False
        schedules.save(tx, cluster_id, environment, schedule, at=at)
        after = dict(schedule)
        action = "office_hours.added" if before is None else "office_hours.changed"
        _tell(tx, cluster, action, environment, actor, at, before=before, after=after)
    return True


def remove_schedule(
    database: Database, cluster_id: str, environment: str, *, actor: Actor, at: datetime
) -> None:
    """Take an environment's office hours away: nothing of it sleeps any more.

    Raises NotFoundError where it has none, AccessDeniedError below the role operator.
    """
    authorise(actor, Role.OPERATOR, "change office hours")
    with database.transaction() as tx:
        cluster = clusters.get(tx, cluster_id)
        before = _stored(tx, cluster_id, environment)
        if before is None:
            known = ", ".join(one.environment for one in schedules.load(tx, cluster_id))
            raise NotFoundError(
                f"environment {environment!r} of {cluster.name} has no office hours",
                next_step=f"choose one of {known}" if known else "add a schedule first",
            )
        schedules.remove(tx, cluster_id, environment)
        _tell(tx, cluster, "office_hours.removed", environment, actor, at, before=before)


def _stored(reader: Reader, cluster_id: str, environment: str) -> ScheduleRecord | None:
    known = schedules.load(reader, cluster_id)
    return next((one for one in known if one.environment == environment), None)


def _tell(  # noqa: PLR0913 - the fields of an entry
    tx: Transaction,
    cluster: Cluster,
    action: str,
    environment: str,
    actor: Actor,
    at: datetime,
    *,
    before: ScheduleRecord | None,
    after: Mapping[str, Any] | None = None,
) -> None:
    audit.append(
        tx,
        actor=actor.name,
        action=action,
        object_name=f"{cluster.name}/{environment}",
        at=at,
        before=None if before is None else dict(before.schedule),
        after=after,
    )
    events.append(
        tx,
        action,
        subject=cluster.name,
        at=at,
        cluster_id=cluster.id,
        payload={"environment": environment},
    )
