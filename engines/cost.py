"""What instances cost per hour: the price book of a moment, and the present cost of a cluster.

All are list prices. A price that nobody tells is not known; it is never zero and never a guess.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import (
    HOURS_PER_MONTH,
    LINUX_PRODUCT,
    CapacityType,
    OnDemandPrice,
    OperatingSystem,
    PriceSeries,
    SpotPriceHistory,
    to_micro_usd,
    to_usd,
)
from engines.contracts.snapshot import NodeTable
from engines.contracts.state import ClusterState

UNKNOWN_COST = -1
"""In columns of micro-dollars: the price is not known."""

ZONE_ID_LABEL = "topology.k8s.aws/zone-id"

_GIB = 1024**3
_ZONE_NAME = re.compile(r"([a-z]{2,4}(?:-[a-z]+)+-\d+)[a-z]")
_WINDOWS_PRODUCT = "Windows"


class ListPrice(NamedTuple):
    """An on-demand list price. ``is_later``: none was in force yet, so the first later one
    stands in."""

    micro_usd_per_hour: int
    is_later: bool


def list_prices(
    on_demand: Iterable[OnDemandPrice], region: str, system: OperatingSystem, now: datetime
) -> Mapping[str, ListPrice]:
    """The on-demand price of each instance type of a region at ``now``.

    The latest price in force counts; where a type has none yet, its earliest later one.
    """
    chosen: dict[str, OnDemandPrice] = {}
    for price in on_demand:
        if price.region != region or price.operating_system is not system:
            continue
        held = chosen.get(price.instance_type)
        if held is None or _preference(price, now) > _preference(held, now):
            chosen[price.instance_type] = price
    return {
        name: ListPrice(to_micro_usd(price.hourly_price), price.effective_date > now)
        for name, price in sorted(chosen.items())
    }


def _preference(price: OnDemandPrice, now: datetime) -> tuple[bool, float, Decimal]:
    """Greater is better: in force, then nearest to ``now``, then cheaper (savings stay modest)."""
    is_in_force = price.effective_date <= now
    return (is_in_force, -abs((now - price.effective_date).total_seconds()), -price.hourly_price)


class ClusterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster in a few numbers. CPU and memory are the allocatable of all its nodes.

    ``pod_count`` counts the pods that take room (neither Succeeded nor Failed). The cost is that
    of the nodes with a known price; the others are named in ``unpriced_nodes``.
    """

    node_count: int
    pod_count: int
    total_cpu: float  # cores
    total_memory: float  # GiB
    spot_count: int
    on_demand_count: int  # reserved ones included
    current_cost_per_hour: Decimal  # USD
    unpriced_nodes: tuple[str, ...]

    @property
    def current_cost_per_month(self) -> Decimal:
        """USD per month of 730 hours."""
        return self.current_cost_per_hour * HOURS_PER_MONTH


def summarise_cluster(state: ClusterState, now: datetime) -> ClusterSummary:
    """Count and price a cluster at ``now``."""
    nodes, pods = state.cluster.nodes, state.cluster.pods
    costs = node_cost_per_hour(state, now)
    is_spot = [one is CapacityType.SPOT for one in nodes.capacity_types]
    is_on_demand = [
        one in (CapacityType.ON_DEMAND, CapacityType.RESERVED) for one in nodes.capacity_types
    ]
    return ClusterSummary(
        node_count=len(nodes),
        pod_count=int(np.count_nonzero(~pods.is_finished)),
        total_cpu=int(nodes.allocatable_cpu_millicores.sum()) / 1000,
        total_memory=int(nodes.allocatable_memory_bytes.sum()) / _GIB,
        spot_count=sum(is_spot),
        on_demand_count=sum(is_on_demand),
        current_cost_per_hour=to_usd(int(costs[costs != UNKNOWN_COST].sum())),
        unpriced_nodes=tuple(nodes.names[row] for row in np.flatnonzero(costs == UNKNOWN_COST)),
    )


def node_cost_per_hour(state: ClusterState, now: datetime) -> NDArray[np.int64]:
    """Micro-dollars per hour of each node of the table, or UNKNOWN_COST.

    Spot nodes cost the Spot price in force in their zone, on-demand nodes the list price. What a
    reserved node costs stands in a contract that we do not see. A node whose operating system
    nothing tells is taken for Linux, the system of all but few nodes.
    """
    nodes = state.cluster.nodes
    book = _PriceBook(state, now)
    costs = [book.cost_of(nodes, row) for row in range(len(nodes))]
    return np.array(costs, np.int64)


class _PriceBook:
    """The prices of a moment; price lists are looked up once for each region and system."""

    def __init__(self, state: ClusterState, now: datetime) -> None:
        self._state = state
        self._now = now
        self._lists: dict[tuple[str, OperatingSystem], Mapping[str, ListPrice]] = {}
        self._rows = {series: row for row, series in enumerate(state.spot_prices.series)}

    def cost_of(self, nodes: NodeTable, row: int) -> int:
        """Of one node, or UNKNOWN_COST."""
        instance_type, region = nodes.instance_types[row], region_of_node(nodes, row)
        if instance_type is None or region is None:
            return UNKNOWN_COST
        is_windows = nodes.operating_systems[row] == "windows"
        match nodes.capacity_types[row]:
            case CapacityType.ON_DEMAND:
                system = OperatingSystem.WINDOWS if is_windows else OperatingSystem.LINUX
                return self._list_price(region, instance_type, system)
            case CapacityType.SPOT:
                product = _WINDOWS_PRODUCT if is_windows else LINUX_PRODUCT
                return self._spot_price(region, instance_type, product, zones_of_node(nodes, row))
            case _:
                return UNKNOWN_COST

    def _list_price(self, region: str, instance_type: str, system: OperatingSystem) -> int:
        key = (region, system)
        if key not in self._lists:
            self._lists[key] = list_prices(self._state.on_demand, region, system, self._now)
        price = self._lists[key].get(instance_type)
        return UNKNOWN_COST if price is None else price.micro_usd_per_hour

    def _spot_price(
        self, region: str, instance_type: str, product: str, zones: tuple[str, ...]
    ) -> int:
        for zone in zones:
            for name in (product, f"{product} (Amazon VPC)"):
                row = self._rows.get(PriceSeries(region, instance_type, zone, name))
                if row is not None:
                    return _price_in_force(self._state.spot_prices, row, self._now)
        return UNKNOWN_COST


def _price_in_force(history: SpotPriceHistory, row: int, now: datetime) -> int:
    first, end = int(history.starts[row]), int(history.starts[row + 1])
    moment = int(now.timestamp())
    last = first + int(np.searchsorted(history.timestamps[first:end], moment, "right")) - 1
    return int(history.micro_usd[last]) if last >= first else UNKNOWN_COST


def region_of_node(nodes: NodeTable, row: int) -> str | None:
    """The region by the node's label, else by the name of its zone; None: nothing tells."""
    if (region := nodes.regions[row]) is not None:
        return region
    return region_of_zone(nodes.zones[row] or "")


def region_of_zone(zone: str) -> str | None:
    """The region by the name of a zone ("us-east-1a"); None: a zone id, or another kind of zone."""
    match = _ZONE_NAME.fullmatch(zone)
    return match[1] if match else None


def zones_of_node(nodes: NodeTable, row: int) -> tuple[str, ...]:
    """What price lists may call the node's zone: its name, and its id where a label tells it."""
    zone_id = nodes.items[row].metadata.labels.get(ZONE_ID_LABEL)
    return tuple(one for one in (nodes.zones[row], zone_id) if one)
