"""Namespace ``dev`` is labelled with environment dev: open Monday to Friday 08:00-18:00 UTC.
``web`` has 3 replicas of 1 vCPU and 1 GiB on an m7i.xlarge (4 vCPU, 16 GiB) for 0.20 USD an hour.
NIGHT is Monday 3 August 2026, 22:00; NOON the same day."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.plan import ScaleWorkload, SuspendCronjob, WorkloadRef
from engines.contracts.results import DecisionStatus, DecisionType, Skipped, Subject
from engines.contracts.state import CurrentState, compile_state
from engines.office_hours import plan_office_hours
from tests.builders import (
    a_namespace,
    a_node,
    a_pod,
    a_request,
    a_state,
    a_workload,
    an_object,
    an_on_demand_price,
    uid_of_workload,
)

NIGHT = datetime(2026, 8, 3, 22, 0, tzinfo=UTC)
NOON = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
SCHEDULE = {
    "environment": "dev",
    "timezone": "UTC",
    "office_hours": {"weekdays": {"start": "08:00", "end": "18:00"}},
}
DEV = a_namespace("dev", labels={"cloudoptim.io/environment": "dev"})
HPA = {"hpas": (), "webhooks": ()}


def web(replicas=3, **fields):
    return a_workload("web", **({"namespace": "dev", "replicas": replicas} | fields))


def saved(replicas=3, slept_to=0, kind="Deployment", slept_at="2026-08-03T18:00:00Z"):
    return {
        "namespace": "dev",
        "kind": kind,
        "name": "web",
        "replicas": replicas,
        "slept_to": slept_to,
        "slept_at": slept_at,
    }


NAMES = (
    "saved_replicas",
    "manual_wake",
    "grace_minutes",
    "saved_nodes",
    "change_nodes",
    "wake_batch_size",
)


def plan(*objects, now=NIGHT, schedules=(SCHEDULE,), **fields):
    requirements = {name: fields.pop(name) for name in NAMES if name in fields}
    kinds = {one.kind for one in objects}
    given = dict(HPA)
    if "HorizontalPodAutoscaler" in kinds:
        del given["hpas"]
    if any(kind.endswith("WebhookConfiguration") for kind in kinds):
        del given["webhooks"]
    objects = objects if "Namespace" in kinds else (DEV, *objects)
    state = a_state(*objects, **(given | fields))
    return plan_office_hours(
        a_request(
            state,
            decision_type=DecisionType.SCHEDULE,
            now=now,
            requirements={"schedules": list(schedules), **requirements},
        )
    )


def verdict(response, name="web"):
    """(action, replicas) or the reason code of a workload."""
    found = [
        (str(one.action), one.recommended["replicas"])
        for one in response.recommendations
        if one.subject.name == name
    ] + [str(one.reason) for one in response.skipped if one.subject.name == name]
    assert len(found) == 1
    return found[0]


REF = WorkloadRef(kind="Deployment", namespace="dev", name="web")


def test_outside_of_office_hours_a_workload_sleeps_and_its_replicas_are_saved():
    response = plan(web())

    assert verdict(response) == ("sleep", 0)
    assert response.execution_plan[0] == ScaleWorkload(
        id="sleep-deployment-dev-web",
        priority=1,
        workload=REF,
        replicas=0,
        previous_replicas=3,
    )
    assert response.evidence["save"] == [
        {
            "kind": "Deployment",
            "namespace": "dev",
            "name": "web",
            "replicas": 3,
            "slept_to": 0,
            "slept_at": "2026-08-03T22:00:00+00:00",
        }
    ]
    assert response.evidence["purpose"] == "scheduled_sleep"


def test_within_office_hours_it_wakes_to_what_was_saved():
    response = plan(web(0), now=NOON, saved_replicas=[saved()])

    assert verdict(response) == ("wake", 3)
    step = response.execution_plan[0]
    assert (step.replicas, step.previous_replicas) == (3, 0)
    assert [type(one).__name__ for one in response.execution_plan] == [
        "ScaleWorkload",
        "WaitForPods",
        "Verify",
    ]
    assert response.evidence["purpose"] == "scheduled_wake"
    assert response.evidence["save"] == []
    assert response.estimated_savings == 0


@pytest.mark.parametrize(
    ("now", "replicas", "ledger", "expected", "is_forgotten"),
    [
        (NOON, 3, [], "awake", False),
        (NOON, 0, [], "awake", False),  # somebody else's sleep is not ours to end
        (NOON, 3, [saved()], "awake", True),  # at the original already: only the ledger is cleared
        (NOON, 1, [saved()], "changed_by_hand", True),
        (NOON, 0, [saved(0)], "nothing_saved", True),
        (NOON, 1, [saved(3, slept_to=1)], ("wake", 3), False),
        (NIGHT, 0, [], "already_small", False),  # 0 is never saved
        (NIGHT, 0, [saved()], "asleep", False),
        (NIGHT, 1, [saved()], "changed_by_hand", False),  # 0 -> 1 at night is not saved
        (NIGHT, 3, [saved()], "changed_by_hand", False),
        (NIGHT, 3, [saved(slept_at="2026-08-03T21:46:00Z")], "reverted", False),
        (NIGHT, 3, [saved(slept_at="2026-08-03T21:45:00Z")], "reverted", False),
        (NIGHT, 3, [saved(slept_at="2026-08-03T21:44:59Z")], "changed_by_hand", False),
        (NIGHT, 2, [saved(slept_at="2026-08-03T21:46:00Z")], "changed_by_hand", False),
        (NIGHT, 2, [saved(3, slept_to=2)], ("sleep", 0), False),  # the target was changed
        (NIGHT, 2, [saved(0)], ("sleep", 0), False),  # 0 is no memory of anything
        # asleep since Friday: still ours. Awake since then: the ledger missed it, so anew
        (NIGHT, 0, [saved(slept_at="2026-07-31T18:00:00Z")], "asleep", False),
        (NIGHT, 2, [saved(slept_at="2026-07-31T18:00:00Z")], ("sleep", 0), False),
    ],
)
def test_saved_replicas_and_changes_by_hand(now, replicas, ledger, expected, is_forgotten):
    response = plan(web(replicas), now=now, saved_replicas=ledger)

    assert verdict(response) == expected
    assert bool(response.evidence["forget"]) is is_forgotten


@pytest.mark.parametrize(("minute", "expected"), [(46, "reverted"), (44, "changed_by_hand")])
def test_what_gitops_sets_to_replicas_of_its_own_was_reverted_too(minute, expected):
    """web had 3 replicas by its autoscaler when it fell asleep; the repository says 2."""
    ledger = [saved(slept_at=f"2026-08-03T21:{minute}:00Z")]

    response = plan(web(2, labels={"argocd.argoproj.io/instance": "shop"}), saved_replicas=ledger)

    assert verdict(response) == expected


def test_a_changed_target_does_not_touch_what_was_saved():
    response = plan(web(2), saved_replicas=[saved(3, slept_to=2)])

    assert response.evidence["save"][0]["replicas"] == 3
    assert response.evidence["save"][0]["slept_to"] == 0


def test_a_sleep_that_is_anew_saves_todays_replicas():
    response = plan(web(2), saved_replicas=[saved(slept_at="2026-07-31T18:00:00Z")])

    assert response.evidence["save"][0]["replicas"] == 2


def test_of_two_entries_the_first_that_was_saved_counts():
    ledger = [saved(1, slept_at="2026-08-03T19:00:00Z"), saved(3)]

    assert verdict(plan(web(0), now=NOON, saved_replicas=ledger)) == ("wake", 3)


def test_where_the_ledger_is_lost_the_annotation_remembers():
    annotations = {"cloudoptim.io/saved-replicas": "4", "cloudoptim.io/slept-to": "1"}

    assert verdict(plan(web(1, annotations=annotations), now=NOON)) == ("wake", 4)
    assert verdict(plan(web(2, annotations=annotations), now=NOON)) == "changed_by_hand"
    bad = {"cloudoptim.io/saved-replicas": "four"}
    assert verdict(plan(web(1, annotations=bad), now=NOON)) == "awake"


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-08-03T22:00:01Z", "manual_wake"),
        ("2026-08-03T22:00:00Z", ("sleep", 0)),
        ("2026-08-03T23:00:00+02:00", ("sleep", 0)),
    ],
)
def test_a_manual_wake_holds_until_it_expires(until, expected):
    wake = {"namespace": "dev", "kind": "Deployment", "name": "web", "until": until}

    assert verdict(plan(web(), manual_wake=[wake])) == expected


def test_a_manual_wake_wakes_what_sleeps():
    wake = {
        "namespace": "dev",
        "kind": "Deployment",
        "name": "web",
        "until": "2026-08-04T00:00:00Z",
    }

    response = plan(web(0), manual_wake=[wake], saved_replicas=[saved()])

    assert verdict(response) == ("wake", 3)


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ((a_namespace("dev"), web()), "no_schedule"),
        ((a_namespace("dev", labels={"cloudoptim.io/environment": "qa"}), web()), "no_schedule"),
        ((web(annotations={"cloudoptim.io/office-hours": "exclude"}),), "excluded_by_annotation"),
        ((web(annotations={"cloudoptim.io/office-hours": "{'a'}"}),), "bad_annotation"),
        (
            (web(annotations={"cloudoptim.io/office-hours": '{"timezone": "Mars"}'}),),
            "bad_annotation",
        ),
        ((web(labels={"stage": "Production"}),), "labelled_production"),
        ((web(metadata={"labels": {"env": "prod"}}),), "labelled_production"),
        ((web(kind="DaemonSet"),), "daemonset"),
        ((web(kind="Job"),), "job_runs_to_its_end"),
        ((web(owner=("Rollout", "web")),), "managed_by_operator"),
        (
            (web(kind="StatefulSet", spec={"persistentVolumeClaimRetentionPolicy":
                {"whenScaled": "Delete"}}),),
            "claims_would_be_deleted",
        ),
        ((web(labels={"app.kubernetes.io/name": "cert-manager"}),), "system_component"),
        ((web(metadata={"creationTimestamp": "2026-08-03T21:45:01Z"}),), "within_grace"),
        ((web(metadata={"creationTimestamp": "2026-08-03T21:45:00Z"}),), "made_while_closed"),
        ((web(metadata={"creationTimestamp": "2026-08-03T18:00:01Z"}),), "made_while_closed"),
        ((web(metadata={"creationTimestamp": "2026-08-03T18:00:00Z"}),), ("sleep", 0)),
    ],
)  # fmt: skip
def test_what_never_sleeps_and_why(objects, reason):
    assert verdict(plan(*objects)) == reason


@pytest.mark.parametrize(
    "name",
    [
        "coredns",
        "karpenter",
        "ingress-nginx-controller",
        "cloudoptim",
        "autoscaler-aws-cluster-autoscaler",  # Helm puts its release before the chart's name
        "edge-traefik",
        "vpa-recommender",
    ],
)
def test_the_clusters_own_machinery_never_sleeps(name):
    assert verdict(plan(a_workload(name, namespace="dev")), name) == "system_component"


def test_kube_system_never_sleeps_even_where_it_is_labelled():
    namespace = a_namespace("kube-system", labels={"cloudoptim.io/environment": "dev"})

    assert verdict(plan(namespace, web(namespace="kube-system"))) == "system_component"


@pytest.mark.parametrize("name", ["mycoredns", "subtraefik-test"])
def test_a_name_that_only_contains_such_letters_sleeps(name):
    assert verdict(plan(a_workload(name, namespace="dev")), name) == ("sleep", 0)


@pytest.mark.parametrize(
    "label",
    [
        {"env": "prod"},
        {"cloudoptim.io/tier": "live"},
        {"environment": "prod-eu"},
        {"example.com/stage": "eu_Production"},
    ],
)
def test_a_production_namespace_never_sleeps(label):
    namespace = a_namespace("dev", labels={"cloudoptim.io/environment": "dev"} | label)

    assert verdict(plan(namespace, web())) == "labelled_production"


@pytest.mark.parametrize(
    "label",
    [{"env": "non-prod"}, {"env": "pre_prod"}, {"env": "nonprod"}, {"app": "live-chat"}],
)
def test_what_only_sounds_like_production_sleeps(label):
    assert verdict(plan(web(labels=label))) == ("sleep", 0)


@pytest.mark.parametrize("name", ["Prod", "prod-eu"])
def test_an_environment_called_production_never_sleeps(name):
    namespace = a_namespace("dev", labels={"cloudoptim.io/environment": name})

    response = plan(namespace, web(), schedules=[SCHEDULE | {"environment": name}])

    assert verdict(response) == "labelled_production"


def test_the_schedules_exclusions_name_workloads():
    excluded = plan(web(), schedules=[SCHEDULE | {"exclusions": ["dev/web"]}])
    other = plan(web(), schedules=[SCHEDULE | {"exclusions": ["qa/web"]}])

    assert verdict(excluded) == "excluded_by_schedule"
    assert verdict(other) == ("sleep", 0)


def test_a_schedule_may_name_its_namespaces():
    response = plan(a_namespace("dev"), web(), schedules=[SCHEDULE | {"namespaces": ["dev"]}])

    assert verdict(response) == ("sleep", 0)


@pytest.mark.parametrize("reason_to_be_awake", ["excluded", "unlabelled", "bad", "conflict"])
def test_what_sleeps_is_woken_when_its_schedule_no_longer_reaches_it(reason_to_be_awake):
    objects, schedules = {
        "excluded": ((web(0, annotations={"cloudoptim.io/office-hours": "exclude"}),), [SCHEDULE]),
        "unlabelled": ((a_namespace("dev"), web(0)), [SCHEDULE]),
        "bad": ((web(0),), [SCHEDULE | {"timezone": "Mars"}]),
        "conflict": ((web(0),), [SCHEDULE, SCHEDULE | {"timezone": "Asia/Tokyo"}]),
    }[reason_to_be_awake]

    response = plan(*objects, schedules=schedules, saved_replicas=[saved()])

    assert verdict(response) == ("wake", 3)


def test_without_any_schedule_left_what_sleeps_is_woken():
    assert verdict(plan(web(0), schedules=[], saved_replicas=[saved()])) == ("wake", 3)


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Mars/Olympus"},
        {"office_hours": {"weekdays": {"start": "26:00", "end": "18:00"}}},
        {"office_hours": {"weekdays": {"start": "08:00", "end": "18:00", "days": ["Thur"]}}},
        {"holidays": ["soon"]},
    ],
)
def test_a_misconfigured_schedule_stays_up_and_is_reported(change):
    response = plan(web(), schedules=[SCHEDULE | change])

    assert verdict(response) == "bad_schedule"
    assert "bad_schedule" in [one.code for one in response.warnings]
    assert response.execution_plan == ()


def test_equal_schedules_given_twice_are_one():
    assert verdict(plan(web(), schedules=[SCHEDULE, SCHEDULE])) == ("sleep", 0)


def test_a_workload_may_have_hours_of_its_own():
    """22:00 UTC is 18:00 in New York; its own hours end at 20:00 there."""
    word = '{"timezone": "America/New_York", "office_hours": {"weekdays": {"start": "08:00",' + (
        ' "end": "20:00"}}}'
    )

    assert verdict(plan(web(annotations={"cloudoptim.io/office-hours": word}))) == "awake"


def test_a_workload_may_sleep_less_deeply():
    word = '{"scale_down_replicas": 1}'

    response = plan(web(annotations={"cloudoptim.io/office-hours": word}))

    assert verdict(response) == ("sleep", 1)


def an_hpa(low=1, high=10, name="web"):
    return an_object(
        "HorizontalPodAutoscaler",
        {
            "metadata": {"name": "scaler", "namespace": "dev"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": name},
                "minReplicas": low,
                "maxReplicas": high,
            },
        },
    )


@pytest.mark.parametrize(("high", "wanted"), [(10, 3), (3, 3), (2, 2)])
def test_waking_is_capped_by_what_the_autoscaler_allows_now(high, wanted):
    response = plan(web(0), an_hpa(high=high), now=NOON, saved_replicas=[saved()])

    assert verdict(response) == ("wake", wanted)
    assert ("the most that its autoscaler" in response.recommendations[0].reason) is (wanted < 3)


def test_waking_never_takes_replicas_away():
    """It slept to 2, and its autoscaler allows 1 now: that is the autoscaler's own to do."""
    response = plan(web(2), an_hpa(1, 1), now=NOON, saved_replicas=[saved(replicas=4, slept_to=2)])

    assert verdict(response) == "awake"
    assert len(response.evidence["forget"]) == 1


