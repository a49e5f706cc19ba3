"""Memory floors: after an OOM kill was answered, nobody takes the raise back too early."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated

import msgspec

from engines.resource_policy.settings import MIB, Pair
from engines.resource_policy.sizing import rounded_up

ANSWERING_FACTOR = 1.5
"""An OOM kill is answered by so many times the limit that was in force at it."""
FLOOR_HOLDS = timedelta(days=14)
"""How long a floor holds. A week of history with the new size is needed, and one to spare."""


class MemoryFloor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least memory request of a container: ``bytes``, from ``since`` on."""

    namespace: str
    kind: str
    name: str
    container: str
    bytes: Annotated[int, msgspec.Meta(ge=0)]
    since: Annotated[datetime, msgspec.Meta(tz=True)]

    def holds_at(self, now: datetime) -> bool:
        """Whether the floor still counts; the last moment of the fortnight is not in it."""
        return now < self.since + FLOOR_HOLDS


def floor_after_kills(
    memory: Pair, limits: Sequence[int], factor: float = ANSWERING_FACTOR
) -> int | None:
    """The request that must stay after kills at some limits, in bytes; None: there is none now.

    It is the present request, or where memory was raised beyond what answers the kills (the largest
    limit times ``factor``) the request that goes with that. So a floor never asks for a raise: that
    is for the engine that knows how often a container was killed.
    """
    if not memory.request:
        return None
    if memory.limit is None or not limits:
        return memory.request
    answer = rounded_up(ceil(round(max(limits) * factor, 6)), MIB)
    if memory.limit <= answer:
        return memory.request
    return min(memory.request, rounded_up(memory.request * answer // memory.limit, MIB))
