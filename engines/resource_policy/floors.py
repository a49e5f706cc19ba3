"""Memory floors: after an OOM kill was answered, nobody takes the raise back too early."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

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
