"""The closed set of execution steps. Engines emit them, the executor runs them.

Each step carries all that its execution and its undoing need, so that a stored plan can be
resumed or rolled back without asking the engine again.
"""

from enum import StrEnum

import msgspec

from engines.contracts.pricing import CapacityType


class Step(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
):
    """What all steps share. ``id`` is unique within its plan and stable across equal requests."""

    id: str
    priority: int = 0  # lower runs first where the order leaves a choice
    deadline_seconds: int | None = None  # from the step's start; None: the executor's default


class LaunchInstance(Step, frozen=True, kw_only=True, tag="launch_instance"):
    """Launch one instance. Undone by terminating what was launched."""

    instance_type: str
    availability_zone: str
    capacity_type: CapacityType
    replaces_node: str | None = None


class CordonNode(Step, frozen=True, kw_only=True, tag="cordon_node"):
    """Mark a node unschedulable, with our own taint and plan id."""

    node: str


class UncordonNode(Step, frozen=True, kw_only=True, tag="uncordon_node"):
    """Lift our own cordon."""

    node: str


class DrainNode(Step, frozen=True, kw_only=True, tag="drain_node"):
    """Evict all pods that must leave, through the Eviction API."""

    node: str
    grace_seconds: int = 90  # the least that is waited; a pod's own longer grace is kept

    def __post_init__(self) -> None:
        if self.grace_seconds < 1:
            raise ValueError("grace_seconds must be at least 1: a grace of 0 kills without notice")


class TerminateInstance(Step, frozen=True, kw_only=True, tag="terminate_instance"):
    """Terminate an instance. Cannot be undone."""

    instance_id: str
    node: str | None = None


class WorkloadRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The workload that a step changes."""

    kind: str
    namespace: str
    name: str


class ScaleWorkload(Step, frozen=True, kw_only=True, tag="scale_workload"):
    """Set a workload's replicas, remembering what they were."""

    workload: WorkloadRef
    replicas: int
    previous_replicas: int

    def __post_init__(self) -> None:
        if min(self.replicas, self.previous_replicas) < 0:
            raise ValueError("replicas must not be negative")


class ContainerResources(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Requests and limits of one container, as Kubernetes quantities; None: not set."""

    container: str
    cpu_request: str | None = None
    memory_request: str | None = None
    cpu_limit: str | None = None
    memory_limit: str | None = None


class PatchWorkloadResources(Step, frozen=True, kw_only=True, tag="patch_workload_resources"):
    """Set requests and limits in a workload's pod template."""

    workload: WorkloadRef
    resources: tuple[ContainerResources, ...]
    previous: tuple[ContainerResources, ...]


class PatchWorkloadAffinity(Step, frozen=True, kw_only=True, tag="patch_workload_affinity"):
    """Set the affinity of a workload's pod template (Kubernetes' own JSON, as text)."""

    workload: WorkloadRef
    affinity_json: str
    previous_json: str


class RoutingSetting(StrEnum):
    """Where a Service says that clients should be served within their zone.

    The field is understood from Kubernetes 1.31 on, the annotation since 1.27 (KEP-4444, KEP-2433).
    """

    TRAFFIC_DISTRIBUTION = "spec.trafficDistribution"
    TOPOLOGY_MODE = 'metadata.annotations["service.kubernetes.io/topology-mode"]'


class PatchServiceRouting(Step, frozen=True, kw_only=True, tag="patch_service_routing"):
    """Set which zones' endpoints a Service prefers for its clients; None: it is not set."""

    namespace: str
    service: str
    setting: RoutingSetting
    value: str | None
    previous: str | None


class SuspendCronjob(Step, frozen=True, kw_only=True, tag="suspend_cronjob"):
    """Suspend or resume a CronJob."""

    workload: WorkloadRef
    suspend: bool
    previously_suspended: bool


class SnapshotVolume(Step, frozen=True, kw_only=True, tag="snapshot_volume"):
    """Snapshot an EBS volume and wait until it is completed. The snapshot stays."""

    volume_id: str


class DeleteVolume(Step, frozen=True, kw_only=True, tag="delete_volume"):
    """Delete an EBS volume after checking its state again. Cannot be undone."""

    volume_id: str


class TagResource(Step, frozen=True, kw_only=True, tag="tag_resource"):
    """Set a tag on an AWS resource; ``previous`` None means that there was none."""

    resource_id: str
    key: str
    value: str | None  # None: remove the tag
    previous: str | None


class WaitForNode(Step, frozen=True, kw_only=True, tag="wait_for_node"):
    """Wait until the node of a launch step is Ready."""

    launch_step: str


class WaitForPods(Step, frozen=True, kw_only=True, tag="wait_for_pods"):
    """Wait until no pod that the plan moved is Pending."""

    namespaces: tuple[str, ...] = ()  # empty: all


class Verify(Step, frozen=True, kw_only=True, tag="verify"):
    """Compare the cluster with what the plan promised."""

    expectation: str


PlanStep = (
    LaunchInstance
    | CordonNode
    | UncordonNode
    | DrainNode
    | TerminateInstance
    | ScaleWorkload
    | PatchWorkloadResources
    | PatchWorkloadAffinity
    | PatchServiceRouting
    | SuspendCronjob
    | SnapshotVolume
    | DeleteVolume
    | TagResource
    | WaitForNode
    | WaitForPods
    | Verify
)


class TerminateLaunched(msgspec.Struct, frozen=True, kw_only=True, tag="terminate_launched"):
    """The undoing of a launch: the instance id is known only to who ran the launch step."""

    launch_step: str


def inverse_of(step: PlanStep) -> "PlanStep | TerminateLaunched | None":
    """The step that takes ``step`` back, or None where there is none.

    A drain has none: evicted pods do not come back by themselves. The cordon before it has.
    """
    undo_id = f"{step.id}.undo"
    match step:
        case LaunchInstance():
            return TerminateLaunched(launch_step=step.id)
        case CordonNode():
            return UncordonNode(
                id=undo_id,
                priority=step.priority,
                deadline_seconds=step.deadline_seconds,
                node=step.node,
            )
        case UncordonNode():
            return CordonNode(
                id=undo_id,
                priority=step.priority,
                deadline_seconds=step.deadline_seconds,
                node=step.node,
            )
        case (
            ScaleWorkload() | SuspendCronjob() | PatchWorkloadResources() | PatchWorkloadAffinity()
        ):
            return _swapped(step, undo_id)
        case TagResource() | PatchServiceRouting():
            return msgspec.structs.replace(
                step, id=undo_id, value=step.previous, previous=step.value
            )
        case _:
            return None


def _swapped(
    step: ScaleWorkload | SuspendCronjob | PatchWorkloadResources | PatchWorkloadAffinity,
    undo_id: str,
) -> PlanStep:
    """The same kind of step with what is and what was exchanged."""
    match step:
        case ScaleWorkload():
            return msgspec.structs.replace(
                step, id=undo_id, replicas=step.previous_replicas, previous_replicas=step.replicas
            )
        case SuspendCronjob():
            return msgspec.structs.replace(
                step,
                id=undo_id,
                suspend=step.previously_suspended,
                previously_suspended=step.suspend,
            )
        case PatchWorkloadResources():
            return msgspec.structs.replace(
                step, id=undo_id, resources=step.previous, previous=step.resources
            )
        case PatchWorkloadAffinity():
            return msgspec.structs.replace(
                step, id=undo_id, affinity_json=step.previous_json, previous_json=step.affinity_json
            )