def test_what_the_autoscaler_caps_at_its_sleep_is_awake_as_it_is():
    ledger = [saved(3, slept_to=1)]

    response = plan(web(1), an_hpa(high=1), now=NOON, saved_replicas=ledger)

    assert verdict(response) == "awake"
    assert len(response.evidence["forget"]) == 1


@pytest.mark.parametrize(("target", "expected"), [(2, ("sleep", 2)), (3, "asleep"), (4, "asleep")])
def test_a_target_that_is_no_sleep_any_more_changes_nothing(target, expected):
    """web had 3 replicas and was given 1."""
    schedule = SCHEDULE | {"scale_down_replicas": target}

    response = plan(web(1), schedules=[schedule], saved_replicas=[saved(3, slept_to=1)])

    assert verdict(response) == expected


def test_waking_below_the_autoscalers_minimum_is_its_own_business():
    response = plan(web(0), an_hpa(low=5), now=NOON, saved_replicas=[saved()])

    assert verdict(response) == ("wake", 3)


@pytest.mark.parametrize(
    ("low", "target", "expected"),
    [
        (2, 0, ("sleep", 0)),  # at 0 the autoscaler pauses
        (2, 1, "autoscaler_would_undo"),
        (1, 1, ("sleep", 1)),
    ],
)
def test_an_autoscaler_would_undo_a_sleep_above_zero(low, target, expected):
    schedule = SCHEDULE | {"scale_down_replicas": target}

    assert verdict(plan(web(), an_hpa(low=low), schedules=[schedule])) == expected


