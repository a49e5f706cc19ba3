"""Spot Advisor, price list and instance types over HTTP from the pretend AWS."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from db.records import DataKind, ImportStatus
from db.repositories import advisor, imports, instance_types, on_demand
from db.session import Database
from engines.contracts.pricing import OperatingSystem
from sandbox.aws import offers
from sandbox.aws.calls import Answer
from sandbox.aws.faults import Fault
from sandbox.aws.identity import Policy
from sandbox.aws.scenario import ROLE_ARN
from services.access import Actor, Role
from services.aws.access import AwsAccess
from services.aws.errors import (
    AwsError,
    BadAnswerError,
    PermissionDeniedError,
    UnavailableError,
)
from services.aws.session import AwsOptions, open_account
from services.errors import AccessDeniedError, InvalidInputError
from services.files.source import SourceFile
from services.workflows.fetch_market_data import (
    fetch_instance_types,
    fetch_on_demand,
    fetch_spot_advisor,
    fetch_spot_prices,
)
from services.workflows.import_market_data import import_market_file
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
QUICK = AwsOptions(timeout_seconds=5, pause=lambda seconds: None)
HOUR = timedelta(hours=1)


@pytest.fixture
def advisor_url(aws_server):
    return aws_server.url + offers.ADVISOR_PATH


def fetch_advisor(database, url, at=NOW):
    return fetch_spot_advisor(database, url, actor=OPERATOR, at=at, options=QUICK)


def fetch_prices(database, server, *regions, at=NOW, **more):
    return fetch_on_demand(
        database, server.url, regions, actor=OPERATOR, at=at, options=QUICK, **more
    )


def edition(database):
    with database.reader() as reader:
        return advisor.load_edition(reader)


def runs(database, kind):
    with database.reader() as reader:
        return imports.list_runs(reader, kind=kind)


def asked(scenario, action):
    """Let all calls pass, but count them: a fault of no delay and no error hits each."""
    fail(scenario, Fault(service="offers", action=action))
    return lambda: scenario.cloud.faults.hits


def test_the_advisor_is_stored_with_its_rates(database, advisor_url):
    report = fetch_advisor(database, advisor_url)

    stored = edition(database)
    assert stored.rates == report.rows_new == report.rows_read > 1000
    assert (stored.published_at, stored.last_seen_at, stored.source) == (NOW, NOW, advisor_url)
    [run] = runs(database, DataKind.SPOT_ADVISOR)
    assert run.status is ImportStatus.SUCCEEDED


def test_an_unchanged_advisor_is_only_noted_as_still_published(database, advisor_url):
    fetch_advisor(database, advisor_url)

    report = fetch_advisor(database, advisor_url, at=NOW + HOUR)

    assert report.is_unchanged
    assert edition(database).published_at == NOW
    assert edition(database).last_seen_at == NOW + HOUR
    assert len(runs(database, DataKind.SPOT_ADVISOR)) == 1


def test_after_another_file_was_imported_the_server_is_asked_anew(
    database, aws_scenario, advisor_url, tmp_path
):
    """Else its "not changed" would be taken for the imported file."""
    fetch_advisor(database, advisor_url)
    document = offers.advisor(aws_scenario.cloud.market)
    document["spot_advisor"]["us-east-1"]["Linux"]["m5.large"] = {"s": 1, "r": 4}
    other = SourceFile.of_bytes("other.json", json.dumps(document).encode())
    import_market_file(database, other, as_of=NOW + HOUR, clock=lambda: NOW + HOUR)

    report = fetch_advisor(database, advisor_url, at=NOW + 2 * HOUR)

    assert not report.is_unchanged
    assert edition(database).published_at == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("fault", "expected", "message"),
    [
        ({"truncate_after_bytes": 5000}, BadAnswerError, "cut off"),
        ({"code": "InternalError"}, UnavailableError, "failed"),
        ({"drop": True}, AwsError, "cannot be reached"),
        ({"status": 404, "code": "NoSuchKey"}, AwsError, "404"),
    ],
)
def test_an_advisor_that_does_not_come_leaves_the_last_one(
    database, aws_scenario, advisor_url, fault, expected, message
):
    document = json.dumps(offers.advisor(aws_scenario.cloud.market)).encode()
    source = SourceFile.of_bytes("spot-advisor-data.json", document)
    import_market_file(database, source, as_of=NOW, clock=lambda: NOW)
    before = edition(database)
    fail(aws_scenario, Fault(service="offers", **fault))

    with pytest.raises(expected, match=message):
        fetch_advisor(database, advisor_url, at=NOW + HOUR)

    assert edition(database) == before
    failed, _ = runs(database, DataKind.SPOT_ADVISOR)
    assert failed.status is ImportStatus.FAILED
    assert message in failed.error


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<html>Sign in to the guest network</html>", "table of Spot Advisor"),
        (b'{"spot_advisor": {}, "ranges": [], "instance_types": {}}', "ranges"),
        (b'{"spot_advisor": {"us-east-1": {"Linux": {"m5.la', "JSON"),
    ],
)
def test_an_advisor_of_another_shape_is_refused_and_recorded(
    database, aws_server, advisor_url, monkeypatch, content, reason
):
    fetch_advisor(database, advisor_url)
    before = edition(database)
    monkeypatch.setattr(offers, "serve", lambda *_: Answer(body=content))

    with pytest.raises(InvalidInputError, match=reason):
        fetch_advisor(database, advisor_url, at=NOW + HOUR)

    assert edition(database) == before
    assert runs(database, DataKind.SPOT_ADVISOR)[0].status is ImportStatus.FAILED


def test_the_price_list_of_a_region_is_stored(database, aws_server):
    """72 Linux types, as the catalogue has them; eu-west-1 is 11 % dearer: 0.096 x 1.11."""
    result = fetch_prices(database, aws_server, "us-east-1", "eu-west-1")

    assert result.failed == ()
    with database.reader() as reader:
        prices = on_demand.load(reader, at=NOW, regions=("us-east-1",))
        [irish] = on_demand.load(
            reader, at=NOW, regions=("eu-west-1",), instance_types=("m5.large",)
        )
        [windows] = on_demand.load(
            reader,
            at=NOW,
            regions=("us-east-1",),
            operating_system=OperatingSystem.WINDOWS,
            instance_types=("m5.large",),
        )
    by_type = {price.instance_type: price.hourly_price for price in prices}
    assert len(by_type) == 72
    assert by_type["m5.large"] == Decimal("0.096")
    assert irish.hourly_price == Decimal("0.10656")
    assert windows.hourly_price == Decimal("0.188")


def test_what_is_left_out_of_the_price_list_is_counted(database, aws_server):
    [region] = fetch_prices(database, aws_server, "us-east-1").regions

    report = region.report
    assert report.rows_read == report.rows_new + report.rows_dropped
    assert {one.reason for one in report.dropped} == {
        "it is for a dedicated instance or host",
        "it is for a capacity reservation",
    }
    assert report.regions == ("us-east-1",)


def test_a_price_list_that_is_stored_is_not_fetched_again(database, aws_scenario, aws_server):
    fetch_prices(database, aws_server, "us-east-1")
    hits = asked(aws_scenario, "*/index.csv")

    [region] = fetch_prices(database, aws_server, "us-east-1", at=NOW + HOUR).regions

    assert region.report.is_unchanged
    assert hits() == 0


def test_progress_of_a_price_list_tells_bytes_then_rows(database, aws_server):
    told = []

    fetch_prices(database, aws_server, "us-east-1", progress=told.append)

    assert told[0].rows == 0
    assert told[-1].rows > 200
    assert told[-1].bytes_fetched == max(one.bytes_fetched for one in told) > 50_000


def test_one_region_s_failure_leaves_the_others(database, aws_scenario, aws_server):
    fail(aws_scenario, Fault(service="offers", action="*/eu-west-1/*", truncate_after_bytes=9000))

    result = fetch_prices(database, aws_server, "us-east-1", "eu-west-1", "xx-north-9")

    ireland, virginia, nowhere = result.regions
    assert virginia.report.rows_new > 72
    assert "cut off" in ireland.failure
    assert "no region xx-north-9" in nowhere.failure
    assert result.failed == (ireland, nowhere)
    with database.reader() as reader:
        assert on_demand.load(reader, at=NOW, regions=("eu-west-1",)) == ()
    statuses = [run.status for run in runs(database, DataKind.ON_DEMAND_PRICES)]
    assert statuses.count(ImportStatus.FAILED) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b'{"regions": {"us-east-1": {"currentVersionUrl": "https://example.com/index.json"}}}',
        b'{"regions": {"us-east-1": {"currentVersionUrl": '
        b'"/offers/v1.0/aws/AmazonEC2/../../x/index.json"}}}',
    ],
)
def test_an_index_that_leads_elsewhere_is_not_followed(database, aws_server, monkeypatch, content):
    monkeypatch.setattr(offers, "serve", lambda *_: Answer(body=content))

    try:
        [region] = fetch_prices(database, aws_server, "us-east-1").regions
        failure = region.failure
    except BadAnswerError as error:
        failure = str(error)

    assert "not AWS's" in failure or "unknown place" in failure
    assert runs(database, DataKind.ON_DEMAND_PRICES)[0].status is ImportStatus.FAILED


def test_instance_types_come_from_ec2(database, aws_account):
    """72 types in one page of at most a hundred."""
    report = fetch_instance_types(database, aws_account, actor=OPERATOR, at=NOW)

    with database.reader() as reader:
        types = instance_types.load(reader)
        [source] = instance_types.sources(reader)
    assert report.rows_new == len(types) == 72
    assert (types["m5.large"].vcpu, types["m5.large"].memory_mib) == (2, 8192)
    assert types["m6g.large"].architecture == "arm64"
    assert (source.source, source.as_of) == ("EC2 DescribeInstanceTypes", NOW)


def test_types_of_several_regions_are_one_catalogue(database, aws_account):
    report = fetch_instance_types(
        database, aws_account, actor=OPERATOR, at=NOW, regions=("us-east-1", "eu-west-1")
    )

    assert report.rows_new == 72
    assert report.rows_dropped == 72
    assert report.regions == ("eu-west-1", "us-east-1")


def test_denied_instance_types_are_recorded_as_failed(database, aws_scenario, aws_account):
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(deny=("ec2:DescribeInstanceTypes",)))

    with pytest.raises(PermissionDeniedError):
        fetch_instance_types(database, aws_account, actor=OPERATOR, at=NOW)

    [run] = runs(database, DataKind.INSTANCE_TYPES)
    assert run.status is ImportStatus.FAILED
    assert "ec2:DescribeInstanceTypes" in run.error


def test_a_viewer_may_fetch_nothing(database, aws_account, aws_server, advisor_url):
    viewer = Actor(name="vera", role=Role.VIEWER)

    with pytest.raises(AccessDeniedError):
        fetch_spot_advisor(database, advisor_url, actor=viewer, at=NOW)
    with pytest.raises(AccessDeniedError):
        fetch_on_demand(database, aws_server.url, ("us-east-1",), actor=viewer, at=NOW)
    with pytest.raises(AccessDeniedError):
        fetch_instance_types(database, aws_account, actor=viewer, at=NOW)


def test_pretend_data_never_reach_a_real_database(tmp_path, aws_account, aws_server, advisor_url):
    with Database(f"sqlite:///{tmp_path / 'real.db'}") as real:
        real.upgrade("real")

        for fetch in (
            lambda: fetch_advisor(real, advisor_url),
            lambda: fetch_prices(real, aws_server, "us-east-1"),
            lambda: fetch_instance_types(real, aws_account, actor=OPERATOR, at=NOW),
            lambda: fetch_spot_prices(real, aws_account, ("us-east-1",), actor=OPERATOR, at=NOW),
        ):
            with pytest.raises(InvalidInputError, match="is this machine"):
                fetch()


def test_a_sandbox_asks_nobody_outside(database):
    """Not even with this machine's own settings, where they lead to AWS."""
    is_refused = pytest.raises(InvalidInputError, match="is a sandbox")

    with open_account(AwsAccess(region="us-east-1")) as account, is_refused:
        fetch_spot_prices(database, account, ("us-east-1",), actor=OPERATOR, at=NOW)
    with pytest.raises(InvalidInputError, match="is a sandbox"):
        fetch_advisor(database, "https://spot-bid-advisor.s3.amazonaws.com/x.json")
