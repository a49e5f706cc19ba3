"""From objects to columns: sorted, each once, with a reason for whatever is left out."""

import numpy as np
import pytest

from engines.contracts.collection import ObjectCollection
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.pricing import CapacityType
from engines.contracts.snapshot import Groups, ProblemReason, SparseAmounts, WorkloadKey
from engines.contracts.snapshot_builder import build_snapshot
from tests.builders import (
    a_cluster,
    a_namespace,
    a_node,
    a_pdb,
    a_pod,
    a_workload,
    an_instance,
    instance_id_for,
)

BAD_REQUESTS = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "-1"}}}]}


def reasons(cluster):
    return [(str(one.reason), one.subject.kind, one.subject.name) for one in cluster.problems]


def test_nodes_and_pods_are_sorted_whatever_their_order():
    cluster = a_cluster(
        a_pod("b", namespace="shop", on="node-b"),
        a_node("node-b"),
        a_pod("z", namespace="admin", on="node-a"),
        a_node("node-a"),
        a_pod("a", namespace="shop"),
    )

    assert cluster.nodes.names == ("node-a", "node-b")
    assert [pod.key for pod in cluster.pods.items] == ["admin/z", "shop/a", "shop/b"]
    assert cluster.pods.node.tolist() == [0, -1, 1]
    assert cluster.nodes.index == {"node-a": 0, "node-b": 1}


