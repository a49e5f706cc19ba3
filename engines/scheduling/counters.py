"""Counts of placed pods by topology domain, kept up to date one pod at a time.

All counts of a cluster lie in one array, so that a copy is one copy. Each counter owns a stretch
of it: one cell a domain and a last one, always zero, that nodes without a domain (-1) point to.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.scheduling.nodes import Mask, Topology

Cells = NDArray[np.int32]


class Domains(NamedTuple):
    """The nodes that count for some rule, by domain; -1: the node does not count.

    ``number`` tells sets of domains apart; ``start``: where the numbers of counted nodes by domain
    lie. ``shuns_cordon``: a node does not count while it is cordoned.
    """

    number: int
    slots: NDArray[np.int32]
    slot_of: tuple[int, ...]  # the same, for single look-ups
    size: int
    start: int
    shuns_cordon: bool


class Counter(NamedTuple):
    """How many pods of one kind each domain holds."""

    domains: Domains
    start: int

    def add(self, cells: Cells, node: int, amount: int) -> None:
        """Count ``amount`` pods more on the node."""
        slot = self.domains.slot_of[node]
        if slot >= 0:
            cells[self.start + slot] += amount

    def on(self, cells: Cells, node: int) -> int:
        """The pods in the node's domain; 0 where it has none."""
        return int(self.at(cells, self.domains.slot_of[node]))

    def at(self, cells: Cells, slot: int) -> int:
        """The pods in a domain."""
        return int(cells[self.start + slot]) if slot >= 0 else 0

    def by_domain(self, cells: Cells) -> Cells:
        """The pods in each domain, and a zero."""
        return cells[self.start : self.start + self.domains.size + 1]

    def by_node(self, cells: Cells, slots: NDArray[np.int32] | None = None) -> Cells:
        """The pods in each node's domain, or in the domains named by ``slots``."""
        return self.by_domain(cells)[self.domains.slots if slots is None else slots]


class CounterBook:
    """Hands out counters, each once, while a context is compiled."""

    def __init__(self) -> None:
        self.length = 0
        self.domains_length = 0
        self._domains: dict[tuple[object, ...], Domains] = {}
        self._counters: dict[tuple[object, ...], Counter] = {}

    def domains(
        self, topology: Topology, counted: Mask | None = None, *, shuns_cordon: bool = False
    ) -> Domains:
        """The domains of a topology, of all its nodes or of the ``counted`` ones."""
        restriction = None if counted is None else counted.tobytes()
        key = (topology.key, len(topology.values), restriction, shuns_cordon)
        found = self._domains.get(key)
        if found is None:
            slots = topology.slots
            if counted is not None:
                slots = np.where(counted, slots, np.int32(-1)).astype(np.int32)
            size = len(topology.values)
            slot_of = tuple(slots.tolist())
            number = len(self._domains)
            start = self.domains_length
            found = Domains(number, slots, slot_of, size, start, shuns_cordon)
            self._domains[key] = found
            self.domains_length += size
        return found

    def counter(self, purpose: object, domains: Domains) -> Counter:
        """The counter of ``purpose`` (what is counted) over these domains."""
        key = (purpose, domains.number)
        found = self._counters.get(key)
        if found is None:
            found = self._counters[key] = Counter(domains, self.length)
            self.length += domains.size + 1
        return found

    @property
    def all_domains(self) -> tuple[Domains, ...]:
        """Every set of domains that was handed out."""
        return tuple(self._domains.values())
