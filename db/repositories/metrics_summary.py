"""The metrics summary: a value a minute of what each cluster costs and uses."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from sqlalchemy import delete, func, insert, select

from db.bulk import Integers, upsert
from db.measurement_records import MetricLine, MetricType
from db.models.measurements import Metric, MetricSeries
from db.records import DataKind
from db.repositories import data_versions
from db.session import Reader, Transaction


def save(
    tx: Transaction, cluster_id: str, values: Mapping[MetricType, int], *, at: datetime
) -> None:
    """Store the values of one moment; a second time for the same second replaces them."""
    data_versions.bump(tx, DataKind.METRICS)
    series = _series_ids(tx, cluster_id, values)
    time = int(at.timestamp())
    statement = upsert(tx, Metric)
    tx.connection.execute(
        statement.on_conflict_do_update(
            index_elements=[Metric.series_id, Metric.time],
            set_={"value": statement.excluded.value},
        ),
        [
            {"series_id": series[kind], "time": time, "value": value}
            for kind, value in values.items()
        ],
    )


def load(
    reader: Reader,
    *,
    types: tuple[MetricType, ...],
    since: datetime,
    until: datetime,
    cluster_id: str | None = None,
) -> tuple[MetricLine, ...]:
    """The lines of those types between two moments (both included), of one cluster or of all."""
    query = select(MetricSeries.id, MetricSeries.cluster_id, MetricSeries.type).where(
        MetricSeries.type.in_(types)
    )
    if cluster_id is not None:
        query = query.where(MetricSeries.cluster_id == cluster_id)
    ordered = query.order_by(MetricSeries.cluster_id, MetricSeries.type)
    span = (int(since.timestamp()), int(until.timestamp()))
    return tuple(
        MetricLine(row.cluster_id, MetricType(row.type), *_points(reader, row.id, span))
        for row in reader.connection.execute(ordered).all()
    )


def latest(reader: Reader, *, since: datetime) -> Mapping[str, Mapping[MetricType, int]]:
    """The newest values of each cluster, where they are not older than ``since``."""
    newest = (
        select(func.max(Metric.time))
        .where(Metric.series_id == MetricSeries.id)
        .correlate(MetricSeries)
        .scalar_subquery()
    )
    query = (
        select(MetricSeries.cluster_id, MetricSeries.type, Metric.value)
        .join(Metric, (Metric.series_id == MetricSeries.id) & (Metric.time == newest))
        .where(Metric.time >= int(since.timestamp()))
        .order_by(MetricSeries.cluster_id, MetricSeries.type)
    )
    found: dict[str, dict[MetricType, int]] = {}
    for row in reader.connection.execute(query):
        found.setdefault(row.cluster_id, {})[MetricType(row.type)] = row.value
    return found


def purge(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete at most so many values from before that time; how many."""
    data_versions.bump(tx, DataKind.METRICS)
    oldest = (
        select(Metric.series_id, Metric.time)
        .where(Metric.time < int(before.timestamp()))
        .limit(limit)
        .subquery()
    )
    is_old = (
        select(oldest.c.time)
        .where(oldest.c.series_id == Metric.series_id, oldest.c.time == Metric.time)
        .exists()
    )
    return tx.connection.execute(delete(Metric).where(is_old)).rowcount


def _series_ids(
    tx: Transaction, cluster_id: str, types: Mapping[MetricType, int]
) -> Mapping[str, int]:
    known = _known_series(tx, cluster_id)
    missing = [{"cluster_id": cluster_id, "type": kind} for kind in types if kind not in known]
    if missing:
        tx.connection.execute(insert(MetricSeries), missing)
        known = _known_series(tx, cluster_id)
    return known


def _known_series(tx: Transaction, cluster_id: str) -> Mapping[str, int]:
    query = select(MetricSeries.type, MetricSeries.id).where(MetricSeries.cluster_id == cluster_id)
    return {row.type: row.id for row in tx.connection.execute(query)}


def _points(reader: Reader, series_id: int, span: tuple[int, int]) -> tuple[Integers, Integers]:
    query = (
        select(Metric.time, Metric.value)
        .where(Metric.series_id == series_id, Metric.time.between(*span))
        .order_by(Metric.time)
    )
    rows = reader.connection.execute(query).all()
    columns = np.array([tuple(row) for row in rows], np.int64).reshape(len(rows), 2)
    return columns[:, 0], columns[:, 1]