def test_an_autoscaler_that_keda_made_is_kedas_word():
    """ScaledObjects could not be read, and KEDA would start web again from 0."""
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web-events"}
    hpa = an_object(
        "HorizontalPodAutoscaler",
        {
            "metadata": {
                "name": "keda-hpa-web-events",
                "namespace": "dev",
                "ownerReferences": [owner | {"uid": "1", "controller": True}],
            },
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
        },
    )

    response = plan(web(), hpa)

    assert verdict(response) == "scaled_by_keda"
    assert [one.subjects for one in response.skipped] == [("web-events",)]


@pytest.mark.parametrize("annotations", [{}, {"autoscaling.keda.sh/paused-replicas": "2"}])
def test_what_keda_scales_is_left_to_keda_and_a_pause_survives(annotations):
    scaled = an_object(
        "ScaledObject",
        {
            "metadata": {"name": "web", "namespace": "dev", "annotations": annotations},
            "spec": {"scaleTargetRef": {"name": "web"}},
        },
    )

    response = plan(web(), scaled)

    assert verdict(response) == "scaled_by_keda"
    assert ("left as it is" in response.skipped[0].message) is bool(annotations)


@pytest.mark.parametrize(
    ("target", "expected"), [(0, ("sleep", 0)), (1, "quorum_at_risk"), (3, "already_small")]
)
def test_a_stateful_set_sleeps_to_nothing_or_not_at_all(target, expected):
    response = plan(web(kind="StatefulSet"), schedules=[SCHEDULE | {"scale_down_replicas": target}])

    assert verdict(response) == expected


