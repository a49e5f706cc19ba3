"""The pretend API server against recorded exchanges with a real 1.36 server.

Every sub-story is replayed over HTTP in its order and at its times; every answer is compared
(status, headers, body, watch events; `comparison.py` says modulo what). What differs for a reason
is named below, exchange by exchange; anything else that differs fails.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.kube import deletion, metrics
from sandbox.kube.deletion import DeleteOptions
from sandbox.kube.objects import Obj, clone, name_of, with_condition
from sandbox.kube.resources import PODS, SERVICE_ACCOUNTS
from tests.sandbox.kube import recordings
from tests.sandbox.kube.recordings import Exchange, SubStory
from tests.sandbox.kube.replay import Outcome, Replay

TABLE = "Table output is for kubectl's eyes; none of our clients asks for it"
RACE = "a controller's write a few milliseconds after the request came later there than here"
LEFTOVERS = "the recorded cluster still held objects of sub-stories that are not recorded"
KUBELET = "whether a pod that was just bound runs already is the recording's kubelet stand-in's"
STARTING = r"status\.(phase|conditions\.length|containerStatuses|hostIPs?|podIPs?|startTime)"

LEFT_OUT: dict[str, str] = {
    "01.10.001": TABLE,
    "01.10.002": TABLE,
    "01.10.003": TABLE,
    "01.10.004": TABLE,
    "01.10.005": TABLE,
    "04.04.018": TABLE,
    "01.10.009": "protobuf: our clients speak JSON",
    "03.15.017": "wrong uid, terminating pod: the real server tries for 3 s, until it is gone",
    "11.01.005": "readyz?verbose lists the real server's internal checks",
    "11.03.005": "OpenAPI documents: none of our clients reads them",
}
"""Exchanges that are sent but whose answers are not compared, and why."""

ALLOWED: dict[str, tuple[str, str]] = {
    "03.01.010": (r"items\[\d\]\.message", "which of three pods is created first is drawn"),
    "03.03.007": (r"status\.(disruptedPods|expectedPods)", RACE),
    "03.17.016": (r"status\.expectedPods", RACE),
    "05.01.015": (r"status\.replicas", RACE),
    "05.01.016": (r"status\.replicas", RACE),
    "05.01.017": (r"status\.replicas", RACE),
    "05.01.019": (r"status\.replicas", RACE),
    "08.03.005": (r"items\[1\]\.status\.conditions\[1\]\..*", LEFTOVERS),
    "08.03.007": (r"metadata\.remainingItemCount", LEFTOVERS),
    "08.03.009": (r"items\.length", LEFTOVERS),
    "08.03.010": (r"metadata\.(continue|remainingItemCount)", LEFTOVERS),
    "08.03.023": (r"\.length", "the cordon's taint went 0.4 s after the uncordon there"),
    "08.03.024": (r"\.length", "a rollout seen half-way: other pods have started by then"),
    "10.17.010": (STARTING, KUBELET),
    "10.31.006": (STARTING, KUBELET),
    "10.31.009": (STARTING, KUBELET),
    "10.43.008": (STARTING, KUBELET),
    "10.43.011": (STARTING, KUBELET),
    "10.45.012": (STARTING, KUBELET),
    "10.47.010": (STARTING, KUBELET),
    "10.49.009": (STARTING, KUBELET),
    "10.51.006": (STARTING, KUBELET),
    "10.53.005": (STARTING, KUBELET),
    "10.53.011": (STARTING, KUBELET),
    "10.55.008": (STARTING, KUBELET),
    "10.57.008": (STARTING, KUBELET),
    "10.59.007": (STARTING, KUBELET),
    "10.67.006": (STARTING, KUBELET),
    "10.63.005": (r"items\.length", "the real scheduler tried once more within the second"),
}
"""Differences that may be: a pattern that their paths match, and the reason."""

IN_OTHER_STEPS = {"07.01.008", "07.01.009", "07.06.003", "08.03.023", "08.03.024"}
"""Watches in which a controller wrote an object more or less often between two other events:
runs of MODIFIED of one object are compared by their last, all other events one by one."""

EXPECTED: dict[str, tuple[int, int, int]] = {
    "01": (109, 103, 103),
    "02": (102, 102, 102),
    "03": (166, 165, 162),
    "04": (83, 82, 82),
    "05": (91, 91, 87),
    "06": (49, 49, 49),
    "07": (33, 33, 33),
    "08": (75, 75, 69),
    "09": (44, 44, 44),
    "10": (417, 417, 401),
    "11": (18, 16, 16),
}
"""story -> exchanges, compared, equal in everything that `comparison.py` looks at."""


def nothing_happens(replay: Replay) -> None:
    """Between most exchanges only time passes."""


def remove_the_new_pod(replay: Replay) -> None:
    deletion.delete(
        replay.world, PODS, replay.find(PODS, "shop", "zz-new"), DeleteOptions(grace_seconds=0)
    )


def other_stories_run_for_four_minutes(replay: Replay) -> None:
    """A drained node's pod was replaced, and revisions went on."""
    replay.world.store.remove(PODS, replay.find(PODS, "shop", "api-5bd7c546bd-5h5zl"))
    shown = replay.answer("01.12.007")["items"]
    new = next(pod for pod in shown if name_of(pod) == "api-5bd7c546bd-62v7h")
    replay.cluster.load([{"apiVersion": "v1", "kind": "Pod", **new}])
    replay.world.clock.advance(240)


