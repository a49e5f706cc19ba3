"""Import the traffic between a cluster's pods: a CSV of pairs, or VPC flow logs.

Flow logs show addresses. Whose they are is asked of the cluster at that moment, or read from what
``kubectl get pods`` printed; only the names of pods are stored. An import takes the place of the
one before as a whole, and a file that is not sound changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from db.measurement_records import TrafficRecord
from db.records import Cluster, ClusterSource
from db.repositories import audit, clusters, events, traffic
from db.session import Database, Reader
from engines.contracts.state import DataSource
from engines.contracts.usage import PodKey, TrafficRow, TrafficTable, to_traffic_rows
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError
from services.files.flow_log import is_flow_log, read_flow_logs
from services.files.reading import FileReading
from services.files.source import SourceFile
from services.files.traffic_csv import read_traffic
from services.kube.pod_addresses import read_pod_addresses
from services.pod_addresses import PodAddress, read_pod_page
from services.workflows.import_market_data import Dropped
from services.workflows.open_cluster import load_latest_document
from services.workflows.remote_access import RemoteOpener

TRAFFIC = "traffic"
"""The kind of the source of imported traffic in a state."""

_CLOCKS_DIFFER = timedelta(minutes=10)

Addresses = Callable[[], Sequence[PodAddress]]


class TrafficImport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the files: read = used + dropped. ``unknown_pods`` are not in the latest
    state of the cluster, so nothing is advised about them."""

    record: TrafficRecord
    pods: int
    unknown_pods: int
    rows_read: int
    rows_dropped: int
    dropped: tuple[Dropped, ...]
    warnings: tuple[str, ...]


class ImportedTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """The stored traffic of a cluster as a request carries it."""

    rows: tuple[TrafficRow, ...]
    source: DataSource


class TrafficFiles(NamedTuple):
    """What is to be imported. ``addresses`` is asked only for flow logs; ``as_of`` says when a
    CSV, which does not tell, was true."""

    sources: Sequence[SourceFile]
    addresses: Addresses
    as_of: datetime | None = None


def import_traffic(
    database: Database, cluster_id: str, files: TrafficFiles, *, actor: Actor, at: datetime
) -> TrafficImport:
    """Read the files and store what pods send each other a day.

    Raises InvalidInputError for files that cannot be used; then nothing is stored.
    """
    authorise(actor, Role.OPERATOR, "import traffic")
    if not files.sources:
        raise InvalidInputError("traffic", "no file was given", next_step="name a CSV or flow logs")
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        known = _known_pods(reader, cluster)
    read = _read(files, at)
    record = _record(cluster, files.sources, read, actor, at)
    _store(database, cluster, record, read.table, actor, at)
    reading = read.reading
    unknown = set() if known is None else set(read.table.pods) - known
    return TrafficImport(
        record=record,
        pods=len(read.table.pods),
        unknown_pods=len(unknown),
        rows_read=reading.rows_read,
        rows_dropped=reading.rows_dropped,
        dropped=tuple(
            Dropped(reason=one.reason, count=one.count, first_line=one.first_line)
            for one in reading.dropped
        ),
        warnings=reading.warnings,
    )


def addresses_in(source: SourceFile) -> Addresses:
    """The addresses in a file that ``kubectl get pods -A -o json`` printed."""
    return lambda: read_pod_page(source.name, source.text().encode()).addresses


def addresses_of(make_opener: Callable[[], RemoteOpener], cluster: Cluster) -> Addresses:
    """The addresses that the cluster's API tells when they are asked for; an opener, which needs
    the key of stored credentials, is made only then."""

    def read() -> Sequence[PodAddress]:
        if cluster.source is not ClusterSource.API:
            raise InvalidInputError(
                f"cluster {cluster.name!r}",
                "is not read through an API, so nothing tells whose the addresses in flow logs are",
                next_step="give the pods as a file: kubectl get pods -A -o json",
            )
        opener = make_opener()
        with opener.kubernetes(opener.cluster(cluster.id)) as connection:
            return read_pod_addresses(connection)

    return read


