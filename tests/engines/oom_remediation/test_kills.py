"""What counts as an OOM kill, and how often."""

import pytest

from engines.contracts.results import DecisionType
from engines.contracts.state import compile_state
from engines.oom_remediation import recommend_oom_remediation
from tests.builders import a_document, a_node, a_pod, a_request, a_workload
from tests.engines.oom_remediation.builders import (
    USUAL,
    a_status,
    an_event,
    ended,
    memory_of,
    recorded,
    remedy,
    web,
)
from tests.engines.rightsizing.builders import POD_NAMES, a_container, reasons

RUNNING = {"running": {}}
UNHARMED = web(statuses=())


def remedy_of(*objects):
    request = a_request(
        compile_state(a_document(*objects)), decision_type=DecisionType.OOMKILLED_REMEDIATE
    )
    return recommend_oom_remediation(request)


def kills(response):
    return [(one["pod"], one["source"]) for one in response.recommendations[0].evidence["kills"]]


@pytest.mark.parametrize(
    ("state", "last"),
    [
        (RUNNING, ended()),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, ended()),
        (ended(), {}),
    ],
)
def test_a_kill_is_seen_now_and_after_the_restart(state, last):
    response = remedy(*web(statuses=[a_status(state=state, last=last)]))

    assert response.evidence["kills"] == 1
    assert memory_of(response) == (384, 768)


def test_both_ends_of_a_container_count():
    response = remedy(*web(statuses=[a_status(state=ended(1), last=ended(2))]))

    assert response.evidence["kills"] == 2


@pytest.mark.parametrize("reason", ["Error", "Completed", "ContainerCannotRun", ""])
def test_exit_code_137_alone_is_no_oom_kill(reason):
    response = remedy(*web(statuses=[a_status(last=ended(reason=reason))]))

    assert not response.recommendations
    assert response.evidence["killed_for_another_reason"] == 1


def test_oomkilled_counts_with_any_exit_code():
    """With cgroup v2 the kernel may kill a child, and the container ends with its own code."""
    assert remedy(*web(statuses=[a_status(last=ended(code=1))])).recommendations


@pytest.mark.parametrize(("hours", "counts"), [(24.0, True), (24.01, False), (0.0, True)])
def test_kills_of_the_last_24_hours_count(hours, counts):
    response = remedy(*web(statuses=[a_status(last=ended(hours))]))

    assert bool(response.recommendations) is counts
    assert response.evidence["kills_older_than_24_hours"] == (0 if counts else 1)


@pytest.mark.parametrize(("minutes", "counts"), [(4, True), (6, False)])
def test_a_clock_may_be_a_little_ahead(minutes, counts):
    response = remedy(*web(statuses=[a_status(last=ended(-minutes / 60))]))

    assert bool(response.recommendations) is counts


def test_a_kill_in_status_and_ledger_is_one():
    response = remedy(*web(), oom_history=[recorded(1, 400)])

    assert kills(response) == [(POD_NAMES[0], "ledger")]


def test_the_ledger_knows_the_limit_that_was_in_force():
    """The pod was resized since; 400 MiB were in force, so 600 are needed."""
    assert memory_of(remedy(*web(), oom_history=[recorded(1, 400)])) == (300, 600)


@pytest.mark.parametrize(("seconds", "count"), [(59, 1), (61, 2)])
def test_an_event_within_a_minute_is_the_same_kill(seconds, count):
    response = remedy(*web(), events=[an_event(1 - seconds / 3600)])

    assert response.evidence["kills"] == count


def test_an_event_alone_is_a_kill():
    response = remedy(*UNHARMED, events=[an_event(3)])

    assert kills(response) == [(POD_NAMES[0], "event")]
    assert response.recommendations[0].evidence["is_base_known"] is False


def test_an_event_without_a_container_is_about_the_only_one():
    assert remedy(*UNHARMED, events=[an_event(3, fieldPath="")]).recommendations


def test_an_event_without_a_container_tells_nothing_where_there_are_two():
    objects = web(USUAL, a_container("other"), statuses=())

    assert not remedy(*objects, events=[an_event(3, fieldPath="")]).recommendations


def test_events_of_other_reasons_are_no_kills():
    assert not remedy(*UNHARMED, events=[an_event(3, reason="BackOff")]).recommendations


def test_the_repeats_of_an_event_are_restarts():
    response = remedy(*UNHARMED, events=[an_event(1, count=5, first=3)])

    assert response.recommendations[0].action == "escalate_manual_review"
    assert response.recommendations[0].evidence["restarts"] == 5


def test_repeats_that_began_before_the_window_do_not_tell_how_many_are_in_it():
    response = remedy(*UNHARMED, events=[an_event(1, count=50, first=30)])

    assert response.recommendations[0].action == "raise_memory"


