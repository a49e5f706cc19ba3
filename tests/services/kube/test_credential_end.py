"""The end of a credential is told before it comes."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.findings import FindingState
from services.kube.access import BearerToken, ClientCertificate, EksToken, RenewedToken
from services.kube.credential_end import end_finding, ends_at
from services.kube.preflight import preflight_kubernetes
from tests.services.kube.builders import AT, connected
from tests.services.kube.servers import RawServer, a_certificate, answering


def a_web_token(claims):
    """A JSON web token as a service account's, with a signature that nobody looks at."""
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts]
    return ".".join([*(one.rstrip("=") for one in encoded), "c2lnbmVk"])


def test_a_web_token_tells_its_end():
    """1,800,000,000 s after 1970 is 2027-01-15 08:00 UTC."""
    assert ends_at(BearerToken(token=a_web_token({"exp": 1_800_000_000}))) == AT


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "k8s-aws-v1.aHR0cHM",
        "a.b.c",
        "a.%%%.c",
        a_web_token({}),
        a_web_token({"exp": "soon"}),
        a_web_token({"exp": -1}),
        a_web_token({"exp": 1e300}),
        a_web_token([]),
    ],
)
def test_a_token_that_tells_no_end_has_none(token):
    assert ends_at(BearerToken(token=token)) is None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_any_token_has_an_end_or_none(token):
    end = ends_at(BearerToken(token=token))

    assert end is None or end.tzinfo is not None


def test_a_client_certificate_tells_its_end():
    pair = a_certificate(days=30)
    credential = ClientCertificate(certificate_pem=pair.certificate, key_pem=pair.key)

    left = ends_at(credential) - datetime.now(UTC)

    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    "credential",
    [
        EksToken(cluster_name="prod"),
        RenewedToken(token="t", namespace="n", service_account="s", expires_at=AT),
    ],
)
def test_what_is_renewed_has_no_end(credential):
    assert ends_at(credential) is None


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(days=7, seconds=1), FindingState.HELD),
        (timedelta(days=7), FindingState.WARNING),
        (timedelta(days=-1), FindingState.WARNING),
    ],
)
def test_a_week_before_its_end_a_credential_is_a_warning(left, state):
    finding = end_finding(AT + left, at=AT)

    assert finding.state is state
    assert bool(finding.remedy) == (state is FindingState.WARNING)


def test_the_preflight_tells_the_end():
    token = BearerToken(token=a_web_token({"exp": 1_800_086_400}))
    body = json.dumps(
        {"gitVersion": "v1.36.2", "status": {"userInfo": {"username": "me"}, "allowed": True}}
    )

    with RawServer(answering(body.encode())) as server, connected(server.url, token) as opened:
        found = {one.check: one for one in preflight_kubernetes(opened, at=AT)}

    finding = found["kubernetes: credential lasts"]
    assert finding.message == "the credential ends on 2027-01-16 at 08:00 UTC"
    assert finding.state is FindingState.WARNING
