"""The new size, what keeps it in bounds, and when a person has to look."""

from decimal import Decimal

import pytest

from engines.contracts.results import DecisionType
from engines.contracts.state import CurrentState, compile_state
from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import to_summary_rows
from engines.oom_remediation import recommend_oom_remediation
from engines.rightsizing.summaries import summarise
from tests.builders import NOW, a_document, a_node, a_pod, a_request, a_workload, an_object
from tests.engines.oom_remediation.builders import (
    USUAL,
    a_status,
    ended,
    memory_of,
    recorded,
    remedy,
    text,
    web,
)
from tests.engines.rightsizing.builders import (
    MIB,
    POD_NAMES,
    a_container,
    a_history_of,
    both_pods,
    only,
    readings,
    reasons,
    size,
)
from tests.engines.rightsizing.builders import web as a_measured_web

UNHARMED = web(statuses=())


def summary_of(usage):
    return to_summary_rows(summarise(UsageTable.from_rows(usage), int(NOW.timestamp())))


def test_memory_becomes_one_and_a_half_of_the_limit_at_the_kill():
    response = remedy(*web())

    assert memory_of(response) == (384, 768)
    [step] = [one for one in response.execution_plan if hasattr(one, "resources")]
    assert (step.resources[0].memory_request, step.resources[0].memory_limit) == ("384Mi", "768Mi")
    assert (step.previous[0].memory_request, step.previous[0].memory_limit) == ("256Mi", "512Mi")
    assert step.resources[0].cpu_request == step.previous[0].cpu_request == "1"


def test_the_cautious_preset():
    """512 x 1.2 = 614.4, rounded up to 615; the request in proportion: 307.5, so 308."""
    assert memory_of(remedy(*web(), memory_factor=1.2)) == (308, 615)


def test_raising_costs_something():
    """128 MiB more for each of two pods: 2 x 0.125 x 0.004237 / 0.194236 of 146 USD a month."""
    response = remedy(*web())

    assert response.estimated_savings == Decimal("-0.796199")
    assert only(response).savings_usd_month == Decimal("-0.796199")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_kills_count_once_for_the_size(count):
    response = remedy(*UNHARMED, oom_history=[recorded(hour + 1) for hour in range(count)])

    assert memory_of(response) == (384, 768)
    assert only(response).evidence["restarts"] == count


def test_after_a_change_the_kill_at_the_new_limit_counts():
    """Killed at 300, raised to 512, killed again: 768, not more."""
    history = [recorded(5, 300), recorded(4, 300), recorded(1, 512)]

    assert memory_of(remedy(*UNHARMED, oom_history=history)) == (384, 768)


@pytest.mark.parametrize(
    ("killed_at", "reason"),
    [(341, "already_raised"), (342, None)],
)
def test_what_was_raised_already_is_left(killed_at, reason):
    """341 x 1.5 = 511.5, rounded up to 512, what the template has; 342 x 1.5 = 513."""
    response = remedy(*UNHARMED, oom_history=[recorded(1, killed_at)])

    assert reasons(response).get("web/main") == reason
    assert bool(response.execution_plan) is (reason is None)


def test_never_more_than_twice_the_present_limit():
    """Killed at 1,000 MiB; somebody lowered the limit to 512 since. 1,500 are too many: 1,024."""
    response = remedy(*UNHARMED, oom_history=[recorded(1, 1000)])

    assert memory_of(response) == (512, 1024)
    assert only(response).evidence["capped_by"] == "twice_the_current"


def test_a_factor_of_two_is_not_capped():
    response = remedy(*web(), memory_factor=2.0)

    assert memory_of(response) == (512, 1024)
    assert only(response).evidence["capped_by"] is None


def test_an_unknown_limit_is_taken_for_the_present_one():
    response = remedy(*UNHARMED, oom_history=[recorded(1, None)])

    assert memory_of(response) == (384, 768)
    assert only(response).evidence["is_base_known"] is False
    assert response.confidence_score == 0.2  # pods were read; neither limit nor use is known


