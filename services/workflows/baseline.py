"""The baseline of savings: on-demand unit costs of a cluster's own nodes, frozen once.

The on-demand list price of the nodes is divided among what they can allocate, a core weighing nine
times a GiB of memory:

    USD per GiB-hour  = sum of on-demand prices / (9 x cores + GiB)
    USD per core-hour = 9 x USD per GiB-hour

Nine to one is the weight that AWS's split cost allocation gives vCPU and memory (it follows from
Fargate's prices). So requests that fill the nodes cost exactly what the nodes cost on demand, and a
Spot node counts with its on-demand price. Nodes with GPUs, and nodes whose on-demand price is not
known, are left out: the one would make cores dear, the other cheap.
"""

from datetime import datetime
from decimal import Decimal

from db.records import Baseline
from engines.contracts.pricing import OperatingSystem, to_usd
from engines.contracts.state import ClusterState
from engines.cost import list_prices, region_of_node

CORE_WEIGHT = 9
"""GiB of memory that weigh as much as one core (AWS split cost allocation, CPU to memory 9:1)."""

_MICRO = Decimal("0.000001")
_MILLICORES = 1000
_GIB = 1 << 30


def baseline_of(state: ClusterState, *, at: datetime) -> Baseline | None:
    """The unit costs of the priced nodes of a state at ``at``; None: no node has a price."""
    nodes = state.cluster.nodes
    rows = [(row, price) for row in range(len(nodes)) if (price := _price(state, row, at))]
    millicores = sum(int(nodes.allocatable_cpu_millicores[row]) for row, _ in rows)
    memory_bytes = sum(int(nodes.allocatable_memory_bytes[row]) for row, _ in rows)
    weight = Decimal(CORE_WEIGHT * millicores) / _MILLICORES + Decimal(memory_bytes) / _GIB
    if not weight:
        return None
    per_gib = sum((price for _, price in rows), Decimal(0)) / weight
    return Baseline(
        usd_per_vcpu_hour=(CORE_WEIGHT * per_gib).quantize(_MICRO),
        usd_per_gib_hour=per_gib.quantize(_MICRO),
        frozen_at=at,
    )


def _price(state: ClusterState, row: int, at: datetime) -> Decimal | None:
    """The on-demand price of a node's type in its region, whatever the node was bought as."""
    nodes = state.cluster.nodes
    name, region = nodes.instance_types[row], region_of_node(nodes, row)
    known = state.instance_types.get(name or "")
    if name is None or region is None or (known is not None and known.gpu_count):
        return None
    is_windows = nodes.operating_systems[row] == "windows"
    system = OperatingSystem.WINDOWS if is_windows else OperatingSystem.LINUX
    price = list_prices(state.on_demand, region, system, at).get(name)
    return None if price is None else to_usd(price.micro_usd_per_hour)
