"""Whatever a client sends, it gets an answer: no body makes the server fall over."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.kube.cluster import Cluster
from sandbox.kube.resources import RESOURCES
from sandbox.kube.world import Settings
from tests.sandbox.kube.builders import DEPLOYMENTS, MERGE, PDBS, PODS, STRATEGIC, Caller

BODIES = [
    {},
    {"metadata": {"name": "x"}},
    {"metadata": {"name": "x"}, "spec": None},
    {"metadata": {"name": "x"}, "spec": {}},
    {"metadata": {"name": "x"}, "spec": {"template": {"spec": {}}, "selector": {}}},
    {"metadata": {"name": "x"}, "spec": {"containers": [{}]}},
    {"metadata": {"name": "x", "labels": {"a": None}}, "spec": {"ports": [{}]}},
    {"metadata": {"name": "x"}, "spec": {"selector": {"matchExpressions": [{}]}}},
    {"metadata": {"name": "x"}, "subjects": [{}], "roleRef": {}},
    {"metadata": {"name": "x"}, "spec": {"taints": [{}], "unschedulable": True}},
]
FIELDS = st.sampled_from(
    (
        *("metadata", "spec", "status", "name", "labels", "template", "containers", "replicas"),
        *("selector", "matchLabels", "taints", "minAvailable", "$patch", "resources", "requests"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", "", "50%", "1Gi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


def collection(resource):
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
    home = "/namespaces/default" if resource.namespaced else ""
    return f"{root}{home}/{resource.plural}"


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.plural)
def test_half_made_objects_are_taken_or_refused(resource):
    target = collection(resource)
    for body in BODIES:
        cluster = Cluster(Settings(speed=0))
        admin = Caller(cluster)

        created = admin("POST", target, body)[0]
        cluster.world.clock.advance(2)
        changed = [
            admin("PUT", f"{target}/x", body)[0],
            admin("PATCH", f"{target}/x", body, MERGE)[0],
            admin("PATCH", f"{target}/x", body, STRATEGIC)[0],
            admin("PATCH", f"{target}/x/status", body, MERGE)[0],
        ]
        deleted = admin("DELETE", f"{target}/x")[0]
        cluster.world.clock.advance(2)

        assert created in (201, 400, 422)
        assert set(changed) <= {200, 400, 404, 422}
        assert deleted in (200, 404)


@given(target=st.sampled_from([PODS, DEPLOYMENTS, PDBS, "/api/v1/nodes"]), body=JSON)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_json_gets_an_answer(target, body):
    cluster = Cluster(Settings(speed=0))
    admin = Caller(cluster)
    named = {**body, "metadata": {"name": "x"}} if isinstance(body, dict) else body

    answers = [
        admin("POST", target, named)[0],
        admin("PATCH", f"{target}/x", body, MERGE)[0],
        admin("PATCH", f"{target}/x", body, STRATEGIC)[0],
    ]
    cluster.world.clock.advance(1)

    assert set(answers) <= {200, 201, 400, 404, 422, 500}
