"""A small cluster for combined plans: three nodes in three zones, a pod on each."""

from engines.contracts.state import ClusterState
from tests.builders import (
    a_node,
    a_pod,
    a_state,
    a_workload,
    an_instance_type,
    an_on_demand_price,
)


def a_three_node_state() -> ClusterState:
    """Three m7i.xlarge at 0.2016 USD an hour, one pod of the Deployment web on each."""
    return a_state(
        *(a_node(f"node-{one}", zone=f"us-east-1{one}") for one in "abc"),
        a_workload("web", replicas=3),
        a_workload("web-6d4b", kind="ReplicaSet", replicas=3, owner=("Deployment", "web")),
        *(a_pod(f"web-{n}", on=f"node-{one}") for n, one in enumerate("abc", start=1)),
        on_demand=(an_on_demand_price("0.2016"),),
        instance_types=(an_instance_type(),),
    )
