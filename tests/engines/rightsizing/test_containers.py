"""The size of a container by what it used. Usual history: 200m and 200 MiB for a week."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.builders import NOW, an_object
from tests.engines.rightsizing.builders import (
    GIB,
    MIB,
    POD_NAMES,
    a_container,
    a_history_of,
    both_pods,
    only,
    readings,
    reasons,
    size,
    web,
)


def sized(*containers, usage=None, **more):
    requirements = more.pop("requirements", {})
    usage = both_pods() if usage is None else usage
    return size(a_history_of(*web(*containers), usage=usage, **more), **requirements)


def test_cpu_follows_the_95th_percentile_and_memory_the_peak():
    """950 samples of 100m and 50 of 900m: the 95th percentile lies at place 0.95 x 999 = 949.05,
    5 % of the way from 100m to 900m: 140m. Memory: 300 MiB once, and 15 %: 345 MiB."""
    quiet = readings(cpu=0.1, mib=100, samples=950, hours=150, hours_ago=10)
    loud = readings(cpu=0.9, mib=100, samples=49, hours=5)
    peak = readings(cpu=0.9, mib=300, samples=1, hours_ago=7)

    recommended = only(sized(usage=(*quiet, *loud, *peak))).recommended

    assert recommended["cpu_request_millicores"] == 140
    assert recommended["memory_request_bytes"] == 345 * MIB


def test_the_percentile_is_taken_of_each_pod_and_then_the_largest_counts():
    """Pooled, the busy pod's samples are 10 of 179 and P95 would be near 100m; its own is 800m."""
    idle = readings(POD_NAMES[0], cpu=0.1)
    busy = readings(POD_NAMES[1], cpu=0.8, samples=10, hours=5)

    assert only(sized(usage=(*idle, *busy))).recommended["cpu_request_millicores"] == 800


def test_savings_are_the_freed_requests_at_the_split_of_the_nodes_price():
    """The node: 4 x 0.031611 + 16 x 0.004237 = 0.194236. Freed of each of two pods: 0.8 CPU and
    794 MiB, 0.8 x 0.031611 + 794 / 1024 x 0.004237 = 0.0285741. 2 x 0.0285741 / 0.194236 of
    146 USD a month."""
    response = sized()

    assert only(response).savings_usd_month == Decimal("42.956228")
    assert response.estimated_savings == Decimal("42.956228")
    assert only(response).evidence["realisable"] is False
    assert response.evidence["usd_month_realisable_now"] == 0


def test_the_evidence_says_what_was_measured():
    """169 samples of each of two pods over a week, an hour apart."""
    response = sized()

    evidence = only(response).evidence
    assert evidence["cpu"] == {
        "p95_millicores": 200,
        "samples": 338,
        "span_hours": 168,
        "pods": 2,
        "peak_millicores": 200,
        "average_millicores": 200,
    }
    assert evidence["memory"] == {
        "samples": 338,
        "span_hours": 168,
        "pods": 2,
        "peak_bytes": 200 * MIB,
        "average_bytes": 200 * MIB,
    }
    assert response.evidence["usage"] == {
        "containers_measured": 2,
        "samples": 338,
        "seconds_between_samples": 3600,
        "newest_at": NOW.isoformat(),
    }
    assert "P95 200m, peak 200m" in only(response).reason
    assert "memory request 1024 MiB -> 230 MiB (peak 200 MiB)" in only(response).reason


@pytest.mark.parametrize(
    ("samples", "hours", "is_enough"),
    [(100, 24.0, True), (99, 24.0, False), (100, 23.9, False), (1000, 23.9, False)],
)
def test_a_hundred_samples_over_a_day_are_enough(samples, hours, is_enough):
    response = sized(usage=readings(samples=samples, hours=hours))

    assert bool(response.recommendations) is is_enough
    if not is_enough:
        [entry] = response.skipped
        assert entry.reason == "not_enough_data"
        assert f"{samples} samples" in entry.message
        assert f"{hours:.1f} h" in entry.message


