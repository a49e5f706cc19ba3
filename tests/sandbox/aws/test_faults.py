"""Faults on demand, as boto3 meets them."""

import time

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from sandbox.aws.faults import Fault
from sandbox.aws.offers import ADVISOR_PATH
from sandbox.aws.scenario import ADMIN_KEY, SECRET_KEY
from tests.sandbox.aws.asking import a_launch, instances_of, launched_ids, refusal


@pytest.fixture
def set_faults(http):
    return lambda *rules: http.post("faults", list(rules))


@pytest.mark.parametrize(
    ("service", "operation", "rule", "expected"),
    [
        (
            "ec2",
            "describe_instances",
            {"code": "RequestLimitExceeded"},
            ("RequestLimitExceeded", 503),
        ),
        ("ec2", "describe_instances", {"code": "InternalError"}, ("InternalError", 500)),
        ("ec2", "describe_instances", {"code": "Unavailable"}, ("Unavailable", 503)),
        ("ec2", "describe_instances", {"status": 429}, ("Throttling", 429)),
        ("ec2", "describe_instances", {"code": "Odd", "status": 418}, ("Odd", 418)),
        (
            "autoscaling",
            "describe_auto_scaling_groups",
            {"code": "Throttling"},
            ("Throttling", 400),
        ),
        (
            "autoscaling",
            "describe_auto_scaling_groups",
            {"code": "ServiceUnavailable"},
            ("ServiceUnavailable", 503),
        ),
        ("sqs", "list_queues", {"code": "ThrottlingException"}, ("ThrottlingException", 400)),
        ("sqs", "list_queues", {"code": "ExpiredToken"}, ("ExpiredToken", 403)),
        ("sts", "get_caller_identity", {"code": "ExpiredToken"}, ("ExpiredToken", 403)),
    ],
)
def test_an_error_is_told_as_the_service_tells_it(
    clients, set_faults, service, operation, rule, expected
):
    set_faults({"service": service, **rule})

    assert refusal(getattr(clients.make(service), operation)) == expected


def test_a_rule_hits_its_action_only(ec2, set_faults):
    set_faults({"service": "ec2", "action": "Describe*Volumes", "code": "InternalError"})

    assert instances_of(ec2.describe_instances())
    assert refusal(ec2.describe_volumes) == ("InternalError", 500)


def test_a_rule_skips_then_hits_then_is_over(ec2, http, set_faults):
    set_faults({"action": "DescribeVolumes", "code": "InternalError", "skip": 1, "times": 2})

    seen = []
    for _ in range(4):
        try:
            ec2.describe_volumes()
            seen.append("fine")
        except ec2.exceptions.ClientError as error:
            seen.append(error.response["Error"]["Code"])

    assert seen == ["fine", "InternalError", "InternalError", "fine"]
    assert http.get("/_sandbox/faults").json()["hits"] == 2


def test_boto3_gets_over_two_throttled_attempts_by_itself(server, set_faults, clients):
    set_faults({"action": "DescribeVolumes", "code": "RequestLimitExceeded", "times": 2})
    patient = clients._session.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=ADMIN_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
    )

    answer = patient.describe_volumes()
    patient.close()

    assert answer["Volumes"]
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


def test_a_slow_answer_comes_late(ec2, set_faults):
    set_faults({"action": "DescribeVolumes", "delay_seconds": 0.3})
    started = time.monotonic()

    assert ec2.describe_volumes()["Volumes"]

    assert time.monotonic() - started >= 0.3


def test_an_answer_that_is_too_slow_times_out(server, set_faults, clients):
    set_faults({"action": "DescribeVolumes", "delay_seconds": 1.0})
    hasty = clients._session.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id=ADMIN_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(read_timeout=0.2, retries={"total_max_attempts": 1, "mode": "standard"}),
    )

    with pytest.raises(ReadTimeoutError):
        hasty.describe_volumes()
    hasty.close()


def test_a_cut_answer_is_an_error_and_not_half_a_list(ec2, set_faults):
    set_faults({"action": "DescribeVolumes", "truncate_after_bytes": 500})

    with pytest.raises(ResponseParserError):
        ec2.describe_volumes()


def test_a_dropped_connection_is_an_error(ec2, set_faults):
    set_faults({"action": "DescribeVolumes", "drop": True})

    with pytest.raises((ConnectionClosedError, EndpointConnectionError, HTTPClientError)):
        ec2.describe_volumes()


def test_a_launch_whose_answer_was_lost_is_found_again_by_its_token(scenario, ec2, set_faults):
    """The worst fault: it was done, and nobody was told."""
    set_faults({"action": "RunInstances", "drop": True, "after": True, "times": 1})
    asked = a_launch(scenario, ClientToken="step-1")
    before = len(instances_of(ec2.describe_instances()))
    with pytest.raises(HTTPClientError):
        ec2.run_instances(**asked)

    ids = launched_ids(ec2.run_instances(**asked))

    assert len(ids) == 1
    assert len(instances_of(ec2.describe_instances())) == before + 1


def test_faults_meet_public_files_too(http, set_faults):
    set_faults({"service": "offers", "action": ADVISOR_PATH, "status": 503, "times": 1})

    assert http.get(ADVISOR_PATH).status == 503
    assert http.get(ADVISOR_PATH).status == 200


def test_faults_meet_one_access_key_alone(scenario, clients, set_faults):
    set_faults({"access_key": ADMIN_KEY, "code": "InternalError"})

    assert refusal(clients.make("ec2").describe_volumes) == ("InternalError", 500)
    assert clients.of_role("ec2", scenario.external_id).describe_volumes()["Volumes"]


def test_capacity_is_set_over_http(scenario, ec2, http):
    http.post("capacity", [{"instance_type": "m5.*", "code": "VcpuLimitExceeded"}])

    assert refusal(ec2.run_instances, **a_launch(scenario)) == ("VcpuLimitExceeded", 400)


def test_policies_and_sessions_are_changed_over_http(scenario, clients, http):
    autoscaling = clients.of_role("autoscaling", scenario.external_id)
    http.post("policy", {"subject": ADMIN_KEY, "deny": ["ec2:*"]})
    http.post("sessions", {"expired": True})

    assert refusal(clients.make("ec2").describe_volumes) == ("UnauthorizedOperation", 403)
    assert refusal(autoscaling.describe_auto_scaling_groups) == ("ExpiredToken", 403)


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("faults", {"code": "x"}, 400),
        ("faults", [{"colour": "blue"}], 400),
        ("interrupt", {"instance_id": "i-0"}, 400),
        ("policy", {"subject": "nobody"}, 400),
        ("weather", {}, 404),
    ],
)
def test_the_control_endpoint_says_what_it_did_not_understand(http, what, body, status):
    answered, told = http.try_post(what, body)

    assert answered == status
    assert told["error"]


def test_control_lists_the_instances(scenario, http):
    listed = http.get("/_sandbox/instances").json()

    assert set(scenario.node_ids) <= {one["instance_id"] for one in listed}


def test_a_fault_without_code_has_that_of_its_status():
    assert Fault(status=503).error().code == "RequestLimitExceeded"
    assert Fault(status=500).error().code == "InternalError"
