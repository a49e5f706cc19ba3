"""The packing problem in bare numbers: which nodes to keep or buy so that every pod has room.

Nodes that run and nodes that could be launched are the same thing here: rows that cost money if
they are there at the end. A pod on a node that is kept stays; a pod on any other node moves.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from engines.bin_packing.kernels import Amounts, Flags, Rows, Weights
from engines.bin_packing.surroundings import Surroundings


class Limit(NamedTuple):
    """``amounts`` of the kept ones of ``nodes`` must add up to ``at_least``."""

    nodes: Rows
    amounts: Rows
    at_least: int

    def holds(self, kept: Flags) -> bool:
        """Whether the limit is kept."""
        return int(self.amounts[kept[self.nodes]].sum()) >= self.at_least


class Quota(NamedTuple):
    """At least so many of ``pods`` (rows of the problem) are on ``nodes`` after any plan."""

    nodes: Flags
    pods: Rows
    at_least: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PackingProblem:
    """Minimise the cost of kept nodes. All arrays are by node or by pod.

    ``room``: nodes x resources, what a node could take beside the pods that it has (0 where nothing
    may come). ``is_flexible``: may be left away. ``requests``: pods x resources, of pods that move
    when their node (``home``) goes; a pod of a home that stays is not there. ``kind`` points to the
    row of ``allowed`` that says on which nodes the pod could run. ``copies``: how many of each row
    there can be, in programs that give a bound over whole offers; None: one of each.
    """

    cost: Rows  # micro-dollars an hour
    room: Amounts
    is_flexible: Flags
    is_new: Flags
    requests: Amounts
    home: Rows
    kind: Rows
    allowed: Flags  # kinds x nodes
    limits: tuple[Limit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    copies: Rows | None = None

    @cached_property
    def most(self) -> Weights:
        """How many of each row there can be."""
        copies = np.ones(len(self.cost)) if self.copies is None else self.copies
        return np.asarray(copies, np.float64)

    @cached_property
    def load(self) -> Amounts:
        """What the pods of each node ask for together."""
        load = np.zeros_like(self.room)
        np.add.at(load, self.home, self.requests)
        return load

    def movers(self, kept: Flags) -> Rows:
        """The pods whose node goes."""
        return np.flatnonzero(~kept[self.home])

    def cost_of(self, kept: Flags) -> int:
        """Micro-dollars an hour of the nodes that are there at the end."""
        return int(self.cost[kept].sum())

    @property
    def present_cost(self) -> int:
        """Micro-dollars an hour of the nodes that run now."""
        return int(self.cost[~self.is_new].sum())

    def limits_hold(self, kept: Flags) -> bool:
        """Whether all limits are kept."""
        return all(limit.holds(kept) for limit in self.limits)


class Packing(NamedTuple):
    """Where the pods of nodes that go would run. ``target`` is by position in ``movers``."""

    kept: Flags
    movers: Rows
    target: Rows  # -1: no room
    room: Amounts  # what is left on each node

    @property
    def unplaced(self) -> Rows:
        """The pods without room."""
        return self.movers[self.target < 0]

    @property
    def is_complete(self) -> bool:
        """Whether every pod has room."""
        return bool((self.target >= 0).all())


class Packer(Protocol):
    """Finds room for the pods of nodes that go."""

    def pack(self, kept: Flags) -> Packing:
        """Place the movers on the kept nodes, as many of them as find room."""

    def is_simple(self, pods: Rows) -> bool:
        """Whether only room and ``allowed`` decide about these pods."""

    def surroundings(self) -> Surroundings:
        """What the problem's pods ask of the pods around them."""

    def accepts(self, packing: Packing) -> bool:
        """Whether all rules hold where a complete packing has the movers; room left aside."""


def scarcity(asked: Amounts, room: Amounts) -> Weights:
    """The weight of each resource: how much of the room is asked for, per unit of room."""
    total_room = np.maximum(room.sum(axis=0), 1).astype(np.float64)
    share = np.minimum(asked.sum(axis=0) / total_room, 1.0)
    weights: Weights = share / total_room
    return weights


def largest_first(requests: Amounts, weights: Weights) -> Rows:
    """The order in which pods are placed, by what each asks for of the resource that it takes most
    of; equal ones in the order of their rows."""
    return np.argsort(-(requests * weights).max(axis=1, initial=0), kind="stable")
