"""Meanings of the single texts that market files hold.

Each function parses one text or raises ValueError with the reason, worded to follow the column's
name and the quoted text: ``spot_price '-1' is negative``.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from engines.contracts.pricing import to_micro_usd

EARLIEST = datetime(2006, 8, 1, tzinfo=UTC)  # EC2's first public month: no price can be older

_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2}")
_ZONE_NAME = re.compile(r"(?P<region>[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2})[a-z]")
_LOCAL_ZONE_NAME = re.compile(
    r"(?P<region>[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2})-[a-z0-9-]{2,20}-[0-9]{1,2}[a-z]"
)
_ZONE_ID = re.compile(r"[a-z]{2,6}[0-9]{1,2}(-[a-z]{2,6}[0-9]{1,2})?-az[0-9]{1,2}")
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 /().]{0,63}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?.*"
)


def parse_usd(text: str) -> Decimal:
    """A price in USD: a plain decimal number, zero or more."""
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number")
    value = Decimal(text)
    if value < 0:
        raise ValueError("is negative")
    return value


def parse_micro_usd(text: str) -> int:
    """A price in USD as whole micro-dollars, zero or more."""
    value = parse_usd(text)
    micro_usd = to_micro_usd(value)
    if value and not micro_usd:
        raise ValueError("is less than a millionth of a dollar")
    return micro_usd


def is_in_dollars(region: str, currency: str) -> bool:
    """Whether a price is in USD: by its currency, or where none is given by its region.

    AWS prices its regions in China in CNY, and its Spot price API does not say so.
    """
    if currency.strip():
        return currency.strip().upper() == "USD"
    return not region.startswith("cn-")


def parse_instance_type(text: str) -> str:
    """A name such as ``m5.large``."""
    if not _INSTANCE_TYPE.fullmatch(text):
        raise ValueError("is not the name of an instance type")
    return text


def parse_region(text: str) -> str:
    """A region's code such as ``eu-central-1``."""
    if not _REGION.fullmatch(text):
        raise ValueError("is not a region's code")
    return text


def parse_availability_zone(text: str) -> str:
    """A zone's name (``us-east-1a``, ``us-west-2-lax-1a``) or id (``use1-az2``), as it is."""
    if not text.strip():
        raise ValueError("is empty: a Spot price without its zone cannot be used")
    if not (
        _ZONE_NAME.fullmatch(text) or _LOCAL_ZONE_NAME.fullmatch(text) or _ZONE_ID.fullmatch(text)
    ):
        raise ValueError("is not a zone's name or id")
    return text


def region_of_zone(zone: str) -> str:
    """The region that a zone's name tells; empty for an id, which does not spell it out."""
    named = _ZONE_NAME.fullmatch(zone) or _LOCAL_ZONE_NAME.fullmatch(zone)
    return named["region"] if named else ""


def parse_product(text: str) -> str:
    """A product description such as ``Linux/UNIX``."""
    if not _PRODUCT.fullmatch(text):
        raise ValueError("is not a product description")
    return text


def parse_moment(text: str) -> datetime:
    """A time with its zone, in UTC."""
    if not _MOMENT.fullmatch(text):
        raise ValueError("is not a time such as 2026-01-31T12:00:00Z")
    moment = _from_iso(text)
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write UTC times as 2026-01-31T12:00:00Z")
    try:
        return _not_before_ec2(moment.astimezone(UTC))
    except OverflowError as error:
        raise ValueError("is not a time") from error


def parse_seconds(text: str) -> int:
    """A time with its zone as seconds since 1970 UTC; fractions are cut off, as the API does."""
    return int(parse_moment(text).timestamp())


def parse_date_or_moment(text: str) -> datetime:
    """A date, which starts at midnight UTC as in AWS's price lists, or a time with its zone."""
    if not _DATE.fullmatch(text):
        return parse_moment(text)
    return _not_before_ec2(_from_iso(text).replace(tzinfo=UTC))


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is not a time ({error})") from error


def _not_before_ec2(moment: datetime) -> datetime:
    if moment < EARLIEST:
        raise ValueError(f"is before {EARLIEST:%B %Y}, when EC2 began")
    return moment
