"""Reading kubectl's output: every object accounted for, every refusal with a way out."""

import gzip
import json
import os
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.state import compile_state
from services.files.kubernetes_dump import (
    FROM_CONTENT,
    FROM_FILE_TIME,
    read_dump,
    read_dump_files,
)
from services.files.source import SourceFile

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "creationTimestamp": "2026-08-01T00:00:00Z",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"},
    },
    "spec": {"nodeName": "node-a", "containers": [{"name": "m", "env": [{"name": "hunter2"}]}]},
}
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-a", "creationTimestamp": "2026-07-01T00:00:00Z"},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-08-03T11:58:00Z"}
        ]
    },
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "hunter2"}}


def a_list(*items, kind="List", api_version="v1"):
    return {"apiVersion": api_version, "items": list(items), "kind": kind}


def bare(item):
    """An item of a typed list, as the API sends it: without kind and apiVersion."""
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="dump.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write_file


def rows(document):
    return [(row.kind, row.count, row.is_ignored) for row in document.sources]


def test_a_list_of_many_kinds_is_read(write):
    document = read_dump([write(a_list(POD, NODE))])

    assert [pod.key for pod in document.pods] == ["shop/web-1"]
    assert [node.metadata.name for node in document.nodes] == ["node-a"]
    assert document.pdbs is None  # nothing says whether there are any
    assert rows(document) == [("Node", 1, False), ("Pod", 1, False)]


def test_nothing_of_what_pods_run_or_secrets_hold_is_kept(write):
    document = read_dump([write(a_list(POD, SECRET))])

    assert "hunter2" not in repr(document)
    assert rows(document) == [("Pod", 1, False), ("Secret", 1, True)]


@pytest.mark.parametrize(
    "content",
    [
        POD,  # kubectl get pod NAME -o json
        a_list(POD),
        a_list(bare(POD), kind="PodList"),  # kubectl get --raw
        [POD],
        [a_list(POD), a_list(NODE)],  # jq --slurp
        json.dumps(a_list(bare(POD), kind="PodList"), sort_keys=True).encode(),
        json.dumps(a_list(POD), indent=4).encode(),
        b"\xef\xbb\xbf" + json.dumps(POD).encode(),
        json.dumps(NODE).encode() + b"\n" + json.dumps(a_list(POD)).encode(),
    ],
)
def test_whatever_kubectl_prints_is_read(write, content):
    document = read_dump([write(content)])

    assert [pod.key for pod in document.pods] == ["shop/web-1"]


def test_metrics_are_read(write):
    metrics = {
        "metadata": {"name": "web-1", "namespace": "shop"},
        "timestamp": "2026-08-03T12:00:00Z",
        "window": "15s",
        "containers": [{"name": "m", "usage": {"cpu": "3n", "memory": "5Ki"}}],
    }
    path = write(a_list(metrics, kind="PodMetricsList", api_version="metrics.k8s.io/v1beta1"))

    document = read_dump([path])

    assert document.pod_metrics[0].containers[0].usage == {"cpu": "3n", "memory": "5Ki"}
    assert rows(document) == [("PodMetrics", 1, False)]


def test_gz_and_folders_are_read(write, tmp_path):
    write(a_list(POD), "dump/pods.json.gz")
    write(NODE, "dump/node.json")
    write(b"text of a log", "dump/logs.txt")

    document = read_dump([tmp_path / "dump"])

    assert len(document.pods) == len(document.nodes) == 1
    assert rows(document) == [("not Kubernetes", 1, True), ("Node", 1, False), ("Pod", 1, False)]


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", {"SpotPriceHistory": []}, [{"region": "us-east-1"}]]
)
def test_what_only_lies_in_a_folder_is_counted_and_a_named_file_is_refused(
    write, tmp_path, content
):
    write(a_list(POD), "dump/pods.json")
    other = write(content, "dump/prices.json")

    assert rows(read_dump([tmp_path / "dump"])) == [("Pod", 1, False), ("not Kubernetes", 1, True)]
    with pytest.raises(InvalidInputError):
        read_dump([tmp_path / "dump", other])


def test_half_a_file_in_a_folder_is_refused_all_the_same(write, tmp_path):
    write(json.dumps(a_list(POD)).encode()[:-5], "dump/pods.json")

    with pytest.raises(InvalidInputError, match="ends in the middle"):
        read_dump([tmp_path / "dump"])


