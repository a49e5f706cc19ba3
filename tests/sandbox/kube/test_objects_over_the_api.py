"""Creating, updating and patching objects: what is filled in, kept, refused."""

import pytest

from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PDBS,
    PODS,
    STRATEGIC,
    a_budget,
    a_node,
    a_pod,
    a_workload,
)

NODE = "/api/v1/nodes/node-a"
MERGED = "application/merge-patch+json; charset=utf-8"


@pytest.fixture
def node(admin, three_nodes):
    return admin.get(NODE)


def test_a_created_object_gets_its_metadata(admin):
    status, created = admin("POST", DEPLOYMENTS, a_workload("Deployment", "web"))

    assert status == 201
    assert created["metadata"]["creationTimestamp"] == "2027-01-15T08:00:00Z"
    assert created["metadata"]["generation"] == 1
    assert created["metadata"]["resourceVersion"] == "5"  # after the four namespaces
    assert created["spec"]["strategy"]["rollingUpdate"] == {
        "maxUnavailable": "25%",
        "maxSurge": "25%",
    }
    assert created["status"] == {}


def test_a_pod_gets_defaults_and_what_admission_adds(admin):
    created = admin("POST", PODS, a_pod("p"))[1]

    assert created["status"] == {"phase": "Pending", "qosClass": "Burstable"}
    assert created["spec"]["serviceAccountName"] == "default"
    assert created["spec"]["terminationGracePeriodSeconds"] == 30
    assert [one["tolerationSeconds"] for one in created["spec"]["tolerations"]] == [300, 300]
    assert created["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert created["spec"]["volumes"][0]["name"].startswith("kube-api-access-")


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "BestEffort"),
    ],
)
def test_the_quality_of_service_follows_from_the_resources(admin, resources, expected):
    pod = a_pod("p")
    pod["spec"]["containers"][0]["resources"] = resources

    assert admin("POST", PODS, pod)[1]["status"]["qosClass"] == expected


def test_a_name_can_be_generated_but_not_taken_twice(admin):
    generated = a_pod("x")
    generated["metadata"] = {"generateName": "x-"}

    name = admin("POST", PODS, generated)[1]["metadata"]["name"]
    again = a_pod(name)

    assert (name[:2], len(name)) == ("x-", 7)
    assert admin("POST", PODS, again)[1]["reason"] == "AlreadyExists"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"metadata": {}}, 422),
        ({"metadata": {"name": "Bad_Name"}}, 422),
        ({"metadata": {"name": "x", "namespace": "other"}}, 400),
        ({"apiVersion": "apps/v1", "kind": "Pod", "metadata": {"name": "x"}}, 400),
        ({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}, 400),
        (b"not json", 400),
        (b"[]", 400),
    ],
)
def test_what_cannot_be_created_is_refused(admin, body, status):
    assert admin("POST", PODS, body)[0] == status


def test_a_namespace_must_be_there(admin):
    status, refusal = admin("POST", "/api/v1/namespaces/nosuch/pods", a_pod("p"))

    assert (status, refusal["message"]) == (404, 'namespaces "nosuch" not found')
    assert admin.get("/api/v1/namespaces/nosuch/pods")["items"] == []


def test_a_dry_run_stores_nothing(admin):
    assert admin("POST", f"{PODS}?dryRun=All", a_pod("p"))[0] == 201
    assert admin.names(PODS) == []


def test_yaml_is_read_and_written(admin):
    body = b"metadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n"

    assert admin("POST", PODS, body, "application/yaml")[0] == 201
    assert "name: p\n" in admin("GET", f"{PODS}/p", accept="application/yaml")[1]


def test_an_update_that_changes_nothing_keeps_its_version(admin, node):
    label = {"metadata": {"labels": {"a": "b"}}}
    first = admin("PATCH", NODE, label, MERGE)[1]["metadata"]["resourceVersion"]

    assert admin("PATCH", NODE, label, MERGED)[1]["metadata"]["resourceVersion"] == first
    assert admin("PATCH", NODE, {}, MERGE)[1]["metadata"]["resourceVersion"] == first
    assert admin("PATCH", NODE, b"null", STRATEGIC)[0] == 200


