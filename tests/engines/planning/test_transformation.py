"""The cluster after a plan, as the next engine finds it."""

from decimal import Decimal

import msgspec
import pytest

from engines.contracts.kubernetes import CronJob, DaemonSet, template_of
from engines.contracts.plan import (
    ContainerResources,
    DrainNode,
    PatchWorkloadResources,
    TerminateInstance,
    WorkloadRef,
)
from engines.contracts.pricing import CapacityType
from engines.planning.transformation import after, bill_after
from tests.builders import (
    NOW,
    a_node,
    a_pod,
    a_request,
    a_state,
    a_workload,
    an_instance_type,
    an_on_demand_price,
    instance_id_for,
)
from tests.engines.planning.builders import a_three_node_state, answer, launch, removal

DAEMON = a_workload("logs", kind="DaemonSet", cpu=0.5, gib=1)


def happens(state, *steps):
    return after(state, answer(a_request(state), execution_plan=steps), NOW)


def places(state):
    return {one.metadata.name: one.spec.node_name for one in state.cluster.pods.items}


def patch(kind="Deployment", name="web", **amounts):
    return PatchWorkloadResources(
        id="1",
        workload=WorkloadRef(kind=kind, namespace="shop", name=name),
        resources=(ContainerResources(container="main", **amounts),),
        previous=(ContainerResources(container="main"),),
    )


def test_a_plan_without_effect_leaves_the_same_state():
    state = a_three_node_state()

    outcome = happens(state, DrainNode(id="1", node="node-a"))

    assert outcome.state is state
    assert outcome.homeless == ()


def test_a_node_that_is_only_drained_or_only_terminated_stays():
    state = a_three_node_state()
    terminate = TerminateInstance(id="2", instance_id=instance_id_for("node-b"))

    outcome = happens(state, DrainNode(id="1", node="node-a"), terminate)

    assert outcome.state.cluster.nodes.names == ("node-a", "node-b", "node-c")


def test_a_terminated_instance_is_found_by_its_id_where_the_step_names_no_node():
    state = a_three_node_state()
    terminate = TerminateInstance(id="2", instance_id=instance_id_for("node-b"))

    outcome = happens(state, DrainNode(id="1", node="node-b"), terminate)

    assert outcome.state.cluster.nodes.names == ("node-a", "node-c")


def test_a_pod_whose_new_place_the_plan_does_not_name_goes_where_the_scheduler_would_put_it():
    """node-b holds 3 of 4 cores, node-a 1: the scheduler takes the emptier one."""
    state = a_three_node_state(a_pod("busy", on="node-b", cpu=2))

    outcome = happens(state, *removal("node-c"))

    assert places(outcome.state) == {
        "busy": "node-b",
        "web-1": "node-a",
        "web-2": "node-b",
        "web-3": "node-a",
    }


def test_a_pod_that_finds_no_place_waits_and_is_named():
    """4 cores fit no node beside a pod of 1."""
    state = a_three_node_state(a_node("node-d"), a_pod("big", on="node-d", cpu=4))

    outcome = happens(state, *removal("node-d"))

    assert outcome.homeless == ("shop/big",)
    assert places(outcome.state)["big"] == ""


def test_a_pod_that_waited_before_is_not_called_homeless_and_is_left_waiting():
    state = a_three_node_state(a_pod("waits"))

    outcome = happens(state, *removal("node-c"))

    assert outcome.homeless == ()
    assert places(outcome.state)["waits"] == ""


def test_higher_priority_finds_its_place_first():
    """Both want 2 cores; node-a and node-b have 3 left each, once web-3 sits on one of them 2."""
    state = a_three_node_state(
        a_node("node-d", cpu=8),
        a_pod("a-low", on="node-d", cpu=3),
        a_pod("b-low", on="node-d", cpu=3),
        a_pod("c-high", on="node-d", cpu=3, spec={"priority": 1000}),
        a_pod("d-low", on="node-d", cpu=3),
    )

    outcome = happens(state, *removal("node-d"))

    assert outcome.homeless == ("shop/d-low",)


