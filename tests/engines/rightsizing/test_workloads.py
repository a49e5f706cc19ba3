"""Whose template it is, what a cluster would take, and which pods' use counts."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from engines.contracts.state import compile_state
from engines.contracts.usage_summary import to_summary_rows
from engines.rightsizing.summaries import summarise
from tests.builders import NOW, a_document, a_node, a_pod, a_workload, an_object
from tests.engines.rightsizing.builders import (
    GIB,
    MIB,
    POD_NAMES,
    REPLICA_SET,
    a_container,
    a_history_of,
    both_pods,
    only,
    readings,
    reasons,
    size,
    web,
)

WEB = a_workload("web")


def warnings(response):
    return {one.code: one.subjects for one in response.warnings}


# whose template it is


def test_a_workload_of_a_custom_resource_is_left_to_it():
    rollout = ("Rollout", "web")
    replica_set = a_workload("web-6d4b", kind="ReplicaSet", owner=rollout)
    pods = [a_pod(name, on="node-a") for name in POD_NAMES]

    response = size(a_history_of(replica_set, *pods, usage=both_pods()))

    assert reasons(response) == {"web-6d4b": "template_not_ours"}
    assert response.skipped[0].subjects == ("Rollout/web",)


def test_pods_that_a_custom_resource_makes_itself_are_left_to_it():
    pods = [a_pod(f"db-{n}", on="node-a", owner=("StrimziPodSet", "db")) for n in range(2)]

    response = size(a_history_of(*pods, usage=readings("db-0")))

    [entry] = response.skipped
    assert (entry.subject.kind, entry.subject.name) == ("StrimziPodSet", "db")
    assert (entry.reason, entry.subjects) == ("template_not_ours", ("shop/db-0", "shop/db-1"))


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_pod("alone", on="node-a", owner=None), "no_workload"),
        (a_pod("alone", on="node-a", owner=("Node", "node-a")), "static_pod"),
    ],
)
def test_a_pod_without_a_workload_is_named(pod, reason):
    assert reasons(size(a_history_of(pod, usage=readings("alone")))) == {"alone": reason}


def test_a_finished_pod_is_nobodys_concern():
    pod = a_pod("alone", on="node-a", owner=None, phase="Succeeded")

    assert reasons(size(a_history_of(pod, usage=()))) == {}


@pytest.mark.parametrize("place", ["metadata", "template"])
def test_an_annotation_excludes_a_workload(place):
    annotation = {"cloudoptim.io/rightsizing": "exclude"}
    template = {
        "template": {
            "metadata": {"annotations": annotation},
            "spec": {"containers": [a_container()]},
        }
    }
    more = {"annotations": annotation} if place == "metadata" else {"spec": template}

    response = size(a_history_of(a_workload("web", **more), usage=both_pods()))

    assert reasons(response) == {"web": "excluded"}


def test_a_job_cannot_be_changed():
    job = a_workload("import", kind="Job")

    assert reasons(size(a_history_of(job, usage=()))) == {"import": "template_immutable"}


def test_pod_level_resources_are_sized_by_hand():
    workload = a_workload("web", pod_spec={"resources": {"requests": {"cpu": "2"}}})

    assert reasons(size(a_history_of(workload, usage=()))) == {"web": "pod_level_resources"}


def test_an_absurd_quantity_leaves_the_workload_alone():
    broken = a_workload("web", pod_spec={"containers": [a_container(cpu="-1")]})

    response = size(a_history_of(broken, usage=both_pods()))

    assert reasons(response) == {"web": "invalid_quantity"}
    assert "negative" in response.skipped[0].message


@pytest.mark.parametrize(
    ("labels", "annotations", "has_step"),
    [
        ({}, {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}, False),
        ({"kustomize.toolkit.fluxcd.io/name": "shop"}, {}, False),
        ({}, {"meta.helm.sh/release-name": "web"}, True),
    ],
)
def test_what_a_controller_would_revert_is_advised_without_a_step(labels, annotations, has_step):
    objects = web(labels=labels, annotations=annotations)

    response = size(a_history_of(*objects, usage=both_pods()))

    assert only(response).recommended["cpu_request_millicores"] == 200
    assert only(response).evidence["has_step"] is has_step
    assert bool(response.execution_plan) is has_step
    assert warnings(response)["managed_by_gitops"] == ("Deployment/shop/web",)


def test_pods_that_run_with_other_requests_are_sized_by_somebody_else():
    """An autoscaler of requests (VPA) changes pods, never the template."""
    pods = [
        a_pod(name, on="node-a", spec={"containers": [a_container(cpu="300m")]})
        for name in POD_NAMES
    ]

    response = size(a_history_of(WEB, REPLICA_SET, *pods, usage=both_pods()))

    assert reasons(response) == {"web/main": "requests_set_elsewhere"}


def test_one_pod_of_the_present_template_is_enough_while_a_rollout_is_under_way():
    old = a_pod(POD_NAMES[0], on="node-a", spec={"containers": [a_container(cpu="300m")]})
    new = a_pod(POD_NAMES[1], on="node-a")

    response = size(a_history_of(WEB, REPLICA_SET, old, new, usage=both_pods()))

    assert only(response).recommended["cpu_request_millicores"] == 200


# whose use counts


def test_pods_of_earlier_revisions_are_in_the_history():
    """The ReplicaSet web-5c4d is gone with its pods; the name tells. They used 700 MiB."""
    gone = readings("web-5c4d-xvr4q", mib=700, hours_ago=20)

    recommended = only(size(a_history_of(*web(), usage=(*both_pods(), *gone)))).recommended

    assert recommended["memory_request_bytes"] == 805 * MIB


def test_old_and_new_pods_together_have_enough_samples():
    """60 samples over 14 hours each, 28 hours together."""
    old = readings("web-5c4d-xvr4q", samples=60, hours=14, hours_ago=14)
    new = readings(samples=60, hours=14)

    assert size(a_history_of(*web(), usage=(*old, *new))).recommendations


@pytest.mark.parametrize(
    ("kind", "pod"),
    [
        ("StatefulSet", "db-3"),
        ("DaemonSet", "db-xvr4q"),
        ("CronJob", "db-29123456-xvr4q"),
        ("Deployment", "db-5c4d-xvr4q"),
    ],
)
def test_the_name_of_a_pod_that_is_gone_tells_its_workload(kind, pod):
    response = size(a_history_of(a_workload("db", kind=kind), usage=readings(pod)))

    assert only(response).subject.kind == kind


@pytest.mark.parametrize("pod", ["db-abcde", "dbx-0", "db", "db-0-0", "other-5c4d-xvr4q"])
def test_a_name_that_tells_nothing_is_reported(pod):
    """ "abcde" holds a vowel, so Kubernetes did not make it up."""
    workloads = (a_workload("db", kind="StatefulSet"), a_workload("db"))

    response = size(a_history_of(*workloads, usage=readings(pod)))

    assert not response.recommendations
    assert warnings(response)["unattributed_usage"] == (f"shop/{pod}",)


def test_a_name_that_fits_two_workloads_is_attributed_to_none():
    """DaemonSet "db-5c4d" and Deployment "db" could both have made it."""
    workloads = (a_workload("db-5c4d", kind="DaemonSet"), a_workload("db"))

    response = size(a_history_of(*workloads, usage=readings("db-5c4d-xvr4q")))

    assert not response.recommendations
    assert "unattributed_usage" in warnings(response)


def test_use_in_another_namespace_is_not_ours():
    response = size(a_history_of(*web(), usage=readings("web-5c4d-xvr4q", namespace="other")))

    assert reasons(response) == {"web/main": "not_enough_data"}


def test_a_summary_stands_in_for_readings():
    usage = (*readings(cpu=0.3), *readings(POD_NAMES[1], mib=400), *readings("web-5c4d-xvr4q"))
    measured = a_history_of(*web(), usage=usage)
    table = compile_state(measured).usage
    rows = to_summary_rows(summarise(table, int(NOW.timestamp())))
    summed = replace(measured, usage=None, usage_summary=rows)

    by_readings, by_summary = size(measured, level="both"), size(summed, level="both")

    assert replace(by_summary, input_digest="") == replace(by_readings, input_digest="")
    assert only(by_summary).recommended["memory_request_bytes"] == 460 * MIB


def test_a_noted_workload_beats_the_name_of_a_pod():
    """The name of the pod tells nothing; that it was a pod of web was noted while it lived."""
    measured = a_history_of(WEB, usage=readings("mystery", mib=500))
    [row] = to_summary_rows(summarise(compile_state(measured).usage, int(NOW.timestamp())))
    noted = replace(row, workload_kind="Deployment", workload="web")

    def answer(row):
        return size(replace(measured, usage=None, usage_summary=(row,)))

    assert only(answer(noted)).recommended["memory_request_bytes"] == 575 * MIB
    assert "unattributed_usage" in warnings(answer(row))


# kills

HALF = a_container(memory="512Mi", memory_limit="512Mi")


def killed(days_ago, *, reason="OOMKilled", pod=HALF, **more):
    """The first pod, whose container ended so; its own limit was that of ``pod``."""
    moment = (NOW - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"terminated": {"reason": reason, "exitCode": 137, "finishedAt": moment}}
    return a_pod(
        POD_NAMES[0],
        on="node-a",
        spec={"containers": [pod]},
        status={"containerStatuses": [{"name": "main", "lastState": ended}]},
        **more,
    )


def memory_after(pod, container=HALF):
    """What becomes of the memory request in MiB; None: it stays. 200 MiB were used."""
    workload = a_workload("web", pod_spec={"containers": [container]})
    twin = a_pod(POD_NAMES[1], on="node-a", spec={"containers": [container]})
    response = size(a_history_of(workload, REPLICA_SET, pod, twin, usage=both_pods()))
    [recommendation] = response.recommendations
    is_kept = "memory" in recommendation.evidence["kept"]
    return None if is_kept else recommendation.recommended["memory_request_bytes"] // MIB


@pytest.mark.parametrize(("days_ago", "expected"), [(0, None), (13.99, None), (14, 230), (30, 230)])
def test_memory_that_was_killed_for_is_not_lowered_for_a_fortnight(days_ago, expected):
    """Samples did not see the peak; the kill did."""
    assert memory_after(killed(days_ago)) == expected


def test_only_oom_kills_hold_memory():
    assert memory_after(killed(1, reason="Error")) == 230


def test_memory_raised_far_beyond_a_kill_falls_to_what_answers_it():
    """Killed at 512 MiB; 768 answer that, and 2,048 are there."""
    container = a_container(memory="2Gi", memory_limit="2Gi")

    assert memory_after(killed(1), container) == 768


# which containers


def test_an_injected_container_is_named_and_left():
    pod = a_pod(
        POD_NAMES[0],
        on="node-a",
        spec={"containers": [a_container(), a_container("istio-proxy")]},
    )
    usage = (*readings(), *readings(container="istio-proxy"))

    response = size(a_history_of(WEB, REPLICA_SET, pod, usage=usage))

    assert only(response).subject.container == "main"
    assert reasons(response) == {"web/istio-proxy": "not_in_template"}


def meshed(*containers, proxy_memory="10Gi", **more):
    """The Deployment, and its pods with a sidecar that stands in no template."""
    proxy = a_container("istio-proxy", cpu="100m", memory=proxy_memory)
    spec = {"containers": [*containers, proxy], **more}
    return (
        a_workload("web", pod_spec={"containers": list(containers)}),
        REPLICA_SET,
        *(a_pod(name, on="node-a", spec=spec) for name in POD_NAMES),
    )


@pytest.mark.parametrize(("mib", "fits"), [(5300, True), (5400, False)])
def test_what_is_injected_needs_room_on_the_node_too(mib, fits):
    """16,384 MiB less the proxy's 10,240 are 6,144; 5,300 x 1.15 = 6,095, 5,400 x 1.15 = 6,210."""
    response = size(a_history_of(*meshed(a_container()), usage=both_pods(cpu=1, mib=mib)))

    assert bool(response.recommendations) is fits
    assert reasons(response).get("web/main") == (None if fits else "fits_no_node")


