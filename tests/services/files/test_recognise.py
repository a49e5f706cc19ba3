"""Telling the kind of a market file by what is in it."""

import pytest

from engines.contracts.errors import InvalidInputError
from services.files.recognise import MarketKind, recognise
from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    ON_DEMAND_CSV,
    SPOT_API_JSON,
    SPOT_CSV,
    advisor_json,
    packed,
    source,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SPOT_CSV, "spot_prices"),
        (packed(SPOT_CSV), "spot_prices"),
        ("region,az,instance_type,product,timestamp,price\n", "spot_prices"),
        (SPOT_API_JSON, "spot_prices"),
        (f"[{SPOT_API_JSON}]", "spot_prices"),
        ('[{"spot_price": 1, "instance_type": "m5.large"}]', "spot_prices"),
        ('[{"AvailabilityZone": "a", "SpotPrice": "1"}]', "spot_prices"),
        (advisor_json(), "spot_advisor"),
        ("region,os,instance_type,savings_pct,interruption_bucket\n", "spot_advisor"),
        (ON_DEMAND_CSV, "on_demand_prices"),
        ("region,os,instance_type,price,currency,generated_at\n", "on_demand_prices"),
        ("region,os,instance_type,price_usd,vcpu,date\n", "on_demand_prices"),
        (INSTANCE_TYPES_CSV, "instance_types"),
        ('{"InstanceTypes": []}', "instance_types"),
        ('[[{"InstanceType": "m5.large", "VCpuInfo": {}}]]', "instance_types"),
    ],
)
def test_each_kind_is_told_by_its_columns_or_keys(text, kind):
    assert recognise(source(text)) is MarketKind(kind)


@pytest.mark.parametrize(
    "text",
    ["", "x,y\n1,2\n", '{"kind": "List", "items": []}', "[]", "[1]", SPOT_CSV.replace(",", ";")],
)
def test_any_other_file_is_refused_with_what_was_found(text):
    with pytest.raises(InvalidInputError, match="none of the kinds of market data"):
        recognise(source(text))
