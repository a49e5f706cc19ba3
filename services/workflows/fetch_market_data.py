"""All that is fetched of the market: Spot prices, Spot Advisor, list prices, instance types."""

from services.workflows.fetch_instance_types import fetch_instance_types
from services.workflows.fetch_on_demand import (
    OnDemandFetch,
    OnDemandProgress,
    OnDemandRegion,
    fetch_on_demand,
)
from services.workflows.fetch_runs import FetchReport
from services.workflows.fetch_spot_advisor import fetch_spot_advisor
from services.workflows.fetch_spot_prices import (
    PriceFetch,
    PriceFetchProgress,
    RegionFetch,
    fetch_spot_prices,
)

__all__ = [
    "FetchReport",
    "OnDemandFetch",
    "OnDemandProgress",
    "OnDemandRegion",
    "PriceFetch",
    "PriceFetchProgress",
    "RegionFetch",
    "fetch_instance_types",
    "fetch_on_demand",
    "fetch_spot_advisor",
    "fetch_spot_prices",
]