def pause_the_controllers(replay: Replay) -> None:
    replay.world.paused = True


def make_one_pod_of_each_unready(replay: Replay) -> None:
    """Those that are not evicted afterwards as ready ones."""
    ready = {one.path.split("/")[6] for one in replay.story.exchanges if "eviction" in one.path}
    unready: Obj = {"type": "Ready", "status": "False", "lastProbeTime": None}
    for pod in list(replay.world.store.all(PODS, "pdb-06")):
        if name_of(pod) not in ready:
            marked = with_condition(clone(pod), unready, replay.world.now())
            replay.world.store.put(PODS, marked)


def delete_the_account(replay: Replay) -> None:
    replay.world.store.remove(SERVICE_ACCOUNTS, replay.find(SERVICE_ACCOUNTS, "tool", "norights"))


def register_metrics_without_a_backend(replay: Replay) -> None:
    replay.cluster.load([replay.answer("09.03.002")])
    replay.world.metrics = "unavailable"


def let_the_metrics_backend_die(replay: Replay) -> None:
    metrics.set_mode(replay.world, "served")
    metrics.set_mode(replay.world, "died")


UNRECORDED: dict[str, Callable[[Replay], None]] = {
    "01.05.001": remove_the_new_pod,
    "01.12.003": other_stories_run_for_four_minutes,
    "03.19.006": pause_the_controllers,
    "04.06.023": make_one_pod_of_each_unready,
    "08.06.002": delete_the_account,
    "09.03.001": register_metrics_without_a_backend,
    "09.05.001": let_the_metrics_backend_die,
}
"""What the notes say was done to the cluster just before an exchange, without a record."""


def before_each(replay: Replay, one: Exchange) -> None:
    UNRECORDED.get(one.id, nothing_happens)(replay)


def outcomes_of(story: SubStory) -> list[Outcome]:
    return Replay(story).run(before_each)


def unexplained(outcome: Outcome) -> list[str]:
    identifier = outcome.exchange.id
    if identifier in LEFT_OUT:
        return []
    pattern = ALLOWED.get(identifier, ("", ""))[0]
    return [
        f"{identifier} {difference}"
        for difference in outcome.differences
        if not (pattern and re.fullmatch(pattern, difference.path))
    ]


@pytest.fixture(scope="session")
def stories(shared_data: Path) -> list[SubStory]:
    return recordings.sub_stories(recordings.read(shared_data))


@pytest.mark.real_data
@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_the_server_answers_as_the_recorded_one_did(number, stories):
    """One story at a time, each sub-story on a server of its own."""
    outcomes = [
        outcome
        for story in stories
        if story.id.startswith(f"{number}.")
        for outcome in outcomes_of(story)
    ]

    faults = [fault for outcome in outcomes for fault in unexplained(outcome)]

    compared = [outcome for outcome in outcomes if outcome.exchange.id not in LEFT_OUT]
    equal = [outcome for outcome in compared if not outcome.differences]
    figures = (len(outcomes), len(compared), len(equal))
    print("\n".join(table(number, figures, outcomes)))  # noqa: T201 - shown by pytest -rP
    in_other_steps = {one.exchange.id for one in outcomes if one.in_other_steps}
    assert faults == []
    assert in_other_steps == {name for name in IN_OTHER_STEPS if name.startswith(f"{number}.")}
    assert figures == EXPECTED[number]


def table(number: str, figures: tuple[int, int, int], outcomes: list[Outcome]) -> list[str]:
    """The story's line, and one for each exchange that is left out or may differ."""
    lines = ["story {}: {} exchanges, {} compared, {} equal".format(number, *figures)]
    for outcome in outcomes:
        identifier = outcome.exchange.id
        if identifier in LEFT_OUT:
            lines.append(f"  left out {identifier}: {LEFT_OUT[identifier]}")
        elif outcome.in_other_steps and not outcome.differences:
            lines.append(f"  {identifier}: equal, runs of MODIFIED compared by their last")
        elif outcome.differences:
            lines.append(f"  differs {identifier}: {ALLOWED.get(identifier, ('', '?'))[1]}")
    return lines


@pytest.mark.real_data
def test_no_story_is_left_out(stories):
    assert {story.id[:2] for story in stories} == set(EXPECTED)


@pytest.mark.real_data
def test_every_named_exception_is_still_needed(stories):
    """An exchange that has become equal must leave the lists."""
    named = {name.rpartition(".")[0] for name in (*LEFT_OUT, *ALLOWED)}
    outcomes = [one for story in stories if story.id in named for one in outcomes_of(story)]

    still_different = {one.exchange.id for one in outcomes if one.differences}

    assert {*LEFT_OUT, *ALLOWED} - still_different == set()