def test_an_event_of_a_node_is_a_warning():
    event = an_event(1, reason="SystemOOM", kind="Node", namespace="", name="node-a")

    response = remedy(*UNHARMED, events=[event])

    assert not response.recommendations
    warnings = {one.code: one.subjects for one in response.warnings}
    assert warnings["node_out_of_memory"] == ("node-a",)


CGROUP = "Memory cgroup out of memory: Killed process 3504804 (java) total-vm:753508kB, oom_score"
SYSTEM = "Out of memory: Killed process 3103923 (stress-ng-vm) total-vm:15791416kB, anon-rss:1kB"
SILENT = "Killed process 3103923 (stress-ng-vm) total-vm:15791416kB, anon-rss:1kB, file-rss:0kB"


def nodes_by_warning(*objects, events):
    response = remedy(*objects, events=events)
    return {
        one.code: one.subjects
        for one in response.warnings
        if one.code in ("node_out_of_memory", "kill_without_status")
    }


def of_node(hours_ago, message, reason="OOMKilling", field="message", **subject):
    about = {"kind": "Node", "namespace": "", "name": "node-a", **subject}
    return an_event(hours_ago, reason=reason, words={field: message}, **about)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CGROUP, {}),
        (SYSTEM, {"node_out_of_memory": ("node-a",)}),
        (SILENT, {}),  # at just that time a container on the node was killed
    ],
)
def test_what_the_kernel_says_tells_a_container_s_kill_from_the_node_s(message, expected):
    """The pod's container was killed an hour ago, on node-a."""
    assert nodes_by_warning(*web(), events=[of_node(1, message)]) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CGROUP, {"kill_without_status": ("node-a",)}),
        (SYSTEM, {"node_out_of_memory": ("node-a",)}),
        (SILENT, {"node_out_of_memory": ("node-a",)}),
    ],
)
def test_a_kill_that_no_status_tells_of(message, expected):
    """The child of a first process that lives on."""
    assert nodes_by_warning(*UNHARMED, events=[of_node(1, message)]) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(60, {}), (61, {"kill_without_status": ("node-a",)})]
)
def test_a_node_s_event_is_the_kill_of_that_minute(seconds, expected):
    event = of_node(1 - seconds / 3600, CGROUP)

    assert nodes_by_warning(*web(), events=[event]) == expected


def test_a_kill_on_another_node_is_another_one():
    event = of_node(1, CGROUP, name="node-b")

    assert nodes_by_warning(*web(), events=[event]) == {"kill_without_status": ("node-b",)}


def test_a_kill_of_a_pod_that_is_gone_may_have_been_on_any_node():
    response = remedy(
        *UNHARMED,
        events=[of_node(1, CGROUP)],
        oom_history=[recorded(1, pod="web-5c4d-xvr4q")],
    )

    assert "kill_without_status" not in {one.code for one in response.warnings}


def test_the_other_api_of_events_calls_its_message_a_note():
    event = of_node(1, SYSTEM, field="note")

    assert nodes_by_warning(*UNHARMED, events=[event]) == {"node_out_of_memory": ("node-a",)}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Attempting to reclaim memory", {"node_out_of_memory": ("node-a",)}),
        ("Attempting to reclaim ephemeral-storage", {}),
    ],
)
def test_a_node_that_evicts_for_memory_lacks_it(message, expected):
    event = of_node(1, message, reason="EvictionThresholdMet")

    assert nodes_by_warning(*UNHARMED, events=[event]) == expected


@pytest.mark.parametrize(("hours", "counts"), [(24, True), (24.01, False)])
def test_a_node_s_events_of_the_last_24_hours_count(hours, counts):
    assert bool(nodes_by_warning(*UNHARMED, events=[of_node(hours, SYSTEM)])) is counts


@pytest.mark.parametrize(("status", "expected"), [("True", ("node-a",)), ("False", None)])
def test_a_node_says_itself_that_it_lacks_memory(status, expected):
    condition = {"type": "MemoryPressure", "status": status}
    node = a_node(status={"conditions": [{"type": "Ready", "status": "True"}, condition]})

    response = remedy_of(node, *UNHARMED)

    warnings = {one.code: one.subjects for one in response.warnings}
    assert warnings.get("node_out_of_memory") == expected


def test_an_event_that_the_ledger_noted_first_is_the_kill_of_the_status():
    """A reading saw the event, the next one the status; the ledger has both by now."""
    history = [recorded(1 - seconds / 3600, limit) for seconds, limit in ((40, None), (0, 512))]

    response = remedy(*UNHARMED, oom_history=history)

    assert len(kills(response)) == 1
    assert response.recommendations[0].evidence["times_killed"] == 1


@pytest.mark.parametrize(("seconds", "count"), [(60, 1), (61, 2), (-60, 1), (-61, 2)])
def test_a_kill_of_unknown_limit_within_a_minute_of_a_known_one_is_that(seconds, count):
    history = [recorded(1), recorded(1 - seconds / 3600, None)]

    assert len(kills(remedy(*UNHARMED, oom_history=history))) == count


