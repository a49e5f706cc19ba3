"""What the control plane and its kubelets do by themselves."""

import pytest

from tests.sandbox.kube.builders import (
    DEPLOYMENTS,
    MERGE,
    PODS,
    STRATEGIC,
    a_node,
    a_pod,
    a_template,
    a_workload,
)

SETS = "/apis/apps/v1/namespaces/default/replicasets"
STATEFUL = "/apis/apps/v1/namespaces/default/statefulsets"
DAEMONS = "/apis/apps/v1/namespaces/default/daemonsets"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
NODES = "/api/v1/nodes"
CPU_200 = {"spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {}}]}}}}
CPU_200["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m"}}


def taints(admin, node):
    return [
        (one["key"].removeprefix("node.kubernetes.io/"), one["effect"])
        for one in admin.get(f"{NODES}/{node}")["spec"].get("taints", [])
    ]


def ready(admin):
    return [
        one["metadata"]["name"]
        for one in admin.get(PODS)["items"]
        if {"type": "Ready", "status": "True"}.items()
        <= next(c for c in one["status"]["conditions"] if c["type"] == "Ready").items()
    ]


class TestDeployments:
    @pytest.fixture(autouse=True)
    def web(self, admin, cluster, three_nodes):
        admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=2))
        cluster.world.clock.advance(2)

    def test_a_deployment_becomes_a_replica_set_and_running_pods(self, admin):
        status = admin.get(f"{DEPLOYMENTS}/web")["status"]

        assert len(ready(admin)) == 2
        assert (status["readyReplicas"], status["updatedReplicas"]) == (2, 2)
        assert {one["type"]: one["reason"] for one in status["conditions"]} == {
            "Available": "MinimumReplicasAvailable",
            "Progressing": "NewReplicaSetAvailable",
        }

    def test_a_new_template_rolls_over_one_by_one(self, admin, cluster):
        """2 replicas: 25 % surge is 1 pod more, 25 % unavailable is none."""
        before = set(admin.names(PODS))
        admin("PATCH", f"{DEPLOYMENTS}/web", CPU_200, STRATEGIC)
        cluster.world.clock.advance(0.1)
        in_between = set(admin.names(PODS))
        cluster.world.clock.advance(10)

        assert in_between > before
        assert len(in_between) == 3
        assert len(admin.names(PODS)) == 2
        assert not before & set(admin.names(PODS))
        replicas = sorted(one["spec"]["replicas"] for one in admin.get(SETS)["items"])
        assert replicas == [0, 2]

    def test_an_earlier_template_brings_its_replica_set_back(self, admin, cluster):
        admin("PATCH", f"{DEPLOYMENTS}/web", CPU_200, STRATEGIC)
        cluster.world.clock.advance(10)
        back = {"spec": {"template": a_template("web")}}
        admin("PATCH", f"{DEPLOYMENTS}/web", back, STRATEGIC)
        cluster.world.clock.advance(10)

        assert len(admin.names(SETS)) == 2
        revision = admin.get(f"{DEPLOYMENTS}/web")["metadata"]["annotations"]
        assert revision == {"deployment.kubernetes.io/revision": "3"}

    def test_an_equal_quantity_is_no_new_template(self, admin, cluster):
        same = {"spec": {"template": a_template("web", cpu="0.1")}}
        admin("PATCH", f"{DEPLOYMENTS}/web", same, STRATEGIC)
        cluster.world.clock.advance(1)

        assert len(admin.names(SETS)) == 1
        assert admin.get(f"{DEPLOYMENTS}/web")["metadata"]["generation"] == 1

    @pytest.mark.parametrize(("replicas", "spec"), [(0, {}), (1, {"replicas": 1})])
    def test_a_scale_is_read_and_written(self, admin, cluster, replicas, spec):
        patch = {"spec": {"replicas": replicas}}

        status, scale = admin("PATCH", f"{DEPLOYMENTS}/web/scale", patch, MERGE)
        cluster.world.clock.advance(5)

        assert (status, scale["spec"]) == (200, spec)
        assert scale["status"] == {"replicas": 2, "selector": "app=web"}
        assert len(admin.names(PODS)) == replicas

    def test_a_null_scale_is_zero(self, admin):
        patch = {"spec": {"replicas": None}}

        assert admin("PATCH", f"{DEPLOYMENTS}/web/scale", patch, MERGE)[1]["spec"] == {}
        assert admin.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 0

    def test_a_stale_scale_is_a_conflict_on_the_deployment(self, admin):
        stale = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 1}}

        status, refusal = admin("PATCH", f"{DEPLOYMENTS}/web/scale", stale, MERGE)

        assert (status, refusal["details"]["kind"]) == (409, "deployments")

    def test_while_the_controllers_are_paused_nothing_happens(self, admin, cluster):
        cluster.world.paused = True
        admin("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 5}}, MERGE)
        cluster.world.clock.advance(5)
        paused = len(admin.names(PODS))
        cluster.world.paused = False
        cluster.world.clock.advance(5)

        assert (paused, len(admin.names(PODS))) == (2, 5)


def test_an_unready_pod_is_the_first_to_go(admin, cluster, three_nodes):
    admin("POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=3))
    cluster.world.clock.advance(2)
    loser = admin.names(PODS)[1]
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    admin("PATCH", f"{PODS}/{loser}/status", unready, STRATEGIC)
    admin("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 2}}, MERGE)
    cluster.world.clock.advance(5)

    assert loser not in admin.names(PODS)
    assert len(admin.names(PODS)) == 2


def test_a_stateful_set_grows_in_order_and_shrinks_from_the_end(admin, cluster, three_nodes):
    admin("POST", STATEFUL, a_workload("StatefulSet", "db", serviceName="db"))
    cluster.world.clock.advance(0.5)
    at_first = admin.names(PODS)
    cluster.world.clock.advance(5)
    grown = admin.names(PODS)
    admin("PATCH", f"{STATEFUL}/db/scale", {"spec": {"replicas": 1}}, MERGE)
    cluster.world.clock.advance(10)

    assert (at_first, grown, admin.names(PODS)) == (["db-0"], ["db-0", "db-1", "db-2"], ["db-0"])


def test_a_stateful_set_replaces_outdated_pods_one_by_one(admin, cluster, three_nodes):
    admin("POST", STATEFUL, a_workload("StatefulSet", "db", replicas=2, serviceName="db"))
    cluster.world.clock.advance(5)
    admin("PATCH", f"{STATEFUL}/db", CPU_200, STRATEGIC)
    cluster.world.clock.advance(20)

    requests = [
        one["spec"]["containers"][0]["resources"]["requests"]["cpu"]
        for one in admin.get(PODS)["items"]
    ]
    status = admin.get(f"{STATEFUL}/db")["status"]
    assert requests == ["200m", "200m"]
    assert status["currentRevision"] == status["updateRevision"]


def test_a_daemon_set_follows_the_nodes(admin, cluster, three_nodes):
    admin("POST", DAEMONS, a_workload("DaemonSet", "agent", replicas=None))
    cluster.world.clock.advance(2)
    cluster.load([a_node("node-d")])
    cluster.world.clock.advance(2)

    status = admin.get(f"{DAEMONS}/agent")["status"]

    assert (status["desiredNumberScheduled"], status["numberReady"]) == (4, 4)


def test_a_suspended_job_loses_its_pods_and_gets_new_ones_afterwards(admin, cluster, three_nodes):
    template = a_template("calc")
    template["spec"]["restartPolicy"] = "Never"
    body = {"metadata": {"name": "calc"}, "spec": {"parallelism": 2, "template": template}}
    admin("POST", JOBS, body)
    cluster.world.clock.advance(2)
    first = admin.names(PODS)
    admin("PATCH", f"{JOBS}/calc", {"spec": {"suspend": True}}, MERGE)
    cluster.world.clock.advance(5)
    suspended = admin.names(PODS)
    admin("PATCH", f"{JOBS}/calc", {"spec": {"suspend": False}}, MERGE)
    cluster.world.clock.advance(2)

    assert (len(first), suspended) == (2, [])
    assert len(admin.names(PODS)) == 2
    conditions = admin.get(f"{JOBS}/calc")["status"]["conditions"]
    assert [(one["type"], one["status"]) for one in conditions] == [("Suspended", "False")]


def test_a_job_with_completions_ends_with_its_last_success(admin, cluster, three_nodes):
    template = a_template("calc")
    template["spec"]["restartPolicy"] = "Never"
    admin("POST", JOBS, {"metadata": {"name": "calc"}, "spec": {"template": template}})
    cluster.world.clock.advance(2)
    pod = f"{PODS}/{admin.names(PODS)[0]}"
    admin("PATCH", f"{pod}/status", {"status": {"phase": "Succeeded"}}, STRATEGIC)
    cluster.world.clock.advance(2)

    assert len(admin.names(PODS)) == 1
    assert "finalizers" not in admin.get(pod)["metadata"]


class TestNodes:
    @pytest.fixture(autouse=True)
    def nodes(self, three_nodes):
        """Three of them."""

    def test_the_cordons_taint_comes_and_goes_a_moment_later(self, admin, cluster):
        target = f"{NODES}/node-a"
        admin("PATCH", target, {"spec": {"unschedulable": True}}, STRATEGIC)
        at_once = taints(admin, "node-a")
        cluster.world.clock.advance(0.1)
        later = taints(admin, "node-a")
        admin("PATCH", target, {"spec": {"unschedulable": None}}, STRATEGIC)
        cluster.world.clock.advance(0.1)

        assert (at_once, later) == ([], [("unschedulable", "NoSchedule")])
        assert taints(admin, "node-a") == []

    def test_a_patch_of_the_taints_drops_the_cordons_until_it_is_put_back(self, admin, cluster):
        target = f"{NODES}/node-a"
        admin("PATCH", target, {"spec": {"unschedulable": True}}, STRATEGIC)
        cluster.world.clock.advance(0.1)
        ours = {"spec": {"taints": [{"key": "team", "value": "a", "effect": "NoSchedule"}]}}
        admin("PATCH", target, ours, MERGE)
        at_once = taints(admin, "node-a")
        cluster.world.clock.advance(0.1)

        assert at_once == [("team", "NoSchedule")]
        assert taints(admin, "node-a") == [("team", "NoSchedule"), ("unschedulable", "NoSchedule")]

    def test_a_lost_node_is_tainted_and_its_pods_become_unready(self, admin, cluster):
        admin("POST", PODS, a_pod("p", nodeName="node-a"))
        cluster.world.clock.advance(2)
        lost = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        admin("PATCH", f"{NODES}/node-a/status", lost, STRATEGIC)
        cluster.world.clock.advance(6)

        assert taints(admin, "node-a") == [
            ("unreachable", "NoSchedule"),
            ("unreachable", "NoExecute"),
        ]
        assert ready(admin) == []

    def test_pods_leave_a_lost_node_after_the_seconds_they_tolerate(self, admin, cluster):
        admin("POST", PODS, a_pod("p", nodeName="node-a"))
        cluster.world.clock.advance(2)
        lost = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        admin("PATCH", f"{NODES}/node-a/status", lost, STRATEGIC)
        cluster.world.clock.advance(290)
        before = admin.names(PODS)
        cluster.world.clock.advance(30)

        assert (before, admin.names(PODS)) == (["p"], [])

    def test_a_no_execute_taint_drives_off_what_does_not_tolerate_it(self, admin, cluster):
        tolerant = {"tolerations": [{"key": "team", "operator": "Exists"}]}
        admin("POST", PODS, a_pod("goes", nodeName="node-a"))
        admin("POST", PODS, a_pod("stays", nodeName="node-a", **tolerant))
        cluster.world.clock.advance(2)
        taint = {"spec": {"taints": [{"key": "team", "value": "a", "effect": "NoExecute"}]}}
        admin("PATCH", f"{NODES}/node-a", taint, MERGE)
        cluster.world.clock.advance(5)

        assert admin.names(PODS) == ["stays"]

    def test_a_posted_node_is_not_ready_until_a_controller_has_seen_it(self, admin, cluster):
        admin("POST", NODES, a_node("new"))
        at_once = taints(admin, "new")
        cluster.world.clock.advance(0.1)

        assert (at_once, taints(admin, "new")) == ([("not-ready", "NoSchedule")], [])

    def test_pressure_becomes_a_taint(self, admin, cluster):
        pressure = {"status": {"conditions": [{"type": "MemoryPressure", "status": "True"}]}}
        admin("PATCH", f"{NODES}/node-a/status", pressure, STRATEGIC)
        cluster.world.clock.advance(0.1)

        assert taints(admin, "node-a") == [("memory-pressure", "NoSchedule")]


class TestScheduling:
    def test_a_bound_pod_carries_the_topology_of_its_node(self, admin, cluster, three_nodes):
        admin("POST", PODS, a_pod("p", nodeSelector={"topology.kubernetes.io/zone": "z2"}))
        cluster.world.clock.advance(1)

        pod = admin.get(f"{PODS}/p")

        assert pod["spec"]["nodeName"] == "node-b"
        assert pod["metadata"]["labels"]["topology.kubernetes.io/zone"] == "z2"
        assert pod["status"]["phase"] == "Running"

    def test_a_pod_that_fits_nowhere_says_why_and_is_tried_again(self, admin, cluster):
        admin("POST", PODS, a_pod("p"))
        cluster.world.clock.advance(1)
        refused = admin.get(f"{PODS}/p")["status"]["conditions"][0]
        cluster.load([a_node("node-a")])
        cluster.world.clock.advance(1)

        assert refused["message"] == "no nodes available to schedule pods"
        assert admin.get(f"{PODS}/p")["spec"]["nodeName"] == "node-a"

    def test_a_more_important_pod_throws_a_lesser_one_out(self, admin, cluster):
        """The node has 4 CPU; the first pod takes 3 of them, the second wants 2."""
        cluster.load([a_node("node-a")])
        path = "/apis/scheduling.k8s.io/v1/priorityclasses"
        admin("POST", path, {"metadata": {"name": "high"}, "value": 1000})
        low, high = a_pod("low"), a_pod("high", priorityClassName="high")
        low["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "3"
        high["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "2"
        admin("POST", PODS, low)
        cluster.world.clock.advance(2)
        admin("POST", PODS, high)
        cluster.world.clock.advance(0.1)
        nominated = admin.get(f"{PODS}/high")["status"]["nominatedNodeName"]
        cluster.world.clock.advance(5)

        assert nominated == "node-a"
        assert admin.names(PODS) == ["high"]
        assert admin.get(f"{PODS}/high")["spec"]["nodeName"] == "node-a"

    def test_an_unknown_priority_class_is_refused(self, admin):
        status, refusal = admin("POST", PODS, a_pod("p", priorityClassName="nosuch"))

        assert status == 403
        assert refusal["message"].endswith("no PriorityClass with name nosuch was found")

    def test_a_binding_can_be_made_by_hand_once(self, admin, three_nodes):
        admin("POST", PODS, a_pod("p", schedulerName="by-hand"))
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "node-c"}}

        assert admin("POST", f"{PODS}/p/binding", binding)[0] == 201
        assert admin("POST", f"{PODS}/p/binding", binding)[0] == 409
        assert admin.get(f"{PODS}/p")["spec"]["nodeName"] == "node-c"


def test_a_claim_that_names_its_volume_is_bound_and_protected(admin, cluster, three_nodes):
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    shared = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {**shared, "capacity": {"storage": "1Gi"}, "local": {"path": "/x"}}
    claim = {**shared, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "v"}
    admin("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "v"}, "spec": volume})
    admin("POST", claims, {"metadata": {"name": "c"}, "spec": claim})
    used = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
    admin("POST", PODS, a_pod("p", volumes=[used]))
    cluster.world.clock.advance(2)
    bound = admin.get(f"{claims}/c")["status"]["phase"]
    admin("DELETE", f"{claims}/c")
    cluster.world.clock.advance(1)
    held = admin("GET", f"{claims}/c")[0]
    admin("DELETE", f"{PODS}/p?gracePeriodSeconds=0")
    cluster.world.clock.advance(1)

    assert (bound, held, admin("GET", f"{claims}/c")[0]) == ("Bound", 200, 404)


def test_pods_of_a_stateful_set_use_the_claims_of_its_templates(admin, cluster, three_nodes):
    shared = {"storageClassName": "", "accessModes": ["ReadWriteOnce"]}
    template = {"metadata": {"name": "data"}, "spec": shared}
    admin(
        "POST",
        DEPLOYMENTS.replace("deployments", "statefulsets"),
        a_workload("StatefulSet", "db", replicas=1, volumeClaimTemplates=[template]),
    )
    cluster.world.clock.advance(2)

    volumes = admin.get(f"{PODS}/db-0")["spec"]["volumes"]
    assert volumes[0] == {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}