def test_without_any_usage_nothing_is_enough():
    response = sized(usage=())

    assert reasons(response) == {"web/main": "not_enough_data"}
    assert "0 samples" in response.skipped[0].message
    assert "no_usage" in {one.code for one in response.warnings}
    assert response.estimated_savings == 0


def test_asleep_and_absent_are_not_zero():
    """Ten times as many readings of a sleeping container as of the working one."""
    awake = readings(cpu=0.6, mib=400, samples=120, hours=48)
    asleep = readings(cpu=0, mib=0, samples=1200, hours=100, hours_ago=50)
    absent = readings(cpu=None, mib=None, samples=1200, hours=100, hours_ago=50.01)

    recommended = only(sized(usage=(*awake, *asleep, *absent))).recommended

    assert recommended["cpu_request_millicores"] == 600
    assert recommended["memory_request_bytes"] == 460 * MIB


def test_idle_is_not_asleep():
    """A container that holds memory and does nothing is there: its zeros count."""
    idle = readings(cpu=0, mib=400, samples=960, hours=100, hours_ago=60)
    busy = readings(cpu=0.6, mib=400, samples=40, hours=50)

    assert only(sized(usage=(*idle, *busy))).recommended["cpu_request_millicores"] == 10


def test_cpu_without_memory_is_a_sample_of_cpu_alone():
    response = sized(usage=both_pods(cpu=0.4, mib=None))

    assert only(response).recommended["cpu_request_millicores"] == 400
    assert reasons(response) == {"web/main": "not_enough_data"}
    assert "0 samples of its memory" in response.skipped[0].message


def test_what_is_right_already_is_no_change_whatever_the_threshold():
    container = a_container(cpu="200m", memory="230Mi")

    response = sized(container, requirements={"min_change_percent": 0.0})

    assert reasons(response) == {"web/main": "already_right"}


def test_only_the_last_seven_days_count():
    """The peak of 900 MiB is 7 days and an hour old."""
    old = readings(mib=900, samples=1, hours_ago=169)

    recommended = only(sized(usage=(*readings(), *old))).recommended

    assert recommended["memory_request_bytes"] == 230 * MIB


def test_the_first_moment_of_the_seven_days_counts():
    edge = readings(mib=1000, samples=1, hours_ago=168)

    recommended = only(sized(usage=(*readings(samples=168, hours=100), *edge))).recommended

    assert recommended["memory_request_bytes"] == 1150 * MIB


@pytest.mark.parametrize(
    ("cpu", "expected"), [(0.0099, 10), (0.0101, 11), (0.25, 250), (0.0001, 10)]
)
def test_a_request_is_never_below_its_floor(cpu, expected):
    recommended = only(sized(usage=both_pods(cpu=cpu))).recommended

    assert recommended["cpu_request_millicores"] == expected


@pytest.mark.parametrize(("mib", "expected"), [(20, 100), (86, 100), (87, 101)])
def test_memory_is_never_below_its_floor(mib, expected):
    """86 x 1.15 = 98.9; 87 x 1.15 = 100.05, rounded up to 101."""
    recommended = only(sized(usage=both_pods(mib=mib))).recommended

    assert recommended["memory_request_bytes"] == expected * MIB


def test_floors_are_parameters():
    requirements = {"cpu_floor_m": 300, "memory_floor_mib": 512}

    recommended = only(sized(requirements=requirements)).recommended

    assert recommended["cpu_request_millicores"] == 300
    assert recommended["memory_request_bytes"] == 512 * MIB


@pytest.mark.parametrize(("age_days", "expected"), [(0, 700), (13.99, 700), (14, 230), (20, 230)])
def test_a_floor_of_an_oom_kill_holds_for_fourteen_days(age_days, expected):
    floor = {
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "container": "main",
        "bytes": 700 * MIB,
        "since": NOW - timedelta(days=age_days),
    }

    recommended = only(sized(requirements={"memory_floors": [floor]})).recommended

    assert recommended["memory_request_bytes"] == expected * MIB