def test_the_columns_of_a_node_say_what_it_offers():
    """4 vCPU = 4,000 millicores; 16 GiB = 17,179,869,184 bytes; half of it allocatable."""
    node = a_node(
        "node-a",
        capacity_type="spot",
        status={"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "29", "nvidia.com/gpu": "1"}},
    )

    nodes = a_cluster(node).nodes

    assert nodes.capacity_cpu_millicores.tolist() == [4000]
    assert nodes.capacity_memory_bytes.tolist() == [17_179_869_184]
    assert nodes.allocatable_cpu_millicores.tolist() == [2000]
    assert nodes.allocatable_memory_bytes.tolist() == [8_589_934_592]
    assert nodes.allocatable_pods.tolist() == [29]
    assert nodes.extended["nvidia.com/gpu"].dense(1).tolist() == [1]
    assert nodes.instance_types == ("m7i.xlarge",)
    assert nodes.zones == ("us-east-1a",)
    assert nodes.regions == ("us-east-1",)
    assert nodes.capacity_types == (CapacityType.SPOT,)
    assert nodes.instance_ids == (instance_id_for("node-a"),)


@pytest.mark.parametrize(
    ("node", "ready", "schedulable", "deleting"),
    [
        (a_node(), True, True, False),
        (a_node(is_ready=False), False, True, False),
        (a_node(unschedulable=True), True, False, False),
        (a_node(metadata={"deletionTimestamp": "2026-08-03T11:00:00Z"}), True, True, True),
        (a_node(status={"conditions": []}), False, True, False),
        (
            a_node(status={"conditions": [{"type": "Ready", "status": "Unknown"}]}),
            False,
            True,
            False,
        ),
    ],
)
def test_the_flags_of_a_node(node, ready, schedulable, deleting):
    nodes = a_cluster(node).nodes

    assert nodes.ready.tolist() == [ready]
    assert nodes.schedulable.tolist() == [schedulable]
    assert nodes.deleting.tolist() == [deleting]


def test_a_node_that_has_just_registered_offers_nothing():
    nodes = a_cluster(a_node(status={"allocatable": {}, "capacity": {}})).nodes

    assert nodes.allocatable_cpu_millicores.tolist() == [0]
    assert nodes.allocatable_pods.tolist() == [0]


@pytest.mark.parametrize(
    ("pod", "flags"),
    [
        (a_pod(), set()),
        (a_pod(owner=("DaemonSet", "agent")), {"is_daemonset"}),
        (a_pod(owner=("Node", "node-a")), {"is_mirror"}),
        (a_pod(annotations={"kubernetes.io/config.mirror": "x"}), {"is_mirror"}),
        (a_pod(metadata={"deletionTimestamp": "2026-08-03T11:00:00Z"}), {"is_terminating"}),
        (a_pod(phase="Succeeded"), {"is_finished"}),
        (a_pod(phase="Failed"), {"is_finished"}),
        (a_pod(phase="Unknown"), set()),
    ],
)
def test_the_flags_of_a_pod(pod, flags):
    pods = a_cluster(pod).pods

    names = ("is_daemonset", "is_mirror", "is_terminating", "is_finished")
    assert {name for name in names if getattr(pods, name)[0]} == flags


def test_a_pod_belongs_to_the_deployment_behind_its_replicaset():
    cluster = a_cluster(
        a_workload("web", kind="Deployment"),
        a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web")),
        a_pod("web-1", owner=("ReplicaSet", "web-6d4b")),
    )

    [row] = cluster.pods.workload
    assert row == cluster.workload_index[WorkloadKey("Deployment", "shop", "web")]
    assert cluster.workloads[row].kind == "Deployment"
    assert cluster.pods.by_workload.members(int(row)).tolist() == [0]


@pytest.mark.parametrize(
    ("workloads", "owner", "expected"),
    [
        (
            [("Job", "nightly-1", ("CronJob", "nightly")), ("CronJob", "nightly", None)],
            ("Job", "nightly-1"),
            "nightly",
        ),
        ([("StatefulSet", "db", None)], ("StatefulSet", "db"), "db"),
        ([("DaemonSet", "agent", None)], ("DaemonSet", "agent"), "agent"),
        ([("ReplicaSet", "r", ("Rollout", "custom"))], ("ReplicaSet", "r"), "r"),
        ([("ReplicaSet", "r", ("Deployment", "gone"))], ("ReplicaSet", "r"), "r"),
        ([("Deployment", "web", None)], ("Rollout", "web"), None),
    ],
)
def test_a_pod_belongs_to_its_topmost_owner_that_was_read(workloads, owner, expected):
    objects = [a_workload(name, kind=kind, owner=above) for kind, name, above in workloads]

    cluster = a_cluster(*objects, a_pod(owner=owner))

    [row] = cluster.pods.workload
    assert (cluster.workloads[row].metadata.name if row >= 0 else None) == expected
    assert cluster.pods.has_controller.tolist() == [True]
    assert cluster.pods.is_orphan.tolist() == [False]


def test_without_replicasets_the_deployment_is_found_by_the_template_hash():
    """The Deployment controller names the ReplicaSet web-6d4b and labels its pods with 6d4b."""
    pod = a_pod(owner=("ReplicaSet", "web-6d4b"), labels={"pod-template-hash": "6d4b"})

    with_deployment = a_cluster(a_workload("web"), pod)
    other_hash = a_cluster(a_workload("web"), a_pod(owner=("ReplicaSet", "web-6d4b")))

    assert with_deployment.pods.workload.tolist() == [0]
    assert other_hash.pods.workload.tolist() == [-1]


@pytest.mark.parametrize(
    "owner", [("StatefulSet", "web-6d4b"), ("ReplicaSet", "web-9999"), ("ReplicaSet", "api-6d4b")]
)
def test_only_a_replicaset_of_that_name_and_hash_tells_the_deployment(owner):
    pod = a_pod(owner=owner, labels={"pod-template-hash": "6d4b"})

    assert a_cluster(a_workload("web"), pod).pods.workload.tolist() == [-1]


@pytest.mark.parametrize(
    ("owner", "workload", "has_controller", "is_orphan"),
    [
        (None, a_workload("r", kind="ReplicaSet"), False, False),  # a bare pod
        (("ReplicaSet", "r"), a_workload("r", kind="ReplicaSet"), True, False),
        (("ReplicaSet", "gone"), a_workload("r", kind="ReplicaSet"), True, True),
        # its owner was deleted and made anew: another uid
        (
            ("ReplicaSet", "r"),
            a_workload("r", kind="ReplicaSet", metadata={"uid": "new"}),
            True,
            True,
        ),
        # no ReplicaSet was read at all: nothing is claimed
        (("ReplicaSet", "r"), a_workload("db", kind="StatefulSet"), True, False),
        # in another namespace
        (("ReplicaSet", "r"), a_workload("r", kind="ReplicaSet", namespace="b"), True, True),
    ],
)
def test_a_pod_is_bare_owned_or_an_orphan(owner, workload, has_controller, is_orphan):
    pods = a_cluster(workload, a_pod(owner=owner)).pods

    assert pods.has_controller.tolist() == [has_controller]
    assert pods.is_orphan.tolist() == [is_orphan]
    if is_orphan or not has_controller:
        assert pods.workload.tolist() == [-1]


def test_a_job_of_another_api_group_is_no_job():
    pod = a_pod(
        metadata={
            "ownerReferences": [
                {
                    "apiVersion": "batch.volcano.sh/v1alpha1",
                    "kind": "Job",
                    "name": "j",
                    "controller": True,
                }
            ]
        }
    )

    pods = a_cluster(a_workload("j", kind="Job"), pod).pods

    assert pods.workload.tolist() == [-1]
    assert pods.is_orphan.tolist() == [False]


def test_the_same_object_twice_counts_once():
    cluster = a_cluster(a_node(), a_node(), a_pod(), a_pod(), a_pdb(), a_pdb())

    assert (len(cluster.nodes), len(cluster.pods), len(cluster.pdbs)) == (1, 1, 1)
    assert cluster.problems == ()


@pytest.mark.parametrize(
    ("part", "name", "items"),
    [
        ("spec", "tolerations", [{"key": "a", "operator": "Exists"}, {"key": "b"}]),
        ("spec", "containers", [{"name": "a"}, {"name": "b"}]),
        (
            "status",
            "conditions",
            [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}],
        ),
        ("metadata", "ownerReferences", [{"kind": "A", "name": "a"}, {"kind": "B", "name": "b"}]),
    ],
)
def test_lists_in_another_order_are_the_same_object(part, name, items):
    cluster = a_cluster(a_pod(**{part: {name: items}}), a_pod(**{part: {name: items[::-1]}}))

    assert len(cluster.pods) == 1
    assert cluster.problems == ()


