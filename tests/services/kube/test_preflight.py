"""The preflight's findings, and the shipped role: enough for everything, and not one right more."""

import json
import ssl

import pytest
import yaml

from sandbox.kube import metrics
from sandbox.kube.faults import Fault
from services.findings import FindingState
from services.kube import rbac
from services.kube.access import BearerToken
from services.kube.permissions import CHANGES, GETS, LISTS, SUPERFLUOUS, reading_permissions
from services.kube.preflight import preflight_kubernetes
from services.kube.reading import read_cluster
from tests.conftest import ROOT
from tests.sandbox.kube.builders import Caller, a_node
from tests.services.kube.builders import AT, connected
from tests.services.kube.servers import RawServer, a_certificate, answering

MANIFEST = ROOT / "deploy" / "kubernetes" / "rbac.yaml"
HELD, MISSING = FindingState.HELD, FindingState.MISSING
RBAC = "/apis/rbac.authorization.k8s.io/v1"
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/cloudoptim/serviceaccounts",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
}


def shipped():
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def apply(admin, objects):
    """What `kubectl apply` does, in the order of the file."""
    for one in objects:
        if one["kind"] in PATHS:
            status, answer = admin("POST", PATHS[one["kind"]], one)
            assert status == 201, answer


def token_of(admin):
    """The token that the shipped Secret would hold: the pretend server fills no Secrets."""
    path = f"{PATHS['ServiceAccount']}/cloudoptim/token"
    status, issued = admin("POST", path, {"spec": {}})
    assert status == 201
    return BearerToken(token=issued["status"]["token"])


@pytest.fixture
def admin(cluster):
    return Caller(cluster)


@pytest.fixture
def with_role(cluster, admin, server):
    """A connection as the shipped service account, in a cluster of two nodes with metrics."""
    cluster.load([a_node("node-a"), a_node("node-b")])
    metrics.set_mode(cluster.world, "served")
    apply(admin, shipped())
    with connected(server.url, token_of(admin)) as opened:
        yield opened


def states(findings):
    return {one.check: one.state for one in findings}


def test_the_shipped_role_is_the_table():
    assert MANIFEST.read_text() == rbac.manifest()


def test_the_manifest_is_what_kubernetes_wants():
    kinds = [one["kind"] for one in shipped()]
    secret = shipped()[2]

    assert kinds == [
        "Namespace",
        "ServiceAccount",
        "Secret",
        "ClusterRole",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterRoleBinding",
    ]
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "cloudoptim"}


