"""The safety layers about shares, as limits that the search can keep.

Each says of the nodes that are there at the end what ``engines/safety`` will ask of them. A share
that is over its limit already may not grow; the judge lets that pass as inherited.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from engines.bin_packing.kernels import Flags, Rows
from engines.bin_packing.offers import Launch
from engines.bin_packing.problem import Limit
from engines.bin_packing.situation import Situation
from engines.contracts.pricing import CapacityType

_BYTES_PER_UNIT = 2**16  # of memory: coarse enough for exact products, fine enough for any node
_UNIT_SHARE = 10**4


def safety_limits(situation: Situation, launches: Sequence[Launch]) -> tuple[Limit, ...]:
    """Limits on the share of each Spot pool, and on that of on-demand capacity."""
    sizes = _sizes(situation, launches)
    pools = _pools(situation, launches)
    present = np.arange(sizes.shape[1]) < len(situation.state.cluster.nodes)
    limits = situation.asked.limits
    found = []
    for pool in sorted({one for one in pools if one}):
        inside = np.array([one == pool for one in pools], np.bool_)
        share = max(Fraction(str(limits.max_pool_share)), _share(sizes, inside & present, present))
        found += [_at_most(size, inside, share) for size in sizes]
    outside = np.array([not one for one in pools], np.bool_)
    shares = [_share(size[None, :], outside & present, present) for size in sizes]
    richer = int(np.argmax([float(one) for one in shares]))
    least = min(Fraction(str(limits.min_on_demand_share)), shares[richer])
    found.append(_at_most(sizes[richer], ~outside, 1 - least))
    return tuple(found)


def _sizes(situation: Situation, launches: Sequence[Launch]) -> Rows:
    """Two rows, CPU and memory, by node; nodes that are no capacity count for nothing."""
    nodes = situation.state.cluster.nodes
    notice = situation.asked.parameters.nodes_under_notice
    spared = np.array([name not in notice for name in nodes.names], np.bool_)
    counts = nodes.ready & ~nodes.deleting & spared
    cpu = [*(nodes.allocatable_cpu_millicores * counts).tolist()]
    memory = [*(nodes.allocatable_memory_bytes // _BYTES_PER_UNIT * counts).tolist()]
    cpu += [one.offer.allocatable.cpu_millicores for one in launches]
    memory += [one.offer.allocatable.memory_bytes // _BYTES_PER_UNIT for one in launches]
    return np.array([cpu, memory], np.int64)


def _pools(situation: Situation, launches: Sequence[Launch]) -> list[str]:
    """The Spot pool of each node, "" for on-demand; what nobody knows counts as Spot."""
    return [*_present_pools(situation)] + [
        f"{one.offer.instance_type}/{one.zone}"
        if one.offer.capacity_type is CapacityType.SPOT
        else ""
        for one in launches
    ]


def _present_pools(situation: Situation) -> Iterator[str]:
    nodes = situation.state.cluster.nodes
    for row, capacity_type in enumerate(nodes.capacity_types):
        if capacity_type in (CapacityType.ON_DEMAND, CapacityType.RESERVED):
            yield ""
        elif nodes.instance_types[row] is None or nodes.zones[row] is None:
            yield "unknown"
        else:
            yield f"{nodes.instance_types[row]}/{nodes.zones[row]}"


def _share(sizes: Rows, inside: Flags, present: Flags) -> Fraction:
    """The larger of the shares of CPU and memory."""
    return max(
        Fraction(int(size[inside].sum()), max(1, int(size[present].sum()))) for size in sizes
    )


def _at_most(size: Rows, inside: Flags, share: Fraction) -> Limit:
    """Nodes ``inside`` hold at most ``share`` of all: share x all - inside >= 0, in whole units.

    The share is rounded by less than one in ten thousand of a node for each node, up, so that a
    cluster which stands exactly at its limit is within it; the judge has the exact word.
    """
    scaled = int(np.ceil(float(share * _UNIT_SHARE) - 1e-9))
    amounts = size * scaled - np.where(inside, size * _UNIT_SHARE, 0)
    rows = np.flatnonzero(amounts)
    return Limit(rows, amounts[rows], 0)
