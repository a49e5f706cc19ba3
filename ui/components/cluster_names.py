"""What a cluster is called on screen: its name, after its customer's where two have the same."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from services.workflows.browse_clusters import Cluster
from ui.components import data


def name_clusters(clusters: Sequence[Cluster], companies: Mapping[str, str]) -> dict[str, str]:
    """The name on screen of each cluster, by its id; ``companies`` are by the customer's id."""
    counted = Counter(one.name for one in clusters)
    return {
        one.id: one.name
        if counted[one.name] == 1
        else f"{companies.get(one.customer_id, one.customer_id)} / {one.name}"
        for one in clusters
    }


def cluster_namer() -> Callable[[str], str]:
    """From a cluster's id to its name on screen; one that was removed keeps its id."""
    companies = {one.customer.id: one.customer.company for one in data.customers()}
    names = name_clusters(data.clusters(), companies)
    return lambda cluster_id: names.get(cluster_id, cluster_id)