def load_imported_traffic(reader: Reader, cluster_id: str) -> ImportedTraffic | None:
    """The traffic that was imported for a cluster, with its age; None: there is none."""
    record, table = traffic.find(reader, cluster_id), traffic.load(reader, cluster_id)
    if record is None or table is None:
        return None
    return ImportedTraffic(
        rows=to_traffic_rows(table),
        source=DataSource(
            kind=TRAFFIC,
            name=record.source_name,
            count=record.pairs,
            as_of=record.as_of,
            as_of_basis=record.as_of_basis,
        ),
    )


class _Read(NamedTuple):
    """Files that were read: when they were true, how that is known, how long they measured."""

    reading: FileReading[TrafficTable]
    as_of: datetime
    basis: str
    covered_seconds: int | None

    @property
    def table(self) -> TrafficTable:
        return self.reading.data


def _read(files: TrafficFiles, at: datetime) -> _Read:
    """Raises InvalidInputError for what tells nothing of pods, or is of the future."""
    sources = files.sources
    if is_flow_log(sources[0].head()):
        log = read_flow_logs(sources, files.addresses())
        ended = log.reading.as_of or at
        read = _Read(log.reading, ended, "the end of the last record", log.covered_seconds)
    else:
        read = _read_csv(sources, files.as_of, at)
    if read.as_of > at + _CLOCKS_DIFFER:
        raise sources[0].refuse(
            f"its data cannot be of {read.as_of.isoformat()}, which is in the future",
            next_step="give the time when they were true, and check this machine's clock",
        )
    if not len(read.table.bytes_per_day):
        raise sources[0].refuse(
            f"no record is of traffic between two pods; most were left out because"
            f" {_most_common(read.reading)}",
            next_step="log pkt-srcaddr and pkt-dstaddr, and give the pods of the same time",
        )
    return read


def _read_csv(sources: Sequence[SourceFile], as_of: datetime | None, at: datetime) -> _Read:
    if len(sources) > 1:
        raise sources[1].refuse(
            "only flow logs may come in several files", next_step="give one table of traffic"
        )
    reading = read_traffic(sources[0])
    if as_of is not None:
        return _Read(reading, as_of, "as it was given", None)
    written_at = sources[0].modified_at()
    basis = "when the file was written" if written_at else "the time of the import"
    return _Read(reading, min(written_at or at, at), basis, None)


def _most_common(reading: FileReading[TrafficTable]) -> str:
    return max(reading.dropped, key=lambda one: one.count).reason


def _known_pods(reader: Reader, cluster: Cluster) -> set[PodKey] | None:
    """The pods of the cluster's latest state; None: it has none yet."""
    if cluster.latest_snapshot_digest is None:
        return None
    pods = load_latest_document(reader, cluster).pods or ()
    return {PodKey(pod.metadata.namespace, pod.metadata.name) for pod in pods}


def _record(
    cluster: Cluster, sources: Sequence[SourceFile], read: _Read, actor: Actor, at: datetime
) -> TrafficRecord:
    first = PurePath(sources[0].name).name
    others = len(sources) - 1
    return TrafficRecord(
        cluster_id=cluster.id,
        source_name=f"{first} and {others} more" if others else first,
        pairs=len(read.table.bytes_per_day),
        bytes_per_day=int(read.table.bytes_per_day.sum()),
        as_of=read.as_of,
        as_of_basis=read.basis,
        covered_seconds=read.covered_seconds,
        imported_at=at,
        imported_by=actor.name,
    )


def _store(
    database: Database,
    cluster: Cluster,
    record: TrafficRecord,
    table: TrafficTable,
    actor: Actor,
    at: datetime,
) -> None:
    facts = {
        "source": record.source_name,
        "pairs": record.pairs,
        "as_of": record.as_of.isoformat(),
    }
    with database.transaction() as tx:
        before = traffic.find(tx, cluster.id)
        traffic.save(tx, record, table)
        audit.append(
            tx,
            actor=actor.name,
            action="traffic.imported",
            object_name=cluster.name,
            at=at,
            before=None if before is None else {"source": before.source_name},
            after=facts,
        )
        events.append(
            tx,
            "traffic.imported",
            subject=cluster.name,
            at=at,
            cluster_id=cluster.id,
            payload=facts,
        )
