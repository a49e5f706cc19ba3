"""A packer for pods about which only room and the allowed nodes decide."""

import numpy as np

from engines.bin_packing.kernels import Flags, Rows, place_in_order
from engines.bin_packing.problem import Packing, PackingProblem, largest_first, scarcity


class PlainPacker:
    """Places the largest pods first, each where room and request match best."""

    def __init__(self, problem: PackingProblem) -> None:
        self._problem = problem

    def pack(self, kept: Flags) -> Packing:
        """Place the movers on the kept nodes, as many of them as find room."""
        problem = self._problem
        movers = problem.movers(kept)
        requests = problem.requests[movers]
        room = np.where(kept[:, None], problem.room, 0)
        weights = scarcity(requests, room)
        target = place_in_order(
            largest_first(requests, weights),
            requests,
            problem.kind[movers],
            problem.allowed & kept,
            room,
            weights,
        )
        return Packing(kept, movers, target, room)

    def is_simple(self, pods: Rows) -> bool:
        """Whether only room and ``allowed`` decide about these pods: about all of them."""
        return True
