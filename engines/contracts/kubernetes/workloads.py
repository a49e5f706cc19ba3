"""What makes pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs."""

from engines.contracts.json_values import Integer, Time, tidy_times
from engines.contracts.kubernetes.meta import (
    KubernetesObject,
    KubernetesStruct,
    LabelSelector,
    ObjectMeta,
)
from engines.contracts.kubernetes.pods import PodTemplate, VolumeClaimTemplate

IntOrPercent = Integer | str
"""A number of pods, or a share of them as "25%"."""


class RollingUpdate(KubernetesStruct, frozen=True, kw_only=True):
    """How many pods an update may add or take away at once."""

    max_surge: IntOrPercent | None = None
    max_unavailable: IntOrPercent | None = None
    partition: Integer | None = None  # StatefulSets: lower ordinals are not updated


class UpdateStrategy(KubernetesStruct, frozen=True, kw_only=True):
    """``type`` is RollingUpdate, Recreate or OnDelete; empty: the kind's default."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a Deployment."""

    replicas: Integer = 1
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    strategy: UpdateStrategy = UpdateStrategy()
    paused: bool = False


class ReplicaStatus(KubernetesStruct, frozen=True, kw_only=True):
    """How many pods there are, and how many of them are of use."""

    replicas: Integer = 0
    ready_replicas: Integer = 0
    updated_replicas: Integer = 0
    available_replicas: Integer = 0
    observed_generation: Integer = 0


class Deployment(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="Deployment"):
    """Pods that can replace each other, through ReplicaSets."""

    spec: DeploymentSpec = DeploymentSpec()
    status: ReplicaStatus = ReplicaStatus()


class ReplicaSetSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a ReplicaSet."""

    replicas: Integer = 1
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()


class ReplicaSet(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="ReplicaSet"):
    """One generation of a Deployment, or a workload of its own."""

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaStatus = ReplicaStatus()


class ClaimRetentionPolicy(KubernetesStruct, frozen=True, kw_only=True):
    """What becomes of a StatefulSet's claims: Retain or Delete."""

    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class StatefulSetSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a StatefulSet."""

    replicas: Integer = 1
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    volume_claim_templates: tuple[VolumeClaimTemplate, ...] = ()
    persistent_volume_claim_retention_policy: ClaimRetentionPolicy = ClaimRetentionPolicy()
    pod_management_policy: str = "OrderedReady"
    update_strategy: UpdateStrategy = UpdateStrategy()


class StatefulSet(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="StatefulSet"):
    """Pods with names and volumes of their own."""

    spec: StatefulSetSpec = StatefulSetSpec()
    status: ReplicaStatus = ReplicaStatus()


class DaemonSetSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a DaemonSet."""

    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    update_strategy: UpdateStrategy = UpdateStrategy()


class DaemonSetStatus(KubernetesStruct, frozen=True, kw_only=True):
    """On how many nodes its pods should and do run."""

    desired_number_scheduled: Integer = 0
    current_number_scheduled: Integer = 0
    number_ready: Integer = 0
    number_misscheduled: Integer = 0
    observed_generation: Integer = 0


class DaemonSet(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="DaemonSet"):
    """One pod on each node that suits it: an overhead of new nodes, never a thing to move."""

    spec: DaemonSetSpec = DaemonSetSpec()
    status: DaemonSetStatus = DaemonSetStatus()


class JobSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The wanted state of a Job. ``completions`` None: any success ends it."""

    parallelism: Integer = 1
    completions: Integer | None = None
    suspend: bool = False
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    active_deadline_seconds: Integer | None = None
    backoff_limit: Integer | None = None


class JobStatus(KubernetesStruct, frozen=True, kw_only=True):
    """How far a Job has come."""

    active: Integer = 0
    succeeded: Integer = 0
    failed: Integer = 0
    start_time: Time | None = None
    completion_time: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "start_time", "completion_time")


class Job(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="Job"):
    """Pods that end."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class JobTemplate(KubernetesStruct, frozen=True, kw_only=True):
    """What a CronJob makes Jobs from."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec = JobSpec()


class CronJobSpec(KubernetesStruct, frozen=True, kw_only=True):
    """``starting_deadline_seconds`` None: missed runs start however late."""

    schedule: str = ""
    time_zone: str | None = None  # None: the controller's zone
    suspend: bool = False
    concurrency_policy: str = "Allow"
    starting_deadline_seconds: Integer | None = None
    job_template: JobTemplate = JobTemplate()


class CronJobStatus(KubernetesStruct, frozen=True, kw_only=True):
    """When it last started and last ended well."""

    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "last_schedule_time", "last_successful_time")


class CronJob(KubernetesObject, frozen=True, kw_only=True, tag_field="kind", tag="CronJob"):
    """Jobs on a schedule."""

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()


Workload = Deployment | ReplicaSet | StatefulSet | DaemonSet | Job | CronJob


def template_of(workload: Workload) -> PodTemplate:
    """The template of the workload's pods."""
    if isinstance(workload, CronJob):
        return workload.spec.job_template.spec.template
    return workload.spec.template
