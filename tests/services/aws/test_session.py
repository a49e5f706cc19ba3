"""Sessions: the role, its renewal, retries, and what is said when nothing helps."""

import socket
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sandbox.aws.faults import Fault
from sandbox.aws.identity import Policy
from sandbox.aws.scenario import ADMIN_KEY, CUSTOMER_ACCOUNT, ROLE_ARN, SECRET_KEY
from sandbox.aws.server import AwsServer
from services.aws.access import AwsAccess
from services.aws.errors import (
    BadAnswerError,
    ClockSkewError,
    ExpiredCredentialsError,
    NoCredentialsError,
    PermissionDeniedError,
    RequestRefusedError,
    RoleRefusedError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
    WrongCredentialsError,
    clock_skew,
)
from services.aws.session import AwsOptions, open_account, parse_time
from tests.pretend_aws import NOW, a_scenario, an_access, fail

REGIONS = "describe_availability_zones"


def test_the_role_is_assumed_with_the_external_id(aws_account):
    assert aws_account.account_id == CUSTOMER_ACCOUNT


def test_without_a_role_the_key_itself_is_used(aws_access):
    access = AwsAccess(
        region=aws_access.region,
        endpoint_url=aws_access.endpoint_url,
        access_key_id=ADMIN_KEY,
        secret_access_key=SECRET_KEY,
    )

    with open_account(access) as account:
        arn = account.call("sts", "get_caller_identity")["Arn"]

    assert arn == f"arn:aws:iam::{CUSTOMER_ACCOUNT}:user/admin"


def test_standard_settings_are_honoured_where_none_are_given(aws_server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ADMIN_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)

    with open_account(AwsAccess(region="us-east-1")) as account:
        assert account.account_id == CUSTOMER_ACCOUNT


@pytest.mark.parametrize("external_id", ["guessed", None])
def test_a_wrong_or_missing_external_id_says_what_to_compare(aws_access, external_id):
    wrong = msgspec.structs.replace(aws_access, external_id=external_id)

    with open_account(wrong) as account, pytest.raises(RoleRefusedError) as caught:
        account.call("ec2", REGIONS)

    assert ROLE_ARN in str(caught.value)
    assert "deploy/aws/trust-policy.json" in str(caught.value)


def test_an_unknown_access_key_is_named_as_the_cause(aws_access):
    wrong = msgspec.structs.replace(aws_access, access_key_id="AKIANOBODYKNOWSIT000")

    with open_account(wrong) as account, pytest.raises(WrongCredentialsError, match="access key"):
        account.call("ec2", REGIONS)


def test_a_machine_without_credentials_says_how_to_give_some(aws_server, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    access = AwsAccess(region="us-east-1", endpoint_url=aws_server.url)

    with open_account(access) as account, pytest.raises(NoCredentialsError, match="AWS_PROFILE"):
        account.call("ec2", REGIONS)


@pytest.mark.parametrize("service", ["ec2", "autoscaling"])
def test_a_session_that_ends_early_is_opened_anew(aws_scenario, aws_account, service):
    """EC2 says RequestExpired, Auto Scaling ExpiredToken."""
    operation = {"ec2": REGIONS, "autoscaling": "describe_auto_scaling_groups"}[service]
    aws_account.call(service, operation)

    aws_scenario.cloud.identity.expire_sessions()

    assert aws_account.call(service, operation)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_pages_go_on_when_the_session_ends_between_them(aws_scenario, aws_account):
    """49 instances, in pages of at most 20."""
    pages = aws_account.pages("ec2", "describe_instances", MaxResults=20)
    seen = [next(pages)]
    aws_scenario.cloud.identity.expire_sessions()
    seen += list(pages)

    found = [one for page in seen for each in page["Reservations"] for one in each["Instances"]]
    assert len(seen) == 3
    assert len({one["InstanceId"] for one in found}) == len(found) == 49


def test_credentials_that_nobody_can_renew_are_expired(aws_access, aws_scenario):
    access = msgspec.structs.replace(aws_access, role_arn=None, access_key_id=ADMIN_KEY)
    fail(aws_scenario, Fault(service="ec2", code="RequestExpired"))

    with open_account(access) as account, pytest.raises(ExpiredCredentialsError, match="sign in"):
        account.call("ec2", REGIONS)


def test_two_failures_are_survived_with_growing_waits(aws_scenario, aws_account, aws_waits):
    """The first wait is 0.5 s less at most half of it, the second twice that."""
    fail(aws_scenario, Fault(action="DescribeAvailabilityZones", code="Throttling", times=2))

    zones = aws_account.call("ec2", REGIONS)["AvailabilityZones"]

    assert len(zones) == 6
    assert len(aws_waits) == 2
    assert 0.25 <= aws_waits[0] <= 0.5 <= aws_waits[1] <= 1.0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(code="RequestLimitExceeded"), ThrottledError),
        (Fault(code="InternalError"), UnavailableError),
        (Fault(drop=True), UnreachableError),
        (Fault(truncate_after_bytes=200), BadAnswerError),
    ],
)
def test_the_third_failure_is_told(aws_scenario, aws_account, aws_waits, fault, expected):
    fault.action = "DescribeAvailabilityZones"
    fail(aws_scenario, fault)

    with pytest.raises(expected, match="in us-east-1"):
        aws_account.call("ec2", REGIONS)

    assert aws_scenario.cloud.faults.hits == 3
    assert len(aws_waits) == 2


