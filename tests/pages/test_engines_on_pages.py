"""Every engine on the Optimize page, the combined plan, the split of costs, and the jobs."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from db.job_records import Job, JobScope
from db.repositories import clusters, jobs
from engines.contracts.results import DecisionType
from services.access import LOCAL_ADMIN
from services.workflows.decide import ENGINES
from services.workflows.recommend import Question, combine_engines, recommend
from tests.believable_market import CLUSTER, import_market, open_believable_cluster
from tests.pages.conftest import html_of
from ui.components import wording

TITLES = {
    "Plan": "Steps",
    "Proof": "How it was worked out",
    "Skipped": "Skipped",
    "Inputs": "Inputs",
}
OTHER_ENGINES = [one for one in ENGINES if one is not DecisionType.SPOT_OPTIMIZE]


@pytest.fixture(autouse=True)
def filled_database(database):
    import_market(database)
    open_believable_cluster(database)
    return database


def table(at, key):
    return at.get_by_key(f"{key}-table").dataframe[0].value


@pytest.mark.parametrize("decision_type", OTHER_ENGINES)
def test_every_engine_can_be_dry_run_and_answers(open_page, decision_type):
    at = open_page("optimize", optimize_engine=wording.decision_type(decision_type))

    at.button(key="optimize-run").click().run()

    assert not at.exception
    assert f"Decision 1: {wording.decision_type(decision_type)}" in html_of(at)


@pytest.mark.parametrize("decision_type", ENGINES)
def test_each_tab_of_an_answer_is_drawn_when_it_is_opened(
    open_page, filled_database, decision_type
):
    now = datetime.now(UTC)
    question = Question(cluster_id=CLUSTER, decision_type=decision_type, as_of=now)
    decision = recommend(filled_database, question, actor=LOCAL_ADMIN, at=now)

    shown = {
        part: html_of(open_page("decision_stream", decision=str(decision), stream_part=part))
        for part in TITLES
    }

    for part, title in TITLES.items():
        assert f"<h3>{title}</h3>" in shown[part]
        others = [other for other in TITLES.values() if other != title]
        assert not [other for other in others if f"<h3>{other}</h3>" in shown[part]]


def test_bad_json_in_the_parameters_is_told_with_the_next_step(open_page):
    at = open_page("optimize", optimize_engine="Ghost probe")

    at.text_area(key="optimize_ghost_probe_json").set_value('{"first_seen": ').run()

    assert not at.exception
    assert "are no JSON" in at.error[0].value
    assert "Write one object" in at.error[0].value


def test_a_parameter_that_an_engine_does_not_know_is_refused_by_name(open_page):
    at = open_page("optimize", optimize_engine="Ghost probe")

    at.text_area(key="optimize_ghost_probe_json").set_value('{"first_sen": {}}').run()
    at.button(key="optimize-run").click().run()

    assert not at.exception
    assert "first\\_sen" in at.error[0].value


def test_the_combined_plan_has_a_stage_for_each_engine_and_ends_cheaper(open_page, filled_database):
    """Asked once before, so that the time that a page has is not spent on compiling the packer."""
    with filled_database.reader() as reader:
        [cluster] = clusters.list_all(reader)
    combine_engines(
        filled_database, cluster.id, cluster.latest_snapshot_digest, as_of=datetime.now(UTC)
    )

    at = open_page("optimize", optimize_engine="Combined plan", optimize_combined="true")

    stages = table(at, "optimize_stages")
    costs = [Decimal(str(one)) for one in stages["USD/h after"].dropna()]
    assert len(stages) == len(ENGINES)
    assert costs[-1] < Decimal(str(stages["USD/h before"].iloc[0]))
    routes = table(at, "optimize_routes")
    [end] = routes.loc[routes["Note"] == "Chosen", "USD/h after"]
    assert Decimal(str(end)) == costs[-1]
    assert set(routes["Carried out in this order"]) >= {"Nothing", "All nodes anew"}


def test_costs_are_split_by_what_the_address_says(open_page):
    at = open_page("overview", overview_split="Workload")

    assert not at.exception
    assert "Who causes the cost" in html_of(at)


def test_jobs_are_listed_with_what_they_wait_for(open_page, filled_database):
    job = Job(
        name="collect_state",
        does="reads each cluster",
        every="60 s",
        scope=JobScope.CLUSTER,
    )
    with filled_database.transaction() as tx:
        jobs.save_catalogue(tx, (job,))

    at = open_page("system")

    assert list(table(at, "system_jobs")["Job"]) == ["Collect state"]
    assert list(table(at, "system_jobs")["State"]) == ["not yet"]


def test_without_a_scheduler_the_system_page_says_how_to_start_one(open_page):
    at = open_page("system")

    assert "No scheduler ran on this database yet" in " ".join(one.value for one in at.markdown)
