"""Who owns a pod: pod -> ReplicaSet -> Deployment, pod -> Job -> CronJob, or its owner itself."""

from collections.abc import Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import OwnerReference, Pod, Workload
from engines.contracts.kubernetes.kinds import find_kind
from engines.contracts.snapshot import WorkloadKey

_HASH_LABEL = "pod-template-hash"  # the Deployment controller names ReplicaSets <name>-<hash>


class Ownership(NamedTuple):
    """``row`` of the topmost workload that was read, -1 for none."""

    row: int
    has_controller: bool
    is_orphan: bool


class Owners:
    """Finds the workload of a pod among those that were read."""

    def __init__(self, workloads: tuple[Workload, ...]) -> None:
        self.index: Mapping[WorkloadKey, int] = {
            WorkloadKey(one.kind, one.metadata.namespace, one.metadata.name): row
            for row, one in enumerate(workloads)
        }
        self._workloads = workloads
        self._kinds_read = {key.kind for key in self.index}
        self._found: dict[tuple[str, OwnerReference], Ownership] = {}

    def of(self, pod: Pod) -> Ownership:
        """The pod's ownership. It is an orphan where its controller is gone though others of that
        kind were read; of kinds that were not read nothing is claimed."""
        controller = pod.metadata.controller
        if controller is None:
            return Ownership(-1, has_controller=False, is_orphan=False)
        key = (pod.metadata.namespace, controller)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look_up(pod, controller)
        return found

    def _look_up(self, pod: Pod, controller: OwnerReference) -> Ownership:
        if find_kind(controller.kind, controller.api_version) is None:  # a custom resource, say
            return Ownership(-1, has_controller=True, is_orphan=False)
        namespace = pod.metadata.namespace
        row = self._row(controller, namespace)
        if row >= 0:
            return Ownership(self._topmost(row), has_controller=True, is_orphan=False)
        if controller.kind not in self._kinds_read:
            row = self._deployment_by_hash(pod, controller)
            return Ownership(row, has_controller=True, is_orphan=False)
        return Ownership(-1, has_controller=True, is_orphan=True)

    def _row(self, owner: OwnerReference, namespace: str) -> int:
        """The row of the very object that is referred to, not of a successor of its name."""
        row = self.index.get(WorkloadKey(owner.kind, namespace, owner.name), -1)
        uid = self._workloads[row].metadata.uid if row >= 0 else ""
        return -1 if uid and owner.uid and uid != owner.uid else row

    def _topmost(self, row: int) -> int:
        metadata = self._workloads[row].metadata
        if metadata.controller is None:
            return row
        parent = self._row(metadata.controller, metadata.namespace)
        return parent if parent >= 0 else row

    def _deployment_by_hash(self, pod: Pod, controller: OwnerReference) -> int:
        """The Deployment of a pod whose ReplicaSet was not read, by the name of that ReplicaSet."""
        name, _, template_hash = controller.name.rpartition("-")
        is_deployments = template_hash == pod.metadata.labels.get(_HASH_LABEL)
        if controller.kind != "ReplicaSet" or not is_deployments:
            return -1
        return self.index.get(WorkloadKey("Deployment", pod.metadata.namespace, name), -1)