def test_what_is_equal_stays_equal():
    """The QoS class Guaranteed, with cpu equal, too."""
    container = a_container(cpu_limit="1", memory="512Mi", memory_limit="512Mi")

    assert memory_of(remedy(*web(container))) == (768, 768)


def test_without_a_limit_the_request_is_raised():
    """The node ran out of memory, and no limit would have helped."""
    response = remedy(*web(a_container(memory="400Mi")))

    assert memory_of(response) == (600, None)


@pytest.mark.parametrize(("peak", "expected"), [(500, 600), (700, 700), (900, 800)])
def test_without_a_limit_the_request_follows_the_peak_up_to_twice(peak, expected):
    usage = readings(mib=peak)

    assert memory_of(remedy(*web(a_container(memory="400Mi")), usage=usage)) == (expected, None)


def test_the_peak_may_come_from_a_summary():
    rows = summary_of(readings(mib=700))
    document = a_document(
        a_node(), *web(a_container(memory="400Mi")), usage_summary=rows, events=()
    )
    request = a_request(compile_state(document), decision_type=DecisionType.OOMKILLED_REMEDIATE)

    response = recommend_oom_remediation(request)

    assert memory_of(response) == (700, None)
    assert only(response).evidence["growth"]["nature"] == "unknown"


def test_without_limit_and_request_there_is_nothing_to_raise():
    response = remedy(*web(a_container(memory=None)), usage=readings(mib=700))

    assert reasons(response) == {"web/main": "no_request_to_raise"}
    assert str(700 * MIB) in response.skipped[0].message


def test_a_limit_that_is_gone_by_now_is_left():
    response = remedy(*web(a_container(), statuses=()), oom_history=[recorded(1, 512)])

    assert reasons(response) == {"web/main": "already_raised"}


# a person has to look


@pytest.mark.parametrize(("count", "action"), [(3, "raise_memory"), (4, "escalate_manual_review")])
def test_more_than_three_restarts_are_for_a_person(count, action):
    response = remedy(*UNHARMED, oom_history=[recorded(hour + 1) for hour in range(count)])

    assert only(response).action == action
    assert bool(response.execution_plan) is (action == "raise_memory")


@pytest.mark.parametrize(
    ("restarts", "made_hours_ago", "action"),
    [
        (3, 5, "raise_memory"),
        (4, 5, "escalate_manual_review"),
        (4, 24, "escalate_manual_review"),
        (4, 24.1, "raise_memory"),  # nobody knows how many of them are of the last day
        (4, None, "escalate_manual_review"),
    ],
)
def test_each_restart_of_a_young_pod_counts(restarts, made_hours_ago, action):
    """Its status tells of one kill, and how often it restarted since it was made."""
    made = None if made_hours_ago is None else text(made_hours_ago)
    status = {**a_status(), "restartCount": restarts}
    pod = a_pod(
        POD_NAMES[0],
        on="node-a",
        spec={"containers": [USUAL]},
        metadata={"creationTimestamp": made},
        status={"containerStatuses": [status]},
    )

    recommendation = only(remedy(*UNHARMED[:2], pod))

    assert recommendation.action == action
    assert recommendation.evidence["times_killed"] == 1


def test_restarts_are_not_all_called_kills():
    """Four restarts of which one is known to be a kill."""
    status = {**a_status(), "restartCount": 4}
    pod = a_pod(
        POD_NAMES[0],
        on="node-a",
        spec={"containers": [USUAL]},
        metadata={"creationTimestamp": text(3)},
        status={"containerStatuses": [status]},
    )

    reason = only(remedy(*UNHARMED[:2], pod)).reason

    assert reason.startswith("killed for memory once in 24 h and restarted 4 times, too often")


def test_restarts_of_all_pods_are_counted_together():
    history = [recorded(hour + 1, pod=name) for name in POD_NAMES for hour in range(2)]

    assert only(remedy(*UNHARMED, oom_history=history)).action == "escalate_manual_review"


def growing(mib_per_hour, *, start=100, hours=48, wave=0.0):
    """One reading an hour; ``wave`` MiB are added to every second one."""
    return [
        row
        for hour in range(hours)
        for row in readings(
            mib=start + mib_per_hour * hour + wave * (hour % 2),
            samples=1,
            hours_ago=hours - hour,
        )
    ]


