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
    oom_kills,
    snapshots,
)
from db.session import Database, Transaction
from services.settings import Settings

RUNS_KEPT = timedelta(days=30)
KILLS_KEPT = timedelta(days=30)  # floors hold for 14
METRICS_KEPT = timedelta(days=35)  # a month to compare with the month before
UNUSED_STATES_KEPT = timedelta(hours=1)
"""A state is read each minute: of a large cluster they would come to gigabytes a day. One that no
decision refers to is of no use for longer."""

BATCH = 5_000  # rows: some tens of milliseconds of another writer's time on SQLite
BATCH_OF_STATES = 200  # they are large: tens of kilobytes to some megabytes each
ALL_AT_ONCE = 1 << 62  # of these there are few


class Kept(NamedTuple):
    """One kind of rows, and how at most ``batch`` of the old ones are deleted."""

    name: str
    delete: Callable[[Transaction], int]
    batch: int = BATCH


def drop_unused_states(database: Database, *, settings: Settings, at: datetime) -> int:
    """Delete cluster states that were of use for no decision; how many."""
    decided = at - timedelta(days=settings.snapshot_retention_days)

    def delete(tx: Transaction) -> int:
        return snapshots.purge(
            tx,
            unused_since=at - UNUSED_STATES_KEPT,
            decided_since=decided,
            kind=DocumentKind.CLUSTER,
            limit=BATCH_OF_STATES,
        )

    return _delete_all(database, Kept("unused_states", delete, BATCH_OF_STATES))


def retain(
    database: Database,
    *,
    settings: Settings,
    at: datetime,
    progress: Callable[[float, Mapping[str, int]], None],
) -> Mapping[str, int]:
    """Delete all other kinds of old rows; how many of each."""
    counts: dict[str, int] = {}
    kinds = tuple(_kinds(settings, at))
    for number, kind in enumerate(kinds):
        progress(number / len(kinds), counts)
        counts[kind.name] = _delete_all(database, kind)
    return counts


def _delete_all(database: Database, kind: Kept) -> int:
    total = 0
    while True:
        with database.transaction() as tx:
            deleted = kind.delete(tx)
        total += deleted
        if deleted < kind.batch:
            return total


def _kinds(settings: Settings, at: datetime) -> Iterator[Kept]:
    usage = at - timedelta(days=settings.usage_retention_days)
    states = at - timedelta(days=settings.snapshot_retention_days)
    yield Kept(
        "snapshots",
        lambda tx: snapshots.purge(tx, unused_since=states, limit=BATCH_OF_STATES),
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
    yield Kept("oom_kills", lambda tx: oom_kills.purge(tx, before=at - KILLS_KEPT), ALL_AT_ONCE)
    yield Kept("nodes", lambda tx: nodes.purge(tx, gone_before=at - METRICS_KEPT), ALL_AT_ONCE)