def test_two_kills_of_unknown_limit_within_a_minute_are_two():
    history = [recorded(1, None), recorded(1 - 30 / 3600, None)]

    assert len(kills(remedy(*UNHARMED, oom_history=history))) == 2


def test_a_kill_of_the_far_future_is_named():
    """Its node's clock is wrong, so nobody knows when it was."""
    response = remedy(*web(statuses=[a_status(last=ended(-0.5))]))

    assert reasons(response) == {f"{POD_NAMES[0]}/main": "kill_without_time"}


def test_a_kill_without_a_time_is_named():
    response = remedy(*web(statuses=[a_status(last=ended(None))]))

    assert reasons(response) == {f"{POD_NAMES[0]}/main": "kill_without_time"}


def test_the_limit_in_force_beats_that_of_the_spec():
    status = {**a_status(), "resources": {"limits": {"memory": "600Mi"}}}

    assert memory_of(remedy(*web(statuses=[status]))) == (450, 900)


def test_a_limit_that_is_no_amount_is_not_known():
    status = {**a_status(), "resources": {"limits": {"memory": "much"}}}

    response = remedy(*web(statuses=[status]))

    assert memory_of(response) == (384, 768)
    assert response.recommendations[0].evidence["is_base_known"] is False


def test_a_status_of_a_container_that_is_not_in_the_spec_tells_no_limit():
    ephemeral = a_status("debugger")

    response = remedy(*web(statuses=[ephemeral]))

    assert reasons(response) == {"web/debugger": "not_in_template"}


def test_a_limit_of_zero_is_none():
    """So it was the node that ran out of memory, and the request is raised."""
    response = remedy(*web(a_container(memory="400Mi", memory_limit="0")))

    assert memory_of(response) == (600, None)
    assert response.recommendations[0].evidence["kills"][0]["limit_bytes"] is None


def test_a_pod_that_is_gone_is_found_by_its_name():
    response = remedy(*UNHARMED, oom_history=[recorded(2, pod="web-5c4d-xvr4q")])

    assert memory_of(response) == (384, 768)


def test_an_init_container_that_was_killed_is_raised():
    init = a_container("migrate", memory="100Mi", memory_limit="200Mi")
    objects = web(
        pod_spec={"initContainers": [init]}, statuses=(), init_statuses=[a_status("migrate")]
    )

    response = remedy(*objects)

    assert response.recommendations[0].subject.container == "migrate"
    assert memory_of(response) == (150, 300)


def test_a_sidecar_is_raised_and_the_main_container_left():
    response = remedy(
        *web(USUAL, a_container("proxy", memory_limit="1Gi"), statuses=[a_status("proxy")])
    )

    [step] = [one for one in response.execution_plan if hasattr(one, "resources")]
    assert [one.container for one in step.resources] == ["proxy"]


def test_an_injected_container_is_left():
    proxy = a_container("istio-proxy", memory_limit="128Mi")
    objects = web(pod_containers=(USUAL, proxy), statuses=[a_status("istio-proxy")])

    assert reasons(remedy(*objects)) == {"web/istio-proxy": "not_in_template"}


@pytest.mark.parametrize(
    ("objects", "name", "reason"),
    [
        (
            web(metadata={"ownerReferences": [{"kind": "App", "name": "web", "controller": True}]}),
            "web/main",
            "template_not_ours",
        ),
        (web(annotations={"cloudoptim.io/oom-remediation": "exclude"}), "web/main", "excluded"),
        (
            web(pod_spec={"resources": {"limits": {"memory": "1Gi"}}}),
            "web/main",
            "pod_level_resources",
        ),
        (
            (a_pod("alone", on="node-a", owner=None, status={"containerStatuses": [a_status()]}),),
            "alone/main",
            "no_workload",
        ),
        (
            (
                a_workload("load", kind="Job"),
                a_pod(
                    "load-xvr4q",
                    on="node-a",
                    owner=("Job", "load"),
                    status={"containerStatuses": [a_status()]},
                ),
            ),
            "load/main",
            "template_immutable",
        ),
    ],
)
def test_whose_template_is_not_ours_is_told_so(objects, name, reason):
    response = remedy(*objects)

    assert reasons(response) == {name: reason}
    assert not response.execution_plan


def test_what_is_skipped_is_told_in_one_order():
    """By subject: the Deployment, then the pods by name."""
    history = [recorded(1, pod="lost-1"), recorded(1, pod="lost-0"), recorded(1, 100)]

    response = remedy(*UNHARMED, oom_history=history)

    assert [(one.subject.kind, one.subject.name) for one in response.skipped] == [
        ("Deployment", "web"),
        ("Pod", "lost-0"),
        ("Pod", "lost-1"),
    ]


def test_no_kills_is_a_quiet_answer():
    response = remedy(*UNHARMED)

    assert (response.status, response.recommendations, response.skipped) == ("ok", (), ())
    assert response.confidence_score == 1.0
