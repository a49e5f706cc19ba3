"""Numbers and times of foreign JSON, bounded so that no engine meets one it cannot reckon with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number of 64 bits, the largest that Kubernetes and AWS know."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with a time zone, as RFC 3339 text in JSON."""


def tidy_times(struct: msgspec.Struct, *names: str) -> None:
    """On construction: read Go's zero time, of the year 1, as not set, and refuse absurd ones."""
    for name in names:
        moment = getattr(struct, name)
        if moment is None:
            continue
        if moment.year == 1:
            msgspec.structs.force_setattr(struct, name, None)
        else:
            refuse_absurd_time(name, moment)


def refuse_absurd_time(name: str, moment: datetime) -> None:
    """Raise ValueError for a moment that no computer can have observed."""
    if not 1970 <= moment.year < 2200:
        raise ValueError(f"{name} {moment.isoformat()} is not a time of this age")


_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def in_canonical_order(value: Any) -> Any:
    """The same JSON value with the items of all its lists sorted: no list of a request has an
    order that means anything."""
    if isinstance(value, Mapping):
        return {key: in_canonical_order(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(sorted(map(in_canonical_order, value), key=_encode))
    return value
