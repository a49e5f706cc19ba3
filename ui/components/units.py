"""Numbers of an engine's evidence with the unit that their name says: ``peak_bytes`` is a size."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ui.components import formatting

_SHARES = {"share", "gap", "utilization", "probability"}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How a name says its unit, the label where the name says no more, and how it is written."""

    words: str
    label: str
    write: Callable[[Any], str]


def plain(value: float | Decimal, places: int) -> str:
    """A number with so many places at most, and no zeros at its end."""
    text = f"{float(value):,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def size(size_bytes: float) -> str:
    """A size to two places, for what is set to 2.25 GiB is not 2.2."""
    for unit, least in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if abs(size_bytes) >= least:
            return f"{plain(size_bytes / least, 2)} {unit}"
    return f"{size_bytes:,.0f} B"


def _price(usd: Any) -> str:
    return formatting.price_per_hour(Decimal(str(usd))) if usd else "$0/h"


def _a_month(usd: Any) -> str:
    return f"{formatting.money(Decimal(str(usd)))}/month"


UNITS = (
    Unit(words="usd_per_hour", label="Price", write=_price),
    Unit(words="usd_month", label="Cost", write=_a_month),
    Unit(words="bytes_per_day", label="Traffic", write=lambda by: f"{plain(by / 1e9, 1)} GB/day"),
    Unit(words="bytes_per_hour", label="Growth", write=lambda more: f"{size(more)}/hour"),
    Unit(words="bytes", label="Size", write=size),
    Unit(words="mib_s", label="Throughput", write=lambda rate: f"{plain(rate, 1)} MiB/s"),
    Unit(words="mib", label="Size", write=lambda mib: size(mib * 1024**2)),
    Unit(words="gib", label="Size", write=lambda gib: f"{plain(gib, 1)} GiB"),
    Unit(words="millicores", label="CPU", write=lambda cpu: f"{plain(cpu / 1000, 3)} vCPU"),
    Unit(words="vcpu", label="CPU", write=lambda cpu: f"{plain(cpu, 1)} vCPU"),
    Unit(words="seconds", label="Time", write=formatting.duration),
    Unit(words="hours", label="Time", write=lambda hours: f"{plain(hours, 1)} h"),
    Unit(words="days", label="Time", write=lambda days: f"{plain(days, 1)} days"),
    Unit(words="percent", label="Share", write=lambda percent: f"{plain(percent, 2)}%"),
)


def unit_of(name: str) -> Unit | None:
    """The unit that a name says; after a number, as in ``older_than_24_hours``, it says none."""
    return next((one for one in UNITS if re.search(rf"(?<![0-9])_{one.words}_", f"_{name}_")), None)


def write_number(name: str, value: float | Decimal) -> str:
    """A number as text, with the unit of its name."""
    unit = unit_of(name)
    if unit is not None:
        return unit.write(value)
    if _SHARES & set(name.split("_")):
        return formatting.percent(float(value), 1)
    return plain(value, 3)
