"""Tokens that end: EKS tokens of fifteen minutes, TokenRequest tokens that renew themselves."""

from datetime import timedelta

import pytest

from sandbox.kube.faults import Fault
from services.errors import ConfigurationError, InvalidInputError
from services.findings import FindingState
from services.kube.access import EksToken, KubeAccess, RenewedToken
from services.kube.connection import open_connection
from services.kube.errors import BrokenAnswerError, UnauthorizedError
from services.kube.reading import read_cluster
from services.kube.tokens import EksTokens
from tests.sandbox.kube.builders import Caller
from tests.services.kube.builders import AT, options
from tests.services.kube.servers import RawServer, answering

ACCOUNT = "/api/v1/namespaces/default/serviceaccounts"


def test_an_eks_token_is_used_for_ten_minutes():
    """Good for 15 minutes, so at 600 s a new one is made, at 599 s not yet."""
    made, now = [], [0.0]
    tokens = EksTokens(lambda: made.append(now[0]) or f"token-{len(made)}", lambda: now[0])

    shown = []
    for moment in (0.0, 599.0, 600.0, 1199.0, 1200.0):
        now[0] = moment
        shown.append(tokens.current())

    assert shown == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_an_eks_token_that_no_header_can_carry_is_refused():
    with pytest.raises(InvalidInputError, match="Kubernetes token"):
        EksTokens(lambda: "a\nb", lambda: 0.0).current()


def test_a_connection_asks_for_the_token_of_its_cluster():
    access = KubeAccess(endpoint="http://127.0.0.1:1", credential=EksToken(cluster_name="prod"))

    with RawServer(answering(b"{}")) as server:
        access = KubeAccess(endpoint=server.url, credential=EksToken(cluster_name="prod"))
        with open_connection(access, options(), eks_token=lambda name: f"k8s-{name}") as opened:
            opened.get("/version")

    assert b"Bearer k8s-prod" in server.heads[0]


def test_without_an_account_to_make_eks_tokens_there_is_no_connection():
    access = KubeAccess(endpoint="https://host", credential=EksToken(cluster_name="prod"))

    with pytest.raises(ConfigurationError, match="no AWS account to make one"):
        open_connection(access, options())


def test_a_refused_eks_token_says_what_eks_wants(server):
    access = KubeAccess(endpoint=server.url, credential=EksToken(cluster_name="prod"))

    with (
        open_connection(access, options(), eks_token=lambda name: "wrong") as opened,
        pytest.raises(UnauthorizedError) as refused,
    ):
        opened.get("/version")

    assert "EKS access entry" in refused.value.next_step


@pytest.fixture
def account(cluster):
    """The token of a service account that may do everything, for an hour from 08:00."""
    admin = Caller(cluster)
    admin("POST", ACCOUNT, {"metadata": {"name": "cloudoptim"}})
    binding = {
        "metadata": {"name": "all"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "all",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "cloudoptim", "namespace": "default"}],
    }
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    admin("POST", f"{rbac}/clusterroles", {"metadata": {"name": "all"}, "rules": [rule]})
    admin("POST", f"{rbac}/clusterrolebindings", binding)
    status, issued = admin("POST", f"{ACCOUNT}/cloudoptim/token", {"spec": {}})
    assert status == 201
    return issued["status"]["token"]


def renewing(server, token, *, ends_in, renewed=None):
    credential = RenewedToken(
        token=token, namespace="default", service_account="cloudoptim", expires_at=AT + ends_in
    )
    access = KubeAccess(endpoint=server.url, credential=credential)
    on_renewed = None if renewed is None else renewed.append
    return open_connection(access, options(now=lambda: AT), on_renewed=on_renewed)


@pytest.mark.parametrize(
    ("ends_in", "is_renewed"),
    [(timedelta(hours=12, seconds=1), False), (timedelta(hours=12), True)],
)
def test_a_token_is_renewed_when_half_a_day_is_left(server, account, ends_in, is_renewed):
    kept = []

    with renewing(server, account, ends_in=ends_in, renewed=kept) as opened:
        opened.get("/api/v1/nodes")
        opened.get("/api/v1/nodes")

    assert len(kept) == int(is_renewed)


def test_the_renewed_token_is_used_and_given_away_to_be_kept(cluster, server, account):
    """It lasts 24 h from the pretend cluster's 08:00 on."""
    kept = []

    with renewing(server, account, ends_in=timedelta(hours=1), renewed=kept) as opened:
        opened.get("/api/v1/nodes")

        assert opened._token() == kept[0].token != account
    assert kept[0].expires_at == AT + timedelta(hours=24)
    assert kept[0].service_account == "cloudoptim"


def test_a_token_that_cannot_be_renewed_is_used_to_its_end_and_that_is_shown(
    cluster, server, account
):
    cluster.faults.set([Fault(method="POST", path_prefix=ACCOUNT, status=403)])

    with renewing(server, account, ends_in=timedelta(hours=1)) as opened:
        reading = read_cluster(opened, at=AT)

    finding = next(one for one in reading.problems if "renew" in one.check)
    assert finding.state is FindingState.WARNING
    assert "is not allowed (403)" in finding.message
    assert cluster.faults.hits == 1


def test_an_answer_that_is_no_token_is_told():
    with (
        RawServer(answering(b'{"status":{}}', status="201 Created")) as server,
        renewing(server, "old", ends_in=timedelta(0)) as opened,
    ):
        opened.get("/version")

        assert isinstance(opened.renewal_problem, BrokenAnswerError)
    assert b"Bearer old" in server.heads[-1]


def test_a_token_that_has_ended_says_how_to_make_another(cluster, server, account):
    cluster.gate.expire_tokens()

    with (
        renewing(server, account, ends_in=timedelta(0)) as opened,
        pytest.raises(UnauthorizedError) as refused,
    ):
        opened.get("/version")

    assert "kubectl create token" in refused.value.next_step
