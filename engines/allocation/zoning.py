"""From counts to purchases: floating nodes get their zones, equal offerings their order.

Floating on-demand nodes first stand where a zone is still missing, then wherever the fewest
nodes are. Of Spot offerings that differ in nothing but their names the first names come first.
"""

from collections import Counter

import numpy as np

from engines.allocation.columns import FLOATING, Flags, Rows
from engines.allocation.problem import Purchase
from engines.allocation.program import Program


def purchases_of(program: Program, counts: Rows) -> tuple[Purchase, ...]:
    """What to have of which offering, sorted by capacity type, instance type and zone."""
    columns = program.columns
    counts = _in_order_of_names(program, counts)
    bought: Counter[tuple[int, int]] = Counter()  # by column and place within it
    nodes = Counter(dict.fromkeys(program.staying.in_zones, 0))
    for stay in program.problem.staying:
        nodes[stay.availability_zone] += stay.count
    for column in np.flatnonzero((counts > 0) & (columns.zone != FLOATING)):
        bought[int(column), 0] = int(counts[column])
        nodes[columns.zones[columns.zone[column]]] += int(counts[column])
    for column in np.flatnonzero((counts > 0) & (columns.zone == FLOATING)):
        zones = [one.availability_zone for one in columns.offerings[column]]
        for _ in range(int(counts[column])):
            place = min(range(len(zones)), key=lambda at: (nodes[zones[at]], zones[at]))
            bought[int(column), place] += 1
            nodes[zones[place]] += 1
    purchases = [
        Purchase(offering=columns.offerings[column][place], count=count)
        for (column, place), count in bought.items()
    ]
    return tuple(sorted(purchases, key=_order))


def _order(purchase: Purchase) -> tuple[str, str, str, bool]:
    one = purchase.offering
    return (one.capacity_type, one.instance_type, one.availability_zone, one.is_existing)


def _in_order_of_names(program: Program, counts: Rows) -> Rows:
    """The same answer with the counts of interchangeable Spot offerings in the order of names."""
    columns = program.columns
    alike: dict[tuple[object, ...], list[int]] = {}
    has_more: Flags = np.any(program.staying.in_pools > 0, axis=1)
    per_pool = np.bincount(columns.pool[columns.is_spot], minlength=len(columns.pools))
    for column in np.flatnonzero(columns.is_spot):
        one = columns.offerings[column][0]
        pool = columns.pool[column]
        if not one.is_existing and per_pool[pool] == 1 and not has_more[pool]:
            terms = (one.expected_micro_usd_per_hour, one.micro_usd_per_hour, one.allocatable)
            alike.setdefault((*terms, one.usable, one.availability_zone), []).append(int(column))
    ordered = counts.copy()
    for group in alike.values():  # columns of equal cost stand in the order of their names
        ordered[group] = np.sort(counts[group])[::-1]
    return ordered