def test_the_overhead_of_a_pod_needs_room_too():
    """It is set when the pod is made (RuntimeClass): 5,300 MiB do not fit beside 1 GiB of it."""
    objects = meshed(a_container(), overhead={"memory": "1Gi"})

    response = size(a_history_of(*objects, usage=both_pods(cpu=1, mib=5300)))

    assert reasons(response)["web/main"] == "fits_no_node"


def test_an_injected_container_decides_about_the_qos_class():
    """The template asks for nothing; with the proxy its pods are Burstable, whatever it gets."""
    objects = meshed(a_container(cpu=None, memory=None), proxy_memory="1Gi")

    response = size(a_history_of(*objects, usage=both_pods()))

    assert only(response).recommended["cpu_request_millicores"] == 200
    assert only(response).evidence["qos_class"] == "Burstable"


def test_a_large_injected_init_container_keeps_the_pods_requests():
    """It asks for as much as the container, so shrinking that frees nothing."""
    init = [a_container("istio-init")]
    spec = {"containers": [a_container()], "initContainers": init}
    pods = [a_pod(name, on="node-a", spec=spec) for name in POD_NAMES]

    response = size(a_history_of(WEB, REPLICA_SET, *pods, usage=both_pods()))

    assert only(response).savings_usd_month == 0


