"""Everything the Spot optimizer looks at for one request, worked out once and in order.

Where, for whom, with what: the region, the pods' needs, the nodes' roles, the market. A request
that cannot be judged at all ends here with a ``Refusal``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from engines.allocation import Capacity
from engines.contracts.requests import DecisionRequest
from engines.contracts.snapshot import NodeTable
from engines.contracts.state import ClusterState
from engines.contracts.verdict import SafetyLimits
from engines.cost import ListPrice, list_prices, region_of_node
from engines.node_capacity import estimate_allocatable
from engines.pools import PoolFacts, PoolKey, assess_pools
from engines.risk import operating_system_of
from engines.spot_optimizer.candidates import (
    Market,
    Suitability,
    find_candidates,
    is_special_zone,
)
from engines.spot_optimizer.demand import (
    Amounts,
    Flags,
    PodNeeds,
    capacity_of,
    daemonset_overhead,
    pod_needs,
    with_headroom,
)
from engines.spot_optimizer.nodes import Neighbours, NodeRoles, node_roles
from engines.spot_optimizer.odds import gravest_predictions
from engines.spot_optimizer.parameters import Asked, Prediction, SpotParameters

DEFAULT_ARCHITECTURE = "amd64"  # where neither parameter nor nodes tell
_GIB = 1024**3


class RefusalReason(StrEnum):
    """Why the engine would not judge at all."""

    SEVERAL_REGIONS = "several_regions"
    REGION_UNKNOWN = "region_unknown"
    NO_NODES = "no_nodes"
    NO_REQUIRED_CAPACITY = "no_required_capacity"
    NO_SPOT_PRICES = "no_spot_prices"
    NO_ON_DEMAND_PRICES = "no_on_demand_prices"
    NO_ADVISOR_DATA = "no_advisor_data"
    NO_INSTANCE_TYPES = "no_instance_types"
    ZONES_DO_NOT_MATCH = "zones_do_not_match"


class Refusal(Exception):  # noqa: N818  # an answer of the engine, not an error
    """The request cannot be judged; becomes a response with the status ``refused``."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Required(NamedTuple):
    """What has to be held, and by what rule it was found."""

    total: Capacity
    on_demand: Capacity
    in_zones: Mapping[str, Capacity]
    largest_pod: Capacity  # with the DaemonSets beside it
    daemonsets: Amounts  # on a new node
    overhead: Amounts  # the same with head-room; nothing of what a parameter gives
    is_given: tuple[bool, bool]  # vCPU and memory by parameter


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """What is known before anything is decided.

    ``counts_by_mixture``: a node counts for as much vCPU and memory as it holds of the pods' own
    mixture of both, not for all that it has of each.
    """

    state: ClusterState
    now: datetime
    parameters: SpotParameters
    limits: SafetyLimits
    region: str
    architecture: str
    needs: PodNeeds
    roles: NodeRoles
    required: Required
    pools: tuple[PoolFacts, ...]
    suitability: Suitability
    market: Market
    on_demand: Mapping[str, ListPrice]
    predictions: Mapping[PoolKey, Prediction]
    counts_by_mixture: bool = False


def read_situation(request: DecisionRequest, asked: Asked) -> Situation:
    """Work out the situation of a request. Raises Refusal."""
    state, now, parameters = request.current_state, request.now, asked.parameters
    region = _region(state, parameters)
    _refuse_empty(state, parameters)
    architecture = parameters.architecture or _architecture(state.cluster.nodes)
    needs = pod_needs(state.cluster, parameters, architecture)
    around = Neighbours(
        region=region,
        architecture=architecture,
        under_notice=frozenset(parameters.nodes_under_notice),
        may_replace_managed=parameters.replace_managed_nodes,
    )
    roles = node_roles(state, needs, around, now)
    pools = _pools(state, region, parameters, now)
    on_demand = _on_demand(state, region, parameters, now)
    required = _required(state, parameters, needs, roles, architecture)
    suitability = Suitability(
        architecture=architecture,
        region=region,
        zones=_zones(state.cluster.nodes, region, pools, asked),
        largest_pod=required.largest_pod,
        allowed_families=parameters.allowed_families,
        min_risk_score=asked.limits.min_risk_score,
    )
    return Situation(
        state=state,
        now=now,
        parameters=parameters,
        limits=asked.limits,
        region=region,
        architecture=architecture,
        needs=needs,
        roles=roles,
        required=required,
        pools=pools,
        suitability=suitability,
        market=find_candidates(pools, state.instance_types, suitability, parameters, now),
        on_demand=on_demand,
        predictions=gravest_predictions(parameters.predictions),
    )