def test_a_denied_action_is_named_with_the_policy_that_grants_it(aws_scenario, aws_account):
    only_volumes = Policy(allow=("ec2:DescribeVolumes",))
    aws_scenario.cloud.identity.set_policy(ROLE_ARN, only_volumes)

    with pytest.raises(PermissionDeniedError) as caught:
        aws_account.call("ec2", "describe_instances")

    assert caught.value.action == "ec2:DescribeInstances"
    assert "deploy/aws/iam-policy.json" in str(caught.value)


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestInTheFuture"])
def test_a_wrong_clock_is_told_as_such(aws_scenario, aws_account, code):
    fail(aws_scenario, Fault(service="ec2", code=code))

    with pytest.raises(ClockSkewError, match="NTP"):
        aws_account.call("ec2", REGIONS)


def test_the_skew_is_how_far_we_are_ahead():
    """08:00:00 here, 07:59:30 in the answer."""
    headers = {"date": "Thu, 15 Jan 2099 07:59:30 GMT"}

    assert clock_skew(headers, NOW) == timedelta(seconds=30)
    assert clock_skew({}, NOW) is None
    assert clock_skew({"date": "yesterday"}, NOW) is None


def test_a_session_is_renewed_before_it_ends():
    """Sessions of one hour; with AWS's clock 50 minutes behind, ours gives each 10 minutes."""
    scenario = a_scenario(datetime.now(UTC) - timedelta(minutes=50))
    with AwsServer(scenario.cloud) as server, open_account(an_access(scenario, server.url)) as one:
        first = one.call("sts", "get_caller_identity")
        keys = {one.signed_with().get_credentials().access_key for _ in range(2)}

    assert first["Account"] == CUSTOMER_ACCOUNT
    assert len(keys) == 2


def test_a_session_that_is_over_before_it_began_tells_of_the_clock():
    """AWS's clock two hours behind: an hour's session ended an hour ago by ours."""
    scenario = a_scenario(datetime.now(UTC) - timedelta(hours=2))
    with (
        AwsServer(scenario.cloud) as server,
        open_account(an_access(scenario, server.url)) as one,
        pytest.raises(ClockSkewError, match="far ahead"),
    ):
        one.call("ec2", REGIONS)


def test_an_address_where_nobody_listens_is_unreachable(aws_access):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    access = msgspec.structs.replace(aws_access, endpoint_url=url, role_arn=None)
    options = AwsOptions(pause=lambda seconds: None)

    with open_account(access, options) as account, pytest.raises(UnreachableError, match="network"):
        account.call("ec2", REGIONS)


def test_an_answer_that_does_not_come_ends_with_the_time_out(aws_access, aws_scenario):
    fail(aws_scenario, Fault(action="DescribeAvailabilityZones", delay_seconds=1.5, times=1))
    options = AwsOptions(attempts=1, timeout_seconds=0.5)

    with open_account(aws_access, options) as account, pytest.raises(UnreachableError):
        account.call("ec2", REGIONS)


def test_a_refusal_of_another_kind_is_repeated_as_aws_words_it(aws_account):
    with pytest.raises(RequestRefusedError, match="InvalidParameterValue"):
        aws_account.call("ec2", "describe_instances", MaxResults=1)


@pytest.mark.parametrize(
    "text",
    [
        "2099-01-15T08:00:00.000Z",
        "2099-01-15T08:00:00Z",
        "2099-01-15T09:00:00+01:00",
        "20990115T080000Z",
        "Thu, 15 Jan 2099 08:00:00 GMT",
        4072147200,
        4072147200.0,
        "4072147200",
    ],
)
def test_times_of_all_protocols_are_understood(text):
    """15 January 2099 is 47,131 days and 8 hours after 1970: 47,131 x 86,400 + 28,800."""
    assert parse_time(text) == NOW


def test_secrets_show_nowhere(aws_access):
    with open_account(aws_access) as account:
        shown = f"{aws_access!r} {aws_access} {account!r} {account.__dict__}"

    assert SECRET_KEY not in shown
    assert aws_access.external_id not in shown