def test_the_order_of_init_containers_is_kept():
    names = ["z-one", "a-two"]
    init = [{"name": name} for name in names]

    [pod] = a_cluster(a_pod(spec={"initContainers": init})).pods.items

    assert [container.name for container in pod.spec.init_containers] == names


def test_of_two_versions_of_an_object_the_newer_counts_and_it_is_a_problem():
    older = a_pod(cpu=1, metadata={"uid": "z", "creationTimestamp": "2026-08-01T00:00:00Z"})
    newer = a_pod(cpu=2, metadata={"uid": "a", "creationTimestamp": "2026-08-02T00:00:00Z"})

    for objects in ((older, newer), (newer, older), (older, newer, older)):
        cluster = a_cluster(*objects)
        assert cluster.pods.request_cpu_millicores.tolist() == [2000]
        assert reasons(cluster) == [("contradictory_duplicate", "Pod", "web-1")]
        assert "in 2 versions" in cluster.problems[0].message
        assert cluster.set_aside == {"pods": (older,)}


def test_everything_that_is_left_out_is_kept_aside():
    """A bad node, a second version of a node, a node without a name, and two such pods."""
    cluster = a_cluster(
        a_node("bad", status={"allocatable": {"cpu": "x"}}),
        a_node("twice", cpu=4),
        a_node("twice", cpu=8),
        a_node("thrice", cpu=4),
        a_node("thrice", cpu=8),
        a_node(""),
        a_pod("bad", spec=BAD_REQUESTS),
        a_pod("worse", spec=BAD_REQUESTS),
        a_pod(""),
    )

    aside = {
        field: [one.metadata.name for one in some] for field, some in cluster.set_aside.items()
    }
    assert aside == {"nodes": ["", "bad", "thrice", "twice"], "pods": ["", "bad", "worse"]}
    assert cluster.nodes.names == ("thrice", "twice")
    assert len(cluster.problems) == 7


