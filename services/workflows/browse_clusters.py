"""What screens show of clusters: which are known, and what is inside one."""

from db.records import Cluster
from db.repositories import clusters
from db.session import Database

__all__ = ["Cluster"]


def load_clusters(database: Database) -> tuple[Cluster, ...]:
    """All clusters that are not archived, by name."""
    with database.reader() as reader:
        return clusters.list_all(reader)