def test_an_init_container_is_left_and_a_sidecar_is_sized():
    pod_spec = {
        "initContainers": [
            a_container("migrate"),
            a_container("proxy", restartPolicy="Always"),
        ]
    }
    usage = (*both_pods(), *both_pods(container="proxy", cpu=0.05))

    response = size(a_history_of(*web(pod_spec=pod_spec), usage=usage))

    sizes = {
        one.subject.container: one.recommended["cpu_request_millicores"]
        for one in response.recommendations
    }
    assert sizes == {"main": 200, "proxy": 50}
    assert reasons(response) == {"web/migrate": "init_container"}
    [step] = [one for one in response.execution_plan if hasattr(one, "resources")]
    assert [one.container for one in step.resources] == ["main", "proxy"]


def test_shrinking_below_a_large_init_container_saves_nothing():
    """The init container asks for 1 CPU and 1 GiB as well: the pod's requests stay."""
    pod_spec = {"initContainers": [a_container("migrate")]}

    response = size(a_history_of(*web(pod_spec=pod_spec), usage=both_pods()))

    assert only(response).savings_usd_month == 0
    assert only(response).evidence["freed_of_each_pod"] == {"cpu_millicores": 0, "memory_bytes": 0}


def test_runs_of_a_cronjob_count_together():
    usage = [
        row
        for night in range(7)
        for row in readings(
            f"report-{29_700_000 + night * 1440}-xvr4q", samples=20, hours=1, hours_ago=24 * night
        )
    ]
    cronjob = a_workload("report", kind="CronJob")

    response = size(a_history_of(cronjob, usage=usage))

    assert only(response).subject.kind == "CronJob"
    assert only(response).evidence["cpu"]["samples"] == 140


