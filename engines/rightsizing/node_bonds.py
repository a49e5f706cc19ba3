"""What ties the pods of a node to that node or its type, so that no other type will do for them."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from engines.contracts.kubernetes import DaemonSet, Node, PodSpec
from engines.contracts.snapshot import ClusterSnapshot
from engines.scheduling.labels import all_hold
from engines.scheduling.nodes import required_terms

_TYPE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_HOSTNAME = "kubernetes.io/hostname"


class NodeBonds:
    """Answers for one snapshot. Pods of DaemonSets do not count: a new node gets its own."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self._nodes = snapshot.nodes.items
        pods, workloads = snapshot.pods, snapshot.workloads
        runs = (pods.node >= 0) & ~pods.is_finished & ~pods.is_terminating
        self._choosy: dict[int, list[PodSpec]] = defaultdict(list)
        for row in np.flatnonzero(runs).tolist():
            owner = int(pods.workload[row])
            spec = pods.items[row].spec
            if _is_choosy(spec) and not (owner >= 0 and isinstance(workloads[owner], DaemonSet)):
                self._choosy[int(pods.node[row])].append(spec)
        self._devices: dict[int, set[str]] = defaultdict(set)
        for name, amounts in pods.extended.items():
            for row in amounts.rows[runs[amounts.rows]].tolist():
                self._devices[int(pods.node[row])].add(name)

    def devices(self, node: int) -> tuple[str, ...]:
        """The extended resources that pods on the node ask for: no catalogue tells which type has
        them."""
        return tuple(sorted(self._devices.get(node, ())))

    def refuse(self, node: int, instance_type: str) -> bool:
        """Whether a pod on the node could not run on a new node like it, but of that type."""
        labels = _labels_of_new(self._nodes[node], instance_type)
        return any(not _accepts(spec, labels) for spec in self._choosy.get(node, ()))


def _labels_of_new(node: Node, instance_type: str) -> Mapping[str, str]:
    """The labels of a new node in the place of one; its name is not known yet."""
    kept = {name: text for name, text in node.metadata.labels.items() if name != _HOSTNAME}
    return {**kept, **{name: instance_type for name in _TYPE_LABELS if name in kept}}


def _is_choosy(spec: PodSpec) -> bool:
    """Whether the pod asks for labels of its node by nodeSelector or required affinity."""
    return bool(spec.node_selector) or required_terms(spec) is not None


def _accepts(spec: PodSpec, labels: Mapping[str, str]) -> bool:
    if any(labels.get(name) != text for name, text in spec.node_selector.items()):
        return False
    terms = required_terms(spec)
    return terms is None or any(
        not term.is_empty and all_hold(term.labels, labels) and all_hold(term.fields, {})
        for term in terms
    )
