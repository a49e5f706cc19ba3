"""Spot prices over HTTP from the pretend EC2 into both databases.

What must be stored is counted from the pretend market itself, which knows every change point.
"""

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from db.records import DataKind, ImportStatus, SeriesFilter
from db.repositories import data_versions, fetch_progress, imports, spot_prices
from db.repositories.fetch_progress import UnfinishedWindow
from sandbox.aws.faults import Fault
from sandbox.aws.identity import Policy
from sandbox.aws.price_history import Question, _rows
from sandbox.aws.scenario import ROLE_ARN
from services.access import Actor, Role
from services.aws.session import AwsOptions, open_account
from services.errors import AccessDeniedError, InvalidInputError
from services.workflows.fetch_spot_prices import fetch_spot_prices
from tests.pretend_aws import (
    NOW,
    aws_access,
    aws_account,
    aws_scenario,
    aws_server,
    aws_waits,
    fail,
)

__all__ = ["aws_access", "aws_account", "aws_scenario", "aws_server", "aws_waits"]


@pytest.fixture
def database(sandbox_database):
    """What comes from a pretend account goes into a sandbox database only."""
    return sandbox_database


OPERATOR = Actor(name="olga", role=Role.OPERATOR)
WINDOW = timedelta(days=7)  # 7,388 records of us-east-1: eight pages
LINUX = ("Linux/UNIX",)


class KilledError(Exception):
    """The process died in the middle."""


def fetch(database, account, *regions, since=NOW - WINDOW, at=NOW, **more):
    wanted = regions or ("us-east-1",)
    return fetch_spot_prices(database, account, wanted, actor=OPERATOR, at=at, since=since, **more)


def published(scenario, region="us-east-1", since=NOW - WINDOW, until=NOW):
    """(type, zone) -> its (time, price) points, as the market has them."""
    asked = Question(region, (), (), LINUX, int(since.timestamp()), int(until.timestamp()))
    rows = _rows(scenario.cloud.market, asked)
    points = {}
    for at, which, price in zip(rows.at, rows.which, rows.micro_usd, strict=True):
        series = rows.series[which]
        points.setdefault((series.instance_type, series.zone), set()).add((int(at), int(price)))
    return points


def stored(database, region="us-east-1"):
    """The same, as they are stored."""
    with database.reader() as reader:
        parts = list(spot_prices.iter_export(reader, SeriesFilter(regions=(region,))))
    points = {}
    for part in parts:
        for series, first, end in zip(part.series, part.starts, part.starts[1:], strict=False):
            rows = zip(part.timestamps[first:end], part.micro_usd[first:end], strict=True)
            key = (series.instance_type, series.availability_zone)
            points[key] = {(int(at), int(price)) for at, price in rows}
    return points


def state(database, region="us-east-1"):
    with database.reader() as reader:
        return fetch_progress.load_prices(reader, region, LINUX)


def runs(database):
    with database.reader() as reader:
        return imports.list_runs(reader, kind=DataKind.SPOT_PRICES)


def count(points):
    return sum(map(len, points.values()))


def kill_after(pages):
    def tell(progress):
        if progress.pages >= pages:
            raise KilledError

    return tell


def test_every_change_point_of_the_window_is_stored_once(database, aws_scenario, aws_account):
    wanted = published(aws_scenario)

    [region] = fetch(database, aws_account).regions

    assert stored(database) == wanted
    assert region.rows_read == region.rows_new == count(wanted)
    assert region.pages == -(-count(wanted) // 1000) > 5
    assert (region.rows_known, region.rows_dropped, region.failure) == (0, 0, "")
    assert (region.since, region.until) == (NOW - WINDOW, NOW)


def test_fetching_again_changes_nothing(database, aws_account):
    fetch(database, aws_account)
    before = stored(database)

    [again] = fetch(database, aws_account).regions

    assert again.rows_new == again.rows_changed == 0
    assert again.rows_known == again.rows_read == count(before)
    assert stored(database) == before


def test_regions_are_fetched_side_by_side(database, aws_scenario, aws_account):
    wanted = ("us-east-1", "eu-west-1", "us-west-2")

    result = fetch(database, aws_account, *wanted, "us-east-1", since=NOW - timedelta(hours=6))

    assert [one.region for one in result.regions] == ["eu-west-1", "us-east-1", "us-west-2"]
    for region in wanted:
        since = NOW - timedelta(hours=6)
        assert stored(database, region) == published(aws_scenario, region, since=since)


def test_a_run_is_recorded_for_each_region(database, aws_account):
    [region] = fetch(database, aws_account).regions

    [run] = runs(database)
    assert run.status is ImportStatus.SUCCEEDED
    assert run.source_name == "EC2 Spot price history of us-east-1"
    assert (run.rows_read, run.rows_new) == (region.rows_read, region.rows_new)
    assert run.started_at == NOW <= run.finished_at


def test_progress_tells_pages_and_how_far_back_it_is(database, aws_account):
    told = []

    [region] = fetch(database, aws_account, progress=told.append).regions

    assert [one.pages for one in told] == [5, 8]
    assert told[-1].rows == region.rows_read
    reached = [one.reached for one in told]
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] == NOW - WINDOW