# what the cluster would take


def a_limit_range(kind="Container", **rules):
    return an_object(
        "LimitRange",
        {
            "metadata": {"name": "limits", "namespace": "shop"},
            "spec": {"limits": [{"type": kind, **rules}]},
        },
    )


def within(rule, *containers, usage=None):
    usage = both_pods() if usage is None else usage
    return size(a_history_of(*web(*containers), usage=usage, limit_ranges=(rule,)))


def test_a_limit_range_raises_a_request_to_its_minimum():
    response = within(a_limit_range(min={"cpu": "500m", "memory": "600Mi"}))

    recommended = only(response).recommended
    assert recommended["cpu_request_millicores"] == 500
    assert recommended["memory_request_bytes"] == 600 * MIB


@pytest.mark.parametrize(("most", "is_allowed"), [("2300Mi", True), ("2299Mi", False)])
def test_a_limit_range_forbids_what_is_above_its_maximum(most, is_allowed):
    """2,000 MiB and 15 % are 2,300."""
    container = a_container(cpu="200m", memory_limit="1Gi")

    response = within(a_limit_range(max={"memory": most}), container, usage=both_pods(mib=2000))

    assert bool(response.recommendations) is is_allowed
    if not is_allowed:
        assert reasons(response) == {"web/main": "limit_range_forbids"}


