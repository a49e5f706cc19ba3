"""May this pod run on this node: kube-scheduler's filters, for one pair and for all nodes.

``why_not`` names every rule that refuses a pair, ``feasible_nodes`` judges all nodes at once;
they agree. A pod is judged as its replacement would be: the node that it is bound to now does not
matter, and it must not be placed in the occupancy while it is asked about.
"""

from collections.abc import Iterator

import numpy as np

from engines.scheduling.neighbours import Neighbourhood, SpreadRule
from engines.scheduling.nodes import Mask
from engines.scheduling.occupancy import Occupancy
from engines.scheduling.reasons import Refusal, RefusalReason
from engines.scheduling.taints import taint_text, untolerated
from engines.scheduling.volumes import PodVolumes, VolumeId

_R = RefusalReason


def why_not(pod: int, node: int, occupancy: Occupancy) -> tuple[Refusal, ...]:
    """Every reason why the pod cannot run on the node, in kube-scheduler's order; () if it can.

    Raises ValueError where the pod is placed: remove it first.
    """
    _refuse_placed(pod, occupancy)
    return tuple(_refusals(pod, node, occupancy))


def can_run(pod: int, node: int, occupancy: Occupancy) -> bool:
    """Whether the pod can run on the node; stops at the first refusal."""
    _refuse_placed(pod, occupancy)
    return next(_refusals(pod, node, occupancy), None) is None


def feasible_nodes(pod: int, occupancy: Occupancy) -> Mask:
    """For each node whether the pod can run on it.

    Raises ValueError where the pod is placed: remove it first.
    """
    _refuse_placed(pod, occupancy)
    context = occupancy.context
    if pod in context.blocked:
        return np.zeros(len(context.nodes), np.bool_)
    mask = _open_nodes(pod, occupancy)
    requests = context.requests[pod]
    for resource in np.flatnonzero(requests).tolist():
        mask &= occupancy.free[resource] >= requests[resource]
    neighbours = context.neighbours_of(pod)
    if not neighbours.is_indifferent:
        _keep_fitting_neighbours(mask, neighbours, occupancy)
    if pod in context.volumes:
        _keep_fitting_volumes(mask, context.volumes[pod], occupancy)
    return mask


def _refuse_placed(pod: int, occupancy: Occupancy) -> None:
    if occupancy.node_of[pod] >= 0:
        name = occupancy.context.snapshot.pods.items[pod].key
        raise ValueError(f"pod {name} is placed; remove it before asking where it could run")


def _open_nodes(pod: int, occupancy: Occupancy) -> Mask:
    """Nodes whose labels and taints suit the pod's spec."""
    context = occupancy.context
    tolerance = context.tolerance_of(pod)
    mask = occupancy.present & context.affinity_of(pod) & tolerance.mask
    if not tolerance.stands_cordon:
        mask &= ~occupancy.cordoned
    pin = context.pins.get(pod)
    if pin is not None:
        mask &= np.array([name == pin for name in context.nodes.names], np.bool_)
    return mask


def _keep_fitting_neighbours(mask: Mask, rules: Neighbourhood, occupancy: Occupancy) -> None:
    cells = occupancy.cells
    for port in rules.ports:
        for rival in port.rivals:
            mask &= rival.by_node(cells) == 0
    for spread in rules.spread:
        mask &= spread.topology.slots >= 0
        most = spread.max_skew + _fewest(spread, occupancy) - spread.adds_itself
        mask &= spread.counter.by_node(cells, spread.topology.slots) <= most
    if rules.affinity:
        mask &= _nodes_with_friends(rules, occupancy)
    for term in (*rules.anti_affinity, *rules.shunned_by):
        mask &= term.counter.by_node(cells) == 0