def test_workloads_of_one_name_and_two_kinds_are_two_objects():
    cluster = a_cluster(a_workload("web", kind="StatefulSet"), a_workload("web", kind="Deployment"))

    assert [one.kind for one in cluster.workloads] == ["Deployment", "StatefulSet"]
    assert cluster.problems == ()


def test_a_pod_with_a_bad_amount_is_left_out_and_its_node_is_marked():
    bad = a_pod("bad", on="node-a", spec=BAD_REQUESTS)

    cluster = a_cluster(a_node("node-a"), a_node("node-b"), bad, a_pod("good", on="node-a"))

    assert [pod.key for pod in cluster.pods.items] == ["shop/good"]
    assert cluster.nodes.fully_read.tolist() == [False, True]
    assert reasons(cluster) == [("invalid_quantity", "Pod", "bad")]
    assert 'container main, cpu: "-1" is negative' in cluster.problems[0].message
    assert [pod.key for pod in cluster.set_aside["pods"]] == ["shop/bad"]


def test_a_node_with_a_bad_amount_is_left_out_and_its_pods_are_on_no_known_node():
    bad = a_node("node-a", status={"allocatable": {"cpu": "many"}})

    cluster = a_cluster(bad, a_node("node-b"), a_pod("web-1", on="node-a"))

    assert cluster.nodes.names == ("node-b",)
    assert cluster.pods.node.tolist() == [-1]
    assert ("invalid_quantity", "Node", "node-a") in reasons(cluster)


def test_pods_on_a_node_that_was_not_read_are_one_problem_a_node():
    cluster = a_cluster(
        a_node("node-a"),
        a_pod("b", on="gone"),
        a_pod("a", on="gone"),
        a_pod("done", on="long-gone", phase="Succeeded"),
        a_pod("waiting"),
    )

    [problem] = cluster.problems
    assert problem.reason == ProblemReason.UNKNOWN_NODE
    assert (problem.subject.name, problem.subjects) == ("gone", ("shop/a", "shop/b"))
    assert cluster.pods.node.tolist() == [-1, -1, -1, -1]


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("node.kubernetes.io/instance-type", "node_without_instance_type"),
        ("topology.kubernetes.io/zone", "node_without_zone"),
        ("topology.kubernetes.io/region", "node_without_region"),
        ("karpenter.sh/capacity-type", "capacity_type_unclear"),
        ("kubernetes.io/hostname", None),
    ],
)
def test_a_label_that_is_missing_is_a_problem_and_never_guessed(label, reason):
    cluster = a_cluster(a_node("node-a", labels={label: None}))

    assert reasons(cluster) == ([(reason, "Node", "node-a")] if reason else [])
    assert len(cluster.nodes) == 1


def test_instances_answer_what_labels_leave_open():
    node = a_node("node-a", labels={"karpenter.sh/capacity-type": None})

    cluster = a_cluster(node, instances=(an_instance(instance_id_for("node-a"), lifecycle="spot"),))

    assert cluster.nodes.capacity_types == (CapacityType.SPOT,)
    assert cluster.problems == ()


def test_an_object_without_a_name_is_set_aside():
    cluster = a_cluster(a_pod(metadata={"name": ""}))

    assert len(cluster.pods) == 0
    assert reasons(cluster) == [("missing_name", "Pod", "")]
    assert len(cluster.set_aside["pods"]) == 1


