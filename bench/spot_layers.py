"""``python -m bench.spot_layers``: what each safety layer costs, on real prices of us-east-1.

Reads the public data sets beside the checkout: Spot prices of April 2021, Spot Advisor of June
2025, on-demand prices and instance types of July 2026. The files are of different years, so the
figures show how the answer changes from layer to layer, not what anybody would pay today.
Prints the tables of docs/engines.md. This is a demonstration, not a row of the bench.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from engines.allocation import (
    AllocationProblem,
    AllocationStatus,
    Capacity,
    Purchase,
    cheapest_safe_allocation,
)
from engines.contracts.pricing import LINUX_PRODUCT
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import ClusterState, CurrentState, compile_state
from engines.contracts.verdict import SafetyLayer
from engines.spot_optimizer import choices_for, recommend_spot_pools
from services.files.instance_types import read_instance_types
from services.files.on_demand import read_on_demand_prices
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.files.spot_prices import read_spot_prices

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOW = datetime(2021, 4, 28, 14, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Virginia
READ_AT = datetime(2026, 11, 21, tzinfo=UTC)
REGION = "us-east-1"
FIFTH_GENERATION = (
    *("c5", "c5a", "c5ad", "c5d", "c5n"),
    *("m5", "m5a", "m5ad", "m5d", "m5n", "m5dn"),
    *("r5", "r5a", "r5ad", "r5d", "r5n"),
)
ASKED = {
    "region": REGION,
    "required_vcpu": 400,
    "required_memory_gib": 1600,
    "allowed_families": FIFTH_GENERATION,
}

STAGES: tuple[tuple[str, frozenset[SafetyLayer]], ...] = (
    ("none", frozenset()),
    ("1 risk", frozenset({SafetyLayer.RISK})),
    ("1-2 and zones", frozenset({SafetyLayer.RISK, SafetyLayer.AZ_DISTRIBUTION})),
    (
        "1-3 and concentration",
        frozenset({SafetyLayer.RISK, SafetyLayer.AZ_DISTRIBUTION, SafetyLayer.POOL_CONCENTRATION}),
    ),
    ("1-4 and on-demand buffer", frozenset(SafetyLayer)),
)


def main() -> None:
    """Print the tables."""
    request = DecisionRequest(
        request_id="spot-layers",
        cluster_id="us-east-1",
        decision_type=DecisionType.SPOT_OPTIMIZE,
        now=NOW,
        current_state=_market(),
        requirements=ASKED,
    )
    _print_pools(recommend_spot_pools(request))
    everything = msgspec.structs.replace(request, constraints={"min_risk_score": 0.0})
    choices = choices_for(everything)
    assert choices is not None, "the market of the files is known"
    _print_layers(choices.problem)


def _market() -> ClusterState:
    """The market without any cluster."""
    on_demand = read_on_demand_prices(
        SourceFile.at(DATA / "instance_catalog/on_demand_karpenter_2026-07.csv.gz"), now=READ_AT
    ).data
    history = read_spot_prices(
        SourceFile.at(DATA / "spot_price_history/us-east-1_2021-03_2021-04.csv.gz"),
        now=READ_AT,
        on_demand={one.instance_type: one.hourly_price for one in on_demand},
    ).data.within(
        regions={REGION},
        products={LINUX_PRODUCT},
        since=int((NOW - timedelta(days=7)).timestamp()),
        until=int(NOW.timestamp()),
    )
    advisor = read_spot_advisor(
        SourceFile.at(DATA / "spot_advisor/spot-advisor-data_2025-06-28.json.gz")
    ).data
    types = read_instance_types(
        SourceFile.at(DATA / "instance_catalog/instance_types_2026-07.csv.gz")
    ).data
    return replace(
        compile_state(CurrentState()),
        spot_prices=history,
        on_demand=tuple(one for one in on_demand if one.region == REGION),
        advisor=tuple(one for one in advisor.rates if one.region == REGION),
        instance_types={one.instance_type: one for one in types},
    )


def _print_pools(response: DecisionResponse) -> None:
    print("| rank | pool | score | public rate | volatility | gap | time | saves, USD/month |")
    print("|---|---|---|---|---|---|---|---|")
    for one in response.recommendations:
        if one.action == "use_spot_pool":
            parts = " | ".join(f"{part:.3f}" for part in one.evidence["components"].values())
            score = f"{one.evidence['risk_score']:.4f}"
            print(
                f"| {one.evidence['rank']} | {one.subject.name} | {score} | {parts}"
                f" | {one.savings_usd_month:.2f} |"
            )
    counts = response.evidence["skipped_by_reason"].items()
    print(f"\nSkipped: {', '.join(f'{count} {reason}' for reason, count in counts)}\n")


def _print_layers(problem: AllocationProblem) -> None:
    problem = msgspec.structs.replace(
        problem, limits=msgspec.structs.replace(problem.limits, min_risk_score=0.75)
    )
    plain = tuple(one for one in problem.offerings if not one.is_spot)
    print("| layers | USD/hour | nodes | Spot pools | zones | largest pool | on-demand | gap |")
    print("|---|---|---|---|---|---|---|---|")
    _print_row("on-demand only", msgspec.structs.replace(problem, offerings=plain))
    for name, layers in STAGES:
        _print_row(name, msgspec.structs.replace(problem, layers=layers))


def _print_row(name: str, problem: AllocationProblem) -> None:
    allocation = cheapest_safe_allocation(problem)
    assert allocation.status is AllocationStatus.SOLVED
    bought = allocation.purchases
    largest = max((_share([one], bought) for one in bought if one.offering.is_spot), default=0.0)
    on_demand = [one for one in bought if not one.offering.is_spot]
    print(
        f"| {name} | {allocation.micro_usd_per_hour / 1e6:.2f}"
        f" | {sum(one.count for one in bought)} | {len(bought) - len(on_demand)}"
        f" | {len({one.offering.availability_zone for one in bought})} | {largest:.1%}"
        f" | {_share(on_demand, bought):.1%} | {allocation.gap:.3%} |"
    )


def _share(part: Iterable[Purchase], whole: Iterable[Purchase]) -> float:
    """The larger of the vCPU share and the memory share."""
    some, all_of_it = _total(part), _total(whole)
    return max(
        some.cpu_millicores / all_of_it.cpu_millicores, some.memory_bytes / all_of_it.memory_bytes
    )


def _total(purchases: Iterable[Purchase]) -> Capacity:
    total = Capacity()
    for one in purchases:
        total = total.plus(one.offering.allocatable.times(one.count))
    return total


if __name__ == "__main__":
    main()
