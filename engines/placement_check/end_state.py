"""The cluster as a plan would leave it: which nodes there are, and which pod stands where."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engines.contracts.kubernetes import Node, Pod
from engines.contracts.snapshot import ClusterSnapshot
from engines.placement_check.violations import PlacementRule, PlacementViolation

_SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"


@dataclass(frozen=True, slots=True, eq=False)
class EndState:
    """``node_of`` has every pod that stands somewhere, by its row in the snapshot; ``placed`` are
    the pods that the plan puts there, whose right to stand there is to be judged."""

    snapshot: ClusterSnapshot
    nodes: Mapping[str, Node]
    added: tuple[Node, ...]
    node_of: Mapping[int, str]
    placed: Sequence[int]
    pods_on: Mapping[str, Sequence[int]]

    def pod(self, row: int) -> Pod:
        """A pod by its row."""
        return self.snapshot.pods.items[row]

    def node(self, row: int) -> Node:
        """The node that a pod stands on."""
        return self.nodes[self.node_of[row]]

    def violation(self, rule: PlacementRule, row: int, message: str) -> PlacementViolation:
        """An objection to where a pod stands."""
        return PlacementViolation(rule, self.pod(row).key, self.node_of[row], message)


def end_state(
    snapshot: ClusterSnapshot,
    assignment: Mapping[str, str],
    removed: Collection[str],
    added: Collection[Node],
) -> tuple[EndState, tuple[PlacementViolation, ...]]:
    """The end state, and what the plan forgot or does not know."""
    nodes = {node.metadata.name: node for node in (*snapshot.nodes.items, *added)}
    for name in removed:
        nodes.pop(name, None)
    objections: list[PlacementViolation] = []
    node_of: dict[int, str] = {}
    placed: list[int] = []
    unknown = set(assignment)
    for row, pod in enumerate(snapshot.pods.items):
        unknown.discard(pod.key)
        target = assignment.get(pod.key)
        if target is None:
            _stays(snapshot, row, nodes, node_of, objections)
        elif target in nodes:
            node_of[row] = target
            placed.append(row)
        else:
            objections.append(_unknown_node(pod.key, target))
    objections += [_unknown_pod(key, assignment[key]) for key in sorted(unknown)]
    pods_on: dict[str, list[int]] = defaultdict(list)
    for row, name in node_of.items():
        pods_on[name].append(row)
    state = EndState(snapshot, nodes, tuple(added), node_of, tuple(placed), pods_on)
    return state, tuple(objections)


def _stays(
    snapshot: ClusterSnapshot,
    row: int,
    nodes: Mapping[str, Node],
    node_of: dict[int, str],
    objections: list[PlacementViolation],
) -> None:
    """A pod that the plan does not name: it stands where it stood, or has gone with its node."""
    pods = snapshot.pods
    name = pods.items[row].spec.node_name
    if not name or pods.is_finished[row]:
        return
    if name in nodes:
        node_of[row] = name
    elif name in snapshot.nodes.index and not _goes_with_its_node(snapshot, row):
        objections.append(
            PlacementViolation(
                PlacementRule.LEFT_BEHIND,
                pods.items[row].key,
                name,
                "its node is removed and the plan gives it no other",
            )
        )


def _goes_with_its_node(snapshot: ClusterSnapshot, row: int) -> bool:
    """Pods that nobody makes anew elsewhere: of a DaemonSet, static, on their way out, or bare and
    given up by their owner's own word."""
    pods = snapshot.pods
    annotations = pods.items[row].metadata.annotations
    is_given_up = annotations.get(_SAFE_TO_EVICT, "").lower() == "true"
    return bool(
        pods.is_daemonset[row]
        or pods.is_mirror[row]
        or pods.is_terminating[row]
        or (is_given_up and not pods.has_controller[row])
    )


def _unknown_node(pod: str, node: str) -> PlacementViolation:
    message = "the plan puts it on a node that is not there, or that it removes"
    return PlacementViolation(PlacementRule.UNKNOWN_NODE, pod, node, message)


def _unknown_pod(pod: str, node: str) -> PlacementViolation:
    return PlacementViolation(PlacementRule.UNKNOWN_POD, pod, node, "there is no such pod")


def claims_of(pod: Pod) -> Iterator[tuple[str, bool]]:
    """The claims that a pod uses, and whether each is made for this pod alone."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name, False
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}", True