@pytest.mark.parametrize(
    ("usage", "nature", "slope_mib"),
    [
        (growing(5), "leak", 5),
        (growing(0, wave=60), "load", None),
        (growing(0.1, start=400), "load", 0.1),  # 4.8 MiB of 400 in two days
        (growing(5, hours=11), "unknown", None),  # 11 readings
        ((), "unknown", None),
    ],
)
def test_the_slope_tells_a_leak_from_load(usage, nature, slope_mib):
    history = [recorded(hour + 1) for hour in range(4)]

    growth = only(remedy(*UNHARMED, usage=usage, oom_history=history)).evidence["growth"]

    assert growth["nature"] == nature
    if slope_mib is not None:
        assert growth["slope_bytes_per_hour"] == pytest.approx(slope_mib * MIB, abs=1)


@pytest.mark.parametrize(("hours_ago", "hours"), [(120, 48), (121, 47), (200, 0)])
def test_growth_before_the_last_seven_days_does_not_count(hours_ago, hours):
    """Readings of 49 hours; what is more than 168 hours old is left out."""
    usage = [
        row
        for hour in range(49)
        for row in readings(mib=100 + 5 * hour, samples=1, hours_ago=hours_ago + 48 - hour)
    ]

    assert only(remedy(*web(), usage=usage)).evidence["growth"]["hours"] == hours


@pytest.mark.parametrize(
    ("samples", "minutes", "nature"),
    [(12, 60, "load"), (12, 59, "unknown"), (11, 60, "unknown")],
)
def test_a_piece_has_twelve_readings_over_an_hour(samples, minutes, nature):
    usage = readings(samples=samples, hours=minutes / 60, hours_ago=1)

    assert only(remedy(*web(), usage=usage)).evidence["growth"]["nature"] == nature


def test_a_saw_tooth_of_kills_is_a_leak():
    """From 100 to 512 MiB in 20 hours, killed, and again: each tooth is straight."""
    usage = [
        row
        for hour in range(60)
        for row in readings(mib=100 + 20 * (hour % 20), samples=1, hours_ago=60 - hour)
    ]

    growth = only(remedy(*web(), usage=usage)).evidence["growth"]

    assert (growth["nature"], growth["hours"]) == ("leak", 19)


def test_short_teeth_of_a_saw_share_one_slope():
    """Four kills in a day: teeth of six hourly readings, 30 MiB an hour each, from 200 MiB on.
    Together 20 hours are covered: four teeth of 5 hours."""
    usage = [
        row
        for hour in range(24)
        for row in readings(mib=200 + 30 * (hour % 6), samples=1, hours_ago=24 - hour)
    ]
    history = [recorded(24 - 6 * tooth + 0.5) for tooth in range(1, 5)]

    response = remedy(*UNHARMED, usage=usage, oom_history=history)

    growth = only(response).evidence["growth"]
    assert (growth["nature"], growth["pieces"], growth["hours"]) == ("leak", 4, 20)
    assert growth["slope_bytes_per_hour"] == 30 * MIB
    assert growth["r_squared"] == 1
    assert "grows by 30.0 MiB an hour over 20 h, as of a leak" in only(response).reason


def test_teeth_of_two_readings_tell_nothing():
    """Killed every two hours of the last day; two points always lie on a line."""
    usage = [
        row
        for hour in range(24)
        for row in readings(mib=300 + 10 * (hour % 2), samples=1, hours_ago=24 - hour)
    ]
    history = [recorded(24 - 2 * tooth + 0.5) for tooth in range(1, 13)]

    response = remedy(*UNHARMED, usage=usage, oom_history=history)

    assert only(response).evidence["growth"]["nature"] == "unknown"
    assert "too little of its memory was measured" in only(response).reason


def test_a_kill_cuts_even_where_memory_hardly_fell():
    """From 400 to 500 MiB in 20 hours, killed, and again from 380: no fall is over 30 %."""
    usage = [
        row
        for hour in range(40)
        for row in readings(mib=400 + 5 * (hour % 20), samples=1, hours_ago=40 - hour)
    ]

    growth = only(remedy(*UNHARMED, usage=usage, oom_history=[recorded(20.5)])).evidence["growth"]

    assert (growth["nature"], growth["hours"]) == ("leak", 19)


