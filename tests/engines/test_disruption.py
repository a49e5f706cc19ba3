"""Who may be moved, voluntarily and not: one row of the table for each kind of pod.

Unless a test says otherwise a pod is owned by a ReplicaSet, runs, is ready, and is guarded by no
budget. The budgets of the cluster were read and there are none.
"""

from datetime import timedelta

import pytest

from engines.contracts.state import CurrentState, compile_state
from engines.disruption import (
    BudgetLedger,
    DisruptionReason,
    Disruptions,
    EvictionTier,
    Finding,
    Mode,
    Treatment,
)
from tests.builders import NOW, a_cluster, a_node, a_pdb, a_pod, a_workload, an_object

R = DisruptionReason
T = Treatment

SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
LOCAL_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
DISK = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
HOST_PATH = {"volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}]}
TWO_DISKS = {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}]}
NOT_LOCAL = {
    "volumes": [
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "key", "secret": {"secretName": "key"}},
        {"name": "token", "projected": {"sources": []}},
    ]
}
TOLERATES_ALL = {"tolerations": [{"operator": "Exists"}]}
CLAIM = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
UNREADY = {"conditions": [{"type": "Ready", "status": "False"}]}


def judged(pod, mode, *others):
    """The verdict on ``pod`` in a cluster of one node, it and ``others``."""
    cluster = a_cluster(a_node("node-a"), pod, *others)
    row = [one.key for one in cluster.pods.items].index(pod.key)
    return Disruptions(cluster, NOW).judge(row, mode)


def reasons(findings):
    return [finding.reason for finding in findings]


def deleted_at(moment):
    return {"deletionTimestamp": moment.isoformat()}


def running(**fields):
    return a_pod(on="node-a", **fields)


@pytest.mark.parametrize(
    ("pod", "voluntary", "involuntary"),
    [
        # what, then (treatment, why) voluntarily, then (treatment, warnings) involuntarily
        pytest.param(running(), (T.EVICT, []), (T.EVICT, []), id="plain"),
        pytest.param(
            running(owner=("DaemonSet", "agent")),
            (T.LEAVE, [R.DAEMONSET]),
            (T.LEAVE, []),
            id="daemonset",
        ),
        pytest.param(
            running(owner=("Node", "node-a")), (T.LEAVE, [R.MIRROR]), (T.LEAVE, []), id="mirror"
        ),
        pytest.param(
            running(owner=None), (T.BLOCKED, [R.BARE_POD]), (T.EVICT, [R.BARE_POD]), id="bare"
        ),
        pytest.param(
            running(phase="Succeeded"), (T.LEAVE, [R.FINISHED]), (T.LEAVE, []), id="completed"
        ),
        pytest.param(running(phase="Failed"), (T.LEAVE, [R.FINISHED]), (T.LEAVE, []), id="failed"),
        pytest.param(
            running(spec=DISK), (T.BLOCKED, [R.LOCAL_STORAGE]), (T.EVICT, []), id="emptyDir"
        ),
        pytest.param(
            running(spec=HOST_PATH), (T.BLOCKED, [R.LOCAL_STORAGE]), (T.EVICT, []), id="hostPath"
        ),
        pytest.param(
            running(spec=DISK, annotations={LOCAL_VOLUMES: "scratch"}),
            (T.EVICT, []),
            (T.EVICT, []),
            id="local-volume-given-up",
        ),
        pytest.param(
            running(spec=TWO_DISKS, annotations={LOCAL_VOLUMES: "a, b"}),
            (T.EVICT, []),
            (T.EVICT, []),
            id="all-local-volumes-given-up",
        ),
        pytest.param(
            running(spec=TWO_DISKS, annotations={LOCAL_VOLUMES: "a"}),
            (T.BLOCKED, [R.LOCAL_STORAGE]),
            (T.EVICT, []),
            id="one-of-two-local-volumes-given-up",
        ),
        pytest.param(running(spec=NOT_LOCAL), (T.EVICT, []), (T.EVICT, []), id="not-local"),
        pytest.param(
            running(annotations={SAFE: "false"}),
            (T.BLOCKED, [R.NOT_SAFE_TO_EVICT]),
            (T.EVICT, [R.NOT_SAFE_TO_EVICT]),
            id="safe-to-evict-false",
        ),
        pytest.param(
            running(owner=None, annotations={SAFE: "true"}),
            (T.EVICT, []),
            (T.EVICT, []),
            id="safe-to-evict-unblocks-bare",
        ),
        pytest.param(
            running(spec=DISK, annotations={SAFE: "true"}),
            (T.EVICT, []),
            (T.EVICT, []),
            id="safe-to-evict-unblocks-local-storage",
        ),
        pytest.param(
            running(namespace="kube-system"),
            (T.BLOCKED, [R.SYSTEM_POD]),
            (T.EVICT, []),
            id="kube-system",
        ),
        pytest.param(
            running(namespace="kube-system", annotations={SAFE: "true"}),
            (T.EVICT, []),
            (T.EVICT, []),
            id="safe-to-evict-unblocks-kube-system",
        ),
        pytest.param(
            running(namespace="kube-system", owner=("DaemonSet", "agent")),
            (T.LEAVE, [R.DAEMONSET]),
            (T.LEAVE, []),
            id="kube-system-daemonset",
        ),
        pytest.param(
            running(spec=TOLERATES_ALL),
            (T.LEAVE, [R.TOLERATES_DRAIN]),
            (T.LEAVE, []),
            id="tolerates-everything",
        ),
        pytest.param(
            running(owner=("DaemonSet", "agent"), annotations={SAFE: "false"}),
            (T.BLOCKED, [R.NOT_SAFE_TO_EVICT]),
            (T.LEAVE, [R.NOT_SAFE_TO_EVICT]),
            id="daemonset-that-asks-to-stay",
        ),
    ],
)
def test_each_kind_of_pod_is_treated_as_the_table_says(pod, voluntary, involuntary):
    by_choice = judged(pod, Mode.VOLUNTARY)
    by_force = judged(pod, Mode.INVOLUNTARY)

    assert (by_choice.treatment, reasons(by_choice.blockers)) == voluntary
    assert (by_force.treatment, reasons(by_force.warnings)) == involuntary