def test_of_several_limit_ranges_the_tightest_bounds_count():
    """Minimum 300m of 100m and 300m, maximum 500m of 900m and 500m, ratio 2 of 5 and 2: P95 110m
    becomes 300m, and its limit, twenty times as much in proportion, 500m."""
    first = a_limit_range(
        min={"cpu": "100m"}, max={"cpu": "500m"}, maxLimitRequestRatio={"cpu": "5"}
    )
    second = an_object(
        "LimitRange",
        {
            "metadata": {"name": "more", "namespace": "shop"},
            "spec": {
                "limits": [
                    {
                        "type": "Container",
                        "min": {"cpu": "300m"},
                        "max": {"cpu": "900m"},
                        "maxLimitRequestRatio": {"cpu": "2"},
                    }
                ]
            },
        },
    )
    container = a_container(cpu_limit="20")
    document = a_history_of(
        *web(container), usage=both_pods(cpu=0.11), limit_ranges=(first, second)
    )

    recommended = only(size(document)).recommended

    assert recommended["cpu_request_millicores"] == 300
    assert recommended["cpu_limit_millicores"] == 500


@pytest.mark.parametrize("ratio", ["2", "2.5"])
def test_a_ratio_may_be_a_fraction(ratio):
    """The limit follows the peak, 900m: 450m of request, or 360m."""
    rule = a_limit_range(maxLimitRequestRatio={"cpu": ratio})
    usage = (
        *readings(cpu=0.11, samples=400, hours=150, hours_ago=10),
        *readings(cpu=0.9, samples=1),
    )

    recommended = only(within(rule, a_container(cpu_limit="2"), usage=usage)).recommended

    assert recommended["cpu_request_millicores"] == {"2": 450, "2.5": 360}[ratio]


def test_a_limit_is_capped_at_the_maximum():
    """In proportion 230 MiB with a limit of twice that; the range allows 400 MiB."""
    container = a_container(memory_limit="2Gi")

    recommended = only(within(a_limit_range(max={"memory": "400Mi"}), container)).recommended

    assert recommended["memory_request_bytes"] == 230 * MIB
    assert recommended["memory_limit_bytes"] == 400 * MIB


def test_a_ratio_that_is_allowed_at_most_raises_the_request():
    """P95 110m, peak 900m: the limit must be 900m, so with a ratio of 3 the request is 300m."""
    rule = a_limit_range(maxLimitRequestRatio={"cpu": "3"})
    usage = (
        *readings(cpu=0.11, samples=400, hours=150, hours_ago=10),
        *readings(cpu=0.9, samples=1),
    )

    recommended = only(within(rule, a_container(cpu_limit="2"), usage=usage)).recommended

    assert recommended["cpu_request_millicores"] == 300
    assert recommended["cpu_limit_millicores"] == 900