def test_the_calm_of_an_earlier_revision_does_not_hide_a_leak():
    """The pods of the old revision used 200 MiB for six days; the new one leaks since 20 hours."""
    calm = readings("web-5c4d-xvr4q", mib=200, samples=145, hours=144, hours_ago=22)
    leaking = growing(15, start=200, hours=20)

    growth = only(remedy(*web(), usage=(*calm, *leaking))).evidence["growth"]

    assert (growth["nature"], growth["hours"]) == ("leak", 19)


def test_a_calm_week_before_the_last_restart_does_not_hide_a_leak():
    """Six days of 400 MiB, a restart two days ago, and a leak since."""
    calm = readings(mib=400, samples=121, hours=120, hours_ago=48.5)
    leaking = growing(5, start=200, hours=48)

    growth = only(remedy(*UNHARMED, usage=(*calm, *leaking), oom_history=[recorded(0.5)]))

    assert growth.evidence["growth"]["nature"] == "leak"


def test_where_no_killed_pod_was_measured_the_others_tell():
    growth = only(remedy(*UNHARMED, usage=growing(5), oom_history=[recorded(1, pod=POD_NAMES[1])]))

    assert growth.evidence["growth"]["nature"] == "leak"


def test_a_fix_of_what_leaks_says_that_it_only_delays():
    history = [recorded(0.5)]

    reason = only(remedy(*UNHARMED, usage=growing(5), oom_history=history)).reason

    assert reason == (
        "killed for memory once in 24 h; memory 512 MiB -> 768 MiB; its memory grows by 5.0 MiB an"
        " hour over 47 h, as of a leak, which more memory only delays"
    )


def test_an_escalation_for_load_says_how_its_memory_moves():
    history = [recorded(0.1 * hour) for hour in range(4)]

    reason = only(remedy(*UNHARMED, usage=growing(-1, start=400), oom_history=history)).reason

    assert "falls by 1.0 MiB an hour over 47 h, so it follows its load" in reason


def test_memory_that_hardly_grows_is_not_said_to_fall():
    history = [recorded(0.1 * hour) for hour in range(4)]

    reason = only(remedy(*UNHARMED, usage=growing(0.2, start=400), oom_history=history)).reason

    assert "grows by 0.2 MiB an hour over 47 h, so it follows its load" in reason


def test_an_escalation_says_what_the_size_would_be():
    response = remedy(*UNHARMED, oom_history=[recorded(hour + 1) for hour in range(4)])

    assert memory_of(response) == (384, 768)
    assert only(response).savings_usd_month == 0


# what the cluster takes


def a_limit_range(most):
    return an_object(
        "LimitRange",
        {
            "metadata": {"name": "limits", "namespace": "shop"},
            "spec": {"limits": [{"type": "Container", "max": {"memory": most}}]},
        },
    )


@pytest.mark.parametrize(
    ("most", "expected"), [("768Mi", (384, 768)), ("700Mi", (350, 700)), ("512Mi", None)]
)
def test_a_limit_range_caps_a_raise(most, expected):
    response = remedy(*web(), limit_ranges=[a_limit_range(most)])

    if expected is None:
        assert reasons(response) == {"web/main": "limit_range_forbids"}
    else:
        assert memory_of(response) == expected


def test_a_default_limit_that_is_newer_than_the_pods_is_not_in_force():
    """They run without one, so the node ran out of memory: the request is raised."""
    container = a_container(memory="400Mi")

    response = remedy(*web(container), limit_ranges=[a_limit_range("8Gi")])

    assert memory_of(response) == (600, None)