def _region(state: ClusterState, parameters: SpotParameters) -> str:
    """The parameter's region, else that of the nodes, else the only one with Spot prices."""
    if parameters.region is not None:
        return parameters.region
    nodes = state.cluster.nodes
    regions = {region_of_node(nodes, row) for row in range(len(nodes))} - {None}
    if len(regions) > 1:
        raise Refusal(
            RefusalReason.SEVERAL_REGIONS,
            f"the nodes stand in several regions ({', '.join(sorted(map(str, regions)))}); give"
            " the parameter region to look at one of them",
        )
    known = regions or {series.region for series in state.spot_prices.series}
    if len(known) != 1:
        raise Refusal(
            RefusalReason.REGION_UNKNOWN,
            "nothing tells the region: the nodes carry no region or zone label; give the"
            " parameter region",
        )
    return str(known.pop())


def _refuse_empty(state: ClusterState, parameters: SpotParameters) -> None:
    is_given = parameters.required_vcpu is not None or parameters.required_memory_gib is not None
    if not len(state.cluster.nodes) and not is_given:
        raise Refusal(
            RefusalReason.NO_NODES,
            "the cluster has no nodes; add them to the dump, or give the parameters required_vcpu"
            " and required_memory_gib",
        )
    if "pods" not in state.cluster.listed and not is_given:
        raise Refusal(
            RefusalReason.NO_REQUIRED_CAPACITY,
            "the pods were not read, so nothing tells how much capacity is needed; add them to the"
            " dump, or give the parameters required_vcpu and required_memory_gib",
        )
    if not state.instance_types:
        raise Refusal(
            RefusalReason.NO_INSTANCE_TYPES,
            "the sizes of instance types are not known; import the instance types",
        )


def _architecture(nodes: NodeTable) -> str:
    """The architecture of most of the vCPU; of equal ones the first by name."""
    cpu: dict[str, int] = {}
    for row, one in enumerate(nodes.architectures):
        if one is not None:
            cpu[one] = cpu.get(one, 0) + int(nodes.allocatable_cpu_millicores[row])
    return min(cpu, key=lambda one: (-cpu[one], one), default=DEFAULT_ARCHITECTURE)


def _pools(
    state: ClusterState, region: str, parameters: SpotParameters, now: datetime
) -> tuple[PoolFacts, ...]:
    """The pools of the region."""
    pools = assess_pools(state, region, now, parameters.product_description)
    if not any(one.micro_usd_per_hour is not None for one in pools):
        raise Refusal(
            RefusalReason.NO_SPOT_PRICES,
            f"there is no Spot price of {parameters.product_description} in {region} at"
            f" {now.isoformat()}; import the price history of that time",
        )
    system = operating_system_of(parameters.product_description)
    if not any(one.region == region and one.operating_system is system for one in state.advisor):
        raise Refusal(
            RefusalReason.NO_ADVISOR_DATA,
            f"Spot Advisor's rates of {region} are not known, so no pool could be called safe;"
            " import the Spot Advisor file",
        )
    return pools


