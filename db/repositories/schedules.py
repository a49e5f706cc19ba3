"""Office hours: the schedule of each environment of a cluster."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, select

from db.bulk import upsert
from db.ledger_records import ScheduleRecord
from db.models.ledgers import OfficeHoursSchedule
from db.records import DataKind
from db.repositories import data_versions
from db.session import Reader, Transaction


def save(
    tx: Transaction,
    cluster_id: str,
    environment: str,
    schedule: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """Give an environment its office hours, in place of those that it had."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    new = upsert(tx, OfficeHoursSchedule).values(
        cluster_id=cluster_id, environment=environment, schedule=dict(schedule), changed_at=at
    )
    tx.connection.execute(
        new.on_conflict_do_update(
            index_elements=[OfficeHoursSchedule.cluster_id, OfficeHoursSchedule.environment],
            set_={"schedule": new.excluded.schedule, "changed_at": new.excluded.changed_at},
        )
    )


def remove(tx: Transaction, cluster_id: str, environment: str) -> bool:
    """Take an environment's office hours away; False: it had none."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    done = tx.connection.execute(
        delete(OfficeHoursSchedule).where(
            OfficeHoursSchedule.cluster_id == cluster_id,
            OfficeHoursSchedule.environment == environment,
        )
    )
    return done.rowcount == 1


def load(reader: Reader, cluster_id: str) -> tuple[ScheduleRecord, ...]:
    """The schedules of a cluster, by environment."""
    query = (
        select(
            OfficeHoursSchedule.environment,
            OfficeHoursSchedule.schedule,
            OfficeHoursSchedule.changed_at,
        )
        .where(OfficeHoursSchedule.cluster_id == cluster_id)
        .order_by(OfficeHoursSchedule.environment)
    )
    return tuple(
        ScheduleRecord(
            environment=row.environment,
            schedule=msgspec.json.decode(row.schedule),
            changed_at=row.changed_at,
        )
        for row in reader.connection.execute(query)
    )