def test_defaults_of_a_limit_range_are_what_is_in_force():
    """The template sets nothing; the namespace gives 500m and a limit of 1 CPU."""
    rule = a_limit_range(
        defaultRequest={"cpu": "500m", "memory": "1Gi"}, default={"cpu": "1", "memory": "1Gi"}
    )
    bare = a_container(cpu=None, memory=None)
    given = a_container(cpu="500m", cpu_limit="1", memory_limit="1Gi")
    pods = [a_pod(name, on="node-a", spec={"containers": [given]}) for name in POD_NAMES]
    template = a_workload("web", pod_spec={"containers": [bare]})
    document = a_history_of(template, REPLICA_SET, *pods, usage=both_pods(), limit_ranges=(rule,))

    recommendation = only(size(document))

    assert recommendation.current["cpu_request_millicores"] is None
    assert recommendation.evidence["in_force"]["cpu_request_millicores"] == 500
    assert recommendation.recommended["cpu_request_millicores"] == 200
    assert recommendation.recommended["cpu_limit_millicores"] == 400


def test_defaults_that_are_newer_than_the_pods_are_not_in_force():
    """The maximum of 4 CPU is a default limit, too; the pods run without one, and get none."""
    rule = a_limit_range(max={"cpu": "4"})

    recommendation = only(within(rule, a_container()))

    assert recommendation.evidence["in_force"]["cpu_limit_millicores"] is None
    assert recommendation.recommended["cpu_request_millicores"] == 200
    assert recommendation.recommended["cpu_limit_millicores"] is None


def test_without_pods_the_defaults_are_in_force():
    """The next pods will have the limit, so it follows the request: 200 x 4."""
    rule = a_limit_range(max={"cpu": "4"})
    usage = readings("web-5c4d-xvr4q")

    response = size(a_history_of(a_workload("web"), usage=usage, limit_ranges=(rule,)))

    assert only(response).recommended["cpu_limit_millicores"] == 800


def test_a_limit_range_for_pods_forbids_their_sum():
    rule = a_limit_range("Pod", max={"memory": "2Gi"})
    container = a_container(memory_limit="1Gi")

    response = within(rule, container, usage=both_pods(mib=2000))

    assert reasons(response) == {"web/main": "limit_range_forbids"}


def a_quota(**hard):
    return an_object(
        "ResourceQuota",
        {
            "metadata": {"name": "team", "namespace": "shop"},
            "spec": {"hard": hard},
            "status": {"hard": hard, "used": dict.fromkeys(hard, "2Gi")},
        },
    )


@pytest.mark.parametrize(("hard", "is_allowed"), [("4600Mi", True), ("4599Mi", False)])
def test_a_raise_that_a_quota_would_refuse_is_not_advised(hard, is_allowed):
    """Two pods from 1,024 to 2,300 MiB need 2,552 MiB; 2,048 are used."""
    quota = a_quota(**{"requests.memory": hard})

    response = size(
        a_history_of(*web(), usage=both_pods(cpu=1, mib=2000), resource_quotas=(quota,))
    )

    assert bool(response.recommendations) is is_allowed
    if not is_allowed:
        assert reasons(response) == {"web/main": "quota_refuses"}
        assert response.skipped[0].subjects == ("ResourceQuota/team",)


def test_a_quota_that_is_full_does_not_hold_back_what_is_lowered():
    quota = a_quota(**{"requests.memory": "2Gi", "limits.memory": "2Gi"})

    response = size(a_history_of(*web(), usage=both_pods(), resource_quotas=(quota,)))

    assert only(response).recommended["memory_request_bytes"] == 230 * MIB


