"""The optimizer on real prices of us-east-1 (2021), rates (2025) and list prices (2026).

The files are of different years; what is asserted holds for any market.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engines.contracts.pricing import LINUX_PRODUCT
from engines.contracts.state import CurrentState, compile_state
from engines.contracts.verdict import SafetyLimits
from engines.pools import assess_pools, pool_scores
from engines.safety import judge_plan
from engines.spot_optimizer import recommend_spot_pools
from services.files.bundled_catalogue import load_bundled_catalogue
from services.files.kubernetes_dump import read_dump
from services.files.on_demand import read_on_demand_prices
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.files.spot_prices import read_spot_prices
from tests.believable_cluster import believable_dump
from tests.builders import a_request

pytestmark = pytest.mark.real_data

NOW = datetime(2021, 4, 28, 14, 0, tzinfo=UTC)  # Wednesday 10:00 in Virginia
READ_AT = datetime(2026, 11, 21, tzinfo=UTC)
REGION = "us-east-1"


@pytest.fixture(scope="module")
def market(shared_data):
    """The real market without a cluster, with the instance types that the product brings along."""
    prices = read_on_demand_prices(
        SourceFile.at(shared_data / "instance_catalog/on_demand_karpenter_2026-07.csv.gz"),
        now=READ_AT,
    ).data
    history = read_spot_prices(
        SourceFile.at(shared_data / "spot_price_history/us-east-1_2021-03_2021-04.csv.gz"),
        now=READ_AT,
        on_demand={one.instance_type: one.hourly_price for one in prices},
    ).data
    rates = read_spot_advisor(
        SourceFile.at(shared_data / "spot_advisor/spot-advisor-data_2025-06-28.json.gz")
    ).data.rates
    return replace(
        compile_state(CurrentState()),
        spot_prices=history.within(
            regions={REGION},
            products={LINUX_PRODUCT},
            since=int((NOW - timedelta(days=7)).timestamp()),
            until=int(NOW.timestamp()),
        ),
        on_demand=tuple(one for one in prices if one.region == REGION),
        advisor=tuple(one for one in rates if one.region == REGION),
        instance_types=load_bundled_catalogue().instance_types,
    )


def test_every_real_pool_has_a_score_between_unsafe_and_safe(market):
    pools = assess_pools(market, REGION, NOW)

    assert len(pools) == 1246
    assert all(0.0 <= one.score <= 1.0 for one in pools)
    assert all(0.0 <= part <= 1.0 for one in pools for part in one.components)
    assert {one.components.time for one in pools} == {0.0}


def test_a_believable_cluster_gets_a_plan_that_saves_and_that_safety_approves(market, tmp_path):
    dump = tmp_path / "cluster.json"
    dump.write_bytes(believable_dump())
    state = replace(market, cluster=compile_state(read_dump((dump,))).cluster)

    response = recommend_spot_pools(a_request(state, now=NOW))

    verdict = judge_plan(state, response.execution_plan, SafetyLimits(), pool_scores(state, NOW))
    assert verdict.is_safe, verdict.message
    assert response.estimated_savings > 0
    allocation = response.evidence["allocation"]
    assert allocation["lower_bound_usd_per_hour"] <= allocation["weighed_usd_per_hour"]
    assert response.evidence["placement"]["pods_without_place"] == 0
    accounted = {one.subject.name for one in response.skipped if one.subject.kind == "Pool"}
    accounted |= {one.subject.name for one in response.recommendations}
    accounted |= {
        f"{one['instance_type']}/{one['availability_zone']}" for one in allocation["instances"]
    }
    assert len([name for name in accounted if "/" in name]) >= 1246