def granted():
    return {
        (verb, group, resource)
        for one in shipped()
        if one["kind"] == "ClusterRole"
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_role_grants_each_right_of_the_table_and_no_other():
    needed = (*reading_permissions(), *GETS, *CHANGES)

    assert granted() == {(one.verb, one.group, one.resource) for one in needed}
    assert len(granted()) == len(needed)


def test_the_role_grants_nothing_by_wildcard_and_nothing_superfluous():
    assert not [one for one in granted() if "*" in one]
    assert not granted() & {(one.verb, one.group, one.resource) for one in SUPERFLUOUS}
    assert not {resource for _, _, resource in granted()} & {"secrets", "configmaps"}


def test_with_the_shipped_role_all_is_held_and_nothing_superfluous(with_role):
    findings = preflight_kubernetes(with_role, at=AT)

    assert {one.check: one.message for one in findings if one.state is not HELD} == {}
    needed = len(LISTS) + len(GETS) + len(CHANGES)
    assert len([one for one in findings if one.message == "allowed"]) == needed
    assert states(findings)["kubernetes: create pods/eviction"] is HELD


def test_with_the_shipped_role_a_reading_has_no_hole(with_role):
    reading = read_cluster(with_role, at=AT)

    assert reading.problems == ()
    assert len(reading.document.nodes) == len(reading.document.node_metrics) == 2


def test_without_the_second_binding_all_is_readable_and_every_change_is_missing(
    cluster, admin, server
):
    apply(admin, shipped()[:-1])

    with connected(server.url, token_of(admin)) as opened:
        found = states(preflight_kubernetes(opened, at=AT))

    missing = {check for check, state in found.items() if state is MISSING}
    changes = {f"kubernetes: {one.text}" for one in CHANGES}
    assert missing == changes | {"kubernetes: metrics-server"}


def test_each_right_that_is_taken_away_is_named_with_its_rule(with_role, admin):
    role = f"{PATHS['ClusterRole']}/{rbac.READ_ROLE}"
    rules = [one for one in admin.get(role)["rules"] if one["apiGroups"] != ["policy"]]
    admin("PATCH", role, {"rules": rules}, "application/merge-patch+json")

    findings = preflight_kubernetes(with_role, at=AT)

    (first, second) = [one for one in findings if one.state is MISSING]
    assert first.check == "kubernetes: list poddisruptionbudgets.policy"
    assert first.needed_for == "whether a pod may be moved"
    assert "kubectl apply -f deploy/kubernetes/rbac.yaml" in first.remedy
    assert (
        "kubectl patch clusterrole cloudoptim-read --type=json -p "
        '\'[{"op":"add","path":"/rules/-","value":{"apiGroups":["policy"],'
        '"resources":["poddisruptionbudgets"],"verbs":["list"]}}]\'' in first.remedy
    )
    assert second.check == "kubernetes: get poddisruptionbudgets.policy"


def test_an_administrator_has_superfluous_rights(connection):
    findings = preflight_kubernetes(connection, at=AT)

    superfluous = [one for one in findings if one.state is FindingState.SUPERFLUOUS]
    assert len(superfluous) == len(SUPERFLUOUS)
    assert {"kubernetes: get secrets", "kubernetes: patch pods", "kubernetes: do everything"} <= {
        one.check for one in superfluous
    }
    assert all("rbac.yaml" in one.remedy for one in superfluous)


def only(findings):
    (one,) = findings
    return one


def test_an_unreachable_server_is_the_only_finding():
    with connected("http://127.0.0.1:1") as opened:
        finding = only(preflight_kubernetes(opened, at=AT))

    assert finding.check == "kubernetes: server reachable"
    assert finding.state is FindingState.FAILED
    assert "Connection refused" in finding.message
    assert finding.remedy


def test_a_refused_certificate_is_the_only_finding(tmp_path):
    pair = a_certificate()
    (tmp_path / "server.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    with RawServer(answering(b"{}"), tls=context) as server, connected(server.url) as opened:
        finding = only(preflight_kubernetes(opened, at=AT))

    assert finding.check == "kubernetes: TLS"
    assert "certificate authority" in finding.remedy


def test_a_wrong_token_is_the_only_finding(server):
    with connected(server.url, BearerToken(token="wrong")) as opened:
        finding = only(preflight_kubernetes(opened, at=AT))

    assert (finding.check, finding.state) == ("kubernetes: credential accepted", MISSING)
    assert "make a new one as docs/connecting.md says" in finding.remedy


def test_a_server_that_is_not_kubernetes_is_the_only_finding():
    with RawServer(answering(b"<html>")) as server, connected(server.url) as opened:
        finding = only(preflight_kubernetes(opened, at=AT))

    assert finding.state is FindingState.FAILED
    assert "check that it is the API server's own address" in finding.remedy


def test_somebody_who_may_nothing_is_told_each_missing_right(cluster, admin, server):
    apply(admin, [one for one in shipped() if one["kind"] in ("Namespace", "ServiceAccount")])

    with connected(server.url, token_of(admin)) as opened:
        findings = preflight_kubernetes(opened, at=AT)

    missing = [one for one in findings if one.state is MISSING and "kubectl patch" in one.remedy]
    assert len(missing) == len(LISTS) + len(GETS) + len(CHANGES)
    assert states(findings)["kubernetes: nodes"] is FindingState.FAILED


def answers_by_path(answers):
    """An API server of a few words; everything else is 404."""

    def answer(connection, head):
        path = head.split()[1].decode().partition("?")[0]
        body, headers = answers.get(path, (None, ()))
        if body is None:
            answering(b"404 page not found\n", status="404 Not Found")(connection, head)
        else:
            answering(body.encode(), headers=headers)(connection, head)

    return answer


def preflight_against(answers):
    with RawServer(answers_by_path(answers)) as server, connected(server.url) as opened:
        return {one.check: one for one in preflight_kubernetes(opened, at=AT)}


VERSION = '{"gitVersion":"v1.%s.2"}'
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def user(name):
    return json.dumps({"status": {"userInfo": {"username": name}}})


@pytest.mark.parametrize(
    ("minor", "state"), [("24", FindingState.WARNING), ("25", HELD), ("31+", HELD)]
)
def test_a_version_older_than_was_looked_at_is_a_warning(minor, state):
    found = preflight_against({"/version": (VERSION % minor, ())})

    assert found["kubernetes: server reachable"].state is state


def test_who_we_are_is_told():
    found = preflight_against(
        {"/version": (VERSION % "36", ()), WHO: (user("system:serviceaccount:a:b"), ())}
    )

    finding = found["kubernetes: credential accepted"]
    assert finding.message == "accepted as system:serviceaccount:a:b"


def test_a_credential_that_gets_lost_on_the_way_is_noticed():
    found = preflight_against(
        {"/version": (VERSION % "36", ()), WHO: (user("system:anonymous"), ())}
    )

    assert found["kubernetes: credential accepted"].state is MISSING
    assert "kubernetes: nodes" not in found


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Fri, 15 Jan 2027 08:00:59 GMT", HELD),
        ("Fri, 15 Jan 2027 08:02:00 GMT", FindingState.WARNING),
        ("Fri, 15 Jan 2027 07:58:00 GMT", FindingState.WARNING),
    ],
)
def test_clocks_are_compared(date, state):
    found = preflight_against({"/version": (VERSION % "36", (f"Date: {date}",))})

    assert found["kubernetes: clocks agree"].state is state


