"""Hourly use of containers: CPU histogram, memory maximum, number of readings."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, delete, func, insert, select, tuple_

from db.bulk import upsert
from db.measurement_records import ContainerHour
from db.models.base import table_of
from db.models.measurements import ContainerUsage, UsageSeries
from db.session import Reader, Transaction
from engines.contracts.usage_histogram import pack_counts, unpack_counts

_KEY = (UsageSeries.namespace, UsageSeries.pod, UsageSeries.container)
_COLUMNS = (
    *_KEY,
    UsageSeries.workload_kind,
    UsageSeries.workload,
    *(column for column in table_of(ContainerUsage).columns if column.name != "series_id"),
)
ContainerName = tuple[str, str, str]  # namespace, pod, container


def load(
    reader: Reader,
    cluster_id: str,
    *,
    since: datetime,
    until: datetime,
    containers: Collection[ContainerName] | None = None,
) -> tuple[ContainerHour, ...]:
    """The hours that begin between two moments (``until`` excluded), sorted by container and
    hour: of some containers (at most a thousand or so), or of all. Those of pods that are gone are
    among them."""
    query = (
        select(*_COLUMNS)
        .join(ContainerUsage, ContainerUsage.series_id == UsageSeries.id)
        .where(
            UsageSeries.cluster_id == cluster_id,
            ContainerUsage.hour >= int(since.timestamp()),
            ContainerUsage.hour < int(until.timestamp()),
        )
        .order_by(*_KEY, ContainerUsage.hour)
    )
    if containers is not None:
        query = query.where(tuple_(*_KEY).in_(sorted(containers)))
    return tuple(_hour(row._mapping) for row in reader.connection.execute(query))


def save(tx: Transaction, cluster_id: str, hours: Sequence[ContainerHour]) -> None:
    """Store hours; one that is known already is replaced by the one given."""
    if not hours:
        return
    series = _series_ids(tx, cluster_id, hours)
    statement = upsert(tx, ContainerUsage)
    values = ("samples", "cpu_histogram", "memory_max_bytes", "last_sample_at")
    tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[ContainerUsage.series_id, ContainerUsage.hour],
            set_={name: statement.excluded[name] for name in values},
        ),
        [_row(series[_name(one)], one) for one in hours],
    )


def purge(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete at most so many hours that began before that time; how many."""
    old = (
        select(ContainerUsage.series_id, ContainerUsage.hour)
        .where(ContainerUsage.hour < int(before.timestamp()))
        .limit(limit)
    )
    key = tuple_(ContainerUsage.series_id, ContainerUsage.hour)
    return tx.connection.execute(delete(ContainerUsage).where(key.in_(old))).rowcount


def purge_series(tx: Transaction) -> int:
    """Delete the keys of containers of which no hour is left; how many."""
    used = select(ContainerUsage.series_id).where(ContainerUsage.series_id == UsageSeries.id)
    return tx.connection.execute(delete(UsageSeries).where(~used.exists())).rowcount


def count(reader: Reader) -> int:
    """How many hours of containers are stored."""
    return reader.connection.execute(select(func.count()).select_from(ContainerUsage)).scalar_one()


def _series_ids(
    tx: Transaction, cluster_id: str, hours: Sequence[ContainerHour]
) -> Mapping[ContainerName, int]:
    """The key of each container; of new ones it is made."""
    known = _known_series(tx, cluster_id)
    missing = {_name(one): one for one in hours if _name(one) not in known}
    if missing:
        tx.connection.execute(
            insert(UsageSeries),
            [
                {
                    "cluster_id": cluster_id,
                    "namespace": one.namespace,
                    "pod": one.pod,
                    "container": one.container,
                    "workload_kind": one.workload_kind,
                    "workload": one.workload,
                }
                for one in missing.values()
            ],
        )
        known = _known_series(tx, cluster_id)
    return known


def _known_series(tx: Transaction, cluster_id: str) -> Mapping[ContainerName, int]:
    query = select(*_KEY, UsageSeries.id).where(UsageSeries.cluster_id == cluster_id)
    return {(row[0], row[1], row[2]): row[3] for row in tx.connection.execute(query)}


def _name(one: ContainerHour) -> ContainerName:
    return (one.namespace, one.pod, one.container)


def _row(series_id: int, one: ContainerHour) -> dict[str, object]:
    return {
        "series_id": series_id,
        "hour": one.hour,
        "samples": one.samples,
        "cpu_histogram": pack_counts(one.cpu),
        "memory_max_bytes": one.memory_max_bytes,
        "last_sample_at": one.last_sample_at,
    }


def _hour(row: RowMapping) -> ContainerHour:
    return ContainerHour(
        namespace=row["namespace"],
        pod=row["pod"],
        container=row["container"],
        workload_kind=row["workload_kind"],
        workload=row["workload"],
        hour=row["hour"],
        cpu=unpack_counts(row["cpu_histogram"]),
        memory_max_bytes=row["memory_max_bytes"],
        last_sample_at=row["last_sample_at"],
    )