def test_a_cron_job_is_suspended_and_resumed_only_by_us():
    night = plan(web(kind="CronJob"), schedules=[SCHEDULE | {"scale_down_replicas": 1}])
    assert night.estimated_savings == 0
    asleep = web(kind="CronJob", spec={"suspend": True})
    day = plan(asleep, now=NOON, saved_replicas=[saved(1, kind="CronJob")])

    reference = WorkloadRef(kind="CronJob", namespace="dev", name="web")
    assert night.execution_plan[0] == SuspendCronjob(
        id="sleep-cronjob-dev-web",
        workload=reference,
        suspend=True,
        previously_suspended=False,
    )
    assert day.execution_plan[0] == SuspendCronjob(
        id="wake-cronjob-dev-web",
        priority=2,
        workload=reference,
        suspend=False,
        previously_suspended=True,
    )
    assert [one.code for one in day.warnings] == ["missed_runs"]
    assert verdict(plan(asleep)) == "already_small"
    assert verdict(plan(asleep, now=NOON)) == "awake"


def test_a_deadline_for_late_starts_needs_no_warning():
    asleep = web(kind="CronJob", spec={"suspend": True, "startingDeadlineSeconds": 60})

    response = plan(asleep, now=NOON, saved_replicas=[saved(1, kind="CronJob")])

    assert response.warnings == ()