@pytest.mark.parametrize(
    ("mode", "state", "remedy"),
    [
        ("served", HELD, ""),
        ("absent", MISSING, "install metrics-server"),
        ("unavailable", FindingState.FAILED, "kubectl -n kube-system get pods"),
    ],
)
def test_metrics_server_is_looked_for(cluster, connection, mode, state, remedy):
    metrics.set_mode(cluster.world, mode)

    found = {one.check: one for one in preflight_kubernetes(connection, at=AT)}

    assert found["kubernetes: metrics-server"].state is state
    assert remedy in found["kubernetes: metrics-server"].remedy


@pytest.mark.parametrize(
    ("count", "message", "state"),
    [
        (0, "the cluster has no nodes", FindingState.WARNING),
        (1, "1 node", HELD),
        (3, "3 nodes", HELD),
    ],
)
def test_nodes_are_counted(cluster, connection, count, message, state):
    cluster.load([a_node(f"node-{at}") for at in range(count)])

    found = {one.check: one for one in preflight_kubernetes(connection, at=AT)}

    assert found["kubernetes: nodes"].message == message
    assert found["kubernetes: nodes"].state is state


def test_reviews_that_fail_are_one_finding_not_fifty(cluster, connection):
    cluster.faults.set([Fault(path_prefix="/apis/authorization.k8s.io", status=500)])

    findings = preflight_kubernetes(connection, at=AT)

    assert states(findings)["kubernetes: permissions"] is FindingState.FAILED
    assert cluster.faults.hits == 3
    assert not [one for one in findings if one.message == "allowed"]


def test_every_finding_that_is_not_well_has_a_remedy(connection):
    findings = preflight_kubernetes(connection, at=AT)

    assert all(one.remedy for one in findings if one.state is not HELD)
    assert {one.state for one in findings if not one.needed_for} == {FindingState.SUPERFLUOUS}


def test_the_way_to_the_token_in_the_manifest_is_the_secret_that_it_makes():
    metadata = shipped()[2]["metadata"]

    command = f"kubectl -n {metadata['namespace']} get secret {metadata['name']} "
    assert command in MANIFEST.read_text()


def test_the_guide_lists_every_permission_of_the_role():
    text = (ROOT / "docs" / "connecting.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 5]
    told = {
        (verb.strip(), group.strip().replace("core", ""), resource.strip().strip("`"))
        for _, groups, resources, verbs, _, _ in rows
        for group in groups.split(",")
        for resource in resources.split(",")
        for verb in verbs.split(",")
    }

    assert granted() <= told
