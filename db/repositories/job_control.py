"""Which jobs are paused."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import select

from db.bulk import upsert
from db.models.operations import JobControl as Row
from db.records import DataKind
from db.repositories import data_versions
from db.session import Reader, Transaction


def paused_jobs(reader: Reader) -> AbstractSet[str]:
    """The names of the jobs that may not run by themselves."""
    rows = reader.connection.execute(select(Row.job).where(Row.paused.is_(True)))
    return frozenset(rows.scalars())


def set_paused(tx: Transaction, job: str, *, paused: bool, changed_by: str, at: datetime) -> None:
    """Pause a job or let it run again."""
    data_versions.bump(tx, DataKind.JOBS)
    values = {"paused": paused, "changed_at": at, "changed_by": changed_by}
    tx.connection.execute(
        upsert(tx, Row)
        .values(job=job, **values)
        .on_conflict_do_update(index_elements=[Row.job], set_=values)
    )