def test_a_fetch_that_died_goes_on_at_its_page(database, aws_scenario, aws_account):
    """Five pages are stored, then the process dies; the next one reads only the rest."""
    with pytest.raises(KilledError):
        fetch(database, aws_account, progress=kill_after(5))
    left = state(database).unfinished
    half = count(stored(database))

    [region] = fetch(database, aws_account).regions

    wanted = published(aws_scenario)
    assert left.pages == 5
    assert half == 5000
    assert region.resumed
    assert region.rows_read == region.rows_new == count(wanted) - half
    assert stored(database) == wanted
    assert state(database).unfinished is None


def test_a_fetch_that_dies_again_and_again_stores_every_row_once(
    database, aws_scenario, aws_account
):
    """Three lives end after one batch each, of whichever region it was; the fourth finishes."""
    wanted = {region: published(aws_scenario, region) for region in ("us-east-1", "us-west-2")}
    for _ in range(3):
        with pytest.raises(KilledError):
            fetch(database, aws_account, *wanted, progress=kill_after(1))

    result = fetch(database, aws_account, *wanted)

    assert any(region.resumed for region in result.regions)
    assert {region: stored(database, region) for region in wanted} == wanted
    with database.reader() as reader:
        points = {one.region: one.points for one in spot_prices.spans(reader)}
    assert points == {region: count(rows) for region, rows in wanted.items()}


def test_a_fetch_that_goes_on_later_also_takes_what_is_new_since(
    database, aws_scenario, aws_account
):
    with pytest.raises(KilledError):
        fetch(database, aws_account, progress=kill_after(5))
    aws_scenario.cloud.clock.advance(7200)
    later = NOW + timedelta(hours=2)

    [region] = fetch(database, aws_account, since=None, at=later).regions

    assert region.resumed
    assert (region.since, region.until) == (NOW - WINDOW, later)
    assert stored(database) == published(aws_scenario, until=later)
    assert state(database).finished_until == later
    [run] = runs(database)
    assert run.status is ImportStatus.SUCCEEDED


def test_a_token_that_is_forgotten_starts_the_window_again(database, aws_scenario, aws_account):
    with pytest.raises(KilledError):
        fetch(database, aws_account, progress=kill_after(5))
    forgotten = msgspec.structs.replace(state(database).unfinished, token="bm9uc2Vuc2U=")
    with database.transaction() as tx:
        fetch_progress.save_prices(
            tx,
            "us-east-1",
            LINUX,
            msgspec.structs.replace(state(database), unfinished=forgotten),
            at=NOW,
        )

    [region] = fetch(database, aws_account).regions

    wanted = published(aws_scenario)
    assert region.failure == ""
    assert region.rows_known == 5000
    assert region.rows_read == count(wanted)
    assert stored(database) == wanted


def test_an_unfinished_window_that_does_not_reach_back_far_enough_is_not_gone_on_with(
    database, aws_scenario, aws_account
):
    with pytest.raises(KilledError):
        fetch(database, aws_account, since=NOW - timedelta(days=6), progress=kill_after(5))

    [region] = fetch(database, aws_account).regions

    assert not region.resumed
    assert stored(database) == published(aws_scenario)


def test_without_a_start_the_next_fetch_begins_an_hour_before_the_last_ended(database, aws_account):
    fetch(database, aws_account)

    [region] = fetch(database, aws_account, since=None, at=NOW + timedelta(hours=3)).regions

    assert region.since == NOW - timedelta(hours=1)


def test_a_region_that_was_never_fetched_begins_15_days_back(database, aws_account):
    with pytest.raises(KilledError):
        fetch(database, aws_account, since=None, progress=kill_after(5))

    assert state(database).unfinished.since == NOW - timedelta(days=15)