def a_webhook(policy):
    return an_object(
        "ValidatingWebhookConfiguration",
        {
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "checks"},
            "webhooks": [
                {
                    "name": "check.example.com",
                    "failurePolicy": policy,
                    "clientConfig": {"service": {"namespace": "dev", "name": "checks"}},
                }
            ],
        },
    )


def a_service(selector):
    return an_object(
        "Service",
        {"metadata": {"name": "checks", "namespace": "dev"}, "spec": {"selector": selector}},
    )


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ((a_webhook("Fail"), a_service({"app": "web"})), "webhook_backend"),
        ((a_webhook("Fail"), a_service({"app": "other"})), ("sleep", 0)),
        ((a_webhook("Ignore"), a_service({"app": "web"})), ("sleep", 0)),
        ((a_webhook("Fail"),), "webhook_backend"),  # the service was not read: it may be any
    ],
)
def test_the_backend_of_a_webhook_that_must_answer_never_sleeps(objects, expected):
    assert verdict(plan(web(), *objects)) == expected


def test_what_another_workload_owns_is_not_judged_by_itself():
    replica_set = a_workload(
        "web-6d4b", kind="ReplicaSet", namespace="dev", owner=("Deployment", "web")
    )

    response = plan(web(), replica_set)

    assert [one.subject.name for one in (*response.recommendations, *response.skipped)] == ["web"]