def _nodes_with_friends(rules: Neighbourhood, occupancy: Occupancy) -> Mask:
    labelled = np.logical_and.reduce([term.topology.slots >= 0 for term in rules.affinity])
    if _may_found_group(rules, occupancy):
        return np.asarray(labelled)
    met = [term.counter.by_node(occupancy.cells) > 0 for term in rules.affinity]
    return np.asarray(labelled & np.logical_and.reduce(met))


def _keep_fitting_volumes(mask: Mask, volumes: PodVolumes, occupancy: Occupancy) -> None:
    if any(occupancy.claim_users.get(claim, 0) for claim in volumes.exclusive):
        mask[:] = False
    for disk in volumes.disks:
        mask[list(occupancy.disk_users(disk))] = False
    for rule in volumes.rules:
        mask &= rule.mask
    for driver, wanted in _by_driver(volumes).items():
        if driver in occupancy.attach_counts:
            new = np.full(len(mask), len(wanted), np.int32)
            for volume in wanted:
                new[list(occupancy.users_by_node(volume))] -= 1
            room = occupancy.context.attach_limits[driver] - occupancy.attach_counts[driver]
            mask &= (new == 0) | (new <= room)


def _refusals(pod: int, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    """The refusals of all filters, in the order in which kube-scheduler asks them."""
    context = occupancy.context
    yield from context.blocked.get(pod, ())
    if not occupancy.present[node]:
        yield Refusal(_R.NODE_ABSENT, (context.nodes.names[node],))
    yield from _spec_refusals(pod, node, occupancy)
    neighbours = context.neighbours_of(pod)
    yield from _port_refusals(neighbours, node, occupancy)
    yield from _resource_refusals(pod, node, occupancy)
    if pod in context.volumes:
        yield from _volume_refusals(context.volumes[pod], node, occupancy)
    yield from _spread_refusals(neighbours, node, occupancy)
    yield from _affinity_refusals(neighbours, node, occupancy)


def _spec_refusals(pod: int, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    context = occupancy.context
    tolerance = context.tolerance_of(pod)
    if occupancy.cordoned[node] and not tolerance.stands_cordon:
        yield Refusal(_R.NODE_UNSCHEDULABLE, (context.nodes.names[node],))
    pin = context.pins.get(pod)
    if pin is not None and pin != context.nodes.names[node]:
        yield Refusal(_R.OTHER_NODE_NAMED, (pin,))
    taints = untolerated(context.nodes.taints[node], tolerance.tolerations)
    if taints:
        yield Refusal(_R.UNTOLERATED_TAINT, tuple(map(taint_text, taints)))
    if not context.affinity_of(pod)[node]:
        yield Refusal(_R.NODE_AFFINITY)


def _port_refusals(rules: Neighbourhood, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    taken = tuple(
        port.text
        for port in rules.ports
        if any(rival.on(occupancy.cells, node) for rival in port.rivals)
    )
    if taken:
        yield Refusal(_R.HOST_PORT_TAKEN, taken, is_resolvable=True)


def _resource_refusals(pod: int, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    """Resources that are not asked for may be overdrawn."""
    context = occupancy.context
    requests = context.requests[pod]
    short = np.flatnonzero((requests > 0) & (requests > occupancy.free[:, node])).tolist()
    last = len(context.resources) - 1
    if last in short:
        yield Refusal(_R.TOO_MANY_PODS, is_resolvable=True)
    for resource in short:
        if resource != last:
            is_resolvable = bool(requests[resource] <= context.allocatable[resource, node])
            subjects = (context.resources[resource],)
            yield Refusal(_R.INSUFFICIENT_RESOURCE, subjects, is_resolvable=is_resolvable)


def _volume_refusals(volumes: PodVolumes, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    disks = tuple(disk for disk in sorted(volumes.disks) if node in occupancy.disk_users(disk))
    if disks:
        yield Refusal(_R.DISK_IN_USE, disks, is_resolvable=True)
    used = tuple(one for one in sorted(volumes.exclusive) if occupancy.claim_users.get(one, 0))
    if used:
        yield Refusal(_R.EXCLUSIVE_CLAIM_IN_USE, used, is_resolvable=True)
    full = tuple(_full_drivers(volumes, node, occupancy))
    if full:
        yield Refusal(_R.TOO_MANY_VOLUMES, full, is_resolvable=True)
    of_binding = [rule.refusal for rule in volumes.rules if not rule.mask[node]]
    yield from (one for one in of_binding if one.reason is not _R.VOLUME_ZONE)
    yield from (one for one in of_binding if one.reason is _R.VOLUME_ZONE)


def _full_drivers(volumes: PodVolumes, node: int, occupancy: Occupancy) -> Iterator[str]:
    """Drivers that cannot attach what the pod adds to the node."""
    for driver, wanted in _by_driver(volumes).items():
        new = sum(node not in occupancy.users_by_node(volume) for volume in wanted)
        if new and driver in occupancy.attach_counts:
            attached = occupancy.attach_counts[driver][node]
            if attached + new > occupancy.context.attach_limits[driver][node]:
                yield driver


def _by_driver(volumes: PodVolumes) -> dict[str, list[VolumeId]]:
    wanted: dict[str, list[VolumeId]] = {}
    for volume in sorted(volumes.attached):
        wanted.setdefault(volume.driver, []).append(volume)
    return wanted


def _spread_refusals(rules: Neighbourhood, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    """kube-scheduler names the first constraint only."""
    for spread in rules.spread:
        slot = int(spread.topology.slots[node])
        if slot < 0:
            yield Refusal(_R.SPREAD_LABEL_MISSING, (spread.topology.key,))
            return
        there = spread.counter.at(occupancy.cells, slot)
        if there + spread.adds_itself - _fewest(spread, occupancy) > spread.max_skew:
            yield Refusal(_R.SPREAD_SKEW, (spread.topology.key,), is_resolvable=True)
            return


def _fewest(spread: SpreadRule, occupancy: Occupancy) -> int:
    """The pods in the domain with the fewest; 0 where there are fewer domains than wanted."""
    domains = spread.counter.domains
    counted = occupancy.counted_nodes[domains.start : domains.start + domains.size] > 0
    if np.count_nonzero(counted) < spread.min_domains:
        return 0
    pods = spread.counter.by_domain(occupancy.cells)[:-1]
    return int(pods.min(where=counted, initial=np.iinfo(np.int32).max))


def _affinity_refusals(rules: Neighbourhood, node: int, occupancy: Occupancy) -> Iterator[Refusal]:
    """Of the plugin's three checks the first that fails is named."""
    cells = occupancy.cells
    if rules.affinity and not _has_friends(rules, node, occupancy):
        keys = tuple(sorted({term.topology.key for term in rules.affinity}))
        yield Refusal(_R.POD_AFFINITY, keys)
        return
    for reason, terms in (
        (_R.POD_ANTI_AFFINITY, rules.anti_affinity),
        (_R.EXISTING_ANTI_AFFINITY, rules.shunned_by),
    ):
        keys = tuple(sorted({one.topology.key for one in terms if one.counter.on(cells, node)}))
        if keys:
            yield Refusal(reason, keys, is_resolvable=True)
            return


def _has_friends(rules: Neighbourhood, node: int, occupancy: Occupancy) -> bool:
    """Whether the node has all the labels, and each domain a pod that meets all the terms."""
    if any(term.topology.slots[node] < 0 for term in rules.affinity):
        return False
    if all(term.counter.on(occupancy.cells, node) for term in rules.affinity):
        return True
    return _may_found_group(rules, occupancy)


def _may_found_group(rules: Neighbourhood, occupancy: Occupancy) -> bool:
    """The first pod of a group that is drawn to itself is let in anywhere."""
    return rules.founds_group and not any(
        term.counter.by_domain(occupancy.cells).any() for term in rules.affinity
    )
