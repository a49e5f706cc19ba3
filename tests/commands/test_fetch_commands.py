"""Fetching from the terminal: what is printed, and what the exit code says."""

import json
import os
import re

import pytest

from sandbox.aws.cloud import Cloud
from sandbox.aws.faults import Fault
from sandbox.aws.offers import ADVISOR_PATH, OFFERS_PATH
from sandbox.aws.scenario import (
    ADMIN_KEY,
    CUSTOMER_ACCOUNT,
    OPERATOR_ACCOUNT,
    OPERATOR_KEY,
    ROLE_ARN,
    SECRET_KEY,
    open_scenario,
)
from sandbox.aws.server import AwsServer
from services.aws.public_files import PublicFiles
from tests.pretend_aws import fail


@pytest.fixture
def scenario():
    """The commands take the present moment from this machine's clock, so the account does too."""
    accounts = (CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT)
    return open_scenario(7, cloud=Cloud(seed=7, account_ids=accounts))


@pytest.fixture
def cli(terminal, scenario, monkeypatch, tmp_path):
    """A sandbox database, and this machine's AWS settings lead to the pretend account."""
    with AwsServer(scenario.cloud) as server:
        settings = {
            "DATABASE_KIND": "sandbox",
            "ENCRYPTION_KEY_FILE": str(tmp_path / "secret.key"),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": ADMIN_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "SPOT_ADVISOR_URL": server.url + ADVISOR_PATH,
            "PRICE_LIST_URL": server.url,
            "PRICING_DATA_RETRY_ATTEMPTS": "1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield terminal


def test_spot_prices_are_fetched_and_shown_by_region(cli):
    answer = cli("prices", "fetch", "--region", "us-east-1", "--region", "us-west-2", "--days", 1)

    assert answer.code == 0
    assert answer.stderr == ""
    lines = [line.split() for line in answer.stdout.splitlines()]
    [east] = [line for line in lines if line[0] == "us-east-1"]
    assert east[-1] == "done"
    assert cli("prices", "coverage").stdout.count("Linux/UNIX") == 2


def test_json_of_a_fetch_accounts_for_every_row(cli):
    answer = cli("prices", "fetch", "--days", 1, "--format", "json")

    [region] = json.loads(answer.stdout)["regions"]
    assert region["region"] == "us-east-1"
    assert region["rows_read"] == region["rows_new"] > 1000
    assert (region["rows_known"], region["rows_dropped"], region["failure"]) == (0, 0, "")


def test_the_next_fetch_goes_on_where_the_last_one_ended(cli):
    first = json.loads(cli("prices", "fetch", "--days", 1, "--format", "json").stdout)

    second = json.loads(cli("prices", "fetch", "--format", "json").stdout)

    ended = first["regions"][0]["until"]
    assert second["regions"][0]["since"] < ended <= second["regions"][0]["until"]
    assert second["regions"][0]["rows_new"] < first["regions"][0]["rows_new"] / 5


def test_a_failed_region_is_named_and_the_exit_code_is_1(cli, scenario):
    fail(scenario, Fault(region="us-west-2", code="RequestLimitExceeded"))

    answer = cli("prices", "fetch", "--region", "us-east-1", "--region", "us-west-2", "--days", 1)

    assert answer.code == 1
    assert re.search(r"us-west-2 .*failed", answer.stdout)
    assert "us-west-2: cannot describe spot price history in us-west-2: AWS is throttling" in (
        answer.stderr
    )
    assert "1 of 2 regions could not be fetched" in answer.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--days", "91"), 2, "less than or equal to 90"),
        (("--days", "0"), 2, "greater than or equal to 1"),
        (("--days", "1", "--since", "2026-07-01"), 2, "not both"),
        (("--since", "2020-01-01"), 3, "AWS keeps 90 days"),
        (("--region", "Mars"), 3, "region: 'Mars'"),
        (("--customer", "nobody"), 1, "no customer is called 'nobody'"),
    ],
)
def test_wrong_words_and_bad_input_have_exit_codes_of_their_own(cli, words, code, message):
    answer = cli("prices", "fetch", *words)

    assert answer.code == code
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_customer_is_read_through_its_role(cli, scenario, monkeypatch):
    """This machine's own key no longer works: the customer's is used."""
    monkeypatch.setenv("CUSTOMER_AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    added = cli(
        "customer",
        "add",
        "Acme",
        "--role-arn",
        ROLE_ARN,
        "--external-id",
        scenario.external_id,
        "--region",
        "us-east-1",
        "--endpoint-url",
        os.environ["AWS_ENDPOINT_URL"],
        "--access-key-id",
        OPERATOR_KEY,
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODYKNOWSIT000")

    fetched = cli("instance-types", "fetch", "--customer", "Acme", "--format", "json")

    assert added.code == 0
    assert json.loads(fetched.stdout)["rows_new"] == 72


def test_the_advisor_is_fetched_once_and_then_unchanged(cli):
    first = cli("advisor", "fetch")
    second = cli("advisor", "fetch", "--format", "json")

    assert "new" in first.stdout
    assert json.loads(second.stdout)["is_unchanged"] is True
    assert (first.code, second.code) == (0, 0)


def test_the_price_list_is_fetched_by_region(cli):
    answer = cli("on-demand", "fetch", "--region", "us-east-1", "--region", "eu-west-1")
    again = cli("on-demand", "fetch", "--region", "us-east-1")

    assert answer.code == 0
    assert answer.stdout.count("done") == 2
    assert "unchanged" in again.stdout


def test_a_region_that_the_price_list_does_not_have_fails(cli):
    answer = cli("on-demand", "fetch", "--region", "cn-north-1", "--format", "json")

    assert answer.code == 1
    assert json.loads(answer.stdout)["regions"][0]["report"] is None
    assert "no region cn-north-1" in answer.stderr


def test_a_price_list_on_disk_is_imported_too(cli, tmp_path):
    path = tmp_path / "index.csv"
    url = os.environ["PRICE_LIST_URL"] + f"{OFFERS_PATH}AmazonEC2/current/us-east-1/index.csv"
    with PublicFiles() as files:
        path.write_bytes(files.fetch(url, most_bytes=1 << 24).path.read_bytes())

    answer = cli("on-demand", "import", path)

    assert answer.code == 0
    assert re.search(r"it is for a dedicated instance or host +\d+", answer.stdout)


def test_instance_types_are_fetched(cli):
    answer = cli("instance-types", "fetch")

    assert answer.code == 0
    assert re.search(r"new +72", answer.stdout)


@pytest.mark.parametrize("words", [("prices", "fetch"), ("instance-types", "fetch")])
def test_a_database_for_real_accounts_takes_nothing_pretended(cli, monkeypatch, tmp_path, words):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'real.db'}")
    monkeypatch.setenv("DATABASE_KIND", "real")

    answer = cli(*words)

    assert answer.code == 3
    assert "this database is for real accounts" in answer.stderr