@pytest.mark.parametrize(
    ("cpu", "memory", "reason"),
    [
        ("222m", "230Mi", "already_right"),
        ("223m", "230Mi", None),  # 23 of 223 is 10.3 %
        ("200m", "209Mi", None),  # 21 of 209 is 10.05 %
        ("200m", "210Mi", "already_right"),
        ("200m", "255Mi", "already_right"),
        ("200m", "256Mi", None),  # 26 of 256 is 10.2 %
    ],
)
def test_small_changes_are_not_worth_a_restart(cpu, memory, reason):
    """Needed are 200m and 230 MiB; a change counts from 10 % of the present request on."""
    response = sized(a_container(cpu=cpu, memory=memory))

    assert reasons(response).get("web/main") == reason
    assert bool(response.recommendations) is (reason is None)


def test_what_changes_little_keeps_the_text_in_which_it_was_written():
    """CPU is right; of the memory only the amount changes, and undoing restores the text."""
    response = sized(a_container(cpu="0.2", memory="1073741824000m"))

    [step] = [one for one in response.execution_plan if hasattr(one, "resources")]

    assert (step.resources[0].cpu_request, step.resources[0].memory_request) == ("0.2", "230Mi")
    assert step.previous[0].memory_request == "1073741824000m"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"cpu_limit": "2", "memory_limit": "2Gi"}, (200, 400, 230, 460)),
        ({"memory_limit": "1Gi"}, (200, None, 230, 230)),  # equal stays equal
        ({"cpu_limit": "1500m"}, (200, 300, 230, None)),
        # a limit alone is its request, too
        (
            {"cpu": None, "cpu_limit": "1100m", "memory": None, "memory_limit": "1Gi"},
            (200, 200, 230, 230),
        ),
    ],
)
def test_the_ratio_of_limit_and_request_is_kept(written, expected):
    recommended = only(sized(a_container(**written))).recommended

    assert (
        recommended["cpu_request_millicores"],
        recommended["cpu_limit_millicores"],
        recommended["memory_request_bytes"] // MIB,
        recommended["memory_limit_bytes"] and recommended["memory_limit_bytes"] // MIB,
    ) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("2", (110, 900)), ("1", (900, 900)), ("20", (110, 2200))],
)
def test_a_cpu_limit_never_falls_below_the_peak(limit, expected):
    """P95 110m, peak 900m. In proportion a limit of 2 becomes 220m, so the peak counts; request and
    limit that are equal stay equal, so both follow the peak; 20 becomes 2,200m."""
    quiet = readings(cpu=0.11, samples=400, hours=150, hours_ago=10)
    peak = readings(cpu=0.9, samples=1)

    recommended = only(sized(a_container(cpu_limit=limit), usage=(*quiet, *peak))).recommended

    assert (
        recommended["cpu_request_millicores"],
        recommended["cpu_limit_millicores"],
    ) == expected


def test_a_guaranteed_pod_stays_guaranteed_and_keeps_whole_cores():
    """Whole cores may be exclusive ones (static CPU manager), so 1.2 cores become 2."""
    container = a_container(cpu="4", cpu_limit="4", memory_limit="1Gi")

    recommendation = only(sized(container, usage=both_pods(cpu=1.2)))

    assert recommendation.evidence["qos_class"] == "Guaranteed"
    assert recommendation.recommended["cpu_request_millicores"] == 2000
    assert recommendation.recommended["cpu_limit_millicores"] == 2000


def test_whole_cores_may_be_given_up_by_parameter():
    container = a_container(cpu="4", cpu_limit="4", memory_limit="1Gi")

    response = sized(container, usage=both_pods(cpu=1.2), requirements={"keep_whole_cores": False})

    assert only(response).recommended["cpu_request_millicores"] == 1200


def test_a_best_effort_pod_is_left_so_and_told_what_it_needs():
    response = sized(a_container(cpu=None, memory=None))

    assert reasons(response) == {"web/main": "would_change_qos_class"}
    assert "200m CPU" in response.skipped[0].message


