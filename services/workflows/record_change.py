"""A person's change on the record: a line of the audit log, and the event that screens show."""

from datetime import datetime
from typing import Any

from db.repositories import audit, events
from db.session import Transaction
from services.access import Actor


def record_change(  # noqa: PLR0913 - the fields of an audit entry
    tx: Transaction,
    action: str,
    object_name: str,
    *,
    actor: Actor,
    at: datetime,
    before: Any = None,
    after: Any = None,
    cluster_id: str | None = None,
) -> None:
    """Store both in the transaction of the change itself. Secrets are masked by the caller."""
    audit.append(
        tx,
        actor=actor.name,
        action=action,
        object_name=object_name,
        at=at,
        before=before,
        after=after,
    )
    events.append(tx, action, subject=object_name, at=at, cluster_id=cluster_id)
