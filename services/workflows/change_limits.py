"""Change a cluster's safety limits: an operator may tighten, loosening needs an admin."""

from datetime import datetime

import msgspec

from db.records import Cluster
from db.repositories import audit, clusters, events
from db.session import Database
from engines.contracts.verdict import SafetyLimits
from engines.safety import loosened_fields
from services.access import Actor, Role, authorise


def change_limits(
    database: Database, *, cluster_id: str, limits: SafetyLimits, actor: Actor, at: datetime
) -> Cluster:
    """Store the limits, with an entry in the audit log; the same limits again change nothing.

    Raises AccessDeniedError where the actor's role does not allow the change.
    """
    authorise(actor, Role.OPERATOR, "change safety limits")
    with database.transaction() as tx:
        before = clusters.get(tx, cluster_id)
        loosened = loosened_fields(before.limits, limits)
        if loosened:
            authorise(actor, Role.ADMIN, f"loosen {', '.join(loosened)}")
        if before.limits == limits:
            return before
        clusters.set_limits(tx, cluster_id, limits, at=at)
        audit.append(
            tx,
            actor=actor.name,
            action="safety.limits.loosened" if loosened else "safety.limits.tightened",
            object_name=before.name,
            at=at,
            before=msgspec.structs.asdict(before.limits),
            after=msgspec.structs.asdict(limits),
        )
        events.append(
            tx,
            "safety.limits.changed",
            subject=before.name,
            at=at,
            cluster_id=cluster_id,
            payload={"loosened": list(loosened)},
        )
        return clusters.get(tx, cluster_id)