@pytest.mark.parametrize(
    "container",
    [
        a_container(cpu="0", memory="0"),
        a_container(cpu="0", memory="0", cpu_limit="0", memory_limit="0"),
        a_container(cpu=None, memory=None, memory_limit="0"),
    ],
)
def test_amounts_of_zero_make_no_qos_class(container):
    """Kubernetes counts amounts above zero alone: these pods are BestEffort, and stay so."""
    response = sized(container)

    assert reasons(response) == {"web/main": "would_change_qos_class"}
    assert "instead of BestEffort" in response.skipped[0].message


def test_a_limit_of_zero_limits_nothing():
    recommended = only(sized(a_container(cpu_limit="0", memory_limit="0"))).recommended

    assert (recommended["cpu_request_millicores"], recommended["cpu_limit_millicores"]) == (
        200,
        None,
    )
    assert recommended["memory_limit_bytes"] is None


def test_a_request_above_its_limit_is_no_traceback():
    """No API server takes it, a dump may hold it. In proportion the limit would be 100m; it stays
    at the 200m of the request and of the peak."""
    container = a_container(cpu="2", cpu_limit="1", memory="230Mi")

    recommended = only(sized(container)).recommended

    assert (recommended["cpu_request_millicores"], recommended["cpu_limit_millicores"]) == (
        200,
        200,
    )


@pytest.mark.parametrize(
    ("memory", "mib"),
    [
        ("1073741824", 1024),
        ("1073741824000m", 1024),
        ("1Gi", 1024),
        ("1e9", 953.67431640625),
        ("1000M", 953.67431640625),
        ("1.0G", 953.67431640625),
        ("1000000k", 953.67431640625),
        ("1048576Ki", 1024),
    ],
)
def test_each_way_to_write_an_amount_is_read(memory, mib):
    recommendation = only(sized(a_container(memory=memory)))

    assert recommendation.current["memory_request_bytes"] == mib * MIB
    assert recommendation.recommended["memory_request_bytes"] == 230 * MIB


def test_a_missing_request_is_not_zero():
    """Memory is set, so the pod is Burstable and stays it; the CPU it gets costs something."""
    recommendation = only(sized(a_container(cpu=None, memory="230Mi")))

    assert recommendation.current["cpu_request_millicores"] is None
    assert recommendation.recommended["cpu_request_millicores"] == 200
    assert "not set -> 200m" in recommendation.reason
    assert recommendation.savings_usd_month < 0


def test_the_memory_of_a_heap_is_held():
    """-Xmx512m and 25 % beside it are 640 MiB, more than the 230 that were used."""
    container = a_container(env=[{"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx512m"}])

    assert only(sized(container)).recommended["memory_request_bytes"] == 640 * MIB


@pytest.mark.parametrize("how", ["parameter", "container", "annotation"])
def test_held_memory_is_not_lowered(how):
    held = {"namespace": "shop", "kind": "Deployment", "name": "web"}
    requirements = {
        "parameter": {"hold_memory": [held]},
        "container": {"hold_memory": [{**held, "container": "main"}]},
        "annotation": {},
    }[how]
    annotations = {"cloudoptim.io/rightsizing": "hold-memory"} if how == "annotation" else {}
    document = a_history_of(*web(annotations=annotations), usage=both_pods())

    response = size(document, **requirements)

    assert only(response).recommended["memory_request_bytes"] == GIB
    assert reasons(response) == {"web/main": "memory_held"}


@pytest.mark.parametrize(
    "flags",
    [
        {"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=75.0"}]},
        {"command": ["java", "-XX:MaxRAMFraction=2", "-jar", "a.jar"]},
        {"args": ["-XX:InitialRAMPercentage=50"]},
        {"env": [{"name": "DOTNET_GCHeapHardLimitPercent", "value": "4B"}]},
    ],
)
def test_memory_that_follows_its_limit_is_not_lowered(flags):
    """Half as much memory would make half as large a heap, and so on, round by round."""
    response = sized(a_container(**flags))

    assert only(response).recommended["memory_request_bytes"] == GIB
    assert reasons(response) == {"web/main": "memory_held"}
    assert "in percent of the limit" in response.skipped[0].message


