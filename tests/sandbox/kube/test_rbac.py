"""Tokens, roles, and the order of 401, 403 and 404."""

import pytest

from tests.sandbox.kube.builders import PODS, Caller, a_pod

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def tool(admin, cluster):
    """A ServiceAccount that may read pods everywhere, evict them, and patch one node."""
    admin("POST", ACCOUNTS, {"metadata": {"name": "tool"}})
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resources": ["nodes"],
            "resourceNames": ["node-a"],
            "verbs": ["patch"],
        },
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    bind(admin, rules, "tool")
    return Caller(cluster, token_of(admin, "tool"))


def bind(admin, rules, account):
    admin("POST", f"{RBAC}/clusterroles", {"metadata": {"name": account}, "rules": rules})
    admin(
        "POST",
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": account},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": account,
            },
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
        },
    )


def token_of(admin, account, seconds=3600):
    body = {"spec": {"expirationSeconds": seconds}}
    status, answer = admin("POST", f"{ACCOUNTS}/{account}/token", body)
    assert status == 201
    return answer["status"]["token"]


def test_a_role_allows_what_it_says_and_no_more(admin, tool):
    admin("POST", PODS, a_pod("p", schedulingGates=[{"name": "later"}]))

    assert tool("GET", PODS)[0] == 200
    assert tool("GET", f"{PODS}/p")[0] == 200
    assert tool("GET", f"{PODS}/missing")[0] == 404
    assert tool("DELETE", f"{PODS}/p")[0] == 403
    assert tool("DELETE", f"{PODS}/missing")[0] == 403
    assert tool("GET", f"{PODS}?watch=1")[0] == 403
    assert tool("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})[0] == 201


def test_a_refusal_names_who_what_and_where(tool):
    status, refusal = tool("DELETE", "/apis/apps/v1/namespaces/default/deployments/web")

    assert status == 403
    assert refusal["message"] == (
        'deployments.apps "web" is forbidden: User "system:serviceaccount:default:tool" cannot'
        ' delete resource "deployments" in API group "apps" in the namespace "default"'
    )
    assert refusal["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


def test_the_unknown_is_forbidden_before_it_is_missing(admin, tool):
    assert tool("GET", "/api/v1/foos")[0] == 403
    assert tool("GET", "/apis/nosuch.example/v1/things")[0] == 403
    assert admin("GET", "/api/v1/foos")[0] == 404
    assert admin("GET", "/apis/nosuch.example/v1/things") == (404, "404 page not found\n")


def test_a_resource_name_limits_a_rule(tool):
    assert tool("PATCH", "/api/v1/nodes/node-a", {})[0] == 415  # allowed: it is looked at
    assert tool("PATCH", "/api/v1/nodes/node-b", {})[0] == 403


def test_an_apply_patch_of_what_is_missing_asks_for_the_right_to_create(tool):
    apply = "application/apply-patch+yaml"

    status, refusal = tool("PATCH", "/api/v1/nodes/node-a", {}, apply)

    assert status == 403
    assert "cannot create resource" in refusal["message"]


def test_a_role_binding_holds_in_its_namespace_only(admin, cluster):
    admin("POST", ACCOUNTS, {"metadata": {"name": "local"}})
    roles = f"{RBAC}/namespaces/default"
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    admin("POST", f"{roles}/roles", {"metadata": {"name": "local"}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "local"}
    subjects = [{"kind": "ServiceAccount", "name": "local", "namespace": "default"}]
    admin(
        "POST",
        f"{roles}/rolebindings",
        {"metadata": {"name": "local"}, "roleRef": reference, "subjects": subjects},
    )
    local = Caller(cluster, token_of(admin, "local"))

    assert local("GET", PODS)[0] == 200
    assert local("GET", "/api/v1/pods")[0] == 403
    assert local("GET", "/api/v1/namespaces/kube-system/pods")[0] == 403


def test_a_bad_token_is_401_everywhere_and_none_is_anonymous(cluster):
    stranger, nobody = Caller(cluster, "nonsense"), Caller(cluster)
    nobody.token = ""

    assert stranger("GET", "/healthz")[0] == 401
    assert stranger("GET", PODS)[1]["message"] == "Unauthorized"
    assert cluster.gate.authenticate("").name == "system:anonymous"


def test_a_token_expires(admin, cluster, tool):
    short = Caller(cluster, token_of(admin, "tool", seconds=600))

    cluster.world.clock.advance(599)
    assert short("GET", PODS)[0] == 200
    cluster.world.clock.advance(1)
    assert short("GET", PODS)[0] == 401


def test_the_token_of_a_deleted_account_works_ten_seconds_more(admin, cluster, tool):
    assert tool("GET", PODS)[0] == 200
    admin("DELETE", f"{ACCOUNTS}/tool")
    cluster.world.clock.advance(9)
    assert tool("GET", PODS)[0] == 200

    cluster.world.clock.advance(1)

    assert tool("GET", PODS)[0] == 401


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "list", "resource": "pods"}, True),
        ({"verb": "watch", "resource": "pods"}, False),
        ({"verb": "create", "resource": "pods", "subresource": "eviction"}, True),
        ({"verb": "patch", "resource": "nodes", "name": "node-a"}, True),
        ({"verb": "patch", "resource": "nodes"}, False),
    ],
)
def test_an_access_review_says_what_would_be_allowed(tool, attributes, allowed):
    status, review = tool("POST", REVIEWS, {"spec": {"resourceAttributes": attributes}})

    reason = (
        'RBAC: allowed by ClusterRoleBinding "tool" of ClusterRole "tool" to ServiceAccount'
        ' "tool/default"'
    )
    assert status == 201
    assert review["status"] == (
        {"allowed": True, "reason": reason} if allowed else {"allowed": False}
    )


def test_an_admin_is_allowed_without_a_reason(admin):
    spec = {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}

    assert admin("POST", REVIEWS, {"spec": spec})[1]["status"] == {"allowed": True}


def test_a_path_can_be_reviewed_too(tool):
    spec = {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}

    assert tool("POST", REVIEWS, {"spec": spec})[1]["status"]["allowed"] is True


def test_a_rules_review_lists_the_rules_and_needs_a_namespace(tool):
    path = REVIEWS.replace("access", "rules")

    status, review = tool("POST", path, {"spec": {"namespace": "default"}})

    assert status == 201
    assert len(review["status"]["resourceRules"]) == 3
    assert tool("POST", path, {"spec": {}})[0] == 400


def test_expired_on_demand_every_account_token_is_refused(cluster, tool):
    cluster.gate.expire_tokens()

    assert tool("GET", PODS)[0] == 401
