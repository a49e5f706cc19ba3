"""Live data in the browser: what ``make run`` shows, and what appears on a page by itself."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from services.access import LOCAL_ADMIN
from services.workflows.job_control import JobRow, list_jobs, run_now
from services.workflows.office_hours import save_schedule
from tests.journeys.running import READY, Run
from tests.scheduler.builders import until
from tests.web_server import free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Everything runs, and the first decisions are there."""
    ports = tuple(free_port() for _ in range(4))
    with closing(Run(tmp_path_factory.mktemp("live"), ports)) as started:
        started.wait_for(READY)
        until(lambda: job(started, "optimise").last_success_at, seconds=120)
        yield started


def job(run: Run, name: str) -> JobRow:
    """How a job stands on its only target; it is told once the scheduler knows the cluster."""
    found: list[JobRow] = []

    def is_known() -> bool:
        with run.database() as database:
            found[:] = [one for one in list_jobs(database) if one.name == name]
        return bool(found)

    until(is_known)
    return found[0]


def test_the_overview_tells_cost_baseline_and_capacity_and_that_it_is_a_sandbox(
    run: Run, page: Page
):
    page.goto(f"http://127.0.0.1:{run.port}/")

    expect(page.get_by_test_id("stSidebar")).to_contain_text("Sandbox")
    cards = page.locator(".co-card")
    expect(cards.filter(has_text="Cost now").first).to_contain_text("$")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("baseline")
    expect(main).to_contain_text("Spot")
    expect(page.locator(".st-key-overview_clusters-table")).to_be_visible()


def test_a_new_decision_appears_in_the_stream_without_a_reload(run: Run, page: Page):
    page.goto(f"http://127.0.0.1:{run.port}/decision_stream")
    tools = page.locator(".st-key-stream_decisions-tools")
    expect(tools).to_contain_text("8 decisions")

    target = job(run, "optimise").target
    with run.database() as database:
        run_now(database, "optimise", target=target, actor=LOCAL_ADMIN, at=datetime.now(UTC))

    expect(tools).to_contain_text("16 decisions", timeout=60_000)


def test_a_job_is_run_by_a_click_on_its_row_and_a_button(run: Run, page: Page):
    """The box that chooses a row is drawn on a canvas: 17 pixels in, below the 35 of the head."""
    before = job(run, "measure_data_ages").last_started_at
    page.goto(f"http://127.0.0.1:{run.port}/system?system_jobs_filter=measure")
    table = page.locator(".st-key-system_jobs-table")
    expect(table).to_be_visible()

    place = table.locator("canvas").first.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 17, place["y"] + 51)
    page.locator(".st-key-system-job-run button").click()

    until(lambda: job(run, "measure_data_ages").last_started_at != before)


def test_the_address_overview_leads_to_the_overview_as_it_was_pasted(run: Run, page: Page):
    page.goto(f"http://127.0.0.1:{run.port}/overview?overview_split=Workload")

    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page).to_have_url(f"http://127.0.0.1:{run.port}/?overview_split=Workload")


def test_the_office_hours_page_shows_a_schedule_that_is_stored_meanwhile(run: Run, page: Page):
    page.goto(f"http://127.0.0.1:{run.port}/office_hours")
    expect(page.get_by_text("No office hours yet")).to_be_visible()

    target = job(run, "optimise").target
    schedule = {
        "environment": "dev",
        "timezone": "UTC",
        "office_hours": {
            "weekdays": {"start": "08:00", "end": "18:00"},
            "weekends": {"enabled": False},
        },
    }
    with run.database() as database:
        save_schedule(database, target, schedule, actor=LOCAL_ADMIN, at=datetime.now(UTC))

    expect(page.locator(".st-key-hours_schedules-table")).to_be_visible()
