"""What a cluster that was just registered waits for, and for how long."""

from datetime import datetime, timedelta

from db.records import Cluster, DataKind, ImportStatus
from db.repositories import imports, spot_prices
from db.session import Reader

PATIENCE = timedelta(minutes=5)
"""So long after its registration a cluster waits for prices; then it is judged by what there is."""


def missing_prices(reader: Reader, cluster: Cluster, at: datetime) -> str:
    """The Spot prices of a cluster's region, in words; '' where they are there or will not come."""
    is_known = any(one.region == cluster.region for one in spot_prices.spans(reader))
    if is_known or is_hopeless(reader, cluster, DataKind.SPOT_PRICES, at):
        return ""
    return f"Spot prices of {cluster.region}"


def is_hopeless(reader: Reader, cluster: Cluster, kind: DataKind, at: datetime) -> bool:
    """Whether data of a kind are not worth waiting for: their last fetch failed, or it takes too
    long."""
    if at - cluster.created_at > PATIENCE:
        return True
    newest = imports.list_runs(reader, kind=kind, limit=1)
    return bool(newest) and newest[0].status is ImportStatus.FAILED
