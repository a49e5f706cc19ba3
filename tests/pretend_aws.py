"""A pretend AWS account for tests of what reads one: fixtures, and what they ask again and again.

A conftest imports the fixtures it wants. The account's time stands still unless a test moves it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sandbox.aws.cloud import Clock, Cloud
from sandbox.aws.faults import Fault
from sandbox.aws.scenario import (
    CUSTOMER_ACCOUNT,
    OPERATOR_ACCOUNT,
    OPERATOR_KEY,
    REGION,
    ROLE_ARN,
    SECRET_KEY,
    Scenario,
    open_scenario,
)
from sandbox.aws.server import AwsServer
from services.aws.access import AwsAccess
from services.aws.session import AwsAccount, AwsOptions, open_account

NOW = datetime(2099, 1, 15, 8, 0, tzinfo=UTC)  # sessions must not be over by the real clock

Waits = list[float]
"""The pauses that were asked for, in seconds; none of them was made."""


def a_scenario(now: datetime = NOW) -> Scenario:
    """The seeded account: forty nodes in node groups, leftovers, a queue."""
    clock = Clock(now.timestamp(), speed=0)
    accounts = (CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT)
    return open_scenario(7, cloud=Cloud(seed=7, account_ids=accounts, clock=clock))


@pytest.fixture
def aws_scenario() -> Scenario:
    """The seeded account at ``NOW``."""
    return a_scenario()


@pytest.fixture
def aws_server(aws_scenario: Scenario) -> Iterator[AwsServer]:
    """The account behind HTTP on loopback."""
    with AwsServer(aws_scenario.cloud) as running:
        yield running


@pytest.fixture
def aws_access(aws_scenario: Scenario, aws_server: AwsServer) -> AwsAccess:
    """How CloudOptim reaches the account."""
    return an_access(aws_scenario, aws_server.url)


def an_access(scenario: Scenario, url: str) -> AwsAccess:
    """CloudOptim's own key, the customer's role, the external id."""
    return AwsAccess(
        region=REGION,
        role_arn=ROLE_ARN,
        external_id=scenario.external_id,
        endpoint_url=url,
        access_key_id=OPERATOR_KEY,
        secret_access_key=SECRET_KEY,
    )


@pytest.fixture
def aws_waits() -> Waits:
    """What calls of ``aws_account`` would have waited."""
    return []


@pytest.fixture
def aws_account(aws_access: AwsAccess, aws_waits: Waits) -> Iterator[AwsAccount]:
    """The account, opened for reading; a call is attempted three times, without waiting."""
    with open_account(aws_access, AwsOptions(timeout_seconds=5, pause=aws_waits.append)) as one:
        yield one


def fail(scenario: Scenario, *faults: Fault) -> None:
    """Put faults in force, in place of earlier ones."""
    scenario.cloud.faults.set(list(faults))