def test_a_changed_spec_is_a_new_generation_and_changed_labels_are_not(admin):
    admin("POST", PDBS, a_budget("b", "web", maxUnavailable=1))

    spec = admin("PATCH", f"{PDBS}/b", {"spec": {"maxUnavailable": 2}}, MERGE)[1]
    label = admin("PATCH", f"{PDBS}/b", {"metadata": {"labels": {"a": "b"}}}, MERGE)[1]

    assert (spec["metadata"]["generation"], label["metadata"]["generation"]) == (2, 2)


def test_a_dry_run_patch_answers_with_the_old_version(admin, node):
    patch = {"spec": {"unschedulable": True}}

    answer = admin("PATCH", f"{NODE}?dryRun=All", patch, STRATEGIC)[1]

    assert answer["spec"]["unschedulable"] is True
    assert answer["metadata"]["resourceVersion"] == node["metadata"]["resourceVersion"]
    assert admin.get(NODE) == node


@pytest.mark.parametrize(
    ("patch", "content_type", "status"),
    [
        ({}, "application/json", 415),
        ({}, "text/plain", 415),
        (b'{"spec":', MERGE, 400),
        (b"null", MERGE, 400),
        (b"[]", STRATEGIC, 400),
        ({"metadata": {"resourceVersion": "1"}}, MERGE, 409),
        ({"metadata": {"resourceVersion": "garbage"}}, MERGE, 500),
        ({"metadata": {"resourceVersion": ""}}, MERGE, 200),
        ({"metadata": {"uid": "other"}}, MERGE, 422),
        ({"metadata": {"name": "other"}}, MERGE, 400),
        ({"metadata": {"labels": {"bad key": "x"}}}, MERGE, 422),
        ({"spec": {"unschedulable": "yes"}}, MERGE, 422),
        ({"spec": {"taints": [{"key": "a", "effect": "Nonsense"}]}}, MERGE, 422),
        ({"kind": "Pod"}, MERGE, 422),
        ({"apiVersion": "v2"}, MERGE, 422),
        ([{"op": "remove", "path": "/spec/missing"}], JSON_PATCH, 422),
        ([{"op": "replace", "path": "/spec/unschedulable", "value": True}], JSON_PATCH, 200),
    ],
)
def test_a_patch_gets_the_real_servers_status(admin, node, patch, content_type, status):
    assert admin("PATCH", NODE, patch, content_type)[0] == status


@pytest.mark.parametrize(
    ("query", "status", "warning"),
    [
        ("", 200, '299 - "unknown field \\"spec.nosuch\\""'),
        ("?fieldValidation=Ignore", 200, None),
        ("?fieldValidation=Strict", 422, None),
        ("?fieldValidation=Foo", 422, None),
        ("?dryRun=", 422, None),
    ],
)
def test_an_unknown_field_is_told_or_refused(admin, node, query, status, warning):
    code, answer = admin("PATCH", NODE + query, {"spec": {"nosuch": 1}}, MERGE)

    assert code == status
    assert admin.headers.get("warning") == warning
    assert "nosuch" not in str(answer.get("spec", {}))


def test_the_status_is_written_through_its_subresource_only(admin, node):
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}

    ignored = admin("PATCH", NODE, unready, STRATEGIC)[1]
    taken = admin("PATCH", f"{NODE}/status", unready, STRATEGIC)[1]

    assert ignored["status"]["conditions"][0]["status"] == "True"
    assert taken["status"]["conditions"][0]["status"] == "False"


