"""The scheduling cases recorded from a real kube-scheduler 1.36 come out the same here.

Each case gives nodes, pods that run already, and pods that were posted one after the other; the
recorded outcome is the node of each, or the message of its FailedScheduling event.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engines.contracts import kubernetes
from engines.scheduling import (
    Occupancy,
    Scorer,
    build_context,
    failure_message,
    plan_preemption,
)
from tests.builders import a_cluster, an_object
from tests.conftest import SHARED_DATA

RECORDINGS = SHARED_DATA / "k8s_recordings" / "exchanges.jsonl.gz"
HIGH = 1000  # the value of the priority class "high"; the cases need it to exceed 0

pytestmark = pytest.mark.real_data

Json = dict[str, Any]


def recorded_cases(recordings: Path) -> Iterator[Json]:
    """The summary lines of story 10."""
    if not recordings.exists():
        return
    with gzip.open(recordings, "rt") as lines:
        for line in lines:
            exchange = json.loads(line)
            if exchange["id"].startswith("10.") and exchange["method"] == "-":
                yield exchange


CASES = list(recorded_cases(RECORDINGS))


@pytest.mark.parametrize("case", CASES, ids=[f"case-{one['case']:02}" for one in CASES])
def test_a_recorded_case_comes_out_as_with_the_real_scheduler(case):
    occupancy, rows = set_up(case)
    scorer = Scorer(occupancy.context)

    for outcome in case["outcome"]:
        pod = rows[f"sched/{outcome['pod']}"]
        refused = [one["message"] for one in outcome["events"] if is_refusal(one)]
        assert settle(pod, occupancy, scorer) == (outcome["node"], message_of(outcome, refused))

    assert who_runs_where(occupancy) == {
        f"{one['namespace']}/{one['name']}": one["node"] for one in case["pods_after"]
    }


def test_all_recorded_cases_were_judged(shared_data):
    cases = list(recorded_cases(shared_data / "k8s_recordings" / "exchanges.jsonl.gz"))

    assert len(cases) == 38
    assert sum(len(case["outcome"]) for case in cases) == 72
    assert [case["case"] for case in cases] == [*range(1, 76, 2)]
    assert len(CASES) == 38


def settle(pod: int, occupancy: Occupancy, scorer: Scorer) -> tuple[str | None, str | None]:
    """Do with the pod what the scheduler does; its node and what was said before it got one."""
    node = scorer.choose(pod, occupancy)
    said = None if node is not None else failure_message(pod, occupancy)
    preemption = None if node is not None else plan_preemption(pod, occupancy)
    if preemption is not None:
        for victim in preemption.victims:
            occupancy.remove(victim)
        node = scorer.choose(pod, occupancy)
    if node is None:
        return None, said
    occupancy.place(pod, node)
    return occupancy.context.nodes.names[node], said


def who_runs_where(occupancy: Occupancy) -> dict[str, str | None]:
    """The node of each pod that is left: victims of preemption are gone."""
    table = occupancy.context.snapshot.pods
    names = occupancy.context.nodes.names
    gone = {
        row
        for row, node in enumerate(occupancy.node_of)
        if node < 0 and table.items[row].spec.node_name
    }
    return {
        pod.key: names[occupancy.node_of[row]] if occupancy.node_of[row] >= 0 else None
        for row, pod in enumerate(table.items)
        if row not in gone
    }


def is_refusal(event: Json) -> bool:
    return event["reason"] == "FailedScheduling"


def message_of(outcome: Json, refused: list[str]) -> str | None:
    """The event's message; gated pods have no event, only a condition."""
    return refused[0] if refused else outcome["PodScheduled"].get("message")


def set_up(case: Json) -> tuple[Occupancy, dict[str, int]]:
    """The cluster of a case, its posted pods not placed yet, and the rows of all pods."""
    objects = [
        *(an_object("Node", node) for node in case["nodes"]),
        *(an_object("Pod", pod) for pod in case["existing_pods"]),
        *(an_object("Pod", as_admitted(pod)) for pod in case["pods"]),
        *(an_object(one["object"]["kind"], as_settled(one["object"])) for one in case["setup"]),
        an_object("Namespace", {"metadata": {"name": "sched"}}),
    ]
    cluster = a_cluster(*objects, **listed_even_if_empty(objects))
    assert not cluster.set_aside
    occupancy = Occupancy(build_context(cluster))
    return occupancy, {pod.key: row for row, pod in enumerate(cluster.pods.items)}


def listed_even_if_empty(objects: list[kubernetes.KubernetesObject]) -> Json:
    present = {one.kind for one in objects}
    fields = {"PersistentVolumeClaim": "pvcs", "PersistentVolume": "pvs"}
    return {field: () for kind, field in fields.items() if kind not in present}


def as_admitted(pod: Json) -> Json:
    """The pod as the API server stores it: priority filled in, host ports of hostNetwork pods."""
    stored = msgspec.json.decode(msgspec.json.encode(pod))
    spec = stored["spec"]
    if spec.get("priorityClassName") == "high":
        spec["priority"] = HIGH
    for container in spec["containers"] if spec.get("hostNetwork") else ():
        for port in container.get("ports", ()):
            port.setdefault("hostPort", port["containerPort"])
    return stored


def as_settled(one: Json) -> Json:
    """A claim that names its volume, as the controller leaves it; others as they are."""
    if one["kind"] == "PersistentVolumeClaim" and one["spec"].get("volumeName"):
        return {**one, "status": {"phase": "Bound"}}
    return one
