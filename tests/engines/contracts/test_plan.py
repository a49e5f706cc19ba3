"""The closed set of steps: how each is written, read, refused and taken back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.plan import (
    ContainerResources,
    CordonNode,
    DeleteVolume,
    DrainNode,
    LaunchInstance,
    PatchServiceRouting,
    PatchWorkloadAffinity,
    PatchWorkloadResources,
    PlanStep,
    RoutingSetting,
    ScaleWorkload,
    SnapshotVolume,
    SuspendCronjob,
    TagResource,
    TerminateInstance,
    TerminateLaunched,
    UncordonNode,
    Verify,
    WaitForNode,
    WaitForPods,
    WorkloadRef,
    inverse_of,
)
from engines.contracts.pricing import CapacityType

PLAN = msgspec.json.Decoder(tuple[PlanStep, ...])
WEB = WorkloadRef(kind="Deployment", namespace="shop", name="web")
BEFORE = (ContainerResources(container="app", cpu_request="500m", memory_request="1Gi"),)
AFTER = (ContainerResources(container="app", cpu_request="250m", memory_request="700Mi"),)

LAUNCH = LaunchInstance(
    id="s1",
    instance_type="m5.large",
    availability_zone="us-east-1a",
    capacity_type=CapacityType.SPOT,
    replaces_node="node-a",
)
REVERSIBLE = (
    CordonNode(id="s1", node="node-a"),
    UncordonNode(id="s1", node="node-a"),
    ScaleWorkload(id="s1", workload=WEB, replicas=0, previous_replicas=3),
    PatchWorkloadResources(id="s1", workload=WEB, resources=AFTER, previous=BEFORE),
    PatchWorkloadAffinity(id="s1", workload=WEB, affinity_json="{}", previous_json="null"),
    SuspendCronjob(id="s1", workload=WEB, suspend=True, previously_suspended=False),
    TagResource(id="s1", resource_id="i-1", key="team", value="shop", previous=None),
    PatchServiceRouting(
        id="s1",
        namespace="shop",
        service="db",
        setting=RoutingSetting.TRAFFIC_DISTRIBUTION,
        value="PreferSameZone",
        previous=None,
    ),
)
FINAL = (
    DrainNode(id="s1", node="node-a"),
    TerminateInstance(id="s1", instance_id="i-1", node="node-a"),
    SnapshotVolume(id="s1", volume_id="vol-1"),
    DeleteVolume(id="s1", volume_id="vol-1"),
    WaitForNode(id="s1", launch_step="s0"),
    WaitForPods(id="s1", namespaces=("shop",)),
    Verify(id="s1", expectation="no pod is pending"),
)
ALL = (LAUNCH, *REVERSIBLE, *FINAL)

words = st.text("abcz-0159./", min_size=1, max_size=12)
workloads = st.builds(WorkloadRef, kind=words, namespace=words, name=words)
counts = st.integers(0, 10_000)
quantities = st.none() | words
containers = st.lists(
    st.builds(
        ContainerResources,
        container=words,
        cpu_request=quantities,
        memory_request=quantities,
        cpu_limit=quantities,
        memory_limit=quantities,
    ),
    max_size=3,
).map(tuple)
common = {
    "id": words,
    "priority": st.integers(-5, 5),
    "deadline_seconds": st.none() | st.integers(1, 900),
}
reversible_steps = st.one_of(
    st.builds(CordonNode, node=words, **common),
    st.builds(UncordonNode, node=words, **common),
    st.builds(
        ScaleWorkload, workload=workloads, replicas=counts, previous_replicas=counts, **common
    ),
    st.builds(
        PatchWorkloadResources,
        workload=workloads,
        resources=containers,
        previous=containers,
        **common,
    ),
    st.builds(
        PatchWorkloadAffinity,
        workload=workloads,
        affinity_json=words,
        previous_json=words,
        **common,
    ),
    st.builds(
        SuspendCronjob,
        workload=workloads,
        suspend=st.booleans(),
        previously_suspended=st.booleans(),
        **common,
    ),
    st.builds(
        TagResource,
        resource_id=words,
        key=words,
        value=quantities,
        previous=quantities,
        **common,
    ),
    st.builds(
        PatchServiceRouting,
        namespace=words,
        service=words,
        setting=st.sampled_from(RoutingSetting),
        value=quantities,
        previous=quantities,
        **common,
    ),
)


def test_every_type_of_step_is_covered_here():
    assert {type(step) for step in ALL} == set(PlanStep.__args__)


@pytest.mark.parametrize(
    ("step", "undone"),
    [
        (LAUNCH, TerminateLaunched(launch_step="s1")),
        (REVERSIBLE[0], UncordonNode(id="s1.undo", node="node-a")),
        (REVERSIBLE[1], CordonNode(id="s1.undo", node="node-a")),
        (
            REVERSIBLE[2],
            ScaleWorkload(id="s1.undo", workload=WEB, replicas=3, previous_replicas=0),
        ),
        (
            REVERSIBLE[3],
            PatchWorkloadResources(id="s1.undo", workload=WEB, resources=BEFORE, previous=AFTER),
        ),
        (
            REVERSIBLE[4],
            PatchWorkloadAffinity(
                id="s1.undo", workload=WEB, affinity_json="null", previous_json="{}"
            ),
        ),
        (
            REVERSIBLE[5],
            SuspendCronjob(id="s1.undo", workload=WEB, suspend=False, previously_suspended=True),
        ),
        (
            REVERSIBLE[6],
            TagResource(id="s1.undo", resource_id="i-1", key="team", value=None, previous="shop"),
        ),
        (
            REVERSIBLE[7],
            PatchServiceRouting(
                id="s1.undo",
                namespace="shop",
                service="db",
                setting=RoutingSetting.TRAFFIC_DISTRIBUTION,
                value=None,
                previous="PreferSameZone",
            ),
        ),
    ],
)
def test_the_inverse_of_a_step_sets_what_was_there_before(step, undone):
    assert inverse_of(step) == undone


@pytest.mark.parametrize("step", FINAL, ids=lambda step: type(step).__name__)
def test_a_step_that_cannot_be_undone_says_so(step):
    assert inverse_of(step) is None


@given(reversible_steps)
def test_the_inverse_of_the_inverse_has_the_effect_of_the_step(step):
    again = inverse_of(inverse_of(step))

    assert again.id == f"{step.id}.undo.undo"
    assert effect(again) == effect(step)


@given(reversible_steps)
def test_an_inverse_acts_on_the_same_thing_under_an_id_of_its_own(step):
    undone = inverse_of(step)

    assert undone.id == f"{step.id}.undo"
    for target in ("node", "workload", "resource_id", "key", "namespace", "service"):
        assert getattr(undone, target, None) == getattr(step, target, None)


@given(st.lists(reversible_steps, max_size=5).map(tuple))
def test_a_plan_survives_being_stored_as_json(plan):
    assert PLAN.decode(msgspec.json.encode(plan)) == plan


def test_each_type_of_step_survives_being_stored_as_json():
    assert PLAN.decode(msgspec.json.encode(ALL)) == ALL


def test_a_step_is_written_under_its_type_without_its_defaults():
    written = msgspec.to_builtins(DrainNode(id="s1", node="node-a"))

    assert written == {"type": "drain_node", "id": "s1", "node": "node-a"}


def test_the_names_of_the_steps_are_documented_ones():
    names = {step.__struct_config__.tag for step in PlanStep.__args__}

    assert names == {
        "launch_instance",
        "cordon_node",
        "uncordon_node",
        "drain_node",
        "terminate_instance",
        "scale_workload",
        "patch_workload_resources",
        "patch_workload_affinity",
        "patch_service_routing",
        "suspend_cronjob",
        "snapshot_volume",
        "delete_volume",
        "tag_resource",
        "wait_for_node",
        "wait_for_pods",
        "verify",
    }


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"type": "run_command", "id": "s1"}, "run_command"),
        ({"type": "cordon_node", "id": "s1", "node": "a", "force": True}, "force"),
        ({"type": "cordon_node", "id": "s1"}, "node"),
        (
            {
                "type": "patch_service_routing",
                "id": "s1",
                "namespace": "shop",
                "service": "db",
                "setting": "spec.externalName",
                "value": "evil.example",
                "previous": None,
            },
            "spec.externalName",
        ),
        ({"type": "drain_node", "id": "s1", "node": "a", "grace_seconds": 0}, "without notice"),
        (
            {
                "type": "scale_workload",
                "id": "s1",
                "workload": {"kind": "Deployment", "namespace": "shop", "name": "web"},
                "replicas": -1,
                "previous_replicas": 3,
            },
            "negative",
        ),
        (
            {
                "type": "scale_workload",
                "id": "s1",
                "workload": {"kind": "Deployment", "namespace": "shop", "name": "web", "uid": "1"},
                "replicas": 1,
                "previous_replicas": 3,
            },
            "uid",
        ),
    ],
)
def test_a_step_outside_the_closed_set_is_refused(document, complaint):
    with pytest.raises(msgspec.ValidationError, match=complaint):
        PLAN.decode(msgspec.json.encode([document]))


def test_an_unknown_setting_of_a_container_is_refused():
    with pytest.raises(msgspec.ValidationError, match="gpu"):
        msgspec.convert({"container": "app", "gpu": "1"}, ContainerResources)


def test_a_grace_of_one_second_is_the_least():
    assert DrainNode(id="s1", node="node-a", grace_seconds=1).grace_seconds == 1
    with pytest.raises(ValueError, match="without notice"):
        DrainNode(id="s1", node="node-a", grace_seconds=0)


def test_a_drain_waits_90_seconds_unless_told_otherwise():
    assert DrainNode(id="s1", node="node-a").grace_seconds == 90


@pytest.mark.parametrize(("replicas", "previous"), [(-1, 3), (3, -1)])
def test_negative_replicas_are_refused(replicas, previous):
    with pytest.raises(ValueError, match="negative"):
        ScaleWorkload(id="s1", workload=WEB, replicas=replicas, previous_replicas=previous)


def test_steps_are_built_by_name_only():
    """Two strings of one step are easily exchanged: the node and the id, for one."""
    with pytest.raises(TypeError):
        CordonNode("node-a", id="s1")


def effect(step):
    """What a step does: all of it but its id."""
    return {name: value for name, value in msgspec.structs.asdict(step).items() if name != "id"}
