"""Traffic between the pods of a cluster: the latest import, as columns, compressed."""

import zlib

import msgspec
import numpy as np
from sqlalchemy import select

from db.bulk import upsert
from db.measurement_records import TrafficRecord
from db.models.measurements import ClusterTraffic
from db.records import DataKind
from db.repositories import data_versions
from db.session import Reader, Transaction
from engines.contracts.usage import PodKey, TrafficTable

_ABOUT = tuple(getattr(ClusterTraffic, name) for name in TrafficRecord.__struct_fields__)


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    """A traffic table as it is stored."""

    pods: list[tuple[str, str]]
    senders: list[int]
    receivers: list[int]
    bytes_per_day: list[int]


_decode = msgspec.json.Decoder(_Columns).decode


def save(tx: Transaction, record: TrafficRecord, table: TrafficTable) -> None:
    """Store the traffic of a cluster in place of what was imported before."""
    data_versions.bump(tx, DataKind.CLUSTERS)
    columns = _Columns(
        pods=list(table.pods),
        senders=table.senders.tolist(),
        receivers=table.receivers.tolist(),
        bytes_per_day=table.bytes_per_day.tolist(),
    )
    payload = zlib.compress(msgspec.json.encode(columns))
    new = upsert(tx, ClusterTraffic).values(**msgspec.structs.asdict(record), payload=payload)
    replaced = [name for name in (*record.__struct_fields__, "payload") if name != "cluster_id"]
    tx.connection.execute(
        new.on_conflict_do_update(
            index_elements=[ClusterTraffic.cluster_id],
            set_={name: new.excluded[name] for name in replaced},
        )
    )


def find(reader: Reader, cluster_id: str) -> TrafficRecord | None:
    """Where a cluster's traffic data come from; None: none were imported."""
    query = select(*_ABOUT).where(ClusterTraffic.cluster_id == cluster_id)
    row = reader.connection.execute(query).mappings().one_or_none()
    return None if row is None else TrafficRecord(**row)


def load(reader: Reader, cluster_id: str) -> TrafficTable | None:
    """The traffic itself; None: none was imported."""
    query = select(ClusterTraffic.payload).where(ClusterTraffic.cluster_id == cluster_id)
    payload = reader.connection.execute(query).scalar_one_or_none()
    if payload is None:
        return None
    columns = _decode(zlib.decompress(payload))
    return TrafficTable(
        pods=tuple(PodKey(*pod) for pod in columns.pods),
        senders=np.array(columns.senders, np.int32),
        receivers=np.array(columns.receivers, np.int32),
        bytes_per_day=np.array(columns.bytes_per_day, np.int64),
    )