@pytest.mark.parametrize(("hard", "is_allowed"), [("4600Mi", True), ("4599Mi", False)])
def test_a_cronjob_between_two_runs_needs_quota_for_the_next(hard, is_allowed):
    """Two pods a run (its parallelism), none now; two times 1,276 MiB more, 2,048 are used."""
    cronjob = a_workload(
        "report",
        kind="CronJob",
        spec={
            "jobTemplate": {
                "spec": {
                    "parallelism": 2,
                    "template": {"spec": {"containers": [a_container()]}},
                }
            }
        },
    )
    usage = readings("report-29700000-xvr4q", cpu=1, mib=2000)
    quota = a_quota(**{"requests.memory": hard})

    response = size(a_history_of(cronjob, usage=usage, resource_quotas=(quota,)))

    assert bool(response.recommendations) is is_allowed


def test_quota_is_spent_once():
    """Two workloads want 1,276 MiB more for each of two pods; there is room for one of them."""
    twin = a_workload("xeb")
    usage = [
        row for name in ("web", "xeb") for row in readings(f"{name}-6d4b-xvr4q", cpu=1, mib=2000)
    ]
    quota = a_quota(**{"requests.memory": "5Gi"})
    document = a_history_of(WEB, twin, usage=usage, resource_quotas=(quota,))

    response = size(document)

    assert only(response).subject.name == "web"
    assert reasons(response)["xeb/main"] == "quota_refuses"


@pytest.mark.parametrize(("mib", "fits"), [(13_000, True), (14_000, False)])
def test_a_pod_must_fit_the_largest_node_beside_its_daemonsets(mib, fits):
    """16 GiB less one of the DaemonSet are 15,360 MiB; 13,000 x 1.15 = 14,950, 14,000: 16,100."""
    daemons = a_workload("agent", kind="DaemonSet", cpu=0.1)

    response = size(a_history_of(*web(), daemons, usage=both_pods(cpu=1, mib=mib)))

    assert bool(response.recommendations) is fits
    assert reasons(response).get("web/main") == (None if fits else "fits_no_node")


def test_a_node_that_the_pod_may_not_run_on_does_not_hold_it():
    large = a_node("large", gib=64, taints=("gpu=true:NoSchedule",))

    response = size(a_history_of(*web(), large, usage=both_pods(cpu=1, mib=15_000)))

    assert reasons(response) == {"web/main": "fits_no_node"}


def test_a_daemonset_grows_only_where_every_node_has_room():
    """The second node has 2 GiB of which the pod takes one; 1,276 MiB more do not fit."""
    small = a_node("small", gib=2)
    daemons = a_workload("agent", kind="DaemonSet")
    pods = [a_pod(f"agent-{n}", on=n, owner=("DaemonSet", "agent")) for n in ("node-a", "small")]
    usage = readings("agent-node-a", cpu=1, mib=2000)

    response = size(a_history_of(daemons, small, *pods, usage=usage))

    assert reasons(response) == {"agent/main": "fits_no_node"}
    assert response.skipped[0].subjects == ("small",)


def test_a_daemonset_has_the_size_of_its_busiest_pod_with_a_warning():
    large = a_node("large", cpu=64)
    daemons = a_workload("agent", kind="DaemonSet")
    pods = [a_pod(f"agent-{n}", on=n, owner=("DaemonSet", "agent")) for n in ("node-a", "large")]
    usage = (*readings("agent-node-a", cpu=0.1), *readings("agent-large", cpu=0.4))

    response = size(a_history_of(daemons, large, *pods, usage=usage))

    assert only(response).recommended["cpu_request_millicores"] == 400
    assert warnings(response)["daemonset_on_unequal_nodes"] == ("DaemonSet/shop/agent",)


@pytest.mark.parametrize(("cpu", "is_warned"), [(8, False), (8.1, True)])
def test_nodes_are_unequal_where_one_is_more_than_twice_another(cpu, is_warned):
    """The smaller node has 4 CPU."""
    large = a_node("large", cpu=cpu)
    daemons = a_workload("agent", kind="DaemonSet")
    pod = a_pod("agent-1", on="node-a", owner=("DaemonSet", "agent"))

    response = size(a_history_of(daemons, large, pod, usage=readings("agent-1")))

    assert response.recommendations
    assert ("daemonset_on_unequal_nodes" in warnings(response)) is is_warned


