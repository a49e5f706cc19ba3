"""How many pods an even spread holds in each domain, whatever a plan does.

A rule "at most s more here than in the domain with fewest" binds a domain only when a pod comes
in. So if domain z ends with v pods, any other one ends with at most the larger of what it has now
and v + s. All pods must be somewhere; that gives the least v. (Worked out for rules about pods
that all have the rule, over domains that cannot vanish; others are left out.)
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from engines.bin_packing.kernels import Flags, Rows
from engines.bin_packing.problem import Limit, Quota
from engines.scheduling import Occupancy
from engines.scheduling.neighbours import SpreadRule


def spread_quotas(
    occupancy: Occupancy,
    pods: Rows,
    is_flexible: Flags,
    waiting: Collection[int],
    limits: Sequence[Limit],
) -> Iterator[Quota]:
    """The quotas of a cluster; ``pods`` are the snapshot rows of the problem's pods."""
    row_of = {pod: row for row, pod in enumerate(pods.tolist())}
    for rule, members in _groups(occupancy):
        moving = [pod for pod in members if pod in row_of]
        if not moving or not _is_plain(rule, members, row_of, occupancy, is_flexible, waiting):
            continue
        slots = rule.topology.slots
        homes = np.array([slots[occupancy.node_of[pod]] for pod in members], np.int64)
        counts = np.bincount(homes, minlength=len(rule.topology.values))
        for domain, least in enumerate(_least(counts, rule.max_skew)):
            inside = slots == domain
            fixed = sum(pod not in row_of and inside[occupancy.node_of[pod]] for pod in members)
            if least > fixed and _cannot_vanish(inside, is_flexible, occupancy, limits):
                rows = np.array([row_of[pod] for pod in moving], np.int64)
                yield Quota(inside, rows, least - fixed)


def _groups(occupancy: Occupancy) -> Iterator[tuple[SpreadRule, list[int]]]:
    """Pods whose only spread rule is one and the same, where it counts nobody else."""
    context = occupancy.context
    counted: dict[int, list[int]] = {}
    rules: dict[int, SpreadRule] = {}
    mixed: set[int] = set()
    for pod, node in enumerate(occupancy.node_of):
        around = context.neighbours_of(pod)
        if node < 0 or not around.counted_alive:
            continue
        starts = {one.start for one in around.counted_alive}
        own = {one.counter.start: one for one in around.spread}
        if len(own) != 1 or starts != set(own):
            mixed |= starts | set(own)
            continue
        ((start, rule),) = own.items()
        if rules.setdefault(start, rule) != rule:
            mixed.add(start)
        counted.setdefault(start, []).append(pod)
    for start in sorted(counted):
        if start not in mixed:
            yield rules[start], counted[start]


def _is_plain(
    rule: SpreadRule,
    members: Sequence[int],
    row_of: Collection[int],
    occupancy: Occupancy,
    is_flexible: Flags,
    waiting: Collection[int],
) -> bool:
    """Whether every pod that is counted now is counted at the end, and nowhere else."""
    domains, pods = rule.counter.domains, occupancy.context.snapshot.pods
    return (
        bool(rule.adds_itself)
        and not (domains.shuns_cordon and occupancy.cordoned.any())
        and bool((domains.slots == rule.topology.slots).all())
        and all(
            pod not in waiting
            and not pods.is_terminating[pod]
            and rule.topology.slots[occupancy.node_of[pod]] >= 0
            and (pod in row_of or not is_flexible[occupancy.node_of[pod]])
            for pod in members
        )
    )


def _least(counts: Rows, skew: int) -> list[int]:
    """The fewest pods that each domain can end with."""
    total = int(counts.sum())
    found = []
    for domain in range(len(counts)):
        others = np.delete(counts, domain)
        least = 0
        while least + int(np.maximum(others, least + skew).sum()) < total:
            least += 1
        found.append(least)
    return found


def _cannot_vanish(
    inside: Flags, is_flexible: Flags, occupancy: Occupancy, limits: Sequence[Limit]
) -> bool:
    """Whether some node of the domain is there at the end of every plan."""
    if (inside & ~is_flexible & occupancy.present).any():
        return True
    return any(
        one.at_least > 0 and bool(inside[one.nodes[one.amounts > 0]].all()) for one in limits
    )
