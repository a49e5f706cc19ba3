"""Numbers, money and times as text. Only screens round; what is unknown is a dash, never zero."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

UNKNOWN = "—"
_MARKDOWN_SIGNS = "\\`*_[]<>$:~#|"
_STEPS = (
    (60, "second", 1),
    (3600, "minute", 60),
    (86400, "hour", 3600),
    (86400 * 60, "day", 86400),
)
_DAYS_PER_MONTH = 30.4375  # 365.25 / 12
_BYTES_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def money(usd: Decimal | None, places: int = 2) -> str:
    """A sum in US dollars, such as ``$1,234.50``; a negative one carries a minus sign."""
    if usd is None:
        return UNKNOWN
    rounded = round(usd, places) + 0  # + 0: a rounded minus zero is zero
    sign = "-" if rounded < 0 else ""
    return f"{sign}${abs(rounded):,.{places}f}"


def price_per_hour(usd: Decimal | None) -> str:
    """An hourly price: four places below ten dollars (Spot prices need them), else two."""
    if usd is None:
        return UNKNOWN
    return f"{money(usd, 4 if abs(usd) < 10 else 2)}/h"


def percent(share: float | None, places: int = 0) -> str:
    """A share of one as a percentage: 0.153 is ``15%``, with one place ``15.3%``."""
    return UNKNOWN if share is None else f"{share * 100:.{places}f}%"


def number(value: float | None, places: int = 0) -> str:
    """A number with thousands separators."""
    return UNKNOWN if value is None else f"{value:,.{places}f}"


def count_of(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun: ``1 node``, ``2 nodes``."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def data_size(size_bytes: int) -> str:
    """A size in the largest binary unit that leaves at least one, such as ``1.5 MiB``."""
    size = float(size_bytes)
    for unit in _BYTES_UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_BYTES_UNITS[-1]}"


def moment(when: datetime | None, zone: ZoneInfo) -> str:
    """A time in the viewer's zone to the minute; the zone itself is named by the heading."""
    return UNKNOWN if when is None else f"{when.astimezone(zone):%d %b %Y, %H:%M}"


def moment_utc(when: datetime | None) -> str:
    """A time in UTC to the second, for details and hovers."""
    return UNKNOWN if when is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def zone_name(zone: ZoneInfo, at: datetime) -> str:
    """The zone with its offset at a moment: ``Europe/Berlin, UTC+1``; plain ``UTC`` for UTC."""
    if zone.key == "UTC":
        return "UTC"
    offset = at.astimezone(zone).utcoffset() or timedelta(0)
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return f"{zone.key}, UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")


def duration(seconds: float) -> str:
    """A length of time in its largest whole unit: ``45 seconds``, ``3 hours``, ``5 months``."""
    whole = max(0, int(seconds))
    for limit, unit, size in _STEPS:
        if whole < limit:
            return count_of(whole // size, unit)
    months = whole / 86400 / _DAYS_PER_MONTH
    if months < 24:
        return count_of(int(months), "month")
    return count_of(int(months / 12), "year")


def age(then: datetime | None, now: datetime) -> str:
    """How long ago something was: ``3 minutes ago``; what is not known has no age."""
    if then is None:
        return "age not known"
    seconds = (now - then).total_seconds()
    if seconds < -60:
        return f"in {duration(-seconds)}"
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"


def plain(text: str) -> str:
    """Text inside Markdown, unchanged: names of files and objects may hold any character."""
    return "".join(f"\\{sign}" if sign in _MARKDOWN_SIGNS else sign for sign in text)


def sentence(text: str) -> str:
    """Text that begins with a capital letter, as messages inside others do not.

    A name that it begins with (``i-0abc``, ``m5.large``) stays as it is.
    """
    first = text.partition(" ")[0].rstrip(",;:.")
    return text[:1].upper() + text[1:] if first.isalpha() else text