@pytest.mark.parametrize(
    "pod",
    [
        a_pod("logs-1", on="node-c", owner=("DaemonSet", "logs")),
        a_pod("static", on="node-c", owner=("Node", "node-c")),
        a_pod("done", on="node-c", phase="Succeeded"),
        a_pod("failed", on="node-c", phase="Failed"),
        a_pod("leaves", on="node-c", metadata={"deletionTimestamp": "2026-07-27T00:00:00Z"}),
    ],
    ids=lambda one: one.metadata.name,
)
def test_what_belongs_to_a_node_or_is_over_goes_with_it(pod):
    state = a_three_node_state(DAEMON, pod)

    outcome = happens(state, *removal("node-c"))

    assert pod.metadata.name not in places(outcome.state)
    assert outcome.homeless == ()


def test_a_launched_node_has_its_estimated_room_and_its_daemon_pods():
    """m7i.xlarge: 4000 - 80 reserved millicores; the DaemonSet asks for 500."""
    state = a_three_node_state(DAEMON)

    outcome = happens(state, launch(zone="us-east-1b"))

    nodes, pods = outcome.state.cluster.nodes, outcome.state.cluster.pods
    row = nodes.index["launch-1"]
    assert nodes.allocatable_cpu_millicores[row] == 3920
    assert (nodes.zones[row], nodes.regions[row]) == ("us-east-1b", "us-east-1")
    assert nodes.capacity_types[row] is CapacityType.SPOT
    assert nodes.instance_ids[row] is None
    assert nodes.ready[row]
    assert not outcome.state.problems
    [daemon] = [one for one in pods.items if one.spec.node_name == "launch-1"]
    assert daemon.metadata.controller.name == "logs"
    assert pods.is_daemonset[pods.items.index(daemon)]


def test_a_daemonset_that_selects_other_nodes_puts_no_pod_on_a_launched_one():
    other = a_workload("gpu", kind="DaemonSet", pod_spec={"nodeSelector": {"gpu": "yes"}})
    state = a_three_node_state(other)

    outcome = happens(state, launch())

    assert "launch-1" not in places(outcome.state).values()


def test_displaced_pods_leave_room_for_the_daemons_of_launched_nodes():
    """The launched node has 3.92 cores; 3.5 go in beside nothing, not beside a daemon of 0.5."""
    big = a_pod("big", on="node-d", cpu=3.5)
    state = a_three_node_state(a_node("node-d"), big)
    with_daemon = a_three_node_state(a_node("node-d"), big, DAEMON)

    assert happens(state, launch(), *removal("node-d")).homeless == ()
    assert happens(with_daemon, launch(), *removal("node-d")).homeless == ("shop/big",)


@pytest.mark.parametrize(
    ("label", "spot", "on_demand"),
    [
        ("karpenter.sh/capacity-type", "spot", "on-demand"),
        ("eks.amazonaws.com/capacityType", "SPOT", "ON_DEMAND"),
    ],
)
def test_launched_nodes_tell_how_they_are_bought_by_the_clusters_own_labels(label, spot, on_demand):
    labels = {"karpenter.sh/capacity-type": None, label: on_demand}
    state = a_state(a_node(labels=labels), instance_types=(an_instance_type(),))

    outcome = happens(state, launch(1), launch(2, is_spot=False))

    told = {one.metadata.name: one.metadata.labels for one in outcome.state.cluster.nodes.items}
    assert told["launch-1"][label] == spot
    assert told["launch-2"][label] == on_demand
    assert len({one for one in told["launch-1"] if "apacity" in one}) == 1


def test_a_cluster_without_such_labels_gets_those_of_eks():
    bare = a_node(labels={"karpenter.sh/capacity-type": None})
    state = a_state(bare, instance_types=(an_instance_type(),))

    outcome = happens(state, launch())

    labels = outcome.state.cluster.nodes.items[0].metadata.labels
    assert labels["eks.amazonaws.com/capacityType"] == "SPOT"


def test_local_disk_of_a_launched_node_is_that_of_the_smallest_that_runs():
    disks = [{"allocatable": {"cpu": "4", "ephemeral-storage": f"{gib}Gi"}} for gib in (80, 20)]
    state = a_state(
        *(a_node(f"node-{at}", status=one) for at, one in enumerate(disks)),
        instance_types=(an_instance_type(),),
    )

    outcome = happens(state, launch())

    table = outcome.state.cluster.nodes
    disk = table.allocatable_ephemeral_storage_bytes[table.index["launch-1"]]
    assert disk == 20 * 1024**3


