"""All rules, asked of every pod that a plan places.

Judged is the end: all pods of the plan stand where it puts them. Pods that it leaves alone are
not judged, as kube-scheduler does not judge them again; but they count for those that are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from engines.contracts.effective_requests import effective_requests
from engines.contracts.kubernetes import DaemonSet, Node, PodSpec, Toleration, template_of
from engines.contracts.node_table import build_node_table
from engines.contracts.snapshot import ClusterSnapshot
from engines.placement_check.end_state import EndState, end_state
from engines.placement_check.matching import hard_taints, labels_suit, stands
from engines.placement_check.neighbours import Neighbours
from engines.placement_check.storage import Storage
from engines.placement_check.violations import PlacementRule, PlacementViolation

_R = PlacementRule
_PLAIN = ("cpu", "memory", "ephemeral-storage", "pods")
_DAEMON_TAINTS = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


def check_placement(
    snapshot: ClusterSnapshot,
    assignment: Mapping[str, str],
    *,
    removed: Collection[str] = (),
    added: Collection[Node] = (),
) -> tuple[PlacementViolation, ...]:
    """Everything that speaks against ``assignment`` (pod as namespace/name -> node name).

    ``removed`` names nodes that the plan takes away; DaemonSet pods go with them, any other pod
    there must be assigned. ``added`` are the nodes that it launches; what DaemonSets take of them
    is charged. () means that kube-scheduler would allow every assigned pod where it stands.
    """
    state, objections = end_state(snapshot, assignment, removed, added)
    found = [
        *objections,
        *_beyond_judgement(state),
        *_unsuitable_nodes(state),
        *_overfull_nodes(state),
        *_port_clashes(state),
        *Storage(state).violations(),
        *Neighbours(state).violations(),
    ]
    return tuple(sorted(found))


def _beyond_judgement(state: EndState) -> Iterator[PlacementViolation]:
    for row in state.placed:
        spec = state.pod(row).spec
        if spec.scheduling_gates:
            yield state.violation(_R.CANNOT_BE_JUDGED, row, "it has scheduling gates")
        if spec.resource_claims:
            yield state.violation(_R.CANNOT_BE_JUDGED, row, "it has resource claims")


def _unsuitable_nodes(state: EndState) -> Iterator[PlacementViolation]:
    """Names, labels, taints and cordons; pods alike in these are judged once for each node."""
    known: dict[tuple[int, int, int, str], tuple[tuple[PlacementRule, str], ...]] = {}
    workloads = state.snapshot.workloads
    for row in state.placed:
        spec, name = state.pod(row).spec, state.node_of[row]
        key = (id(spec.node_selector), id(spec.affinity), id(spec.tolerations), name)
        if key not in known:
            known[key] = tuple(_unsuitable(spec, state.nodes[name]))
        for rule, message in known[key]:
            yield state.violation(rule, row, message)
        workload = int(state.snapshot.pods.workload[row])
        pinned = template_of(workloads[workload]).spec.node_name if workload >= 0 else ""
        if pinned not in ("", name):
            yield state.violation(_R.OTHER_NODE_NAMED, row, f"its template names {pinned}")


def _unsuitable(spec: PodSpec, node: Node) -> Iterator[tuple[PlacementRule, str]]:
    if not labels_suit(spec, node):
        yield _R.NODE_LABELS, "the node's labels do not meet its selector or node affinity"
    for taint in hard_taints(node):
        if not stands(spec.tolerations, taint):
            is_cordon = taint.key == "node.kubernetes.io/unschedulable"
            rule = _R.NODE_CORDONED if is_cordon else _R.TAINT
            yield rule, f"it does not tolerate {taint.key}={taint.value}:{taint.effect}"


def _overfull_nodes(state: EndState) -> Iterator[PlacementViolation]:
    """Amounts that a placed pod asks for must be covered; others may be overdrawn already."""
    names, requests = _requests(state.snapshot)
    allocatable = _allocatable(state, names)
    receiving: dict[str, list[int]] = defaultdict(list)
    for row in state.placed:
        receiving[state.node_of[row]].append(row)
    charges = {node.metadata.name: _daemon_charge(state, node, names) for node in state.added}
    for name, rows in receiving.items():
        used = requests[list(state.pods_on[name])].sum(axis=0)
        used = used + charges.get(name, np.zeros(len(names), np.int64))
        asked = requests[rows].max(axis=0) > 0
        for column in np.flatnonzero(asked & (used > allocatable[name])).tolist():
            row = rows[int(np.argmax(requests[rows, column]))]
            limit = int(allocatable[name][column])
            text = f"{names[column]}: {int(used[column])} asked for, {limit} allocatable"
            yield state.violation(_R.RESOURCES, row, text)


def _requests(snapshot: ClusterSnapshot) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names of all resources, and what each pod asks for of them."""
    pods = snapshot.pods
    extended = sorted({*pods.extended, *snapshot.nodes.extended})
    columns = [
        pods.request_cpu_millicores,
        pods.request_memory_bytes,
        pods.request_ephemeral_storage_bytes,
        np.ones(len(pods), np.int64),
    ]
    for name in extended:
        known = pods.extended.get(name)
        columns.append(np.zeros(len(pods), np.int64) if known is None else known.dense(len(pods)))
    return (*_PLAIN, *extended), np.stack(columns, axis=1)