def test_two_hundred_faults_do_not_lose_a_row(database, aws_scenario, aws_access):
    """Twelve failures before each page: throttling, lost and cut answers, failures of AWS.

    7,388 + 5,828 + 4,347 records are 8 + 6 + 5 pages; the 200 faults stand before 17 of them.
    """
    kinds = (
        {"code": "RequestLimitExceeded"},
        {"drop": True},
        {"truncate_after_bytes": 300},
        {"code": "InternalError"},
    )
    action = "DescribeSpotPriceHistory"
    faults = [  # rule n counts the calls that the rules before it let pass
        Fault(action=action, times=1, skip=number // 12, **kinds[number % 4])
        for number in range(200)
    ]
    fail(aws_scenario, *faults)
    options = AwsOptions(attempts=60, timeout_seconds=5, pause=lambda seconds: None)
    regions, since = ("us-east-1", "us-west-2", "eu-west-1"), NOW - WINDOW

    with open_account(aws_access, options) as account:
        result = fetch(database, account, *regions, since=since)

    assert result.failed == ()
    assert aws_scenario.cloud.faults.hits == 200
    for region in regions:
        assert stored(database, region) == published(aws_scenario, region, since=since)


def test_a_region_that_fails_does_not_stop_the_others(database, aws_scenario, aws_account):
    fail(aws_scenario, Fault(region="us-west-2", code="RequestLimitExceeded"))

    result = fetch(database, aws_account, "us-east-1", "us-west-2")

    good, bad = result.regions
    assert (good.failure, bad.rows_read) == ("", 0)
    assert result.failed == (bad,)
    assert "throttling" in bad.failure
    assert "few minutes" in bad.next_step
    assert stored(database) == published(aws_scenario)
    by_status = {run.status: run for run in runs(database)}
    assert "throttling" in by_status[ImportStatus.FAILED].error


def test_what_came_before_a_failure_is_kept_and_gone_on_from(database, aws_scenario, aws_account):
    """Seven pages, then an answer that stays cut off."""
    cut = Fault(action="DescribeSpotPriceHistory", skip=7, truncate_after_bytes=500)
    fail(aws_scenario, cut)
    [broken] = fetch(database, aws_account).regions
    kept = count(stored(database))
    fail(aws_scenario)

    [region] = fetch(database, aws_account).regions

    assert "cut off" in broken.failure
    assert broken.pages == 7
    assert kept == 7000
    assert "7,000 new rows of it are stored" in runs(database)[1].error
    assert region.resumed
    assert stored(database) == published(aws_scenario)


def test_credentials_that_end_in_the_middle_are_renewed(database, aws_scenario, aws_account):
    def end_sessions(progress):
        aws_scenario.cloud.identity.expire_sessions()

    [region] = fetch(database, aws_account, progress=end_sessions).regions

    assert region.failure == ""
    assert stored(database) == published(aws_scenario)


def test_a_denied_role_is_told_by_region_with_its_remedy(database, aws_scenario, aws_account):
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(deny=("ec2:DescribeSpot*",)))

    [region] = fetch(database, aws_account).regions

    assert "ec2:DescribeSpotPriceHistory" in region.failure
    assert "iam-policy.json" in region.next_step


def test_other_processes_see_that_prices_changed(database, aws_account):
    fetch(database, aws_account)

    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.SPOT_PRICES] > 0


def test_products_are_fetched_as_asked(database, aws_account):
    products = ("Windows", "Linux/UNIX")

    fetch(database, aws_account, since=NOW - timedelta(hours=2), products=products)

    with database.reader() as reader:
        assert set(spot_prices.choices(reader).products) == set(products)
        points = spot_prices.load_latest(reader, SeriesFilter(products=("Windows",)))
    assert np.all(points.micro_usd > 0)


def test_exactly_ninety_days_are_taken_and_a_second_more_is_refused(database, aws_account):
    oldest = NOW - timedelta(days=90)

    with pytest.raises(KilledError):
        fetch(database, aws_account, since=oldest, progress=kill_after(1))
    with pytest.raises(InvalidInputError, match="AWS keeps 90 days") as caught:
        fetch(database, aws_account, since=oldest - timedelta(seconds=1))

    assert "imported from a file" in str(caught.value)
    assert state(database).unfinished == UnfinishedWindow(
        since=oldest, until=NOW, token=state(database).unfinished.token, pages=5
    )


@pytest.mark.parametrize(
    ("regions", "more", "message"),
    [
        ((), {}, "none is named"),
        (("Virginia",), {}, "region: 'Virginia'"),
        (("us-east-1",), {"since": NOW + timedelta(seconds=1)}, "future"),
        (("us-east-1",), {"products": ("<b>",)}, "product: '<b>'"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(database, aws_account, regions, more, message):
    with pytest.raises(InvalidInputError, match=message):
        fetch_spot_prices(database, aws_account, regions, actor=OPERATOR, at=NOW, **more)


def test_a_viewer_may_not_fetch(database, aws_account):
    viewer = Actor(name="vera", role=Role.VIEWER)

    with pytest.raises(AccessDeniedError, match="operator"):
        fetch_spot_prices(database, aws_account, ("us-east-1",), actor=viewer, at=NOW)