def test_what_the_ledger_remembers_and_the_cluster_lost_is_forgotten():
    response = plan(saved_replicas=[saved()])

    assert verdict(response) == "gone"
    assert response.evidence["forget"] == [
        {"kind": "Deployment", "namespace": "dev", "name": "web"}
    ]


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_what_could_not_be_read_is_not_forgotten(kind):
    """It is there, and its replicas before sleep must be there too once it can be read again."""
    problem = Skipped(
        subject=Subject(kind="Deployment", namespace="dev", name="web"),
        reason="unreadable_object",
        message="spec.replicas is no number",
    )

    response = plan(
        a_workload("api", namespace="dev"), saved_replicas=[saved(kind=kind)], unread=(problem,)
    )

    expected = ("unreadable", []) if kind == "Deployment" else ("gone", ["CronJob"])
    assert (verdict(response), [one["kind"] for one in response.evidence["forget"]]) == expected


def busy(node="node-a", count=3):
    owner = {
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": "web",
                "uid": uid_of_workload("StatefulSet", "web"),
                "controller": True,
            }
        ]
    }
    return tuple(
        a_pod(f"web-{node}-{n}", namespace="dev", on=node, metadata=owner) for n in range(count)
    )


def test_sleep_saves_the_pods_part_of_their_node_for_the_hours_asleep():
    """A pod is (1/4 + 1/16) / 2 = 0.15625 of a node of 0.20, so 0.03125 USD an hour; three are
    0.09375. The 730 h from Monday 22:00 on end on Thursday 3 September at 08:00 and hold 22
    weekdays of 10 h: 510 h are asleep, x 0.09375 = 47.8125."""
    response = plan(web(kind="StatefulSet"), a_node(), *busy(), on_demand=(an_on_demand_price(),))

    assert response.recommendations[0].evidence["hours_asleep_in_month"] == 510
    assert response.estimated_savings == Decimal("47.8125")
    [environment] = response.evidence["environments"]
    assert environment["savings_usd_month"] == Decimal("47.8125")


