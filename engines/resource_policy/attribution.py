"""Which workload a pod belongs to, also where the pod is gone and only its name is left.

Kubernetes names pods after what makes them: <ReplicaSet>-xxxxx, and the ReplicaSet
<Deployment>-<hash>; <StatefulSet>-<ordinal>; <DaemonSet>-xxxxx; <Job>-xxxxx or <Job>-<index>-xxxxx;
<CronJob>-<minutes>-xxxxx. A name that fits several workloads is attributed to none.
"""

import re
from collections.abc import Iterator

from engines.contracts.kubernetes import Workload
from engines.contracts.snapshot import ClusterSnapshot, WorkloadKey

# k8s.io/apimachinery util/rand leaves out vowels and digits that look like letters
_HASH = "[bcdfghjklmnpqrstvwxz2456789]"
_SUFFIXED = re.compile(rf"(?P<maker>.+)-{_HASH}{{5}}")
_HASHED = re.compile(rf"(?P<maker>.+)-{_HASH}{{1,10}}")
_NUMBERED = re.compile(r"(?P<maker>.+)-[0-9]{1,10}")


class PodOwners:
    """Finds the topmost workload of a pod by namespace and name; rows are those of the snapshot's
    workloads."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._index = snapshot.workload_index
        self._workloads = snapshot.workloads
        pods = snapshot.pods
        self._pods = {
            (pod.metadata.namespace, pod.metadata.name): row for row, pod in enumerate(pods.items)
        }
        self._rows = pods.workload.tolist()
        self._known: dict[tuple[str, str], int] = {}

    def pod_row(self, namespace: str, pod: str) -> int | None:
        """The row of a pod that exists."""
        return self._pods.get((namespace, pod))

    def workload_of(self, namespace: str, pod: str) -> int:
        """The row of the pod's workload; -1: it has none, or its name does not tell."""
        key = (namespace, pod)
        row = self._pods.get(key)
        if row is not None:
            return int(self._rows[row])
        if key not in self._known:
            found = {self.topmost(one) for one in self._by_name(namespace, pod)}
            self._known[key] = found.pop() if len(found) == 1 else -1
        return self._known[key]

    def noted(self, namespace: str, kind: str, name: str) -> int:
        """The row of a workload that was noted as a pod's; -1: it was not read, or is gone."""
        row = self._index.get(WorkloadKey(kind, namespace, name))
        return -1 if row is None else self.topmost(row)

    def topmost(self, row: int) -> int:
        """The row of what owns the workload of a row, or that row itself."""
        owner = self._workloads[row].metadata.controller
        if owner is None:
            return row
        namespace = self._workloads[row].metadata.namespace
        return self._index.get(WorkloadKey(owner.kind, namespace, owner.name), row)

    def _by_name(self, namespace: str, pod: str) -> Iterator[int]:
        for kind, name in _makers(pod):
            row = self._index.get(WorkloadKey(kind, namespace, name))
            if row is not None:
                yield row


def _makers(pod: str) -> Iterator[tuple[str, str]]:
    """Every (kind, name) that would name a pod so."""
    if numbered := _NUMBERED.fullmatch(pod):
        yield "StatefulSet", numbered["maker"]
    suffixed = _SUFFIXED.fullmatch(pod)
    if suffixed is None:
        return
    maker = suffixed["maker"]
    for kind in ("ReplicaSet", "DaemonSet", "Job"):
        yield kind, maker
    if hashed := _HASHED.fullmatch(maker):
        yield "Deployment", hashed["maker"]
    if numbered := _NUMBERED.fullmatch(maker):
        yield "CronJob", numbered["maker"]
        yield "Job", numbered["maker"]  # an indexed Job


def is_topmost(workload: Workload, snapshot: ClusterSnapshot) -> bool:
    """Whether nothing that was read owns the workload."""
    owner = workload.metadata.controller
    if owner is None:
        return True
    key = WorkloadKey(owner.kind, workload.metadata.namespace, owner.name)
    return key not in snapshot.workload_index