def test_a_ceiling_in_bytes_beats_one_in_percent():
    """-Xmx is what the JVM obeys: 256 MiB and 25 % are 320."""
    container = a_container(args=["-XX:MaxRAMPercentage=75.0", "-Xmx256m"])

    assert only(sized(container)).recommended["memory_request_bytes"] == 320 * MIB


def test_memory_that_follows_its_limit_may_be_raised():
    container = a_container(args=["-XX:MaxRAMPercentage=75.0"])

    recommended = only(sized(container, usage=both_pods(mib=2000))).recommended

    assert recommended["memory_request_bytes"] == 2300 * MIB


@pytest.mark.parametrize(
    ("floor_mib", "reason"), [(1024, "memory_held"), (930, "memory_held"), (200, "already_right")]
)
def test_memory_that_stays_for_its_floor_is_not_called_right(floor_mib, reason):
    """Used are 200 MiB, which asks for 230; 930 of 1,024 is a change of 9 %."""
    memory = "1Gi" if floor_mib > 230 else "230Mi"
    floor = {
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "container": "main",
        "bytes": floor_mib * MIB,
        "since": NOW,
    }

    response = sized(
        a_container(cpu="200m", memory=memory), requirements={"memory_floors": [floor]}
    )

    assert reasons(response) == {"web/main": reason}


def test_held_memory_may_be_raised():
    held = {"namespace": "shop", "kind": "Deployment", "name": "web"}

    response = sized(usage=both_pods(mib=2000), requirements={"hold_memory": [held]})

    assert only(response).recommended["memory_request_bytes"] == 2300 * MIB


def an_hpa(**spec):
    return an_object(
        "HorizontalPodAutoscaler",
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "maxReplicas": 10,
                **spec,
            },
        },
    )


def utilisation(resource, **more):
    return {"name": resource, "target": {"type": "Utilization", "averageUtilization": 70}, **more}


@pytest.mark.parametrize(
    ("spec", "held"),
    [
        ({"metrics": [{"type": "Resource", "resource": utilisation("cpu")}]}, "cpu"),
        ({"metrics": [{"type": "Resource", "resource": utilisation("memory")}]}, "memory"),
        ({"targetCPUUtilizationPercentage": 80}, "cpu"),
        ({}, "cpu"),
        (
            {
                "metrics": [
                    {
                        "type": "ContainerResource",
                        "containerResource": utilisation("cpu", container="main"),
                    }
                ]
            },
            "cpu",
        ),
    ],
)
def test_a_request_that_an_autoscaler_measures_by_is_not_touched(spec, held):
    response = size(a_history_of(*web(), usage=both_pods(), hpas=(an_hpa(**spec),)))

    recommendation = only(response)
    assert reasons(response) == {"web/main": "hpa_on_utilisation"}
    assert response.skipped[0].subjects == ("HorizontalPodAutoscaler/web",)
    assert recommendation.evidence["kept"] == {held: "hpa_on_utilisation"}
    is_cpu_kept = recommendation.recommended["cpu_request_millicores"] == 1000
    assert is_cpu_kept is (held == "cpu")


@pytest.mark.parametrize(
    "spec",
    [
        {
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"averageValue": "500m"}},
                }
            ]
        },
        {"metrics": [{"type": "External"}]},
        {
            "metrics": [
                {
                    "type": "ContainerResource",
                    "containerResource": utilisation("cpu", container="proxy"),
                }
            ]
        },
        {"scaleTargetRef": {"kind": "Deployment", "name": "other"}},
    ],
)
def test_other_autoscalers_do_not_hold_a_request(spec):
    response = size(a_history_of(*web(), usage=both_pods(), hpas=(an_hpa(**spec),)))

    assert only(response).recommended["cpu_request_millicores"] == 200
    assert reasons(response) == {}
