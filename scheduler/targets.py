"""What jobs run on: the clusters that are read through their API, and who owns them."""

from collections.abc import Mapping
from dataclasses import dataclass

from db.job_records import JobScope
from db.records import ClusterSource
from db.repositories import clusters
from db.session import Database

NOBODY = ""  # the lane of work that belongs to no customer, and the target of global jobs


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of each scope, with the customer in whose lane each is worked on."""

    by_scope: Mapping[JobScope, Mapping[str, str]]

    def of(self, scope: JobScope) -> Mapping[str, str]:
        """Target to lane."""
        return self.by_scope[scope]


def find_targets(database: Database) -> Targets:
    """The clusters that can be read, and the customers that have one.

    Clusters opened from a dump stay as they are, so nothing is done about them by itself.
    """
    with database.reader() as reader:
        live = [one for one in clusters.list_all(reader) if one.source is ClusterSource.API]
    return Targets(
        {
            JobScope.GLOBAL: {NOBODY: NOBODY},
            JobScope.CUSTOMER: {one.customer_id: one.customer_id for one in live},
            JobScope.CLUSTER: {one.id: one.customer_id for one in live},
        }
    )