def _allocatable(state: EndState, names: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """What each node offers, in the order of ``names``."""
    table, _, _ = build_node_table(state.nodes.values(), {}, frozenset())
    columns = [
        table.allocatable_cpu_millicores,
        table.allocatable_memory_bytes,
        table.allocatable_ephemeral_storage_bytes,
        table.allocatable_pods,
    ]
    for name in names[len(_PLAIN) :]:
        known = table.extended.get(name)
        columns.append(np.zeros(len(table), np.int64) if known is None else known.dense(len(table)))
    amounts = np.stack(columns, axis=1)
    return {name: amounts[row] for row, name in enumerate(table.names)}


def _daemon_charge(state: EndState, node: Node, names: tuple[str, ...]) -> NDArray[np.int64]:
    """What the pods of DaemonSets will take of a node that is yet to come."""
    charge = np.zeros(len(names), np.int64)
    for workload in state.snapshot.workloads:
        if isinstance(workload, DaemonSet):
            spec = workload.spec.template.spec
            if _daemon_runs_on(spec, node):
                amounts = effective_requests(spec)
                plain = (amounts.cpu_millicores, amounts.memory_bytes)
                own = dict(zip(_PLAIN, (*plain, amounts.ephemeral_storage_bytes, 1), strict=True))
                own |= dict(amounts.extended)
                charge += np.array([own.get(name, 0) for name in names], np.int64)
    return charge


def _daemon_runs_on(spec: PodSpec, node: Node) -> bool:
    """The DaemonSet controller's rule: name, labels and taints; its own tolerations come first."""
    on_host = (("network-unavailable", "NoSchedule"),) if spec.host_network else ()
    added = (
        Toleration(key=f"node.kubernetes.io/{name}", operator="Exists", effect=effect)
        for name, effect in (*_DAEMON_TAINTS, *on_host)
    )
    named = spec.node_name in ("", node.metadata.name)
    tolerations = (*spec.tolerations, *added)
    return (
        named
        and labels_suit(spec, node)
        and all(stands(tolerations, taint) for taint in hard_taints(node))
    )


def _port_clashes(state: EndState) -> Iterator[PlacementViolation]:
    known: dict[tuple[int, int], tuple[tuple[int, str, str], ...]] = {}
    for row in state.placed:
        mine = _host_ports(state.pod(row).spec, known)
        if not mine:
            continue
        for other in state.pods_on[state.node_of[row]]:
            theirs = () if other == row else _host_ports(state.pod(other).spec, known)
            for port in mine:
                if any(_clash(port, one) for one in theirs):
                    text = f"port {port[0]}/{port[1]} is taken by {state.pod(other).key}"
                    yield state.violation(_R.HOST_PORT, row, text)


def _host_ports(
    spec: PodSpec, known: dict[tuple[int, int], tuple[tuple[int, str, str], ...]]
) -> tuple[tuple[int, str, str], ...]:
    """Number, protocol and address of the ports that containers and sidecars hold."""
    key = (id(spec.containers), id(spec.init_containers))
    if key not in known:
        sidecars = (one for one in spec.init_containers if one.restart_policy == "Always")
        known[key] = tuple(
            (port.host_port, port.protocol, port.host_ip)
            for container in (*spec.containers, *sidecars)
            for port in container.ports
            if port.host_port
        )
    return known[key]


def _clash(one: tuple[int, str, str], other: tuple[int, str, str]) -> bool:
    if one[:2] != other[:2]:
        return False
    return one[2] == other[2] or not {"", "0.0.0.0", "::"}.isdisjoint((one[2], other[2]))  # noqa: S104
