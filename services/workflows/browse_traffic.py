"""Where the traffic data of a cluster come from, for screens and commands."""

from db.measurement_records import TrafficRecord as TrafficSource
from db.repositories import traffic
from db.session import Database

__all__ = ["TrafficSource", "find_traffic_source"]


def find_traffic_source(database: Database, cluster_id: str) -> TrafficSource | None:
    """The latest import of a cluster's traffic; None: there was none."""
    with database.reader() as reader:
        return traffic.find(reader, cluster_id)