def test_a_file_that_is_named_twice_or_lies_in_a_named_folder_counts_once(write, tmp_path):
    path = write(a_list(POD), "dump/pods.json")

    document = read_dump([path, path, tmp_path / "dump"])

    assert rows(document) == [("Pod", 1, False)]


def test_the_same_object_in_two_files_counts_once_in_the_cluster(write):
    files = [write(a_list(POD, NODE), "a.json"), write(a_list(NODE), "b.json")]

    state = compile_state(read_dump(files))

    assert (len(state.cluster.nodes), len(state.cluster.pods)) == (1, 1)
    assert [row.count for row in state.sources] == [1, 1, 1]


def test_an_empty_list_of_one_kind_says_that_there_are_none(write):
    empty = a_list(kind="PodDisruptionBudgetList", api_version="policy/v1")

    document = read_dump([write(empty)])

    assert document.pdbs == ()
    assert rows(document) == [("PodDisruptionBudget", 0, False)]


def test_an_empty_cluster_is_no_error(write):
    assert rows(read_dump([write(a_list())])) == [("List", 0, True)]


@pytest.mark.parametrize(
    ("api_version", "kind", "is_ignored"),
    [
        ("v1", "Service", False),
        ("serving.knative.dev/v1", "Service", True),
        ("v1", "ConfigMap", True),
        ("karpenter.sh/v1", "NodePool", True),
    ],
)
def test_other_kinds_are_counted_and_reported(write, api_version, kind, is_ignored):
    item = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}

    assert rows(read_dump([write(a_list(item, item))])) == [(kind, 2, is_ignored)]


def test_one_object_that_does_not_fit_is_a_problem_and_the_others_are_read(write):
    odd = {
        **POD,
        "metadata": {"name": "odd", "namespace": "shop"},
        "spec": {"nodeName": "node-a", "containers": "none"},
    }

    document = read_dump([write(a_list(POD, odd, NODE))])
    cluster = compile_state(document).cluster

    [problem] = document.unread
    assert (problem.subject.kind, problem.subject.name, problem.subject.node) == (
        "Pod",
        "odd",
        "node-a",
    )
    assert "$.spec.containers" in problem.message
    assert len(cluster.pods) == 1
    assert cluster.nodes.fully_read.tolist() == [False]


def test_an_item_that_is_no_object_is_a_problem(write):
    document = read_dump([write(a_list(POD, 7))])

    assert [problem.subject.kind for problem in document.unread] == ["Unknown"]
    assert rows(document) == [("Pod", 1, False), ("Unknown", 1, False)]


def test_the_age_of_a_dump_is_its_newest_heartbeat(write):
    document = read_dump([write(a_list(POD, NODE))])

    assert {row.as_of for row in document.sources} == {datetime(2026, 8, 3, 11, 58, tzinfo=UTC)}
    assert {row.as_of_basis for row in document.sources} == {FROM_CONTENT}


def test_a_dump_without_times_is_as_old_as_its_file(write):
    path = write(SECRET)
    os.utime(path, (1_785_758_400, 1_785_758_400))  # 2026-08-03T12:00:00Z

    [row] = read_dump([path]).sources

    assert (row.as_of, row.as_of_basis) == (datetime(2026, 8, 3, 12, tzinfo=UTC), FROM_FILE_TIME)


def test_times_later_than_the_file_are_not_believed(write):
    path = write(NODE)
    os.utime(path, (1_785_542_400, 1_785_542_400))  # 2026-08-01, two days before the heartbeat

    [row] = read_dump([path]).sources

    assert (row.as_of, row.as_of_basis) == (datetime(2026, 8, 1, tzinfo=UTC), FROM_FILE_TIME)


