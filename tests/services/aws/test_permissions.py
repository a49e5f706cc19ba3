"""The shipped policy grants what the product calls, and nothing else."""

import json
import re
from pathlib import Path

import pytest

from sandbox.aws.scenario import ROLE_ACTIONS
from services.aws.permissions import ACTIONS

ROOT = Path(__file__).resolve().parents[3]
POLICY = ROOT / "deploy" / "aws" / "iam-policy.json"
SPOKEN_OF = re.compile(r"(?:ec2|autoscaling|sqs|iam|kms):[A-Z][A-Za-z]+")


def statements():
    return json.loads(POLICY.read_text())["Statement"]


def listed(value):
    return [value] if isinstance(value, str) else value


def test_the_policy_grants_exactly_the_actions_of_the_table():
    granted = [action for one in statements() for action in listed(one["Action"])]

    assert sorted(granted) == sorted(ACTIONS)
    assert len(set(granted)) == len(granted)


def test_the_policy_has_no_wildcard_in_an_action_and_denies_nothing():
    for one in statements():
        assert one["Effect"] == "Allow"
        assert not any("*" in action for action in listed(one["Action"]))


def test_roles_are_passed_to_ec2_alone_and_queues_are_named():
    by_id = {one["Sid"]: one for one in statements()}

    assert by_id["LaunchWithTheNodesOwnRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}
    }
    assert by_id["ReceiveWarnings"]["Resource"] == "arn:aws:sqs:*:*:cloudoptim-*"


def test_the_trust_policy_asks_for_the_external_id():
    [one] = json.loads((POLICY.parent / "trust-policy.json").read_text())["Statement"]

    assert one["Action"] == "sts:AssumeRole"
    assert one["Condition"] == {"StringEquals": {"sts:ExternalId": "EXTERNAL_ID"}}


def test_the_documentation_names_every_action():
    text = (ROOT / "docs" / "connecting.md").read_text()

    assert set(ACTIONS) <= set(SPOKEN_OF.findall(text))


@pytest.mark.parametrize("action", ACTIONS)
def test_the_pretend_account_grants_what_the_policy_does(action):
    """So that a journey through the sandbox meets no permission that a customer lacks."""
    service = action.partition(":")[0]

    assert action in ROLE_ACTIONS or f"{service}:Describe*" in ROLE_ACTIONS