@pytest.mark.parametrize(
    "key",
    [
        "karpenter.sh/do-not-disrupt",
        "karpenter.sh/do-not-evict",
        "descheduler.alpha.kubernetes.io/prefer-no-eviction",
        "autoscaling.cast.ai/removal-disabled",
    ],
)
@pytest.mark.parametrize(
    ("value", "holds"), [("true", True), ("", True), ("1h", True), ("false", False)]
)
def test_the_marks_of_other_tools_hold_a_pod_unless_they_say_false(key, value, holds):
    pod = running(annotations={key: value})

    by_choice = judged(pod, Mode.VOLUNTARY)
    by_force = judged(pod, Mode.INVOLUNTARY)

    expected = (Finding(R.DO_NOT_DISRUPT, (key,)),) if holds else ()
    assert by_choice.treatment is (T.BLOCKED if holds else T.EVICT)
    assert by_choice.blockers == expected
    assert (by_force.treatment, by_force.warnings) == (T.EVICT, expected)


def test_the_mark_of_cast_ai_may_be_a_label():
    pod = running(labels={"autoscaling.cast.ai/removal-disabled": "true"})

    assert judged(pod, Mode.VOLUNTARY).is_blocked


def test_safe_to_evict_does_not_outweigh_another_mark():
    pod = running(annotations={SAFE: "true", "karpenter.sh/do-not-disrupt": "true"})

    assert reasons(judged(pod, Mode.VOLUNTARY).blockers) == [R.DO_NOT_DISRUPT]


def test_an_orphan_blocks_although_safe_to_evict_but_goes_when_it_must():
    """Its ReplicaSet is gone, though another one was read."""
    pod = running(owner=("ReplicaSet", "gone"), annotations={SAFE: "true"})
    another = a_workload("other", kind="ReplicaSet")

    by_choice = judged(pod, Mode.VOLUNTARY, another)
    by_force = judged(pod, Mode.INVOLUNTARY, another)

    assert by_choice.blockers == (Finding(R.ORPHAN, ("gone",)),)
    assert (by_force.treatment, by_force.warnings, by_force.needs_room) == (T.EVICT, (), False)


def test_a_volume_of_one_node_blocks_even_where_the_pod_is_safe_to_evict():
    volume, claim = a_local_volume()
    pod = running(spec=CLAIM, annotations={SAFE: "true"})

    by_choice = judged(pod, Mode.VOLUNTARY, volume, claim)
    by_force = judged(pod, Mode.INVOLUNTARY, volume, claim)

    assert by_choice.blockers == (Finding(R.LOCAL_VOLUME, ("pv-1",)),)
    assert (by_force.treatment, reasons(by_force.warnings)) == (T.EVICT, [R.LOCAL_VOLUME])


@pytest.mark.parametrize("kind", [{"local": {"path": "/data"}}, {"hostPath": {"path": "/data"}}])
def test_a_volume_on_a_nodes_own_disk_blocks(kind):
    _, claim = a_local_volume()
    volume = an_object("PersistentVolume", {"metadata": {"name": "pv-1"}, "spec": kind})

    assert judged(running(spec=CLAIM), Mode.VOLUNTARY, volume, claim).blockers == (
        Finding(R.LOCAL_VOLUME, ("pv-1",)),
    )