@pytest.mark.parametrize(
    ("content", "reason", "next_step"),
    [
        (b"", "the file is empty", "kubectl get"),
        (b"  \n", "the file is empty", "kubectl get"),
        (b"apiVersion: v1\nkind: List\n", "is YAML, not JSON", "-o json"),
        (b"---\napiVersion: v1\n", "is YAML, not JSON", "-o json"),
        (b"NAME  READY\nweb-1  1/1\n", "is not JSON", "kubectl get"),
        (b"instance_type,az,price\nm5.large,us-east-1a,0.1\n", "Spot prices", "option"),
        ({"SpotPriceHistory": []}, "Spot prices (--prices)", "option"),
        ({"spot_advisor": {}, "ranges": []}, "Spot Advisor rates (--advisor)", "option"),
        ({"Reservations": []}, "EC2 instances (--instances)", "option"),
        ({"Volumes": []}, "EBS volumes (--volumes)", "option"),
        (
            {"request_id": "r", "current_state": {}},
            "a decision request (`cli.py decide`)",
            "option",
        ),
        ({"a": 1}, "holds no Kubernetes objects", "kubectl get"),
        ([1, 2], "holds no Kubernetes objects", "kubectl get"),
        (
            {"kind": "Status", "status": "Failure", "message": "pods is forbidden"},
            "an error of the API server: pods is forbidden",
            "kubectl get",
        ),
        (a_list(bare(POD)), "nothing in it has a kind", "kubectl get"),
        (a_list(bare(POD), kind=7), "expected `str`", "kubectl get"),
        (b'{"kind": "Pod", "metadata": {"name": "\xff"}}', "is not UTF-8", "complete copy"),
        (b'{"kind": "List", "items": [{"kind": \xff}]}', "is not UTF-8", "complete copy"),
        (b"[" * 100_000, "ends in the middle", "complete copy"),
        (b"[" * 5_000 + b"]" * 5_000, "nested too deeply", "complete copy"),
        (b'{"kind": "List", "items": [,]}', "is not valid JSON", "complete copy"),
        (b'{"kind": "List", "items": [{"kind":"Pod"},]}', "is not valid JSON", "complete copy"),
        (json.dumps(POD).encode() + b" error: lost connection", "is not valid JSON", "copy"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_a_way_out(write, content, reason, next_step):
    path = write(content)

    with pytest.raises(InvalidInputError) as caught:
        read_dump([path])

    assert str(path) in str(caught.value)
    assert reason in caught.value.reason
    assert next_step in caught.value.next_step


def test_broken_json_is_named_with_its_line_and_byte(write):
    text = b'{"kind": "List", "items": [\n{"kind": "Pod"},\n{"kind": oops}]}'

    with pytest.raises(InvalidInputError, match=rf"byte {text.index(b'oops')}\)") as caught:
        read_dump([write(text)])

    assert caught.value.line == 3


def test_numbers_of_absurd_size_are_a_problem_of_their_object(write):
    pod = json.dumps({**POD, "spec": {"priority": "HUGE", "containers": []}})

    document = read_dump([write(a_list_text(pod.replace('"HUGE"', "9" * 400), json.dumps(NODE)))])

    assert [problem.subject.name for problem in document.unread] == ["web-1"]
    assert len(document.nodes) == 1


def a_list_text(*items):
    return b'{"kind": "List", "items": [' + ",".join(items).encode() + b"]}"


def test_a_gz_file_that_was_cut_off_is_refused(write):
    path = write(a_list(*[POD] * 50), "dump.json.gz")
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(InvalidInputError, match="gz file is damaged or cut off"):
        read_dump([path])


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_dump([tmp_path / "none.json"])


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="the folder holds no files"):
        read_dump([tmp_path])


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda end: b'{"items":[' + end))
def test_any_bytes_are_a_dump_or_refused(content):
    sources = ()
    with suppress(InvalidInputError):
        sources = read_dump_files([(SourceFile.of_bytes("upload", content), True)]).sources

    assert all(row.name == "upload" for row in sources)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("Pod"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "apiVersion", "items", "metadata", "spec", "name"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_dump_or_refused(content):
    source = SourceFile.of_bytes("upload", json.dumps(content).encode())

    with suppress(InvalidInputError):
        state = compile_state(read_dump_files([(source, True)]))
        assert all(problem.message for problem in state.problems)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "field", "count"),
    [
        ("eks_spot_run0_nodes-8-request-count-6.json.gz", "nodes", 8),
        ("gke_nodes-128.json.gz", "nodes", 130),
        ("gke_pods-128.json.gz", "pods", 127),
    ],
)
def test_dumps_of_real_clusters_are_read(shared_data, name, field, count):
    document = read_dump([shared_data / "k8s_objects" / name])

    assert len(getattr(document, field)) == count
    assert document.unread is None
    assert {row.as_of_basis for row in document.sources} == {FROM_CONTENT}
