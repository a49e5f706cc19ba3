"""The band in which the price of an instance type is believed.

A price outside it means a file in another unit or currency, or a slip of digits; either would buy
or shun capacity for a reason that does not exist. Two rules, the first that applies:

1. The type's on-demand price (Linux) is known: a price lies between 1/100 and 20 times it. While
   Spot was an auction AWS capped bids at 10 times on-demand, and no region costs more than about
   twice another; the deepest Spot discount in public histories is about 97%.
2. It is not known: between 0.0001 and 2 USD an hour per size unit (AWS's normalisation factor:
   large = 4, xlarge = 8). The dearest type of the 2026 price list costs 0.38 per unit, the
   cheapest Spot price ever recorded 0.003. A size without a factor (``metal``): up to 500 USD.

Products other than plain Linux carry a licence, so their upper end is 0.40 USD and 0.05 USD per
size unit higher.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.pricing import LINUX_PRODUCT, OperatingSystem, to_micro_usd
from services.files.bundled_catalogue import load_bundled_catalogue
from services.files.instance_names import size_units

MOST_TIMES_ON_DEMAND = Decimal(20)
LEAST_OF_ON_DEMAND = Decimal("0.01")
MOST_USD_PER_UNIT = Decimal(2)
LEAST_USD_PER_UNIT = Decimal("0.0001")
MOST_USD_UNSIZED = Decimal(500)
LICENCE_USD = Decimal("0.40")
LICENCE_USD_PER_UNIT = Decimal("0.05")
LARGEST_UNITS = Decimal(1024)  # stands for the size of a type whose name tells none

PLAIN_LINUX = (LINUX_PRODUCT, f"{LINUX_PRODUCT} (Amazon VPC)", OperatingSystem.LINUX.value)

OnDemandByType = Mapping[str, Decimal]
"""Instance type -> on-demand price in USD an hour, Linux, in any region."""


class PriceBand(NamedTuple):
    """The believable prices of a type and product, and what they were judged by."""

    low_micro_usd: int
    high_micro_usd: int
    reason: str


def price_band(instance_type: str, product: str, on_demand: OnDemandByType) -> PriceBand:
    """The band for a type and a product (or operating system); see the module's text."""
    size = size_units(instance_type)
    units = LARGEST_UNITS if size is None else Decimal(size)
    known = on_demand.get(instance_type)
    if known is not None:
        low, high = known * LEAST_OF_ON_DEMAND, known * MOST_TIMES_ON_DEMAND
        judged_by = f"{instance_type} costs {known.normalize():f} USD on-demand"
    elif size is None:
        low, high = LEAST_USD_PER_UNIT, MOST_USD_UNSIZED
        judged_by = "no instance type costs that much or that little"
    else:
        low, high = units * LEAST_USD_PER_UNIT, units * MOST_USD_PER_UNIT
        judged_by = f"no instance type of the size of {instance_type} costs that"
    if product not in PLAIN_LINUX:
        high += LICENCE_USD + units * LICENCE_USD_PER_UNIT
    return PriceBand(
        to_micro_usd(low),
        to_micro_usd(high),
        f"is not between {low.normalize():f} and {high.normalize():f} USD an hour ({judged_by}): "
        "another unit or currency?",
    )


def bundled_on_demand() -> OnDemandByType:
    """What the bundled catalogue knows, for files read where nothing better is stored."""
    return {price.instance_type: price.hourly_price for price in load_bundled_catalogue().on_demand}
