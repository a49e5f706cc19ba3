"""A small market in which every Spot pool of a few common types is safe and cheap."""

from datetime import datetime

from db.repositories import advisor, spot_prices
from engines.contracts.pricing import (
    LINUX_PRODUCT,
    AdvisorRate,
    InterruptionBucket,
    OperatingSystem,
    PriceSeries,
    SpotPrice,
    SpotPriceHistory,
)

REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
# type: USD per hour x 1,000,000 on Spot; on-demand prices are the bundled catalogue's
SPOT_MICRO_USD = {
    "m5.large": 30_000,
    "m5.xlarge": 60_000,
    "m5.2xlarge": 120_000,
    "c5.2xlarge": 110_000,
    "r5.xlarge": 75_000,
    "m6i.xlarge": 61_000,
    "m6i.2xlarge": 121_000,
    "r6i.xlarge": 76_000,
}


def store_market(database, at: datetime, bucket=InterruptionBucket.UNDER_5) -> None:
    """Flat prices for ten days up to ``at``, repeated daily, and one bucket for all types."""
    noon = int(at.timestamp())
    points = (
        SpotPrice(PriceSeries(REGION, name, zone, LINUX_PRODUCT), noon - day * 86_400, price)
        for name, price in SPOT_MICRO_USD.items()
        for zone in ZONES
        for day in range(10)
    )
    rates = tuple(
        AdvisorRate(
            region=REGION,
            operating_system=OperatingSystem.LINUX,
            instance_type=name,
            interruption_bucket=bucket,
            savings_percent=60,
        )
        for name in SPOT_MICRO_USD
    )
    with database.transaction() as tx:
        spot_prices.save_history(tx, SpotPriceHistory.from_points(points))
        advisor.save_rates(tx, rates, published_at=at, source="test", document=b"{}")
