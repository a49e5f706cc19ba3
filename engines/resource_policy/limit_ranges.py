"""The bounds that the LimitRanges of a namespace set, and amounts that keep them.

All items of all LimitRanges apply: the largest minimum, the smallest maximum and the smallest
ratio count. Defaults are those of the first LimitRange by name (the API server takes them in no
stated order).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from engines.contracts.kubernetes import LimitRange, Quantity
from engines.contracts.quantities import NANO, cpu_millicores, parse_quantity, whole_units
from engines.resource_policy.settings import Pair, Resource, Setting


class Bounds(NamedTuple):
    """Bounds of one resource, millicores or bytes; None: there is none."""

    least: int = 0
    most: int | None = None
    ratio: Fraction | None = None  # limit may be at most this many times the request

    def allows(self, pair: Pair) -> bool:
        """Whether the API server would take this pair."""
        amounts = [one for one in pair if one is not None]
        if any(one < self.least for one in amounts):
            return False
        if self.most is not None and any(one > self.most for one in amounts):
            return False
        if self.ratio is None or pair.limit is None or not pair.request:
            return True
        return pair.limit <= self.ratio * pair.request


NO_BOUNDS = Bounds()


class NamespaceLimits(NamedTuple):
    """What LimitRanges say about containers, and about the sums of a pod."""

    container: Mapping[Resource, Bounds]
    pod: Mapping[Resource, Bounds]
    defaults: Setting


NO_LIMITS = NamespaceLimits({}, {}, Setting())


class LimitBook:
    """The bounds of each namespace, worked out when they are asked for."""

    def __init__(self, ranges: Iterable[LimitRange]) -> None:
        self._ranges: dict[str, list[LimitRange]] = defaultdict(list)
        for one in sorted(ranges, key=lambda one: (one.metadata.namespace, one.metadata.name)):
            self._ranges[one.metadata.namespace].append(one)
        self._known: dict[str, NamespaceLimits] = {}

    def of(self, namespace: str) -> NamespaceLimits:
        """The bounds of a namespace. Raises InvalidInputError where an amount of them is none."""
        if namespace not in self._ranges:
            return NO_LIMITS
        if namespace not in self._known:
            self._known[namespace] = _limits_of(self._ranges[namespace])
        return self._known[namespace]


def _limits_of(ranges: list[LimitRange]) -> NamespaceLimits:
    return NamespaceLimits(
        {resource: _bounds(ranges, "Container", resource) for resource in Resource},
        {resource: _bounds(ranges, "Pod", resource) for resource in Resource},
        Setting(_defaults(ranges, Resource.CPU), _defaults(ranges, Resource.MEMORY)),
    )


def _bounds(ranges: list[LimitRange], kind: str, resource: Resource) -> Bounds:
    items = [item for one in ranges for item in one.spec.limits if item.type == kind]
    leasts = [_amount(item.min[resource], resource) for item in items if resource in item.min]
    mosts = [_amount(item.max[resource], resource) for item in items if resource in item.max]
    ratios = [
        Fraction(parse_quantity(item.max_limit_request_ratio[resource]), NANO)
        for item in items
        if resource in item.max_limit_request_ratio
    ]
    return Bounds(
        max(leasts, default=0), min(mosts, default=None), min(filter(None, ratios), default=None)
    )


def _defaults(ranges: list[LimitRange], resource: Resource) -> Pair:
    """The first defaults that are given, filled in as the API server does: a missing default
    limit is the maximum, a missing default request the default limit, else the minimum."""
    for one in ranges:
        for item in one.spec.limits:
            limit = item.default.get(resource, item.max.get(resource))
            request = item.default_request.get(resource, limit)
            request = item.min.get(resource) if request is None else request
            if item.type == "Container" and request is not None:
                return Pair(
                    _amount(request, resource),
                    None if limit is None else _amount(limit, resource),
                )
    return Pair()


def _amount(quantity: Quantity, resource: Resource) -> int:
    return cpu_millicores(quantity) if resource is Resource.CPU else whole_units(quantity)
