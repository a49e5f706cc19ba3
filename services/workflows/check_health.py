"""Is the program able to work: does the database answer, and how old are its data."""

from datetime import datetime
from enum import StrEnum

import msgspec

from db.records import DataKind, ImportRun, ImportStatus
from db.repositories import imports
from db.session import Database, DatabaseStatus, Reader
from services.workflows.browse_market import DataAge, load_data_ages
from services.workflows.market_data import STALE_AFTER

KIND_OF_AGE = {
    "Spot prices": DataKind.SPOT_PRICES,
    "Spot Advisor": DataKind.SPOT_ADVISOR,
    "On-demand prices": DataKind.ON_DEMAND_PRICES,
    "Instance types": DataKind.INSTANCE_TYPES,
}
NEEDED = (DataKind.SPOT_PRICES, DataKind.SPOT_ADVISOR)  # for the rest there is a bundled catalogue


class HealthStatus(StrEnum):
    """``ok``: able to work. ``degraded``: able to work, but advice rests on old or missing data."""

    OK = "ok"
    DEGRADED = "degraded"


class StoredData(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of data from one source, and whether it is too old for its kind."""

    kind: DataKind
    source: str
    rows: int
    as_of: datetime
    age_seconds: int
    is_stale: bool


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; ``reasons`` are sentences that say why it is not ok."""

    status: HealthStatus
    database: DatabaseStatus
    data: tuple[StoredData, ...]
    reasons: tuple[str, ...]


def check_health(database: Database, *, now: datetime) -> Health:
    """Ask the database and judge the age of what it holds.

    Raises ``DatabaseError`` where the database does not answer: then nothing can work.
    """
    status = database.check()
    data = tuple(_stored_data(age, now) for age in load_data_ages(database))
    with database.reader() as reader:
        failures = [run for kind in KIND_OF_AGE.values() if (run := _last_failure(reader, kind))]
    reasons = (
        *(
            f"{_in_words(one.kind)} of {one.source}: newest from {one.as_of:%Y-%m-%d}, stale"
            for one in data
            if one.is_stale
        ),
        *(
            f"nothing is stored of {_in_words(kind)}; fetch or import it"
            for kind in NEEDED
            if all(one.kind is not kind for one in data)
        ),
        *(f"the last import of {_in_words(run.kind)} failed: {run.error}" for run in failures),
    )
    return Health(
        status=HealthStatus.DEGRADED if reasons else HealthStatus.OK,
        database=status,
        data=data,
        reasons=reasons,
    )


def _in_words(kind: DataKind) -> str:
    return kind.value.replace("_", " ")


def _stored_data(age: DataAge, now: datetime) -> StoredData:
    kind = KIND_OF_AGE[age.kind]
    return StoredData(
        kind=kind,
        source=age.source,
        rows=age.rows,
        as_of=age.as_of,
        age_seconds=int((now - age.as_of).total_seconds()),
        is_stale=now - age.as_of > STALE_AFTER[kind],
    )


def _last_failure(reader: Reader, kind: DataKind) -> ImportRun | None:
    """The newest import of a kind where it failed; None where it did not."""
    newest = imports.list_runs(reader, kind=kind, limit=1)
    return newest[0] if newest and newest[0].status is ImportStatus.FAILED else None
