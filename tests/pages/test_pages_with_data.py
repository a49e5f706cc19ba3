"""Pages with a market, a cluster and a decision: what a person reads and presses there."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from db.records import NewDecision
from db.repositories import clusters, decisions, safety
from engines.contracts.plan import CordonNode, LaunchInstance, TerminateInstance
from engines.contracts.pricing import CapacityType
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Notice,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.verdict import (
    AllocationEntry,
    PoolShare,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    Severity,
    VerdictAction,
    Violation,
    ZoneShare,
)
from services.access import LOCAL_ADMIN
from services.workflows.recommend import Question, recommend
from tests.believable_cluster import believable_dump
from tests.believable_market import CLUSTER, MARKET, import_market, open_believable_cluster
from tests.pages.conftest import html_of

pytestmark = pytest.mark.usefixtures("filled_database")


@pytest.fixture
def filled_database(database):
    import_market(database)
    open_believable_cluster(database)
    return database


@pytest.fixture
def decision_id(filled_database) -> int:
    now = datetime.now(UTC)
    question = Question(cluster_id=CLUSTER, decision_type=DecisionType.SPOT_OPTIMIZE, as_of=now)
    return recommend(filled_database, question, actor=LOCAL_ADMIN, at=now)


def table(at: AppTest, key: str):
    """The values of the table under a key."""
    return at.get_by_key(f"{key}-table").dataframe[0].value


def markdown(at: AppTest) -> str:
    return " ".join(element.value for element in at.markdown)


# Pricing


def test_the_explorer_shows_each_line_with_its_latest_price(open_page):
    at = open_page("pricing", pricing_types="m5.xlarge")

    rows = table(at, "pricing_lines")
    assert list(rows["Zone"]) == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert list(rows["Latest USD/h"]) == [0.07, 0.072, 0.074]


def test_the_explorer_names_source_and_age(open_page):
    at = open_page("pricing")

    assert any("Spot prices of us-east-1, 1 hour ago" in one.value for one in at.caption)


def test_times_are_headed_by_the_viewers_zone(open_page):
    at = open_page("pricing", pricing_types="m5.xlarge")

    config = at.get_by_key("pricing_lines-table").dataframe[0].proto.columns
    assert "Last change (Europe/Berlin, UTC+" in config


def test_spot_is_compared_with_on_demand(open_page):
    """m5.xlarge: 1 - 0.070 / 0.192 = 63.5 %."""
    at = open_page("pricing", pricing_tab="Spot against on-demand")

    rows = table(at, "pricing_compared").set_index("Instance type")
    assert rows.loc["m5.xlarge", "In zone"] == "us-east-1a"
    assert rows.loc["m5.xlarge", "Saving"] == pytest.approx(63.54, abs=0.01)


def test_the_advisor_tab_has_a_legend_in_words(open_page):
    at = open_page("pricing", pricing_tab="Spot Advisor")

    assert "Interrupted in the past month" in html_of(at)
    assert "&lt;5%" in html_of(at) or "<5%" in html_of(at)


def test_the_risk_tab_takes_a_pool_apart(open_page):
    at = open_page("pricing", pricing_tab="Risk scores", pricing_pool="m5.large / us-east-1a")

    assert "✕ below the default limit of 0.75" in html_of(at)
    assert len(table(at, "pricing_risk")) == 3 * len(MARKET)


def test_the_coverage_tab_lists_what_is_stored(open_page):
    at = open_page("pricing", pricing_tab="Coverage")

    assert list(table(at, "pricing_spans")["Prices"]) == [10 * 3 * len(MARKET)]


def test_the_import_tab_lists_every_import(open_page):
    at = open_page("pricing", pricing_tab="Import")

    assert list(table(at, "pricing_imports")["File"]) == [
        "advisor.csv",
        "spot.csv",
        "instance-types.csv",
        "on-demand.csv",
    ]


def test_a_file_that_is_none_of_the_kinds_is_refused_with_the_next_step(open_page):
    at = open_page("pricing", pricing_tab="Import")

    at.file_uploader(key="pricing-files").upload("notes.csv", b"a,b\n1,2\n")
    at.button(key="pricing-import-now").click().run()

    assert not at.exception
    assert "none of the kinds of market data" in at.error[0].value
    assert "Next step:" in at.error[0].value
    assert any("the data of before stay as they are" in one.value for one in at.caption)


def test_a_broken_row_is_named_by_its_line(open_page):
    at = open_page("pricing", pricing_tab="Import")
    broken = (
        "instance_type,availability_zone,region,product_description,spot_price,timestamp\n"
        "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.04,2026-08-01T00:00:00Z\n"
        "m5.large,us-east-1a,us-east-1,Linux/UNIX,cheap,2026-08-02T00:00:00Z\n"
    )

    at.file_uploader(key="pricing-files").upload("spot.csv", broken.encode())
    at.button(key="pricing-import-now").click().run()

    assert not at.exception
    shown = " ".join(one.value for one in [*at.error, *at.warning])
    assert "line 3" in shown


# Clusters


def test_a_cluster_shows_its_cost_and_its_nodes(open_page):
    at = open_page("clusters")

    assert len(table(at, "clusters_nodes")) == 42
    assert "Cost now" in html_of(at)
    assert "36 on-demand, 6 Spot" in html_of(at)


def test_a_dump_that_is_cut_off_is_refused_and_the_known_state_stays(open_page):
    at = open_page("clusters")

    at.text_input(key="clusters-dump-name").set_value(CLUSTER)
    at.file_uploader(key="clusters-dump-files").upload(
        "cluster.json", b'{"apiVersion":"v1","kind":"List","items":[{"kind":"No'
    )
    at.button(key="clusters-dump-open").click().run()

    assert not at.exception
    assert "Next step:" in at.error[0].value
    assert len(table(at, "clusters_nodes")) == 42


@pytest.mark.parametrize(
    ("page", "key", "chosen"),
    [("clusters", "clusters", "clusters_name"), ("optimize", "optimize", "optimize_cluster")],
)
def test_a_cluster_that_was_just_opened_is_the_one_shown(open_page, page, key, chosen):
    at = open_page(page)
    assert at.selectbox(key=chosen).value == CLUSTER

    at.text_input(key=f"{key}-dump-name").set_value("a-second-one")
    at.file_uploader(key=f"{key}-dump-files").upload("cluster.json", believable_dump(scale=0.3))
    at.button(key=f"{key}-dump-open").click().run()

    assert not at.exception
    assert at.selectbox(key=chosen).value == "a-second-one"
    assert "**a-second-one**" in at.success[0].value


def test_opening_without_a_name_asks_for_it(open_page):
    at = open_page("clusters")

    at.button(key="clusters-dump-open").click().run()

    assert not at.exception
    assert "Give a name and choose the file first." in at.warning[0].value


# Optimize, decision stream


def test_a_dry_run_shows_plan_and_verdict_and_stands_in_the_address(open_page):
    at = open_page("optimize")

    at.button(key="optimize-run").click().run()
    plan = open_page("optimize", decision="1", optimize_part="Plan")
    verdict = open_page("optimize", decision="1", optimize_part="Verdict")

    assert not at.exception
    assert at.query_params["decision"] == "1"
    assert "✓ Safe" in html_of(at)
    assert len(table(at, "optimize_pools")) == 5
    assert len(table(plan, "optimize_steps")) > 10
    assert "On-demand buffer" in html_of(verdict)


def test_a_reload_shows_the_same_decision(open_page, decision_id):
    at = open_page("optimize", decision=str(decision_id))

    assert f"Decision {decision_id}: Spot optimizer for {CLUSTER}" in html_of(at)


def test_the_parameters_of_the_address_are_those_of_the_question(open_page, filled_database):
    at = open_page("optimize", optimize_families=["m5", "r5"], optimize_headroom="20")

    at.button(key="optimize-run").click().run()

    assert not at.exception
    with filled_database.reader() as reader:
        asked = decisions.get(reader, 1).requirements
    assert asked == {"allowed_families": ["m5", "r5"], "headroom_percent": 20.0}


def test_a_decision_that_is_not_in_the_log_is_told(open_page):
    at = open_page("decision_stream", decision="99")

    assert "Decision 99 is not in the log" in at.error[0].value


def test_the_stream_lists_decisions_and_shows_the_one_of_the_address(open_page, decision_id):
    at = open_page("decision_stream", decision=str(decision_id), stream_part="Inputs")

    rows = table(at, "stream_decisions")
    assert list(rows["Verdict"]) == ["✓ Safe"]
    assert len(table(at, "stream_inputs")) > 5


def test_a_filter_that_leaves_nothing_says_so(open_page, decision_id):
    at = open_page("decision_stream", stream_verdict="Not safe")

    assert decision_id == 1
    assert "Nothing matches" in markdown(at)


def test_a_replay_gives_the_same_bytes(open_page, decision_id):
    at = open_page("decision_stream", decision=str(decision_id))

    at.button(key="stream-replay").click().run()

    assert not at.exception
    assert "the same, byte for byte" in at.success[-1].value


def test_the_answer_of_a_replay_outlasts_the_next_refresh(open_page, decision_id):
    at = open_page("decision_stream", decision=str(decision_id))
    at.button(key="stream-replay").click().run()

    at.run()

    assert "the same, byte for byte" in at.success[-1].value


def test_a_failing_plan_stands_beside_its_safe_alternative(open_page, filled_database):
    failing = log_failing_decision(filled_database)

    at = open_page("decision_stream", decision=str(failing), stream_part="Verdict")
    plan = open_page("decision_stream", decision=str(failing), stream_part="Plan")
    skipped = open_page("decision_stream", decision=str(failing), stream_part="Skipped")

    assert any("Safe alternative made" in one.value for one in at.warning)
    html = html_of(at)
    assert "Pool m5.large/us-east-1a carries 30 %" in html
    assert "The safe alternative" in html
    assert list(table(plan, "stream_launch")["Count"]) == [3]
    assert list(table(plan, "stream_alternative")["Count"]) == [2]
    assert list(table(skipped, "stream_skipped")["Why"]) == ["It is a mirror of =HYPERLINK"]


# Safety, overview


def test_the_safety_page_lists_verdicts_and_violations(open_page, filled_database):
    log_failing_decision(filled_database)

    at = open_page("safety")

    assert list(table(at, "safety_summary")["Latest verdict"]) == ["⇄ Safe alternative made"]
    assert list(table(at, "safety_violations")["Layer"]) == ["3 Pool concentration"]


def test_tightening_needs_no_confirmation_and_is_audited(open_page, filled_database):
    at = open_page("safety", safety_tab="Distribution and limits")

    at.number_input(key=f"limits-pool-{CLUSTER}").set_value(10).run()
    assert not at.button(key="limits-save").disabled
    at.button(key="limits-save").click().run()

    assert not at.exception
    assert limits_of(filled_database).max_pool_share == 0.1
    audit = table(open_page("safety", safety_tab="Audit log"), "safety_audit")
    assert audit["Did"].iloc[0] == "Safety limits tightened"


def test_loosening_asks_for_the_clusters_name(open_page, filled_database):
    at = open_page("safety", safety_tab="Distribution and limits")

    at.number_input(key=f"limits-pool-{CLUSTER}").set_value(30).run()
    assert "This loosens: largest share of one spot pool" in at.warning[0].value
    assert at.button(key="limits-save").disabled
    at.text_input(key=f"limits-confirm-{CLUSTER}").set_value(CLUSTER).run()
    at.button(key="limits-save").click().run()

    assert not at.exception
    assert limits_of(filled_database).max_pool_share == 0.3


def test_the_overview_adds_up_and_says_what_to_do_next(open_page, decision_id):
    at = open_page("overview")

    assert decision_id == 1
    assert "review the plan that saves" in markdown(at)
    assert list(table(at, "overview_clusters")["Latest verdict"]) == ["✓ Safe"]
    assert "Spot optimizer: safe, saves" in html_of(at)


def limits_of(database) -> SafetyLimits:
    with database.reader() as reader:
        return clusters.get(reader, CLUSTER).limits


def log_failing_decision(database) -> int:
    """A hand-made answer: its plan breaks layer 3, and a safe alternative stands beside it."""
    now = datetime.now(UTC)
    launch = LaunchInstance(
        id="launch-1",
        instance_type="m5.large",
        availability_zone="us-east-1a",
        capacity_type=CapacityType.SPOT,
    )
    line = {
        "instance_type": "m5.large",
        "availability_zone": "us-east-1a",
        "capacity_type": "spot",
        "count": 3,
        "usd_per_hour": 0.035,
        "risk_score": 0.9,
    }
    response = DecisionResponse(
        request_id="failing",
        decision_type=DecisionType.SPOT_OPTIMIZE,
        engine=EngineIdentity(name="spot_optimizer", version="1.0.0"),
        input_digest="0" * 64,
        status=DecisionStatus.OK,
        recommendations=(
            Recommendation(
                subject=Subject(kind="Cluster", name=CLUSTER),
                action="adopt_allocation",
                savings_usd_month=Decimal(100),
                reason="cheaper",
                recommended={"launch": [line], "remove": ["node-a"], "keep": []},
            ),
        ),
        skipped=(
            Skipped(
                subject=Subject(kind="Pod", namespace="shop", name="web-1"),
                reason="mirror",
                message="it is a mirror of =HYPERLINK",
            ),
        ),
        execution_plan=(
            launch,
            CordonNode(id="c", node="node-a"),
            TerminateInstance(id="t", instance_id="i-1", node="node-a"),
        ),
        estimated_savings=Decimal(100),
        confidence_score=0.9,
        warnings=(Notice(code="old", message="prices are old", subjects=("us-east-1",)),),
        safety=a_failing_verdict(),
        alternative_plan=(msgspec.structs.replace(launch, availability_zone="us-east-1b"),),
        alternative_safety=SafetyVerdict(
            is_safe=True, action_taken=VerdictAction.APPROVED, message="all layers hold"
        ),
    )
    with database.transaction() as tx:
        decision = decisions.log(
            tx, NewDecision(created_at=now, as_of=now, cluster_id=CLUSTER, response=response)
        )
        safety.record_validation(
            tx,
            cluster_id=CLUSTER,
            verdict=a_failing_verdict(),
            limits=SafetyLimits(),
            at=now,
            decision_id=decision,
        )
    return decision


def a_failing_verdict() -> SafetyVerdict:
    return SafetyVerdict(
        is_safe=False,
        action_taken=VerdictAction.SAFE_ALTERNATIVE_CREATED,
        message="layer 3 does not hold",
        violations=(
            Violation(
                layer=SafetyLayer.POOL_CONCENTRATION,
                severity=Severity.ERROR,
                subject="m5.large/us-east-1a",
                measured=0.3,
                limit=0.2,
                message="pool m5.large/us-east-1a carries 30 %",
            ),
        ),
        zones=tuple(
            ZoneShare(availability_zone=f"us-east-1{letter}", nodes=2, share=0.33)
            for letter in "abc"
        ),
        pools=(
            PoolShare(
                instance_type="m5.large",
                availability_zone="us-east-1a",
                nodes=3,
                share=0.3,
                risk_score=0.9,
                decided=True,
            ),
        ),
        on_demand_share=0.7,
        alternative=(
            AllocationEntry(
                instance_type="m5.large",
                availability_zone="us-east-1b",
                capacity_type="spot",
                count=2,
                usd_per_hour=Decimal("0.036"),
            ),
        ),
    )
