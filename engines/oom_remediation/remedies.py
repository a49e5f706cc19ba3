"""The new memory of one container that was killed."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from engines.oom_remediation.growth import Growth
from engines.oom_remediation.kills import Kill
from engines.oom_remediation.reasons import KillReason
from engines.resource_policy.limit_ranges import NO_BOUNDS, Bounds
from engines.resource_policy.settings import MIB, Pair
from engines.resource_policy.sizing import rounded_up

MOST_TIMES_THE_CURRENT = 2
MOST_RESTARTS = 3
"""More restarts by OOM in the window than this are for a person to look at."""


class Cap(StrEnum):
    """What keeps a raise below the wish."""

    TWICE_THE_CURRENT = "twice_the_current"
    LIMIT_RANGE = "limit_range"
    LARGEST_NODE = "largest_node"


class Remedy(NamedTuple):
    """New request and limit of memory. ``base_bytes`` is what the factor was applied to."""

    pair: Pair
    base_bytes: int
    is_base_known: bool
    cap: Cap | None


class NoRemedy(NamedTuple):
    """Why the size stays."""

    reason: KillReason
    message: str


class Ceilings(NamedTuple):
    """What a limit must not be above: LimitRanges, and the largest node (None: not known)."""

    bounds: Bounds = NO_BOUNDS
    node_bytes: int | None = None


def remedy_for(
    kills: Sequence[Kill], in_force: Pair, factor: float, ceilings: Ceilings, growth: Growth
) -> Remedy | NoRemedy:
    """The size that answers some kills, which count once however many they are.

    The largest limit that was in force at one of them, times the factor, and never more than twice
    the present limit. Without a limit it was the node that ran out: the request is raised, by the
    factor or to the peak that was measured.
    """
    known = [one.limit_bytes for one in kills if one.limit_bytes is not None]
    if in_force.limit is None:
        return _raised_request(in_force, known, factor, growth)
    base = max(known, default=in_force.limit)
    wanted = rounded_up(ceil(round(base * factor, 6)), MIB)
    if wanted <= in_force.limit:
        return NoRemedy(
            KillReason.ALREADY_RAISED,
            f"it was killed at a limit of {base} bytes and its template has {in_force.limit} by"
            " now; wait and see",
        )
    limit, cap = _capped(wanted, in_force.limit, ceilings)
    if limit <= in_force.limit:
        return _at_its_ceiling(limit, cap)
    pair = _in_proportion(in_force, limit)
    if not ceilings.bounds.allows(pair):
        return NoRemedy(
            KillReason.LIMIT_RANGE_FORBIDS,
            f"a LimitRange does not allow {pair.request} bytes with a limit of {limit}; change the"
            " LimitRange first",
        )
    return Remedy(pair, base, bool(known), cap)


def _at_its_ceiling(limit: int, cap: Cap | None) -> NoRemedy:
    if cap is Cap.LARGEST_NODE:
        return NoRemedy(
            KillReason.FITS_NO_NODE,
            f"its limit is as large as the largest node that it may run on ({limit} bytes beside"
            " the DaemonSets); add larger nodes first",
        )
    return NoRemedy(
        KillReason.LIMIT_RANGE_FORBIDS,
        f"a LimitRange allows {limit} bytes at most, which it has already; change the LimitRange"
        " first",
    )


def _raised_request(
    in_force: Pair, known: Sequence[int], factor: float, growth: Growth
) -> Remedy | NoRemedy:
    """A LimitRange's maximum does not bear on it: that would be the limit in force."""
    if known:
        return NoRemedy(
            KillReason.ALREADY_RAISED,
            "it was killed at a limit that its template no longer has; wait and see",
        )
    if not in_force.request:
        return NoRemedy(
            KillReason.NO_REQUEST_TO_RAISE,
            "it has neither a limit nor a request for memory, so its node ran out and chose it"
            " first; give it a request of what it uses"
            + (f", {growth.peak_bytes} bytes at its peak" if growth.peak_bytes else ""),
        )
    wanted = max(ceil(round(in_force.request * factor, 6)), growth.peak_bytes or 0)
    request, cap = _capped(rounded_up(wanted, MIB), in_force.request, Ceilings())
    return Remedy(Pair(request), in_force.request, True, cap)


def _capped(wanted: int, current: int, ceilings: Ceilings) -> tuple[int, Cap | None]:
    """The wish, or the lowest ceiling below it, with its name."""
    caps = (
        (current * MOST_TIMES_THE_CURRENT, Cap.TWICE_THE_CURRENT),
        (ceilings.bounds.most, Cap.LIMIT_RANGE),
        (ceilings.node_bytes, Cap.LARGEST_NODE),
    )
    below = [(most, cap) for most, cap in caps if most is not None and most < wanted]
    return min(below, key=lambda one: one[0], default=(wanted, None))


def _in_proportion(in_force: Pair, limit: int) -> Pair:
    """Request and limit grow alike, so that their ratio, and what is equal, stays."""
    if in_force.is_equal or not in_force.request or not in_force.limit:
        return Pair(limit if in_force.is_equal else in_force.request, limit)
    request = rounded_up(-(-in_force.request * limit // in_force.limit), MIB)
    return Pair(min(request, limit), limit)