def test_a_volume_of_a_zone_does_not_block():
    volume, claim = a_local_volume(key="topology.kubernetes.io/zone")

    assert judged(running(spec=CLAIM), Mode.VOLUNTARY, volume, claim).treatment is T.EVICT


def a_local_volume(key="kubernetes.io/hostname"):
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": ["node-a"]}]}
    volume = an_object(
        "PersistentVolume",
        {
            "metadata": {"name": "pv-1"},
            "spec": {
                "csi": {"driver": "local.csi.example", "volumeHandle": "h"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
        },
    )
    claim = an_object(
        "PersistentVolumeClaim",
        {
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv-1"},
            "status": {"phase": "Bound"},
        },
    )
    return volume, claim


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("owner", "ends", "reason", "needs_room", "is_waited_for"),
    [
        # deletionTimestamp against now: stuck from one minute past the end of the grace
        (("ReplicaSet", "web"), +20, R.TERMINATING, False, True),
        (("ReplicaSet", "web"), -60, R.TERMINATING, False, True),
        (("ReplicaSet", "web"), -61, R.STUCK_TERMINATING, False, False),
        (("StatefulSet", "db"), +20, R.TERMINATING, True, True),
        (("StatefulSet", "db"), -61, R.STUCK_TERMINATING, True, False),
        (None, +20, R.TERMINATING, False, True),
    ],
)
def test_a_terminating_pod_is_on_its_way_and_only_a_stateful_one_needs_a_new_place(
    mode, owner, ends, reason, needs_room, is_waited_for
):
    pod = running(owner=owner, metadata=deleted_at(NOW + timedelta(seconds=ends)))

    verdict = judged(pod, mode)

    assert (verdict.treatment, reasons(verdict.blockers)) == (T.LEAVE, [reason])
    assert (verdict.needs_room, verdict.is_waited_for) == (needs_room, is_waited_for)


@pytest.mark.parametrize(
    ("pod", "needs_room", "is_waited_for"),
    [
        pytest.param(running(), True, True, id="plain"),
        pytest.param(running(owner=("DaemonSet", "agent")), False, False, id="daemonset"),
        pytest.param(running(owner=("Node", "node-a")), False, False, id="mirror"),
        pytest.param(running(phase="Succeeded"), False, False, id="finished"),
        pytest.param(
            running(owner=None, annotations={SAFE: "true"}), False, True, id="bare-and-safe"
        ),
        pytest.param(running(spec=TOLERATES_ALL), True, False, id="tolerates-everything"),
        pytest.param(
            running(owner=("DaemonSet", "agent"), annotations={SAFE: "false"}),
            False,
            True,
            id="daemonset-that-asks-to-stay",
        ),
    ],
)
def test_who_needs_room_elsewhere_and_who_is_waited_for(pod, needs_room, is_waited_for):
    verdict = judged(pod, Mode.VOLUNTARY)

    assert (verdict.needs_room, verdict.is_waited_for) == (needs_room, is_waited_for)


@pytest.mark.parametrize(
    ("tolerations", "treatment"),
    [
        ([{"operator": "Exists"}], T.LEAVE),
        ([{"operator": "Exists", "effect": "NoSchedule"}], T.LEAVE),
        ([{"operator": "Exists", "effect": "NoExecute"}], T.EVICT),
        ([{"operator": "Exists", "key": "node.kubernetes.io/unschedulable"}], T.EVICT),
        ([{"operator": "Exists", "key": "cloudoptim.io/drain"}], T.EVICT),
    ],
)
def test_only_a_pod_that_stands_cordon_and_drain_would_come_straight_back(tolerations, treatment):
    pod = running(spec={"tolerations": tolerations})

    assert judged(pod, Mode.VOLUNTARY).treatment is treatment


@pytest.mark.parametrize(
    ("owner", "spec", "tier"),
    [
        (("ReplicaSet", "web"), {"priority": 1_999_999_999}, EvictionTier.ORDINARY),
        (("ReplicaSet", "web"), {"priority": 2_000_000_000}, EvictionTier.CRITICAL),
        (
            ("ReplicaSet", "web"),
            {"priorityClassName": "system-node-critical"},
            EvictionTier.CRITICAL,
        ),
        (("DaemonSet", "agent"), {"priority": 0}, EvictionTier.ORDINARY_DAEMONSET),
        (("DaemonSet", "agent"), {"priority": 2_000_001_000}, EvictionTier.CRITICAL_DAEMONSET),
    ],
)
def test_critical_pods_leave_last_and_daemons_after_their_like(owner, spec, tier):
    assert judged(running(owner=owner, spec=spec), Mode.VOLUNTARY).tier is tier


def test_the_tiers_are_in_the_order_of_leaving():
    assert list(EvictionTier) == [
        EvictionTier.ORDINARY,
        EvictionTier.ORDINARY_DAEMONSET,
        EvictionTier.CRITICAL,
        EvictionTier.CRITICAL_DAEMONSET,
    ]


@pytest.mark.parametrize(
    ("allowed", "voluntary", "involuntary"),
    [
        (1, (T.EVICT, ()), (T.EVICT, ())),
        (
            0,
            (T.BLOCKED, (Finding(R.BUDGET_EXHAUSTED, ("shop/web",)),)),
            (T.RETRY_UNTIL_DEADLINE, (Finding(R.BUDGET_EXHAUSTED, ("shop/web",)),)),
        ),
    ],
)
def test_an_exhausted_budget_blocks_by_choice_and_is_asked_again_by_force(
    allowed, voluntary, involuntary
):
    budget = a_pdb(allowed=allowed)

    by_choice = judged(running(), Mode.VOLUNTARY, budget)
    by_force = judged(running(), Mode.INVOLUNTARY, budget)

    assert (by_choice.treatment, by_choice.blockers) == voluntary
    assert (by_force.treatment, by_force.blockers) == involuntary


def test_several_budgets_over_one_pod_block_and_are_named_whatever_they_allow():
    budgets = (a_pdb("one", allowed=5), a_pdb("two", allowed=5))
    named = (Finding(R.SEVERAL_BUDGETS, ("shop/one", "shop/two")),)

    by_choice = judged(running(), Mode.VOLUNTARY, *budgets)
    by_force = judged(running(), Mode.INVOLUNTARY, *budgets)

    assert (by_choice.treatment, by_choice.blockers) == (T.BLOCKED, named)
    assert (by_force.treatment, by_force.blockers) == (T.WAIT_FOR_DEADLINE, named)


@pytest.mark.parametrize(
    ("selector", "guards"),
    [({"matchLabels": {"app": "web"}}, True), ({}, True), ({"matchLabels": {"app": "db"}}, False)],
)
def test_an_empty_selector_guards_the_whole_namespace(selector, guards):
    budget = a_pdb(allowed=0, spec={"selector": selector})

    assert judged(running(), Mode.VOLUNTARY, budget).is_blocked is guards


def test_a_budget_without_selector_guards_nothing():
    budget = a_pdb(allowed=0, spec={"selector": None})

    assert not judged(running(), Mode.VOLUNTARY, budget).is_blocked


def test_a_budget_does_not_reach_into_another_namespace():
    budget = a_pdb(allowed=0, namespace="other")

    assert not judged(running(), Mode.VOLUNTARY, budget).is_blocked


def test_a_budget_lifts_the_rule_of_kube_system():
    pod = running(namespace="kube-system")

    assert judged(pod, Mode.VOLUNTARY, a_pdb(namespace="kube-system")).treatment is T.EVICT


@pytest.mark.parametrize(
    ("policy", "healthy", "desired", "treatment"),
    [
        ("AlwaysAllow", 0, 2, T.EVICT),
        ("IfHealthyBudget", 2, 2, T.EVICT),
        ("IfHealthyBudget", 1, 2, T.BLOCKED),
        ("IfHealthyBudget", 0, 0, T.BLOCKED),
    ],
)
def test_an_unready_pod_goes_by_the_policy_of_its_budget(policy, healthy, desired, treatment):
    budget = a_pdb(
        allowed=0,
        spec={"unhealthyPodEvictionPolicy": policy},
        status={"currentHealthy": healthy, "desiredHealthy": desired},
    )

    assert judged(running(status=UNREADY), Mode.VOLUNTARY, budget).treatment is treatment


@pytest.mark.parametrize(("observed", "is_blocked"), [(3, False), (2, True)])
def test_a_budget_that_the_controller_has_not_seen_yet_allows_nothing(observed, is_blocked):
    budget = with_generation(a_pdb(allowed=1, status={"observedGeneration": observed}), 3)

    verdict = judged(running(), Mode.VOLUNTARY, budget)

    assert verdict.is_blocked is is_blocked
    assert reasons(verdict.blockers) == ([R.BUDGET_NOT_OBSERVED] if is_blocked else [])


def with_generation(budget, generation):
    content = {"name": "web", "namespace": "shop", "generation": generation}
    return type(budget)(
        metadata=an_object("Namespace", {"metadata": content}).metadata,
        spec=budget.spec,
        status=budget.status,
    )


def test_pods_that_are_being_disrupted_are_already_off_the_allowance():
    """The status says 1 with one pod leaving: one more may go, not none."""
    leaving = {"disruptedPods": {"web-9": "2026-08-03T11:59:30Z"}}

    assert judged(running(), Mode.VOLUNTARY, a_pdb(allowed=1, status=leaving)).treatment is T.EVICT


@pytest.mark.parametrize(("leaving", "is_blocked"), [(2000, False), (2001, True)])
def test_a_budget_with_more_than_2000_leaving_pods_allows_none(leaving, is_blocked):
    names = {f"web-{number}": "2026-08-03T11:59:30Z" for number in range(leaving)}
    budget = a_pdb(allowed=1, status={"disruptedPods": names})

    assert judged(running(), Mode.VOLUNTARY, budget).is_blocked is is_blocked


def test_a_pod_that_has_not_started_is_not_guarded():
    pod = a_pod(on="node-a", phase="Pending")

    assert judged(pod, Mode.VOLUNTARY, a_pdb(allowed=0)).treatment is T.EVICT


def test_budgets_that_were_not_read_block_by_choice_and_warn_by_force():
    document = CurrentState(nodes=(a_node("node-a"),), pods=(running(),))
    disruptions = Disruptions(compile_state(document).cluster, NOW)

    by_choice = disruptions.judge(0, Mode.VOLUNTARY)
    by_force = disruptions.judge(0, Mode.INVOLUNTARY)

    assert (by_choice.treatment, reasons(by_choice.blockers)) == (T.BLOCKED, [R.BUDGETS_NOT_READ])
    assert (by_force.treatment, reasons(by_force.warnings)) == (T.EVICT, [R.BUDGETS_NOT_READ])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"annotations": {"karpenter.sh/do-not-disrupt": "true"}}, [R.NODE_DO_NOT_DISRUPT]),
        ({"annotations": {"karpenter.sh/do-not-disrupt": "false"}}, []),
        (
            {"annotations": {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}},
            [R.NODE_DO_NOT_DISRUPT],
        ),
        ({"labels": {"autoscaling.cast.ai/removal-disabled": "true"}}, [R.NODE_DO_NOT_DISRUPT]),
        ({"metadata": deleted_at(NOW)}, [R.NODE_DELETING]),
        ({"taints": ("karpenter.sh/disrupted:NoSchedule",)}, [R.NODE_DELETING]),
    ],
)
def test_a_node_may_ask_to_be_kept(fields, expected):
    cluster = a_cluster(a_node("node-a", **fields))

    assert reasons(Disruptions(cluster, NOW).judge_node(0)) == expected


