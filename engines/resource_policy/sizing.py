"""From a wanted request to a pair of request and limit that keeps what must be kept.

Request and limit that are equal stay equal (QoS class); otherwise the limit follows the request
in proportion. LimitRanges may raise a request to their minimum or ratio and cap a limit.
"""

from typing import NamedTuple

from engines.resource_policy.limit_ranges import Bounds
from engines.resource_policy.settings import MIB, Pair, Resource


class Wanted(NamedTuple):
    """A request that a container should have, and the least that its limit may be.

    Amounts in millicores or bytes; ``step``: amounts are rounded up to whole multiples of it.
    """

    request: int
    limit_at_least: int = 0
    step: int = 1


def step_of(resource: Resource) -> int:
    """What amounts are rounded up to: whole millicores, whole MiB."""
    return 1 if resource is Resource.CPU else MIB


def resized(pair: Pair, wanted: Wanted, bounds: Bounds) -> Pair | None:
    """The new pair, or None where no pair meets both the wish and the bounds.

    ``pair`` is in force. A container without limit gets none.
    """
    request = max(rounded_up(wanted.request, wanted.step), bounds.least)
    if pair.limit is None:
        new = Pair(request)
    elif pair.is_equal:
        both = max(request, rounded_up(wanted.limit_at_least, wanted.step))
        new = Pair(both, both)
    else:
        new = _in_proportion(pair, request, wanted, bounds)
    return new if bounds.allows(new) and _is_enough(new, wanted) else None


def _in_proportion(pair: Pair, request: int, wanted: Wanted, bounds: Bounds) -> Pair:
    limit = max(_scaled_limit(pair, request), wanted.limit_at_least, request)
    limit = rounded_up(limit, wanted.step)
    if bounds.most is not None:
        limit = min(limit, bounds.most)
    if bounds.ratio is not None and limit > bounds.ratio * request:
        request = rounded_up(-int(-limit // bounds.ratio), wanted.step)
    return Pair(request, limit)


def _scaled_limit(pair: Pair, request: int) -> int:
    """The limit that keeps the ratio; next to a request of nothing it stays as it is."""
    limit = pair.limit or 0
    return -(-limit * request // pair.request) if pair.request else limit


def _is_enough(new: Pair, wanted: Wanted) -> bool:
    if new.request is None or new.limit is None:
        return True
    return new.limit >= max(new.request, wanted.limit_at_least)


def rounded_up(amount: int, step: int) -> int:
    """The next whole multiple of ``step``."""
    return -(-amount // step) * step
