"""Every engine on the Optimize page, the combined plan, the split of costs, and the jobs."""

from decimal import Decimal

import pytest

from db.job_records import Job, JobScope
from db.repositories import jobs
from engines.contracts.results import DecisionType
from services.workflows.decide import ENGINES
from tests.believable_market import import_market, open_believable_cluster
from tests.pages.conftest import html_of
from ui.components import wording

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


def test_the_combined_plan_has_a_stage_for_each_engine_and_ends_cheaper(open_page):
    at = open_page("optimize", optimize_engine="Combined plan", optimize_combined="true")

    stages = table(at, "optimize_stages")
    costs = [Decimal(str(one)) for one in stages["USD/h after"].dropna()]
    assert len(stages) == len(ENGINES)
    assert costs[-1] < Decimal(str(stages["USD/h before"].iloc[0]))


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