def test_without_nodes_nobody_asks_whether_a_pod_fits():
    document = replace(a_history_of(*web(), usage=both_pods(cpu=1, mib=15_000)), nodes=None)

    assert only(size(document)).recommended["memory_request_bytes"] == 17_250 * MIB


# the whole


def test_a_workload_at_zero_replicas_is_sized_and_saves_nothing_now():
    response = size(a_history_of(a_workload("web", replicas=0), usage=readings("web-5c4d-xvr4q")))

    assert only(response).recommended["memory_request_bytes"] == 230 * MIB
    assert only(response).savings_usd_month == 0


def test_nothing_to_size_is_refused():
    response = size(a_document())

    assert (response.status, response.reason) == ("refused", "nothing_to_size")


def test_nodes_that_could_go_are_counted_by_the_scarcer_resource():
    """Three nodes of 4 CPU and 16 GiB. Six pods of 1 CPU and 8 GiB: memory needs 48 GiB, 3 nodes.
    Sized to 230 MiB they need 1.2 CPU and 1.35 GiB: one node."""
    nodes = [a_node(name) for name in ("node-b", "node-c")]
    container = a_container(memory="8Gi")
    pods = [
        a_pod(f"web-6d4b-{n}", on=node, spec={"containers": [container]})
        for n, node in enumerate(("node-a", "node-a", "node-b", "node-b", "node-c", "node-c"))
    ]
    workload = a_workload("web", replicas=6, pod_spec={"containers": [container]})
    usage = readings("web-6d4b-0")

    response = size(a_history_of(workload, REPLICA_SET, *nodes, *pods, usage=usage))

    assert response.evidence["nodes_that_could_go"] == 2
    assert response.evidence["usd_month_of_nodes_that_could_go"] == 292  # 2 x 146
    assert response.evidence["requests_freed"]["memory_bytes"] == 6 * (8 * GIB - 230 * MIB)


def test_rules_that_were_not_read_are_told():
    response = size(a_history_of(*web(), usage=both_pods(), listed=False))

    assert warnings(response)["rules_not_read"] == ("limit_ranges", "resource_quotas", "hpas")


def test_rules_that_were_not_read_matter_only_to_advice():
    response = size(a_history_of(*web(), usage=(), listed=False))

    assert not response.recommendations
    assert "rules_not_read" not in warnings(response)


def test_a_single_replica_is_warned_of():
    objects = web(replicas=1)

    response = size(a_history_of(*objects, usage=both_pods()))

    assert warnings(response)["restarts_all_pods"] == ("Deployment/shop/web",)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Deployment", {"paused": True}),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 1}}}),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}),
        ("ReplicaSet", {}),
    ],
)
def test_a_change_that_waits_for_a_person_is_warned_of(kind, spec):
    workload = a_workload("db", kind=kind, spec=spec)
    pod = a_pod("db-0", on="node-a", owner=(kind, "db"))

    response = size(a_history_of(workload, pod, usage=readings("db-0")))

    assert warnings(response)["rolled_out_by_hand"] == (f"{kind}/shop/db",)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "CronJob"])
def test_an_ordinary_rollout_is_not_warned_of(kind):
    pod = a_pod("db-0", on="node-a", owner=(kind, "db"))

    response = size(a_history_of(a_workload("db", kind=kind), pod, usage=readings("db-0")))

    assert "rolled_out_by_hand" not in warnings(response)


def test_confidence_is_data_window_and_prices():
    """Half of the two containers have enough data, which covers 84 of 168 hours; all nodes are
    priced: 0.5 x 0.5 + 0.3 x 0.5 + 0.2 = 0.6."""
    usage = readings(hours=84)
    objects = web(a_container(), a_container("other"))

    assert size(a_history_of(*objects, usage=usage)).confidence_score == 0.6
