"""Objects of real clusters: Amazon EKS, Google GKE, and a recorded Kubernetes 1.36 API server."""

import gzip
import json
from collections import Counter

import msgspec
import pytest

from engines.contracts.collection import ObjectCollection
from engines.contracts.effective_requests import effective_requests, resource_amounts
from engines.contracts.kubernetes import Pod
from engines.contracts.kubernetes.kinds import KINDS, find_kind
from engines.contracts.pricing import CapacityType
from engines.contracts.snapshot_builder import build_snapshot
from engines.contracts.state import (
    CurrentState,
    canonical_cluster_json,
    compile_state,
    digest,
)

pytestmark = pytest.mark.real_data


def read(path):
    with gzip.open(path) as file:
        return json.load(file)


def collected(items, default_kind=""):
    collection = ObjectCollection()
    for item in items:
        kind = find_kind(item.get("kind", default_kind), item.get("apiVersion", ""))
        if kind is not None:
            collection.add_json(kind, json.dumps(item).encode())
    return collection


def test_nodes_of_an_eks_cluster_on_spot(shared_data):
    path = shared_data / "k8s_objects" / "eks_spot_run0_nodes-8-request-count-6.json.gz"

    nodes = build_snapshot(collected(read(path)["items"])).nodes

    assert len(nodes) == 8
    assert set(nodes.capacity_types) == {CapacityType.SPOT}
    assert Counter(nodes.zones) == {"us-east-2a": 4, "us-east-2b": 4}
    assert set(nodes.regions) == {"us-east-2"}
    assert nodes.instance_ids[0] == "i-0f2159386db927f1d"
    assert nodes.instance_types[0] == "c7i.8xlarge"
    assert nodes.allocatable_cpu_millicores[0] == 31_850
    assert nodes.allocatable_memory_bytes[0] == 61_772_436 * 1024
    assert nodes.ready.all()


def test_nodes_of_a_gke_cluster_are_read_and_are_no_ec2_instances(shared_data):
    snapshot = build_snapshot(
        collected(read(shared_data / "k8s_objects" / "gke_nodes-128.json.gz")["items"])
    )

    assert len(snapshot.nodes) == 130
    assert set(snapshot.nodes.instance_ids) == {None}
    assert set(snapshot.nodes.instance_types) == {"c2d-standard-2"}
    assert snapshot.problems == ()


def test_pods_of_a_gke_cluster_are_read(shared_data):
    items = read(shared_data / "k8s_objects" / "gke_pods-128.json.gz")["items"]

    snapshot = build_snapshot(collected(items))

    assert len(snapshot.pods) == 127
    assert snapshot.unread == ()
    assert snapshot.pods.is_terminating.all()
    assert snapshot.pods.has_controller.all()  # by Jobs that were not read
    assert set(snapshot.pods.request_cpu_millicores.tolist()) == {50_000}


def exchanges(shared_data):
    path = shared_data / "k8s_recordings" / "exchanges.jsonl.gz"
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


def objects_in(body):
    """The objects of the kinds that are read in a recorded body, each with its kind."""
    if isinstance(body, list):  # the events of a watch
        for event in body:
            yield from objects_in(event.get("object") if isinstance(event, dict) else None)
    elif isinstance(body, dict) and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield from objects_in({"kind": body["kind"].removesuffix("List"), **item})
    elif isinstance(body, dict) and find_kind(str(body.get("kind")), body.get("apiVersion", "")):
        yield body


def test_every_object_that_a_real_api_server_sent_can_be_read(shared_data):
    """All answers of the recording: lists, single objects and watch events."""
    collection = ObjectCollection()
    kinds = Counter()
    for exchange in exchanges(shared_data):
        for one in objects_in(exchange.get("response_body")):
            if one.get("metadata", {}).get("name"):  # bookmarks of a watch have none
                kinds[one["kind"]] += 1
                collection.add_json(KINDS[one["kind"]], json.dumps(one).encode())

    assert collection.unread == ()
    assert kinds["Pod"] > 500
    assert kinds["Node"] > 100
    assert len(kinds) >= 8


def scheduling_cases(shared_data):
    return [one for one in exchanges(shared_data) if one["method"] == "-"]


def test_nodes_and_pods_of_the_recorded_scheduling_cases_are_read(shared_data):
    cases = scheduling_cases(shared_data)
    nodes = [item for case in cases for item in case["nodes"]]
    pods = [item for case in cases for item in case["existing_pods"] + case["pods"]]

    snapshot_of_nodes = build_snapshot(collected(nodes, "Node"))
    collection = collected(pods, "Pod")

    assert len(cases) == 38
    assert len(snapshot_of_nodes.nodes) == len(nodes) == 62
    assert len(collection.objects("pods")) == len(pods) == 15 + 72
    assert collection.unread == snapshot_of_nodes.unread == ()


RESOURCE_CASES = (49, 51, 53, 55, 57, 61)


@pytest.mark.parametrize("number", RESOURCE_CASES)
def test_effective_requests_predict_where_the_real_scheduler_found_room(shared_data, number):
    """Cases with one node, where only amounts decide: requests, init containers, sidecars,
    ephemeral storage, huge pages, allocatable."""
    [case] = [one for one in scheduling_cases(shared_data) if one["case"] == number]
    [node] = collected(case["nodes"], "Node").objects("nodes")
    free = amounts(node.status.allocatable)
    for item in case["existing_pods"]:
        free -= requests_of(item)

    for item, outcome in zip(case["pods"], case["outcome"], strict=True):
        asked = requests_of(item)
        fits = all(amount <= free[name] for name, amount in asked.items())
        assert fits is (outcome["node"] is not None), outcome["pod"]
        if fits:
            free.subtract(asked)


def amounts(resources):
    return as_counter(resource_amounts(resources, "allocatable"))


def requests_of(item):
    pod = msgspec.convert(item, Pod)
    return as_counter(effective_requests(pod.spec, pod.status))


def as_counter(requests):
    own = {"cpu": requests[0], "memory": requests[1], "storage": requests[2]}
    return Counter(own | dict(requests.extended))


def test_the_stored_form_of_real_objects_is_stable(shared_data):
    items = read(shared_data / "k8s_objects" / "gke_pods-128.json.gz")["items"]
    pods = tuple(collected(items).objects("pods"))
    state = compile_state(CurrentState(pods=pods))
    text = canonical_cluster_json(state)

    again = compile_state(msgspec.json.decode(text, type=CurrentState))

    assert digest(canonical_cluster_json(again)) == digest(text)
    assert b'"env"' not in text
    assert b'"command"' not in text
    assert b'"args"' not in text