def test_only_the_replicas_that_go_are_saved_and_their_node_is_not_empty():
    """A Deployment of three goes to one: 2 x 0.03125 x 510 = 31.875."""
    owner = {"controller": True, "apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    owned = {"ownerReferences": [owner | {"uid": uid_of_workload("Deployment", "web")}]}
    pods = [a_pod(f"w-{n}", namespace="dev", on="node-a", metadata=owned) for n in range(3)]
    schedule = SCHEDULE | {"scale_down_replicas": 1, "scale_down_instance_count": 0}
    prices = (an_on_demand_price(),)

    awake = plan(web(), a_node(), *pods, on_demand=prices, schedules=[schedule])
    asleep = plan(
        web(1),
        a_node(),
        pods[0],
        on_demand=prices,
        schedules=[schedule],
        saved_replicas=[saved(3, slept_to=1)],
    )

    assert awake.estimated_savings == Decimal("31.875")
    assert awake.evidence["nodes"]["emptied"] == []
    assert asleep.evidence["environments"][0]["savings_usd_month"] == Decimal("31.875")


def test_the_environment_tells_its_savings_while_it_is_awake():
    """The 730 h from Monday noon on end on Wednesday 2 September at 22:00: 6 h of Monday and 22
    weekdays of 10 h are 226; 504 are asleep, x 0.09375 = 47.25."""
    response = plan(
        web(kind="StatefulSet"),
        a_node(),
        *busy(),
        on_demand=(an_on_demand_price(),),
        now=NOON,
    )

    assert response.estimated_savings == 0
    [environment] = response.evidence["environments"]
    assert environment["is_open"] is True
    assert environment["next_change_at"] == "2026-08-03T18:00:00+00:00"
    assert environment["hours_awake_in_month"] == 226
    assert environment["hours_asleep_in_month"] == 504
    assert environment["savings_usd_month"] == Decimal("47.25")


def test_the_forecast_has_the_coming_week():
    [environment] = plan(web()).evidence["environments"]

    assert environment["open"][0] == {
        "from": "2026-08-04T08:00:00+00:00",
        "to": "2026-08-04T18:00:00+00:00",
    }
    assert len(environment["open"]) == 5


def test_nodes_that_stand_empty_are_told_from_those_that_other_pods_hold():
    daemon = a_pod("agent", on="node-a", owner=("DaemonSet", "agent"))
    holder = a_pod("holder", on="node-b")

    response = plan(
        web(kind="StatefulSet", replicas=4),
        a_node("node-a"),
        a_node("node-b"),
        *busy("node-a", 2),
        *busy("node-b", 2),
        daemon,
        holder,
        on_demand=(an_on_demand_price(),),
    )

    nodes = response.evidence["nodes"]
    assert nodes["emptied"] == ["node-a"]
    assert nodes["emptied_usd_per_hour"] == Decimal("0.2")
    assert nodes["held"] == [{"node": "node-b", "pods": ["shop/holder"], "pod_count": 1}]


def test_what_is_not_known_is_said():
    state = a_state(DEV, web(metadata={"labels": {"argocd.argoproj.io/instance": "web"}}))
    request = a_request(
        state,
        decision_type=DecisionType.SCHEDULE,
        now=NIGHT,
        requirements={"schedules": [SCHEDULE]},
    )

    response = plan_office_hours(request)

    assert [str(one.code) for one in response.warnings] == [
        "autoscalers_not_read",
        "webhooks_not_read",
        "no_node_autoscaler",
        "savings_unknown",
        "gitops",
    ]
    assert response.confidence_score == 0.5  # 0.4 + 0.3 x 1 / 3 + 0


def test_with_a_node_autoscaler_sleep_saves_money():
    keeper = a_workload("cluster-autoscaler", namespace="kube-system")

    codes = [one.code for one in plan(web(), keeper).warnings]

    assert "no_node_autoscaler" not in codes


def test_without_namespaces_only_named_ones_follow_a_schedule():
    state = a_state(web(), hpas=(), webhooks=())
    named = SCHEDULE | {"namespaces": ["dev"]}

    def asked(schedule):
        return plan_office_hours(
            a_request(
                state,
                decision_type=DecisionType.SCHEDULE,
                now=NIGHT,
                requirements={"schedules": [schedule]},
            )
        )

    assert verdict(asked(SCHEDULE)) == "no_schedule"
    assert verdict(asked(named)) == ("sleep", 0)
    assert asked(named).warnings[0].code == "namespaces_not_read"


def test_a_window_that_ends_when_it_starts_means_never_and_is_pointed_at():
    never = SCHEDULE | {"office_hours": {"weekdays": {"start": "00:00", "end": "00:00"}}}

    response = plan(web(), schedules=[never], now=NOON)

    assert verdict(response) == ("sleep", 0)
    assert response.warnings[0].code == "never_open"
    assert response.warnings[0].subjects == ("dev",)


def test_refusals():
    nothing = plan(web(), schedules=[])
    state = compile_state(CurrentState(nodes=()))
    unread = plan_office_hours(a_request(state, decision_type=DecisionType.SCHEDULE))

    assert (nothing.status, nothing.reason) == (DecisionStatus.REFUSED, "no_schedules")
    assert (unread.status, unread.reason) == (DecisionStatus.REFUSED, "workloads_not_given")


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(InvalidInputError, match="grace_hours"):
        plan_office_hours(
            a_request(
                a_state(),
                decision_type=DecisionType.SCHEDULE,
                requirements={"grace_hours": 1},
            )
        )


@pytest.mark.parametrize("minutes", [-1, 1e300])
def test_minutes_of_grace_are_none_to_a_year(minutes):
    with pytest.raises(InvalidInputError, match="grace_minutes"):
        plan(web(), grace_minutes=minutes)


def test_front_ends_sleep_first_and_wake_last():
    kinds = (("a", "StatefulSet"), ("b", "Deployment"), ("c", "CronJob"))
    objects = [a_workload(name, kind=kind, namespace="dev") for name, kind in kinds]

    steps = plan(*objects).execution_plan

    assert [step.id for step in steps[:3]] == [
        "sleep-cronjob-dev-c",
        "sleep-deployment-dev-b",
        "sleep-statefulset-dev-a",
    ]
    assert [step.priority for step in steps[:3]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, ["wake-a", "wait-for-1", "wake-b", "wait-for-2", "wake-c", "wait-for-3", "verify"]),
        (2, ["wake-a", "wake-b", "wait-for-2", "wake-c", "wait-for-3", "verify"]),
        (3, ["wake-a", "wake-b", "wake-c", "wait-for-3", "verify"]),
    ],
)
def test_the_morning_comes_in_batches(size, expected):
    objects = [a_workload(name, namespace="dev", replicas=0) for name in "abc"]
    ledger = [saved() | {"name": name} for name in "abc"]

    response = plan(*objects, now=NOON, saved_replicas=ledger, wake_batch_size=size)

    ids = [step.id.replace("deployment-dev-", "") for step in response.execution_plan]
    assert ids == expected