def _on_demand(
    state: ClusterState, region: str, parameters: SpotParameters, now: datetime
) -> Mapping[str, ListPrice]:
    system = operating_system_of(parameters.product_description)
    prices = list_prices(state.on_demand, region, system, now) if system else {}
    if not prices:
        raise Refusal(
            RefusalReason.NO_ON_DEMAND_PRICES,
            f"the on-demand prices of {region} are not known, so nothing tells what Spot saves;"
            " import the on-demand prices",
        )
    return prices


def _zones(
    nodes: NodeTable, region: str, pools: Iterable[PoolFacts], asked: Asked
) -> frozenset[str] | None:
    """The zones to launch in; None: all.

    A cluster has subnets where its nodes are; elsewhere nobody knows. Only where its zones are
    fewer than the limit asks for do all others come into question. Local Zones must be named.
    """
    if asked.parameters.allowed_zones is not None:
        return frozenset(asked.parameters.allowed_zones)
    used = frozenset(
        zone
        for row, zone in enumerate(nodes.zones)
        if zone is not None
        and region_of_node(nodes, row) == region
        and not is_special_zone(zone, region)
    )
    if len(used) < asked.limits.min_availability_zones:
        return None
    priced = {one.availability_zone for one in pools}
    if not used & priced:
        raise Refusal(
            RefusalReason.ZONES_DO_NOT_MATCH,
            f"the nodes stand in {', '.join(sorted(used))} and the prices are of"
            f" {', '.join(sorted(priced))}; import prices by the zones' names, or give the nodes"
            " the label topology.k8s.aws/zone-id",
        )
    return used


def _required(
    state: ClusterState,
    parameters: SpotParameters,
    needs: PodNeeds,
    roles: NodeRoles,
    architecture: str,
) -> Required:
    """Requests of all pods that need a place and the head-room; what parameters give, as given."""
    percent = parameters.headroom_percent
    movable = needs.moves & ~_on(needs, roles.closed_staying)
    placeable = movable & ~_hopeless(state, needs, architecture)
    overhead = daemonset_overhead(state.cluster, needs, roles.replaceable)
    given = (parameters.required_vcpu, parameters.required_memory_gib)
    is_given = (given[0] is not None, given[1] is not None)
    total = with_headroom(needs.total(placeable), percent)
    if given[0] is not None:
        total[0] = round(given[0] * 1000)
    if given[1] is not None:
        total[1] = round(given[1] * _GIB)
    moving = placeable & ~_on(needs, roles.open_staying)
    largest = needs.requests[moving].max(axis=0, initial=0) + overhead
    largest[2] = overhead[2] + 1
    zones = sorted({zone for zone in np.array(needs.zone, object)[placeable] if zone is not None})
    return Required(
        total=capacity_of(total),
        on_demand=capacity_of(
            with_headroom(needs.total(placeable & needs.is_on_demand_only), percent)
        ),
        in_zones={
            zone: capacity_of(
                with_headroom(
                    needs.total(placeable & np.array([one == zone for one in needs.zone])), percent
                )
            )
            for zone in zones
        },
        largest_pod=capacity_of(largest),
        daemonsets=overhead,
        overhead=with_headroom(overhead, percent) * np.array([not is_given[0], not is_given[1], 1]),
        is_given=is_given,
    )


def _on(needs: PodNeeds, nodes: Flags) -> Flags:
    """The pods that run on some of the nodes."""
    flags = needs.node >= 0
    flags[flags] = nodes[needs.node[flags]]
    return flags


def _hopeless(state: ClusterState, needs: PodNeeds, architecture: str) -> Flags:
    """Pending pods that no plain node of any known type could take: buying cannot help them."""
    sizes = [
        estimate_allocatable(one)
        for one in state.instance_types.values()
        if one.architecture == architecture
    ]
    most = np.max(sizes, axis=0, initial=0) if sizes else np.zeros(3, np.int64)
    too_large = np.any(needs.requests > most, axis=1)
    hopeless: Flags = (needs.node < 0) & (too_large | needs.needs_its_node)
    return hopeless