def test_a_launch_of_an_unknown_type_is_left_out():
    state = a_three_node_state()
    huge = msgspec.structs.replace(launch(), instance_type="x9.huge")

    outcome = happens(state, huge)

    assert outcome.state is state


def test_a_patch_changes_template_and_pods_and_leaves_what_it_does_not_name():
    state = a_three_node_state()

    cluster = happens(state, patch(cpu_request="250m", memory_limit="2Gi")).state.cluster

    for spec in (template_of(cluster.workloads[0]).spec, cluster.pods.items[0].spec):
        [container] = spec.containers
        assert container.resources.requests["cpu"] == "250m"
        assert container.resources.limits["memory"] == "2Gi"
    assert cluster.pods.request_cpu_millicores.tolist() == [250, 250, 250]
    assert cluster.pods.request_memory_bytes.tolist() == [1024**3] * 3


def test_a_patch_of_an_init_container_is_no_patch_of_the_others():
    setup = {"name": "setup", "resources": {"requests": {"cpu": "1"}}}
    state = a_three_node_state(a_pod("web-4", on="node-a", spec={"initContainers": [setup]}))
    step = msgspec.structs.replace(
        patch(), resources=(ContainerResources(container="setup", cpu_request="3"),)
    )

    cluster = happens(state, step).state.cluster

    asked = {
        one.metadata.name: int(cpu)
        for one, cpu in zip(
            cluster.pods.items, cluster.pods.request_cpu_millicores.tolist(), strict=True
        )
    }
    assert asked == {"web-1": 1000, "web-2": 1000, "web-3": 1000, "web-4": 3000}


def test_the_template_of_a_patched_daemonset_is_what_new_nodes_are_charged():
    """0.5 core becomes 2; so a pod of 2.5 no longer fits the new node of 3.92 beside it."""
    state = a_three_node_state(DAEMON, a_node("node-d"), a_pod("big", on="node-d", cpu=3.2))
    step = patch(kind="DaemonSet", name="logs", cpu_request="2")

    outcome = happens(state, step, launch(), *removal("node-d"))

    assert outcome.homeless == ("shop/big",)
    [daemonset] = [one for one in outcome.state.cluster.workloads if isinstance(one, DaemonSet)]
    assert daemonset.spec.template.spec.containers[0].resources.requests["cpu"] == "2"


def test_a_cronjob_is_patched_in_its_job_template():
    state = a_three_node_state(a_workload("night", kind="CronJob"))

    cluster = happens(
        state, patch(kind="CronJob", name="night", memory_request="3Gi")
    ).state.cluster

    [job] = [one for one in cluster.workloads if isinstance(one, CronJob)]
    assert template_of(job).spec.containers[0].resources.requests["memory"] == "3Gi"


def test_a_finished_resize_does_not_hide_a_patch():
    """The status says what was allocated before: 2 cores, more than the patch gives."""
    allocated = {
        "containerStatuses": [
            {"name": "main", "allocatedResources": {"cpu": "2", "memory": "1Gi"}, "ready": True}
        ]
    }
    state = a_three_node_state(a_pod("web-4", on="node-a", status=allocated))

    cluster = happens(state, patch(cpu_request="250m")).state.cluster

    assert set(cluster.pods.request_cpu_millicores.tolist()) == {250}


def test_the_bill_after_a_plan_is_that_of_the_state_after_it():
    """Two of 0.2016 stay, one comes on Spot at 0.05: 0.4532."""
    state = a_three_node_state()
    response = answer(a_request(state), execution_plan=(launch(), *removal("node-c")))

    bill = bill_after(state, response, NOW)

    assert bill.current_cost_per_hour == Decimal("0.4532")
    assert (bill.node_count, bill.spot_count, bill.on_demand_count) == (3, 1, 2)


def test_a_cluster_whose_pods_were_not_read_can_lose_nodes():
    state = a_state(
        a_node("node-a"),
        a_node("node-b"),
        on_demand=(an_on_demand_price(),),
    )

    outcome = happens(state, *removal("node-b"))

    assert outcome.state.cluster.nodes.names == ("node-a",)
