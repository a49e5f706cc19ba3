"""Nodes that are too large or too small for what runs on them, and the type each should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from engines.contracts.kubernetes import Node
from engines.contracts.pricing import (
    HOURS_PER_MONTH,
    LINUX_PRODUCT,
    CapacityType,
    InstanceType,
    OperatingSystem,
    to_usd,
)
from engines.contracts.results import Json, Skipped, Subject
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, ListPrice, list_prices, region_of_node, zones_of_node
from engines.node_capacity import (
    DEFAULT_MAX_PODS,
    Allocatable,
    estimate_allocatable,
    max_pods,
)
from engines.rightsizing.given import Given
from engines.rightsizing.node_bonds import NodeBonds
from engines.rightsizing.node_use import Basis, NodeUse
from engines.rightsizing.reasons import NodeReason
from engines.rightsizing.type_table import INTERCHANGEABLE, TypeTable, baseline_millicores, class_of

_AUTOSCALED = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
_AUTO_MODE = ("eks.amazonaws.com/compute-type", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAdvice:
    """Another instance type for a node (by its row)."""

    row: int
    is_down: bool
    basis: Basis
    present: InstanceType
    target: InstanceType
    micro_usd_per_hour: int  # now
    target_micro_usd_per_hour: int
    evidence: Mapping[str, Json]

    @property
    def usd_month(self) -> Decimal:
        """What the exchange saves; negative where the node becomes dearer."""
        return to_usd(self.micro_usd_per_hour - self.target_micro_usd_per_hour) * HOURS_PER_MONTH


class NodeFindings(NamedTuple):
    """What came out for all nodes."""

    advice: tuple[NodeAdvice, ...]
    skipped: tuple[Skipped, ...]


class _Kept(Exception):  # noqa: N818  # a finding, not an error
    def __init__(self, reason: NodeReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class _Load(NamedTuple):
    """What a node carries, and how much of its allocatable that is."""

    basis: Basis
    cpu_millicores: float
    memory_bytes: float
    share: float


class _Option(NamedTuple):
    """A type that may stand in for another, and what it costs there."""

    micro_usd_per_hour: int
    name: str
    instance_type: InstanceType
    allocatable: Allocatable

    def carries(self, load: _Load, at_most: float) -> bool:
        """Whether the load stays within that share, so that the next look agrees."""
        baseline = baseline_millicores(self.instance_type)
        return (
            load.cpu_millicores <= at_most * self.allocatable.cpu_millicores
            and load.memory_bytes <= at_most * self.allocatable.memory_bytes
            and (baseline is None or load.cpu_millicores <= baseline)
        )


class _Market(NamedTuple):
    """Where and how a node is bought; no zones: on demand."""

    region: str
    zones: tuple[str, ...]


def judge_nodes(given: Given, use: NodeUse, table: TypeTable) -> NodeFindings:
    """Judge every node."""
    state = given.state
    judge = _Judge(given, use, table)
    advice: list[NodeAdvice] = []
    skipped: list[Skipped] = []
    for row in range(len(state.cluster.nodes)):
        try:
            advice.append(judge.judge(row))
        except _Kept as why:
            subject = node_subject(state, row)
            skipped.append(Skipped(subject=subject, reason=why.reason, message=why.message))
    return NodeFindings(tuple(advice), tuple(skipped))


def node_subject(state: ClusterState, row: int) -> Subject:
    """A node as a subject."""
    nodes = state.cluster.nodes
    return Subject(
        kind="Node",
        name=nodes.names[row],
        node=nodes.names[row],
        instance_id=nodes.instance_ids[row] or "",
    )


class _Judge:
    def __init__(self, given: Given, use: NodeUse, table: TypeTable) -> None:
        self._state = given.state
        self._nodes = given.state.cluster.nodes
        self._use = use
        self._costs = given.costs
        self._table = table
        self._parameters = given.parameters
        self._prices = _Prices(given.state, given.now)
        self._bonds = NodeBonds(given.state.cluster)
        self._known_options: dict[tuple[str, _Market], tuple[_Option, ...]] = {}

    def judge(self, row: int) -> NodeAdvice:
        """The type that the node should be. Raises _Kept."""
        present = self._present(row)
        load = self._load(row)
        is_up = self._is_too_small(present, load)
        if not is_up and load.share >= self._parameters.node_down_below:
            raise _Kept(
                NodeReason.WELL_USED,
                f"{load.share:.0%} of its allocatable is {_USED[load.basis]}: it is not too large,"
                " and nothing shows that it is too small",
            )
        target, price = self._target(row, present, load, is_up)
        return NodeAdvice(
            row=row,
            is_down=not is_up,
            basis=load.basis,
            present=present,
            target=target,
            micro_usd_per_hour=int(self._costs[row]),
            target_micro_usd_per_hour=price,
            evidence=self._evidence(row, present, target, load),
        )

    def _present(self, row: int) -> InstanceType:
        """The node's type, where the node may be judged at all."""
        self._refuse_unfit(row)
        nodes = self._nodes
        if _is_autoscaled(nodes.items[row]):
            message = "Karpenter or EKS Auto Mode chooses its type; right requests are enough"
            raise _Kept(NodeReason.TYPE_CHOSEN_ELSEWHERE, message)
        if nodes.operating_systems[row] not in (None, "linux"):
            raise _Kept(NodeReason.OTHER_SYSTEM, "it does not run Linux; size it by hand")
        if nodes.capacity_types[row] is CapacityType.RESERVED:
            message = "it is paid for by a reservation, so another type saves nothing"
            raise _Kept(NodeReason.RESERVED, message)
        name = nodes.instance_types[row]
        present = self._table.of(name or "")
        if present is None:
            message = f"the catalogue does not know the type {name or '(none)'}; refresh it"
            raise _Kept(NodeReason.UNKNOWN_TYPE, message)
        if class_of(present) not in INTERCHANGEABLE:
            message = f"{name} is {class_of(present)}: what it is for is not seen in its use"
            raise _Kept(NodeReason.NOT_INTERCHANGEABLE, message)
        if self._costs[row] == UNKNOWN_COST:
            raise _Kept(NodeReason.PRICE_UNKNOWN, "its price is not known; import prices")
        return present

    def _refuse_unfit(self, row: int) -> None:
        """Raise _Kept where the node's share of use could not be told."""
        nodes = self._nodes
        if "pods" not in self._state.cluster.listed:
            raise _Kept(NodeReason.PODS_NOT_READ, "its pods are not known; read the pods too")
        if nodes.deleting[row] or not nodes.ready[row]:
            raise _Kept(NodeReason.NOT_IN_SERVICE, "it is not Ready or on its way out; wait")
        if not (nodes.allocatable_cpu_millicores[row] and nodes.allocatable_memory_bytes[row]):
            raise _Kept(NodeReason.NOT_IN_SERVICE, "it offers pods no CPU or no memory; look at it")
        if not nodes.fully_read[row]:
            raise _Kept(NodeReason.PODS_NOT_READ, "a pod on it could not be read; see the problems")

    def _load(self, row: int) -> _Load:
        use, nodes = self._use, self._nodes
        basis = Basis.USAGE if use.is_measured[row] else Basis.REQUESTS
        is_usage = basis is Basis.USAGE
        cpu = float((use.used_cpu if is_usage else use.requested_cpu)[row])
        memory = float((use.used_memory if is_usage else use.requested_memory)[row])
        share = max(
            cpu / int(nodes.allocatable_cpu_millicores[row]),
            memory / int(nodes.allocatable_memory_bytes[row]),
        )
        return _Load(basis, cpu, memory, share)

    def _is_too_small(self, present: InstanceType, load: _Load) -> bool:
        """Above the limit, or for a burstable type above what it earns credits for. Requests alone
        tell nothing: a node that is asked for in full is well packed."""
        if load.basis is Basis.REQUESTS:
            return False
        baseline = baseline_millicores(present)
        is_out_of_credits = 0 < (baseline or 0) < load.cpu_millicores
        return load.share > self._parameters.node_up_above or is_out_of_credits

    def _target(
        self, row: int, present: InstanceType, load: _Load, is_up: bool
    ) -> tuple[InstanceType, int]:
        """The cheapest type that holds the node's pods and load; of equal ones the first."""
        if devices := self._bonds.devices(row):
            message = f"pods on it ask for {', '.join(devices)}, and no catalogue tells which type"
            raise _Kept(NodeReason.PODS_REQUIRE_IT, f"{message} has that; choose one by hand")
        needs_more_room = is_tied = False
        for option in self._options(row, present):
            if not is_up and option.micro_usd_per_hour >= self._costs[row]:
                break
            carries = option.carries(load, self._parameters.node_up_above)
            if carries and self._holds(row, present, option.allocatable):
                if not self._bonds.refuse(row, option.name):
                    return option.instance_type, option.micro_usd_per_hour
                is_tied = True
            needs_more_room |= carries or load.basis is Basis.REQUESTS
        if is_tied:
            message = "a pod on it may only run on this node, or on nodes of its type; let it go"
            raise _Kept(NodeReason.PODS_REQUIRE_IT, f"{message} elsewhere first (nodeSelector)")
        raise _nothing_better(is_up, needs_more_room, load)

    def _options(self, row: int, present: InstanceType) -> tuple[_Option, ...]:
        """What may stand in for a node, the cheapest first; one list for all that are alike."""
        market = self._prices.market_of(row)
        key = (present.instance_type, market)
        if key not in self._known_options:
            options = (
                _Option(price, one.instance_type, one, estimate_allocatable(one))
                for one in self._table.substitutes(present)
                if one.instance_type != present.instance_type
                and (price := self._prices.of(market, one.instance_type)) is not None
            )
            self._known_options[key] = tuple(sorted(options, key=lambda one: one[:2]))
        return self._known_options[key]

    def _holds(self, row: int, present: InstanceType, offered: Allocatable) -> bool:
        """Whether the requests of the node's pods, DaemonSets included, fit the type."""
        use = self._use
        return bool(
            use.requested_cpu[row] <= offered.cpu_millicores
            and use.requested_memory[row] <= offered.memory_bytes
            and use.pods[row] <= self._pods_on(row, present, offered)
        )

    def _pods_on(self, row: int, present: InstanceType, offered: Allocatable) -> int:
        """How many pods a node of another type would take, by how many this one takes.

        Less than its network interfaces have addresses for (an interface less for security groups
        of pods): so much less there, too. More (prefixes, another CNI): as many there, up to the
        110 that AWS advises.
        """
        own, usual = int(self._nodes.allocatable_pods[row]), max_pods(present)
        if own > usual:
            return max(offered.pods, min(own, DEFAULT_MAX_PODS))
        return offered.pods * own // usual if own else offered.pods

    def _evidence(
        self, row: int, present: InstanceType, target: InstanceType, load: _Load
    ) -> dict[str, Json]:
        nodes, offered = self._nodes, estimate_allocatable(target)
        return {
            "basis": load.basis,
            "share_of_allocatable": round(load.share, 4),
            "load": {
                "cpu_millicores": round(load.cpu_millicores),
                "memory_bytes": round(load.memory_bytes),
            },
            "requested": {
                "cpu_millicores": int(self._use.requested_cpu[row]),
                "memory_bytes": int(self._use.requested_memory[row]),
                "pods": int(self._use.pods[row]),
            },
            "allocatable_now": {
                "cpu_millicores": int(nodes.allocatable_cpu_millicores[row]),
                "memory_bytes": int(nodes.allocatable_memory_bytes[row]),
            },
            "allocatable_then": {
                "cpu_millicores": offered.cpu_millicores,
                "memory_bytes": offered.memory_bytes,
                "pods": self._pods_on(row, present, offered),
            },
            "family_class": class_of(present),
            "realisable": True,
        }