CROWD = (
    DEV,
    a_node(),
    *busy(),
    web(kind="StatefulSet"),
    a_workload("api", namespace="dev", replicas=0),
    a_workload("nightly", kind="CronJob", namespace="dev"),
    a_workload("agent", kind="DaemonSet", namespace="dev"),
    a_workload("shop", namespace="shop"),
    a_workload("job", kind="Job", namespace="dev"),
)
LEDGER = [
    {"namespace": "dev", "kind": "Deployment", "name": "api", "replicas": 2},
    {"namespace": "dev", "kind": "Deployment", "name": "lost", "replicas": 2},
]


@settings(max_examples=30, deadline=None)
@given(
    order=st.permutations(CROWD),
    ledger=st.permutations(LEDGER),
    schedules=st.permutations([SCHEDULE, SCHEDULE | {"environment": "qa"}]),
    hours=st.integers(0, 7 * 24),
)
def test_every_workload_is_accounted_for_in_any_order(order, ledger, schedules, hours):
    now = NOON + timedelta(hours=hours)
    both = [SCHEDULE, SCHEDULE | {"environment": "qa"}]

    first = plan(*CROWD, now=now, schedules=both, saved_replicas=LEDGER)
    second = plan(*order, now=now, schedules=schedules, saved_replicas=ledger)

    named = [
        one.subject.name
        for one in (*first.recommendations, *first.skipped)
        if one.subject.kind != "Node"
    ]
    assert sorted(named) == ["agent", "api", "job", "lost", "nightly", "shop", "web"]
    # the digest is of the parameters as they were given
    assert first == msgspec.structs.replace(second, input_digest=first.input_digest)


@settings(max_examples=60, deadline=None)
@given(
    replicas=st.integers(1, 5),
    hours=st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_however_runs_fall_the_replicas_come_back(replicas, hours):
    """Run at arbitrary times, applying each plan: awake it has its replicas, asleep none, and what
    is saved is never 0 nor anything but the original."""
    now, current, ledger = NOON, replicas, []
    for step in itertools.accumulate(hours):
        now = NOON + timedelta(hours=step)
        response = plan(web(current), now=now, saved_replicas=ledger)
        for one in response.recommendations:
            current = one.recommended["replicas"]
        if response.evidence["save"]:
            ledger = response.evidence["save"]
        if response.evidence["forget"] or response.evidence["forget_when_woken"]:
            ledger = []
        is_open = now.weekday() < 5 and 8 <= now.hour < 18
        assert current == (replicas if is_open else 0)
        assert all(one["replicas"] == replicas for one in ledger)
