"""What the ResourceQuotas of a namespace still have room for.

A raise of n pods by an amount needs n times that amount; what other changes of the same plan free
does not count, because nobody knows which rollout ends first. Quotas with scopes count like the
others, except those that count BestEffort pods only: cautious, for some may not apply.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import Quantity, ResourceQuota
from engines.contracts.kubernetes.policy import ScopeRequirement
from engines.contracts.quantities import parse_quantity, to_millicores, to_whole_units
from engines.resource_policy.settings import Pair, Resource, Setting

_NAMES: Mapping[str, tuple[Resource, bool]] = {
    "cpu": (Resource.CPU, False),
    "requests.cpu": (Resource.CPU, False),
    "limits.cpu": (Resource.CPU, True),
    "memory": (Resource.MEMORY, False),
    "requests.memory": (Resource.MEMORY, False),
    "limits.memory": (Resource.MEMORY, True),
}
"""What quotas call the sums: the resource, and whether it is the limits that are summed."""


class _Room(NamedTuple):
    quota: str
    resource: Resource
    is_limit: bool
    left: int


class QuotaLedger:
    """The room that is left in each namespace while a plan spends it.

    Order matters: callers spend in a fixed one. Both methods raise InvalidInputError where an
    amount of the namespace's quotas is none.
    """

    def __init__(self, quotas: Iterable[ResourceQuota]) -> None:
        self._quotas: dict[str, list[ResourceQuota]] = defaultdict(list)
        for quota in sorted(quotas, key=lambda one: (one.metadata.namespace, one.metadata.name)):
            if not _counts_best_effort_only(quota):
                self._quotas[quota.metadata.namespace].append(quota)
        self._rooms: dict[str, list[_Room]] = {}

    def refusing(self, namespace: str, raises: Setting) -> tuple[str, ...]:
        """The quotas that would refuse raises of this total (0 or less: none), by name."""
        refusing = {
            f"ResourceQuota/{room.quota}"
            for room in self._rooms_in(namespace)
            if (needed := _part(raises, room)) > 0 and needed > room.left
        }
        return tuple(sorted(refusing))

    def spend(self, namespace: str, raises: Setting) -> None:
        """Take the room of raises that are advised."""
        self._rooms[namespace] = [
            room._replace(left=room.left - max(0, _part(raises, room)))
            for room in self._rooms_in(namespace)
        ]

    def _rooms_in(self, namespace: str) -> list[_Room]:
        if namespace not in self._rooms:
            quotas = self._quotas.get(namespace, ())
            self._rooms[namespace] = [room for one in quotas for room in _rooms_of(one)]
        return self._rooms[namespace]


def total_raise(before: Iterable[Setting], after: Iterable[Setting], pods: int) -> Setting:
    """How much more ``pods`` pods ask for after a change; negative where it is less."""

    def summed(settings: Iterable[Setting], resource: Resource) -> tuple[int, int]:
        pairs = [one.of(resource) for one in settings]
        return sum(one.request or 0 for one in pairs), sum(one.limit or 0 for one in pairs)

    old, new = tuple(before), tuple(after)
    grown = {}
    for resource in Resource:
        request, limit = summed(new, resource)
        old_request, old_limit = summed(old, resource)
        grown[resource] = Pair((request - old_request) * pods, (limit - old_limit) * pods)
    return Setting(grown[Resource.CPU], grown[Resource.MEMORY])


def _part(raises: Setting, room: _Room) -> int:
    pair = raises.of(room.resource)
    return (pair.limit if room.is_limit else pair.request) or 0


def _counts_best_effort_only(quota: ResourceQuota) -> bool:
    named = {one.scope_name for one in _selected(quota) if one.operator in ("In", "Exists")}
    return "BestEffort" in {*quota.spec.scopes, *named}


def _selected(quota: ResourceQuota) -> tuple[ScopeRequirement, ...]:
    selector = quota.spec.scope_selector
    return () if selector is None else selector.match_expressions


def _rooms_of(quota: ResourceQuota) -> list[_Room]:
    hard = quota.status.hard or quota.spec.hard
    return [
        _Room(
            quota.metadata.name,
            resource,
            is_limit,
            _amount(hard[name], resource) - _amount(quota.status.used.get(name, 0), resource),
        )
        for name, (resource, is_limit) in _NAMES.items()
        if name in hard
    ]


def _amount(quantity: Quantity, resource: Resource) -> int:
    """Sums of a namespace may be larger than any machine, so only their grammar is checked."""
    nano_units = parse_quantity(quantity)
    return to_millicores(nano_units) if resource is Resource.CPU else to_whole_units(nano_units)