def test_a_put_replaces_and_compares_the_version(admin, node):
    new = a_node("node-a", unschedulable=True)
    new["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]

    first, second = admin("PUT", NODE, new), admin("PUT", NODE, new)

    assert (first[0], first[1]["spec"]["unschedulable"]) == (200, True)
    assert (second[0], second[1]["reason"]) == (409, "Conflict")


def test_a_budget_is_never_replaced_blindly(admin):
    body = a_budget("b", "web", maxUnavailable=1)
    created = admin("POST", PDBS, body)[1]

    blind = admin("PUT", f"{PDBS}/b", body)
    body["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"]

    assert (blind[0], blind[1]["details"]["causes"][0]["field"]) == (
        422,
        "metadata.resourceVersion",
    )
    assert admin("PUT", f"{PDBS}/b", body)[0] == 200


def test_most_of_a_pod_cannot_be_changed(admin, three_nodes):
    admin("POST", PODS, a_pod("p"))
    longer = {"spec": {"terminationGracePeriodSeconds": 5}}
    limit = {"spec": {"activeDeadlineSeconds": 600}}
    image = {"spec": {"containers": [{"name": "app", "image": "registry.local/app:2"}]}}

    answers = [admin("PATCH", f"{PODS}/p", one, STRATEGIC)[0] for one in (longer, limit, image)]

    assert answers == [422, 200, 200]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}, "must be less than or equal to cpu"),
        ({"requests": {"cpu": "-1"}}, "must be greater than or equal to 0"),
        ({"requests": {"nosuch": "1"}}, "must be a standard resource type or fully qualified"),
        ({"requests": {"cpu": "abc"}}, "quantities must match the regular expression"),
    ],
)
def test_impossible_resources_are_refused(admin, resources, message):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web"))
    container = {"name": "app", "resources": resources}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}

    status, refusal = admin("PATCH", f"{DEPLOYMENTS}/web", patch, STRATEGIC)

    assert status == 422
    assert message in refusal["message"]


def test_a_selector_is_immutable_and_must_match_the_template(admin):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web"))
    patch = {"spec": {"selector": {"matchLabels": {"app": "x"}}}}

    causes = admin("PATCH", f"{DEPLOYMENTS}/web", patch, MERGE)[1]["details"]["causes"]

    assert [one["field"] for one in causes] == ["spec.template.metadata.labels", "spec.selector"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{PODS}/p"),
        ("PUT", PODS),
        ("PATCH", PODS),
        ("POST", f"{DEPLOYMENTS}/web/scale"),
    ],
)
def test_a_method_in_the_wrong_place_is_405(admin, method, path):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web"))

    assert admin(method, path, {})[0] == 405


def test_only_the_metadata_can_be_asked_for(admin, node):
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

    nodes = admin("GET", "/api/v1/nodes", accept=accept)[1]
    pods = admin("GET", PODS, accept=accept)[1]

    assert nodes["items"][0].keys() == {"kind", "apiVersion", "metadata"}
    assert pods["items"] is None


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ("text/html,application/json;q=0.5", 200),
        ("text/html", 406),
        ("application/json;as=Nonsense", 406),
        ("application/json;as=Table;g=meta.k8s.io;v=v1,application/json", 200),
    ],
)
def test_a_representation_is_negotiated(admin, accept, status):
    assert admin("GET", "/api/v1/nodes", accept=accept)[0] == status


def test_discovery_describes_what_is_served(admin):
    core = {one["name"]: one for one in admin.get("/api/v1")["resources"]}
    groups = [one["name"] for one in admin.get("/apis")["groups"]]

    assert core["pods/eviction"]["verbs"] == ["create"]
    assert core["nodes"]["shortNames"] == ["no"]
    assert {"apps", "policy", "batch", "autoscaling"} <= set(groups)
    assert "metrics.k8s.io" not in groups
    assert admin.get("/apis/policy")["preferredVersion"]["groupVersion"] == "policy/v1"
    assert admin("GET", "/apis/nosuch")[0] == 404
    assert admin("GET", "/apis/apps/v1/nosuch")[1]["reason"] == "NotFound"


def test_health_and_version_are_told(admin):
    assert admin("GET", "/readyz") == (200, "ok")
    assert admin("GET", "/readyz?verbose")[1].endswith("readyz check passed\n")
    assert admin("GET", "/livez/ping") == (200, "ok")
    assert admin("GET", "/readyz/nosuch")[0] == 404
    assert admin.get("/version")["gitVersion"] == "v1.36.2"
