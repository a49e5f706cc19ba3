"""Tokens for EKS: the form that the cluster's authenticator takes apart."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.aws.scenario import ADMIN_KEY, SECRET_KEY
from services.aws.access import AwsAccess
from services.aws.eks import eks_token
from services.aws.errors import NoCredentialsError, RoleRefusedError
from services.aws.session import open_account
from tests.pretend_aws import an_access


def taken_apart(token):
    """The address inside, and its parameters."""
    prefix, _, encoded = token.partition(".")
    assert prefix == "k8s-aws-v1"
    assert "=" not in encoded
    address = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    parts = urlsplit(address)
    return parts, {name: value[0] for name, value in parse_qs(parts.query).items()}


def test_the_token_is_a_presigned_call_that_names_the_cluster():
    access = AwsAccess(region="eu-west-1", access_key_id=ADMIN_KEY, secret_access_key=SECRET_KEY)

    with open_account(access) as account:
        parts, query = taken_apart(eks_token(account, "shop-prod"))

    assert (
        f"{parts.scheme}://{parts.hostname}{parts.path}" == "https://sts.eu-west-1.amazonaws.com/"
    )
    assert (query["Action"], query["Version"]) == ("GetCallerIdentity", "2011-06-15")
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"
    assert query["X-Amz-Expires"] == "60"
    assert query["X-Amz-Credential"].startswith(f"{ADMIN_KEY}/")
    assert "eu-west-1/sts/aws4_request" in query["X-Amz-Credential"]


def test_another_cluster_gets_another_signature():
    """The header is signed, so a token for one cluster is refused by another."""
    access = AwsAccess(region="eu-west-1", access_key_id=ADMIN_KEY, secret_access_key=SECRET_KEY)

    with open_account(access) as account:
        signatures = {
            taken_apart(eks_token(account, name))[1]["X-Amz-Signature"] for name in ("a", "b")
        }

    assert len(signatures) == 2


def test_the_token_carries_the_role_s_session(aws_account):
    _, query = taken_apart(eks_token(aws_account, "shop-prod"))

    assert query["X-Amz-Credential"].startswith("ASIA")
    assert query["X-Amz-Security-Token"]


def test_a_role_that_is_refused_says_so(aws_scenario, aws_server):
    access = an_access(aws_scenario, aws_server.url)
    aws_scenario.cloud.identity.set_policy(access.access_key_id, _nothing())

    with open_account(access) as account, pytest.raises(RoleRefusedError):
        eks_token(account, "shop-prod")


def test_without_credentials_there_is_no_token(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with open_account(AwsAccess(region="us-east-1")) as one, pytest.raises(NoCredentialsError):
        eks_token(one, "shop-prod")


def _nothing():
    from sandbox.aws.identity import Policy

    return Policy(allow=())
