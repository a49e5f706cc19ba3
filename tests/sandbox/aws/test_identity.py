"""Keys, the role with its external id, sessions that end, and permissions that are missing."""

import pytest

from sandbox.aws.identity import Policy
from sandbox.aws.scenario import ADMIN_KEY, CUSTOMER_ACCOUNT, OPERATOR_KEY, ROLE_ARN
from tests.sandbox.aws.asking import a_launch, refusal
from tests.sandbox.aws.conftest import NOW

ASSUME = {"RoleArn": ROLE_ARN, "RoleSessionName": "test"}


@pytest.fixture
def operator_sts(clients):
    """STS as CloudOptim itself, before it has assumed any role."""
    return clients.make("sts", key=OPERATOR_KEY)


def test_the_right_external_id_opens_a_session_in_the_customers_account(scenario, clients):
    who = clients.of_role("sts", scenario.external_id).get_caller_identity()

    assert who["Account"] == CUSTOMER_ACCOUNT
    assert who["Arn"] == f"arn:aws:sts::{CUSTOMER_ACCOUNT}:assumed-role/CloudOptim/test"


@pytest.mark.parametrize("external_id", [{"ExternalId": "guessed"}, {}])
def test_a_wrong_or_missing_external_id_is_denied(operator_sts, external_id):
    assert refusal(operator_sts.assume_role, **ASSUME, **external_id) == ("AccessDenied", 403)


def test_a_role_that_does_not_exist_is_denied_alike(scenario, operator_sts):
    asked = ASSUME | {"RoleArn": f"{ROLE_ARN}2", "ExternalId": scenario.external_id}

    assert refusal(operator_sts.assume_role, **asked) == ("AccessDenied", 403)


def test_a_session_lasts_an_hour_to_the_second(scenario, clients):
    credentials = clients.assume(scenario.external_id)
    autoscaling = clients.with_credentials("autoscaling", credentials)

    scenario.cloud.clock.advance(3599)
    assert autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    scenario.cloud.clock.advance(1)

    assert int(credentials["Expiration"].timestamp()) == NOW + 3600
    assert refusal(autoscaling.describe_auto_scaling_groups) == ("ExpiredToken", 403)


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ec2", "describe_instances", ("RequestExpired", 400)),
        ("sqs", "list_queues", ("ExpiredToken", 403)),
        ("sts", "get_caller_identity", ("ExpiredToken", 403)),
    ],
)
def test_each_service_says_in_its_way_that_a_session_is_over(
    scenario, clients, service, operation, expected
):
    client = clients.of_role(service, scenario.external_id)

    scenario.cloud.identity.expire_sessions()

    assert refusal(getattr(client, operation)) == expected


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(899, False), (900, True), (3600, True), (3601, False)]
)
def test_sessions_last_from_fifteen_minutes_to_the_roles_maximum(
    scenario, operator_sts, seconds, is_good
):
    asked = ASSUME | {"ExternalId": scenario.external_id, "DurationSeconds": seconds}

    if is_good:
        expiration = operator_sts.assume_role(**asked)["Credentials"]["Expiration"]
        assert int(expiration.timestamp()) == NOW + seconds
    else:
        code = "ParamValidationError" if seconds < 900 else "ValidationError"
        assert _refused_by(operator_sts.assume_role, asked) == code


def _refused_by(call, asked):
    """botocore itself refuses less than 900 s; the rest is told by the answer."""
    from botocore.exceptions import ParamValidationError

    try:
        return refusal(call, **asked)[0]
    except ParamValidationError:
        return "ParamValidationError"


def test_a_session_key_without_its_token_is_nobody(scenario, clients):
    credentials = clients.assume(scenario.external_id) | {"SessionToken": None}

    ec2 = clients.with_credentials("ec2", credentials)

    assert refusal(ec2.describe_instances) == ("AuthFailure", 401)


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ec2", "describe_instances", ("AuthFailure", 401)),
        ("autoscaling", "describe_auto_scaling_groups", ("InvalidClientTokenId", 403)),
        ("sts", "get_caller_identity", ("InvalidClientTokenId", 403)),
        ("sqs", "list_queues", ("InvalidClientTokenId", 403)),
    ],
)
def test_an_unknown_key_is_refused(clients, service, operation, expected):
    client = clients.make(service, key="AKIANOBODY0000000000")

    assert refusal(getattr(client, operation)) == expected


def test_the_operators_own_key_may_do_nothing_but_assume(clients):
    assert refusal(clients.make("ec2", key=OPERATOR_KEY).describe_instances) == (
        "UnauthorizedOperation",
        403,
    )


def test_the_role_may_do_what_cloudoptim_does_and_no_more(scenario, clients):
    ec2 = clients.of_role("ec2", scenario.external_id)
    asked = {"InstanceIds": [scenario.node_ids[0]]}

    assert refusal(ec2.terminate_instances, DryRun=True, **asked)[0] == "DryRunOperation"
    assert refusal(ec2.stop_instances, DryRun=True, **asked)[0] == "UnauthorizedOperation"


def test_a_denial_names_the_action_and_takes_effect_in_open_sessions(scenario, clients):
    ec2 = clients.of_role("ec2", scenario.external_id)
    scenario.cloud.identity.set_policy(ROLE_ARN, Policy(deny=("ec2:RunInstances",)))

    with pytest.raises(ec2.exceptions.ClientError, match="ec2:RunInstances") as caught:
        ec2.run_instances(**a_launch(scenario))

    assert caught.value.response["Error"]["Code"] == "UnauthorizedOperation"


def test_a_denied_dry_run_is_unauthorized(scenario, ec2):
    scenario.cloud.identity.set_policy(ADMIN_KEY, Policy(deny=("ec2:DeleteVolume",)))
    asked = {"VolumeId": scenario.zombie_volume_ids[0], "DryRun": True}

    assert refusal(ec2.delete_volume, **asked) == ("UnauthorizedOperation", 403)


@pytest.mark.parametrize(
    ("denied", "changes"),
    [
        (
            "ec2:CreateTags",
            {
                "TagSpecifications": [
                    {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}
                ]
            },
        ),
        ("iam:PassRole", {"IamInstanceProfile": {"Name": "node"}}),
    ],
)
def test_a_launch_needs_what_it_does_besides(scenario, ec2, denied, changes):
    scenario.cloud.identity.set_policy(ADMIN_KEY, Policy(deny=(denied,)))

    assert refusal(ec2.run_instances, **a_launch(scenario, DryRun=True))[0] == "DryRunOperation"
    assert refusal(ec2.run_instances, **a_launch(scenario, DryRun=True, **changes)) == (
        "UnauthorizedOperation",
        403,
    )


def test_other_services_deny_by_their_own_code(scenario, asg, sqs, queue):
    denied = Policy(deny=("autoscaling:*", "sqs:ReceiveMessage"))
    scenario.cloud.identity.set_policy(ADMIN_KEY, denied)

    assert refusal(asg.describe_auto_scaling_groups) == ("AccessDenied", 403)
    assert refusal(sqs.receive_message, QueueUrl=queue) == ("AccessDenied", 403)


def test_a_policy_for_nobody_is_an_error(scenario):
    with pytest.raises(ValueError, match="neither an access key nor the ARN of a role: AKIAX"):
        scenario.cloud.identity.set_policy("AKIAX", Policy())
