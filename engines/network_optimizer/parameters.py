"""The network optimizer's parameters."""

from decimal import Decimal
from typing import Annotated

import msgspec

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class NetworkParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may ask of the network optimizer. All have defaults."""

    cross_az_rate_per_gb_each_way: Decimal = Decimal("0.01")
    """USD for each GB that leaves a zone, and again for each that enters one."""
    required_zones: AtLeastOne = 3
    """A workload keeps so many zones, or those that it has if these are fewer."""
    min_endpoints_per_zone: AtLeastOne = 3
    """Routing within a zone needs so many ready endpoints there, or it overloads them."""
    min_gb_per_day: NotNegative = 10.0
    """Pairs of workloads that exchange no more than this across zones are left alone."""
    max_traffic_age_days: NotNegative = 14.0
    """Traffic that was measured longer ago is pointed at: pods and what they do change."""
    bytes_per_gb: AtLeastOne = 1_000_000_000
    """What a GB is; 1073741824 for a bill that counts in powers of two."""

    def __post_init__(self) -> None:
        rate = self.cross_az_rate_per_gb_each_way
        if not (rate.is_finite() and rate >= 0):
            raise ValueError("cross_az_rate_per_gb_each_way must not be negative")