def test_what_was_not_listed_can_be_told_from_what_is_empty():
    cluster = a_cluster(a_namespace())

    assert "namespaces" in cluster.listed
    assert "pdbs" in cluster.listed  # the builder lists it, empty
    assert "pvcs" not in cluster.listed
    assert cluster.pdbs == cluster.pvcs == ()


def test_pods_by_node_cover_all_that_are_bound():
    cluster = a_cluster(
        a_node("node-a"),
        a_node("node-b"),
        a_pod("1", on="node-b"),
        a_pod("2", on="node-a"),
        a_pod("3", on="node-b"),
        a_pod("4"),
    )

    assert cluster.pods.by_node.members(0).tolist() == [1]
    assert cluster.pods.by_node.members(1).tolist() == [0, 2]


def test_groups_of_nothing_are_empty():
    groups = Groups.of(np.array([], np.int32), 2)

    assert [groups.members(group).tolist() for group in (0, 1)] == [[], []]


def test_sparse_amounts_fill_the_rest_with_zero():
    sparse = SparseAmounts(np.array([1, 3], np.int32), np.array([5, 7], np.int64))

    assert sparse.dense(5).tolist() == [0, 5, 0, 7, 0]


def test_extended_requests_are_kept_by_resource():
    gpu = {"containers": [{"name": "m", "resources": {"limits": {"nvidia.com/gpu": "2"}}}]}

    pods = a_cluster(a_pod("a"), a_pod("b", spec=gpu)).pods

    assert list(pods.extended) == ["nvidia.com/gpu"]
    assert pods.extended["nvidia.com/gpu"].dense(2).tolist() == [0, 2]


# Pages, as a reader of the network puts them in.


def test_pages_of_a_list_become_one_snapshot():
    collection = ObjectCollection()
    page = b'{"kind":"PodList","metadata":{"continue":"%s","remainingItemCount":1},"items":[%s]}'
    pod = b'{"metadata":{"name":"%s","namespace":"n"},"spec":{"containers":[]}}'

    first = collection.add_page(KINDS["Pod"], page % (b"more", pod % b"b"))
    last = collection.add_page(KINDS["Pod"], page % (b"", pod % b"a"))

    assert (first.continue_token, last.continue_token) == ("more", "")
    assert first.remaining_item_count == 1
    assert [pod.key for pod in build_snapshot(collection).pods.items] == ["n/a", "n/b"]


def test_a_page_with_one_bad_object_keeps_the_others():
    """The spec of the bad pod still tells its node, which nobody may take for empty now."""
    page = (
        b'{"items":[{"metadata":{"name":"good","namespace":"n"},"spec":{"containers":[]}},'
        b'{"metadata":{"name":"bad","namespace":"n"},"spec":{"nodeName":"x","priority":"high"}}]}'
    )
    collection = ObjectCollection()
    collection.add("nodes", (a_node("x"),))

    collection.add_page(KINDS["Pod"], page)
    cluster = build_snapshot(collection)

    assert [pod.key for pod in cluster.pods.items] == ["n/good"]
    assert reasons(cluster) == [("unreadable_object", "Pod", "bad")]
    assert "$.spec.priority" in cluster.problems[0].message
    assert cluster.nodes.fully_read.tolist() == [False]


@pytest.mark.parametrize("items", ["null", "[]"])
def test_a_list_of_nothing_counts_as_listed(items):
    collection = ObjectCollection()

    collection.add_page(KINDS["PodDisruptionBudget"], f'{{"items":{items}}}'.encode())

    assert "pdbs" in build_snapshot(collection).listed


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>",
        b'{"items":{}}',
        b'{"items":[',
        b"[]",
        b'{"items":[\xff]}',
        b"[" * 5000,
        b'{"kind":"Status","items":[]}',
    ],
)
def test_a_page_that_is_no_list_is_refused(page):
    with pytest.raises(InvalidInputError, match="a page of PodList"):
        ObjectCollection().add_page(KINDS["Pod"], page)
