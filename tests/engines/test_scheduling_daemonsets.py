"""What DaemonSets take of a node before anybody else comes."""

import pytest

from engines.scheduling import build_context, daemon_loads, daemon_overhead
from tests.builders import a_cluster, a_node, a_pod, a_workload

NODES = (
    a_node(),
    a_node("node-b", taints=("gpu:NoSchedule",)),
    a_node("node-c", unschedulable=True, labels={"disk": "ssd"}),
)


@pytest.mark.parametrize(
    ("pod_spec", "nodes"),
    [
        ({}, ["node-a", "node-c"]),
        ({"tolerations": [{"operator": "Exists"}]}, ["node-a", "node-b", "node-c"]),
        ({"nodeSelector": {"disk": "ssd"}}, ["node-c"]),
        ({"nodeName": "node-a"}, ["node-a"]),
    ],
)
def test_a_daemonset_runs_where_labels_and_taints_let_it_and_a_cordon_does_not_matter(
    pod_spec, nodes
):
    context = build_context(
        a_cluster(*NODES, a_workload("agent", kind="DaemonSet", pod_spec=pod_spec))
    )

    [load] = daemon_loads(context)

    assert [
        name for name, runs in zip(context.nodes.names, load.nodes, strict=True) if runs
    ] == nodes


@pytest.mark.parametrize(
    ("taint", "host_network", "runs"),
    [
        ("node.kubernetes.io/not-ready:NoExecute", False, True),
        ("node.kubernetes.io/not-ready:NoSchedule", False, False),
        ("node.kubernetes.io/memory-pressure:NoSchedule", False, True),
        ("node.kubernetes.io/network-unavailable:NoSchedule", False, False),
        ("node.kubernetes.io/network-unavailable:NoSchedule", True, True),
    ],
)
def test_the_controller_adds_tolerations(taint, host_network, runs):
    agent = a_workload("agent", kind="DaemonSet", pod_spec={"hostNetwork": host_network})

    [load] = daemon_loads(build_context(a_cluster(a_node(taints=(taint,)), agent)))

    assert load.nodes.tolist() == [runs]


def test_the_overhead_of_a_node_is_the_sum_of_its_daemons():
    """1 vCPU and 1 GiB of one everywhere, half a vCPU and 2 GiB of the other on node-a."""
    everywhere = a_workload(
        "agent", kind="DaemonSet", pod_spec={"tolerations": [{"operator": "Exists"}]}
    )
    first_only = a_workload(
        "probe", kind="DaemonSet", cpu=0.5, gib=2, pod_spec={"nodeName": "node-a"}
    )
    context = build_context(
        a_cluster(*NODES, everywhere, first_only, a_pod("x")), absent_nodes=("node-b",)
    )

    overhead = daemon_overhead(context)

    gib = 1024**3
    assert context.resources == ("cpu", "memory", "ephemeral-storage", "pods")
    assert overhead.T.tolist() == [[1500, 3 * gib, 0, 2], [1000, gib, 0, 1], [1000, gib, 0, 1]]
