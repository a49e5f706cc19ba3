"""What is known of each Spot pool. Prices are 0.08 of 0.20 USD, flat, under 5 % (builders)."""

from datetime import timedelta

import pytest

from engines.contracts.pricing import InterruptionBucket
from engines.cost import ListPrice
from engines.pools import assess_pools, pool_scores
from tests.builders import (
    NOW,
    REGION,
    a_node,
    a_price,
    a_state,
    an_advisor_rate,
    an_on_demand_price,
)

ALL = {"on_demand": (an_on_demand_price(),), "advisor": (an_advisor_rate(),)}


def test_a_pool_has_its_price_its_score_and_what_that_is_made_of():
    """Monday 08:00 in New York: 0.60 + 0.25 + 0.10 x (1 - 0.08/0.20 = 0.6) + 0.05 x 0.5 = 0.935."""
    [pool] = assess_pools(a_state(prices=(a_price("0.08"),), **ALL), REGION, NOW)

    assert pool.key == ("m7i.xlarge", "us-east-1a")
    assert pool.score == 0.935
    assert pool.components == (1.0, 1.0, 0.6, 0.5)
    assert pool.micro_usd_per_hour == 80_000
    assert pool.on_demand == ListPrice(200_000, is_later=False)
    assert pool.bucket is InterruptionBucket.UNDER_5
    assert pool.covered_seconds == 7 * 86_400


def test_pools_come_sorted_by_type_and_zone():
    prices = (
        a_price(zone="us-east-1b"),
        a_price(instance_type="c5.large"),
        a_price(zone="us-east-1a"),
    )

    keys = [one.key for one in assess_pools(a_state(prices=prices, **ALL), REGION, NOW)]

    assert keys == sorted(keys)
    assert len(keys) == 3


def test_what_nobody_says_is_none_and_scores_nothing():
    """No rate, no on-demand price: 0.25 + 0.025 = 0.275."""
    [pool] = assess_pools(a_state(prices=(a_price(),)), REGION, NOW)

    assert (pool.bucket, pool.on_demand) == (None, None)
    assert pool.score == 0.275


def test_a_pool_whose_price_begins_later_has_none_yet():
    later = a_price(at=NOW + timedelta(hours=1))

    [pool] = assess_pools(a_state(prices=(later,), **ALL), REGION, NOW)

    assert (pool.micro_usd_per_hour, pool.priced_at) == (None, None)
    assert pool.components.volatility == pool.components.gap == 0.0


def test_a_region_without_a_known_clock_scores_nothing_for_time():
    prices = (a_price(zone="mars-north-1a"),)

    [pool] = assess_pools(a_state(prices=prices), "mars-north-1", NOW)

    assert pool.components.time == 0.0


def test_only_the_product_that_is_asked_for_counts():
    prices = (a_price("0.08"), a_price("0.30", product="Red Hat Enterprise Linux"))
    state = a_state(prices=prices, **ALL)

    [linux] = assess_pools(state, REGION, NOW)
    [red_hat] = assess_pools(state, REGION, NOW, "Red Hat Enterprise Linux")

    assert linux.micro_usd_per_hour == 80_000
    assert red_hat.micro_usd_per_hour == 300_000
    assert red_hat.components.gap == 0.0  # dearer than Linux on-demand


def test_the_plain_name_of_a_product_counts_before_its_second_one():
    prices = (a_price("0.08"), a_price("0.09", product="Linux/UNIX (Amazon VPC)"))

    [pool] = assess_pools(a_state(prices=prices, **ALL), REGION, NOW)

    assert pool.micro_usd_per_hour == 80_000


def test_an_unknown_product_is_a_broken_contract():
    with pytest.raises(ValueError, match="Plan 9"):
        assess_pools(a_state(), REGION, NOW, "Plan 9")


def test_zones_by_id_are_called_as_the_nodes_call_them():
    node = a_node(labels={"topology.k8s.aws/zone-id": "use1-az4"})
    price = a_price()
    by_id = type(price)(
        **{name: getattr(price, name) for name in price.__struct_fields__}
        | {"availability_zone": "use1-az4"}
    )

    assert pool_scores(a_state(node, prices=(by_id,), **ALL), NOW) == {
        ("m7i.xlarge", "us-east-1a"): 0.935
    }
