"""Objects that are damaged somewhere: read, or a problem of their own, and never a crash."""

import copy
import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.collection import ObjectCollection
from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.state import (
    CurrentState,
    canonical_cluster_json,
    compile_state,
    to_document,
)
from tests.builders import a_node, a_pdb, a_workload

RESOURCES = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}
POD = {
    "metadata": {
        "name": "p",
        "namespace": "n",
        "uid": "u",
        "creationTimestamp": "2026-08-01T00:00:00Z",
        "labels": {"a": "b"},
        "annotations": {"karpenter.sh/do-not-disrupt": "true"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "uid": "1", "controller": True}],
    },
    "spec": {
        "nodeName": "node-a",
        "containers": [
            {
                "name": "m",
                "resources": RESOURCES,
                "env": [{"name": "GOMEMLIMIT", "value": "1GiB"}],
                "args": ["-Xmx1g"],
                "ports": [{"containerPort": 1, "hostPort": 1}],
            }
        ],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": RESOURCES}],
        "overhead": {"cpu": "10m"},
        "resources": RESOURCES,
        "tolerations": [{"operator": "Exists", "tolerationSeconds": 5}],
        "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "c", "secret": {}}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priority": 5,
    },
    "status": {
        "phase": "Running",
        "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
        "containerStatuses": [
            {
                "name": "m",
                "restartCount": 1,
                "allocatedResources": {"cpu": "1"},
                "resources": RESOURCES,
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "reason": "OOMKilled",
                        "finishedAt": "2026-08-01T00:00:00Z",
                    }
                },
            }
        ],
    },
}
NODE = json.loads(msgspec.json.encode(a_node("node-a")))
WORKLOAD = json.loads(msgspec.json.encode(a_workload()))
PDB = json.loads(msgspec.json.encode(a_pdb()))
OBJECTS = [("Pod", POD), ("Node", NODE), ("Deployment", WORKLOAD), ("PodDisruptionBudget", PDB)]

DAMAGE = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["-1", "1e999", "9Ei", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
)


def places(value, path=()):
    """All places in a JSON tree but its root."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


@st.composite
def damaged(draw):
    kind, original = draw(st.sampled_from(OBJECTS))
    content = copy.deepcopy(original)
    for _ in range(draw(st.integers(1, 2))):
        *above, last = draw(st.sampled_from(sorted(places(content), key=repr)))
        holder = content
        for key in above:
            holder = holder[key]
        holder[last] = draw(DAMAGE)
    return kind, content


@given(st.lists(damaged(), min_size=1, max_size=3))
@settings(max_examples=300)
def test_damaged_objects_are_read_or_are_problems_and_can_be_stored(objects):
    """What is read and what is set aside, together with the unread ones, are all that came in."""
    collection = ObjectCollection()
    for kind, content in objects:
        collection.add_json(KINDS[kind], json.dumps(content).encode())
    names = ("nodes", "pods", "workloads", "pdbs")
    fields = {name: tuple(collection.objects(name)) for name in names}

    state = compile_state(CurrentState(**fields, unread=collection.unread))
    text = canonical_cluster_json(state)
    again = compile_state(msgspec.json.decode(text, type=CurrentState))

    assert sum(map(len, fields.values())) + len(collection.unread) <= len(objects)
    assert (state.cluster.pods.request_cpu_millicores >= 0).all()
    assert (state.cluster.nodes.allocatable_memory_bytes >= 0).all()
    assert canonical_cluster_json(again) == text
    assert again.problems == state.problems
    assert to_document(again) == to_document(state)


def test_the_undamaged_objects_are_read_without_a_problem():
    collection = ObjectCollection()
    for kind, content in OBJECTS:
        collection.add_json(KINDS[kind], json.dumps(content).encode())

    assert collection.unread == ()
    assert [pod.key for pod in collection.objects("pods")] == ["n/p"]