@pytest.mark.parametrize(("hard", "is_allowed"), [("1536Mi", True), ("1535Mi", False)])
def test_a_quota_that_has_no_room_refuses(hard, is_allowed):
    """Two pods, each 256 MiB more of limits; 1,024 are used."""
    quota = an_object(
        "ResourceQuota",
        {
            "metadata": {"name": "team", "namespace": "shop"},
            "status": {"hard": {"limits.memory": hard}, "used": {"limits.memory": "1Gi"}},
        },
    )

    response = remedy(*web(), resource_quotas=[quota])

    assert bool(response.recommendations) is is_allowed
    if not is_allowed:
        assert reasons(response) == {"web/main": "quota_refuses"}


def test_what_is_injected_needs_room_too():
    """Of 16 GiB the proxy takes ten; 4 GiB become 6, and with the proxy 16.1."""
    container = a_container(cpu="100m", memory="4Gi", memory_limit="4Gi")
    proxy = a_container("proxy", cpu="100m", memory="10340Mi")
    objects = web(container, pod_containers=[container, proxy])

    assert reasons(remedy(*objects)) == {"web/main": "fits_no_node"}


def hpa(kind="Deployment", **target):
    return an_object(
        "HorizontalPodAutoscaler",
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "scaleTargetRef": {"kind": kind, "name": "web"},
                "maxReplicas": 9,
                "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": target}}],
            },
        },
    )


@pytest.mark.parametrize(
    ("autoscaler", "container", "is_warned"),
    [
        (hpa(type="Utilization", averageUtilization=70), USUAL, True),
        (hpa(type="AverageValue", averageValue="1Gi"), USUAL, False),
        (hpa("StatefulSet", type="Utilization", averageUtilization=70), USUAL, False),
        # without a request of its own nothing that is measured by grows
        (
            hpa(type="Utilization", averageUtilization=70),
            a_container(memory="0", memory_limit="512Mi"),
            False,
        ),
    ],
)
def test_an_autoscaler_that_measures_by_memory_is_warned_of(autoscaler, container, is_warned):
    response = remedy(*web(container), autoscaler)

    assert response.recommendations
    assert ("hpa_on_memory" in {one.code for one in response.warnings}) is is_warned


def test_pods_that_no_node_holds_are_not_advised():
    """The node has 16 GiB; the pods would ask for 12 and 6 of them."""
    container = a_container(cpu="100m", memory="8Gi", memory_limit="8Gi")
    other = a_container("other", cpu="100m", memory="6Gi")

    assert reasons(remedy(*web(container, other))) == {"web/main": "fits_no_node"}


@pytest.mark.parametrize(
    ("limit", "daemon_gib", "expected"),
    [
        ("10Gi", 0, (1536, 15 * 1024, None)),
        ("12Gi", 0, (1366, 16 * 1024, "largest_node")),  # 1,024 x 16 / 12 = 1,365.3
        ("12Gi", 2, (1195, 14 * 1024, "largest_node")),  # 1,024 x 14 / 12 = 1,194.7
    ],
)
def test_a_limit_never_exceeds_the_largest_node(limit, daemon_gib, expected):
    """Of 16 GiB, less what DaemonSets ask for: beyond that the node itself runs out of memory."""
    container = a_container(memory_limit=limit)
    daemons = [a_workload("agent", kind="DaemonSet", cpu=0.1, gib=daemon_gib)] * bool(daemon_gib)

    response = remedy(*web(container), *daemons)

    cap = only(response).evidence["capped_by"]
    assert (*memory_of(response), cap) == expected


def test_a_limit_as_large_as_the_largest_node_stays():
    container = a_container(memory_limit="16Gi")

    response = remedy(*web(container))

    assert reasons(response) == {"web/main": "fits_no_node"}
    assert "larger nodes" in response.skipped[0].message


def test_the_lowest_of_several_ceilings_counts():
    """Wanted are 18 GiB; the node has 16, the LimitRange allows 14."""
    container = a_container(memory_limit="12Gi")

    response = remedy(*web(container), limit_ranges=[a_limit_range("14Gi")])

    assert only(response).evidence["capped_by"] == "limit_range"
    assert memory_of(response)[1] == 14 * 1024


