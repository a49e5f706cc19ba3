"""Delete what is older than it is kept for, a batch a transaction, so that nobody waits for it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from db.records import DocumentKind
from db.repositories import (
    container_usage,
    job_commands,
    job_runs,
    metrics_summary,
    nodes,
    snapshots,
)
from db.session import Database, Transaction
from services.settings import Settings

RUNS_KEPT = timedelta(days=30)
METRICS_KEPT = timedelta(days=35)  # a month to compare with the month before
UNUSED_STATES_KEPT = timedelta(days=1)
"""A state is read each minute; those that no decision refers to are of no use for longer."""

BATCH = 5_000  # rows: some tens of milliseconds of another writer's time on SQLite
BATCH_OF_STATES = 200  # they are large: tens of kilobytes to some megabytes each
ALL_AT_ONCE = 1 << 62  # of these there are few


class Kept(NamedTuple):
    """One kind of rows, and how at most ``batch`` of the old ones are deleted."""

    name: str
    delete: Callable[[Transaction], int]
    batch: int = BATCH


def retain(
    database: Database,
    *,
    settings: Settings,
    at: datetime,
    progress: Callable[[float, Mapping[str, int]], None],
) -> Mapping[str, int]:
    """Delete all kinds of old rows; how many of each."""
    counts: dict[str, int] = {}
    kinds = tuple(_kinds(settings, at))
    for number, kind in enumerate(kinds):
        counts[kind.name] = 0
        while True:
            progress(number / len(kinds), counts)
            with database.transaction() as tx:
                deleted = kind.delete(tx)
            counts[kind.name] += deleted
            if deleted < kind.batch:
                break
    return counts


def _kinds(settings: Settings, at: datetime) -> Iterator[Kept]:
    usage = at - timedelta(days=settings.usage_retention_days)
    states = at - timedelta(days=settings.snapshot_retention_days)
    yield Kept(
        "snapshots",
        lambda tx: snapshots.purge(tx, unused_since=states, limit=BATCH_OF_STATES),
        BATCH_OF_STATES,
    )
    yield Kept(
        "unused_states",
        lambda tx: snapshots.purge(
            tx,
            unused_since=at - UNUSED_STATES_KEPT,
            decided_since=states,
            kind=DocumentKind.CLUSTER,
            limit=BATCH_OF_STATES,
        ),
        BATCH_OF_STATES,
    )
    yield Kept("container_usage", lambda tx: container_usage.purge(tx, before=usage, limit=BATCH))
    yield Kept("usage_series", container_usage.purge_series, ALL_AT_ONCE)
    yield Kept(
        "metrics_summary",
        lambda tx: metrics_summary.purge(tx, before=at - METRICS_KEPT, limit=BATCH),
    )
    yield Kept("job_runs", lambda tx: job_runs.purge(tx, before=at - RUNS_KEPT, limit=BATCH))
    yield Kept(
        "job_commands",
        lambda tx: job_commands.purge(tx, before=at - RUNS_KEPT),
        ALL_AT_ONCE,
    )
    yield Kept("nodes", lambda tx: nodes.purge(tx, gone_before=at - METRICS_KEPT), ALL_AT_ONCE)
