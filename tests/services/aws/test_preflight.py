"""The preflight against the pretend account: what is held, missing, too much, and said."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sandbox.aws.faults import Fault
from sandbox.aws.identity import Policy
from sandbox.aws.scenario import CUSTOMER_ACCOUNT, QUEUE, REGION, ROLE_ARN
from services.aws.permissions import ACTIONS
from services.aws.preflight import preflight_aws
from services.aws.session import AwsOptions, open_account
from services.findings import FindingState
from tests.pretend_aws import fail
from tests.services.aws.test_permissions import POLICY, listed, statements


@pytest.fixture
def queue_url(aws_scenario, aws_server):
    return aws_scenario.queue_url(aws_server.url)


@pytest.fixture
def shipped(aws_scenario):
    """The role carries the policy that is shipped, and nothing else."""
    granted = tuple(action for one in statements() for action in listed(one["Action"]))
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(allow=granted))
    return granted


def preflight(account, queue_url, at=None):
    found = preflight_aws(account, queue_url=queue_url, at=at or datetime.now(UTC))
    return {one.check: one for one in found}


def test_with_the_shipped_policy_everything_is_held(shipped, aws_account, queue_url):
    found = preflight(aws_account, queue_url)

    assert {one.state for one in found.values()} == {FindingState.HELD}
    assert set(found) == {"aws: enter the account", "aws: clock"} | {
        f"aws: {action}" for action in ACTIONS
    }
    assert CUSTOMER_ACCOUNT in found["aws: enter the account"].message
    assert {one.remedy for one in found.values()} == {""}
    assert all(one.needed_for for one in found.values())


@pytest.mark.parametrize("taken", [ACTIONS[first::4] for first in range(4)])
def test_actions_that_are_taken_away_are_missing_with_their_remedy(
    aws_scenario, shipped, aws_account, queue_url, taken
):
    """Every fourth of the table at a time: each of them is taken away once."""
    left = tuple(one for one in shipped if one not in taken)
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(allow=left))

    found = preflight(aws_account, queue_url)

    missing = {one.check: one for one in found.values() if one.state is FindingState.MISSING}
    assert set(missing) == {f"aws: {action}" for action in taken}
    for action in taken:
        assert missing[f"aws: {action}"].remedy == (
            f"attach the policy in deploy/aws/iam-policy.json to the role, which grants {action}"
        )
    assert FindingState.FAILED not in {one.state for one in found.values()}


def test_nothing_is_changed_and_no_message_is_taken(aws_scenario, shipped, aws_account, queue_url):
    cloud = aws_scenario.cloud
    cloud.send(CUSTOMER_ACCOUNT, REGION, QUEUE, json.dumps({"a": "warning"}))
    instances = {one.instance_id: (one.state, one.tags) for one in aws_scenario.nodes()}
    volumes = len(cloud.backend("ec2", CUSTOMER_ACCOUNT, REGION).volumes)

    preflight(aws_account, queue_url)

    [message] = cloud.backend("sqs", CUSTOMER_ACCOUNT, REGION).queues[QUEUE].messages
    assert message.approximate_receive_count == 0
    assert {one.instance_id: (one.state, one.tags) for one in aws_scenario.nodes()} == instances
    assert len(cloud.backend("ec2", CUSTOMER_ACCOUNT, REGION).volumes) == volumes


def test_a_wide_policy_is_told_as_more_than_is_needed(aws_scenario, aws_account, queue_url):
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy())

    found = preflight(aws_account, queue_url)

    too_much = {one.check for one in found.values() if one.state is FindingState.SUPERFLUOUS}
    assert too_much == {"aws: ec2:StopInstances", "aws: ec2:CreateVpc"}
    assert "replace the role's policy" in found["aws: ec2:CreateVpc"].remedy


def test_without_instance_profile_permission_cannot_be_told_where_launches_are_denied(
    aws_scenario, shipped, aws_account, queue_url
):
    left = tuple(one for one in shipped if one != "ec2:RunInstances")
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, Policy(allow=left))

    found = preflight(aws_account, queue_url)

    assert found["aws: iam:PassRole"].state is FindingState.WARNING
    assert "lacks ec2:RunInstances" in found["aws: iam:PassRole"].message


def test_a_wrong_external_id_is_the_only_finding(aws_access, queue_url):
    wrong = msgspec.structs.replace(aws_access, external_id="guessed")

    with open_account(wrong) as account:
        found = preflight(account, queue_url)

    [refused] = found.values()
    assert refused.state is FindingState.MISSING
    assert "trust-policy.json" in refused.remedy


def test_an_account_that_cannot_be_reached_is_the_only_finding(aws_access, aws_scenario):
    fail(aws_scenario, Fault(drop=True))
    options = AwsOptions(attempts=1, timeout_seconds=2)

    with open_account(aws_access, options) as account:
        found = preflight(account, None)

    [unreachable] = found.values()
    assert unreachable.state is FindingState.FAILED
    assert "network" in unreachable.remedy


def test_without_a_queue_warnings_are_missed_and_it_says_so(shipped, aws_account):
    found = preflight(aws_account, None)

    assert found["aws: queue of warnings"].state is FindingState.WARNING
    assert "aws: sqs:ReceiveMessage" not in found


def test_a_queue_that_is_gone_is_missing(shipped, aws_account, queue_url):
    found = preflight(aws_account, f"{queue_url}-of-yesterday")

    assert found["aws: sqs:GetQueueAttributes"].state is FindingState.MISSING
    assert "does not exist" in found["aws: sqs:GetQueueAttributes"].message


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (-55, FindingState.HELD),
        (55, FindingState.HELD),
        (65, FindingState.WARNING),
        (-65, FindingState.WARNING),
        (290, FindingState.WARNING),
        (310, FindingState.FAILED),
        (-310, FindingState.FAILED),
    ],
)
def test_a_clock_is_judged_by_the_minute(shipped, aws_account, queue_url, seconds, state):
    """The server's Date has whole seconds, and the calls take some: five to spare at each limit."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)

    clock = preflight(aws_account, queue_url, at)["aws: clock"]

    assert clock.state is state
    assert (clock.remedy == "") is (state is FindingState.HELD)


def test_throttling_is_a_failed_check_not_a_missing_permission(
    aws_scenario, shipped, aws_account, queue_url
):
    fail(aws_scenario, Fault(action="DeleteVolume", code="RequestLimitExceeded"))

    found = preflight(aws_account, queue_url)

    assert found["aws: ec2:DeleteVolume"].state is FindingState.FAILED
    assert "throttling" in found["aws: ec2:DeleteVolume"].message
    assert POLICY.exists()