# consent


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"replicas": 2}, None),
        ({"replicas": 1}, "single_replica"),
        ({"spec": {"strategy": {"type": "Recreate"}}}, "all_at_once"),
        (
            {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": "51%"}}}},
            "more_than_half_at_once",
        ),
        ({"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}}, None),
        ({"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}, None),
        (
            {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 2}}}},
            "more_than_half_at_once",
        ),
    ],
)
def test_more_than_half_of_the_pods_at_once_need_consent(more, needs):
    response = remedy(*web(**more))

    assert only(response).evidence["needs_consent"] == needs
    assert bool(response.execution_plan) is (needs is None)
    assert any(one.code == "needs_consent" for one in response.warnings) is (needs is not None)


@pytest.mark.parametrize(
    ("at_once", "nodes", "needs"),
    [
        (None, 4, None),
        (2, 4, None),
        (3, 4, "more_than_half_at_once"),
        ("50%", 4, None),
        ("100%", 4, "more_than_half_at_once"),
        ("100%", 1, None),  # one pod is all there ever is on a node
    ],
)
def test_a_daemonset_may_not_lose_more_than_half_of_its_pods_at_once(at_once, nodes, needs):
    update = {} if at_once is None else {"rollingUpdate": {"maxUnavailable": at_once}}
    agent = a_workload(
        "agent",
        kind="DaemonSet",
        spec={"updateStrategy": update},
        pod_spec={"containers": [USUAL]},
        status={"desiredNumberScheduled": nodes},
    )

    response = remedy(agent, oom_history=[recorded(1, pod="agent-xvr4q")])

    assert only(response).evidence["needs_consent"] == needs


@pytest.mark.parametrize("how", ["parameter", "annotation"])
def test_consent_is_a_parameter_or_an_annotation(how):
    annotations = {"cloudoptim.io/oom-remediation": "allow-restart"}
    objects = web(replicas=1, annotations=annotations if how == "annotation" else {})
    requirements = {"allow_full_restarts": True} if how == "parameter" else {}

    response = remedy(*objects, **requirements)

    assert response.execution_plan
    assert only(response).evidence["needs_consent"] is None


@pytest.mark.parametrize(
    "spec",
    [
        {"updateStrategy": {"type": "OnDelete"}},
        {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
    ],
)
def test_ordinals_that_wait_for_a_person_are_warned_of(spec):
    workload = a_workload("db", kind="StatefulSet", spec=spec, pod_spec={"containers": [USUAL]})

    response = remedy(workload, oom_history=[recorded(1, pod="db-0")])

    assert {one.code: one.subjects for one in response.warnings}["rolled_out_by_hand"] == (
        "StatefulSet/shop/db",
    )


def test_a_heap_above_the_new_memory_is_warned_of():
    heap = {**USUAL, "args": ["-Xmx768m"]}

    assert "heap_above_memory" in {one.code for one in remedy(*web(heap)).warnings}


# with rightsizing


def test_rightsizing_does_not_take_the_raise_back():
    """The floor that this engine writes is what the other one reads: 768 MiB stay, though 200 are
    used."""
    container = a_container(memory="512Mi", memory_limit="512Mi")
    floor = only(remedy(*web(container))).evidence["memory_floor"]
    raised = a_container(memory="768Mi", memory_limit="768Mi")

    response = size(a_history_of(*a_measured_web(raised), usage=both_pods()), memory_floors=[floor])

    assert floor["bytes"] == 768 * MIB
    assert floor["since"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert only(response).recommended["memory_request_bytes"] == 768 * MIB


def test_two_containers_of_a_workload_are_one_patch():
    objects = web(
        USUAL,
        a_container("proxy", memory_limit="1Gi"),
        statuses=[a_status(), a_status("proxy", last=ended(2))],
    )

    response = remedy(*objects)

    assert len(response.recommendations) == 2
    [step] = [one for one in response.execution_plan if hasattr(one, "resources")]
    assert [one.container for one in step.resources] == ["main", "proxy"]


def test_without_pods_and_history_there_is_nothing_to_look_at():
    request = a_request(
        compile_state(CurrentState()), decision_type=DecisionType.OOMKILLED_REMEDIATE
    )

    response = recommend_oom_remediation(request)

    assert (response.status, response.reason) == ("refused", "nothing_to_look_at")
