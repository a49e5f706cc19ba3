"""The local clock of each AWS region, and how calm Spot markets are at that hour.

Regions as of November 2026 (AWS Regions and Availability Zones page; Spot Advisor's region list
of June 2025 plus the regions opened or announced since), each with the IANA time zone of the
place that AWS names. A region that is not here has no known clock: it scores 0.0 and says so.
"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

REGION_TIME_ZONES: Mapping[str, str] = {
    "af-south-1": "Africa/Johannesburg",  # Cape Town
    "ap-east-1": "Asia/Hong_Kong",
    "ap-east-2": "Asia/Taipei",
    "ap-northeast-1": "Asia/Tokyo",
    "ap-northeast-2": "Asia/Seoul",
    "ap-northeast-3": "Asia/Tokyo",  # Osaka
    "ap-south-1": "Asia/Kolkata",  # Mumbai
    "ap-south-2": "Asia/Kolkata",  # Hyderabad
    "ap-southeast-1": "Asia/Singapore",
    "ap-southeast-2": "Australia/Sydney",
    "ap-southeast-3": "Asia/Jakarta",
    "ap-southeast-4": "Australia/Melbourne",
    "ap-southeast-5": "Asia/Kuala_Lumpur",
    "ap-southeast-6": "Pacific/Auckland",
    "ap-southeast-7": "Asia/Bangkok",
    "ca-central-1": "America/Toronto",  # Montreal
    "ca-west-1": "America/Edmonton",  # Calgary
    "cn-north-1": "Asia/Shanghai",  # Beijing
    "cn-northwest-1": "Asia/Shanghai",  # Ningxia
    "eu-central-1": "Europe/Berlin",  # Frankfurt
    "eu-central-2": "Europe/Zurich",
    "eu-north-1": "Europe/Stockholm",
    "eu-south-1": "Europe/Rome",  # Milan
    "eu-south-2": "Europe/Madrid",  # Aragon
    "eu-west-1": "Europe/Dublin",
    "eu-west-2": "Europe/London",
    "eu-west-3": "Europe/Paris",
    "eusc-de-east-1": "Europe/Berlin",  # European Sovereign Cloud, Brandenburg
    "il-central-1": "Asia/Jerusalem",  # Tel Aviv
    "me-central-1": "Asia/Dubai",
    "me-south-1": "Asia/Bahrain",
    "mx-central-1": "America/Mexico_City",  # Queretaro
    "sa-east-1": "America/Sao_Paulo",
    "us-east-1": "America/New_York",  # Northern Virginia
    "us-east-2": "America/New_York",  # Ohio
    "us-gov-east-1": "America/New_York",
    "us-gov-west-1": "America/Los_Angeles",
    "us-west-1": "America/Los_Angeles",  # Northern California
    "us-west-2": "America/Los_Angeles",  # Oregon
}

_SATURDAY = 5
_EDGE_HOURS = ((6, 9), (17, 22))  # from the first, up to but not including the second
_OFFICE_HOURS = (9, 17)


def local_time(region: str, now: datetime) -> datetime | None:
    """``now`` (with a time zone) on the region's clock, or None where the region is not known."""
    zone = REGION_TIME_ZONES.get(region)
    return None if zone is None else now.astimezone(ZoneInfo(zone))


def calmness(region: str, now: datetime) -> float | None:
    """The time component of the risk score; None where the region's clock is not known.

    By the local clock: weekdays 09:00-17:00 are 0.0, 06:00-09:00 and 17:00-22:00 are 0.5, nights
    and weekends 1.0. A span begins with its first minute and ends before its last.
    """
    local = local_time(region, now)
    if local is None:
        return None
    if local.weekday() >= _SATURDAY:
        return 1.0
    if _OFFICE_HOURS[0] <= local.hour < _OFFICE_HOURS[1]:
        return 0.0
    return 0.5 if any(start <= local.hour < end for start, end in _EDGE_HOURS) else 1.0