_USED = {Basis.USAGE: "used", Basis.REQUESTS: "asked for"}


def _nothing_better(is_up: bool, needs_more_room: bool, load: _Load) -> _Kept:
    if is_up:
        message = "no type of its class with a known price carries its load; look at it by hand"
        return _Kept(NodeReason.NO_LARGER_TYPE, message)
    if needs_more_room:
        return _Kept(
            NodeReason.REQUESTS_HOLD_IT,
            f"only {load.share:.0%} of it is {_USED[load.basis]}, but no cheaper type holds what"
            " its pods ask for; size the workloads first",
        )
    message = "no cheaper type of its class carries its load; bin packing may empty it"
    return _Kept(NodeReason.NO_SMALLER_TYPE, message)


def _is_autoscaled(node: Node) -> bool:
    labels = node.metadata.labels
    return any(one in labels for one in _AUTOSCALED) or labels.get(_AUTO_MODE[0]) == _AUTO_MODE[1]


class _Prices:
    """What other types would cost in a node's place: bought in the same way, in the same zone."""

    def __init__(self, state: ClusterState, now: datetime) -> None:
        self._state = state
        self._now = now
        self._lists: dict[str, Mapping[str, ListPrice]] = {}

    def market_of(self, row: int) -> _Market:
        """The market of a node."""
        nodes = self._state.cluster.nodes
        is_spot = nodes.capacity_types[row] is CapacityType.SPOT
        return _Market(
            region_of_node(nodes, row) or "", zones_of_node(nodes, row) if is_spot else ()
        )

    def of(self, market: _Market, instance_type: str) -> int | None:
        """Micro-dollars per hour of a type; None: not known."""
        for zone in market.zones:
            price = self._spot.get((instance_type, zone))
            if price is not None:
                return price
        if market.zones:
            return None
        listed = self._list_of(market.region).get(instance_type)
        return None if listed is None else listed.micro_usd_per_hour

    def _list_of(self, region: str) -> Mapping[str, ListPrice]:
        if region not in self._lists:
            prices = self._state.on_demand
            self._lists[region] = list_prices(prices, region, OperatingSystem.LINUX, self._now)
        return self._lists[region]

    @cached_property
    def _spot(self) -> Mapping[tuple[str, str], int]:
        """The prices in force, by type and zone."""
        latest = self._state.spot_prices.latest_at(int(self._now.timestamp()))
        return {
            (key.instance_type, key.availability_zone): price.micro_usd
            for key, price in latest.items()
            if key.product_description.startswith(LINUX_PRODUCT)
        }
