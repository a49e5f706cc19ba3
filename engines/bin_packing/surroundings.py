"""What pods ask of the pods around them, in numbers that a compiled loop can keep.

Three habits cover most rules: a pod stays in the domain where it is (spread, affinity: counts by
domain do not change), it shares no node with its like (anti-affinity by node), or it is not
touched at all. They are stricter than the scheduler's rules nearly everywhere; what comes out is
judged by the full rules all the same.
"""

from dataclasses import dataclass

import numpy as np

from engines.bin_packing.kernels import Flags, Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Surroundings:
    """``masks``: sets of nodes, by row. ``mask_at``: forms x nodes, the set that a pod of a form
    may move in while it belongs to a node. ``form`` and ``crowd`` are by pod; no two pods of one
    crowd may share a node (-1: of none). ``present``: nodes x crowds, pods that are there in any
    case. ``is_frozen``: pods that are not moved about."""

    masks: Flags
    mask_at: Rows
    form: Rows
    crowd: Rows
    present: Rows
    is_frozen: Flags


def without_neighbours(allowed: Flags, kind: Rows) -> Surroundings:
    """The surroundings of pods that ask for nothing but room on nodes that are ``allowed``."""
    kinds, nodes = allowed.shape
    return Surroundings(
        masks=allowed,
        mask_at=np.repeat(np.arange(kinds)[:, None], nodes, axis=1),
        form=kind,
        crowd=np.full(len(kind), -1, np.int64),
        present=np.zeros((nodes, 1), np.int64),
        is_frozen=np.zeros(len(kind), np.bool_),
    )