def test_a_node_with_a_pod_that_could_not_be_read_is_left_alone():
    unreadable = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "lots"}}}]}
    cluster = a_cluster(a_node("node-a"), running(spec=unreadable))

    assert reasons(Disruptions(cluster, NOW).judge_node(0)) == [R.NODE_NOT_FULLY_READ]


def test_a_plan_spends_a_budget_pod_by_pod():
    """An allowance of two: the third pod must wait until one of the two is back."""
    cluster = a_cluster(
        a_node("node-a"), *(running(name=f"web-{n}") for n in (1, 2, 3)), a_pdb(allowed=2)
    )
    disruptions = Disruptions(cluster, NOW)
    ledger = BudgetLedger(disruptions.budgets)

    ledger.spend(0)
    untouched = ledger.copy()
    ledger.spend(1)

    assert disruptions.judge(2, Mode.VOLUNTARY, ledger).is_blocked
    assert not disruptions.judge(2, Mode.VOLUNTARY, untouched).is_blocked
    assert not disruptions.judge(2, Mode.VOLUNTARY).is_blocked
    with pytest.raises(ValueError, match="shop/web-3 cannot be evicted now: budget_exhausted"):
        ledger.spend(2)

    ledger.refund(0)

    assert ledger.left(0) == 1
    assert not disruptions.judge(2, Mode.VOLUNTARY, ledger).is_blocked


def test_a_pod_that_goes_free_costs_its_budget_nothing():
    """It is not ready, and two of the two that must be are."""
    healthy = {"currentHealthy": 2, "desiredHealthy": 2}
    cluster = a_cluster(a_node("node-a"), running(status=UNREADY), a_pdb(allowed=1, status=healthy))
    ledger = BudgetLedger(Disruptions(cluster, NOW).budgets)

    ledger.spend(0)

    assert ledger.left(0) == 1
