"""All eight engines, one after the other, on a state of 1,000 nodes and 30,000 pods.

Wall-clock seconds of one run each, added up, without the making of the state; the first of them
also loads what was compiled ahead. Memory is the largest that the whole process ever had, Python,
libraries and the state included; its baseline is what it had before the first engine was asked.
"""

from functools import partial
from pathlib import Path

from bench.engines_state import Surroundings, surrounded_state
from bench.harness import Row, seconds
from bench.packing_clusters import NOW
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType, Subject
from services.workflows.decide import ENGINES

ROWS = ("engines_1k", "engines_1k_memory")
NODES, PODS, SEED = 1_000, 30_000, 1
MANY_PAIRS = 1_000
LIMIT_SECONDS, LIMIT_MIB = 60.0, 1_024.0

SUBJECTS = {
    DecisionType.SPOT_OPTIMIZE: "Pool",
    DecisionType.BIN_PACK: "Node",
    DecisionType.RIGHTSIZE: "Deployment",
    DecisionType.SCHEDULE: "Deployment",
    DecisionType.GHOST_PROBE: "Instance",
    DecisionType.VOLUME_CLEANUP: "Volume",
    DecisionType.OOMKILLED_REMEDIATE: "Deployment",
}
"""Of what kind the subjects are that each engine has to advise on or skip."""


def run() -> list[Row]:
    """Make the state, ask every engine once, and check that each accounted for its subjects."""
    surroundings = surrounded_state(NODES, SEED)
    assert len(surroundings.state.cluster.pods) >= PODS
    assert not surroundings.state.problems
    before = _peak_mib()
    taken = {one: _seconds_of(one, surroundings) for one in ENGINES}
    total, peak = sum(taken.values()), _peak_mib()
    slowest = max(taken, key=lambda one: taken[one])
    return [
        Row(
            name="engines_1k",
            value=total,
            unit="s",
            baseline_name=f"the slowest of them ({slowest})",
            baseline=taken[slowest],
            ratio=total / LIMIT_SECONDS,
            target="< 1 of 60 s",
            met=total < LIMIT_SECONDS,
        ),
        Row(
            name="engines_1k_memory",
            value=peak,
            unit="MiB",
            baseline_name="with the state alone",
            baseline=before,
            ratio=peak / LIMIT_MIB,
            target="< 1 of 1,024 MiB",
            met=peak < LIMIT_MIB,
        ),
    ]


def _seconds_of(decision_type: DecisionType, surroundings: Surroundings) -> float:
    """How long one engine takes; AssertionError where it left something out."""
    request = DecisionRequest(
        request_id="bench",
        cluster_id="bench",
        decision_type=decision_type,
        now=NOW,
        current_state=surroundings.state,
        requirements=surroundings.parameters.get(decision_type, {}),
    )
    answers: list[DecisionResponse] = []
    taken = seconds(partial(_ask, request, answers))
    _check(answers[0], surroundings.subjects.get(decision_type))
    return taken


def _ask(request: DecisionRequest, answers: list[DecisionResponse]) -> None:
    answers.append(ENGINES[request.decision_type].decide(request))


def _check(answer: DecisionResponse, expected: int | None) -> None:
    """It advised, its advice is a plan, and no subject is missing; or many pairs were judged."""
    name = answer.decision_type
    if answer.status is not DecisionStatus.OK:
        raise AssertionError(f"{name} refused: {answer.message}")
    told = [*(one.subject for one in answer.recommendations)]
    told += [one.subject for one in answer.skipped]
    if not answer.recommendations or not answer.execution_plan:
        raise AssertionError(f"{name} found nothing to advise")
    if expected is None:
        if len(told) < MANY_PAIRS:
            raise AssertionError(f"{name} judged {len(told)} pairs only")
        return
    named = {
        (one.namespace, one.name or one.instance_id or one.volume_id, *_pool(one))
        for one in told
        if one.kind == SUBJECTS.get(name)
    }
    if len(named) != expected:
        raise AssertionError(f"{name} named {len(named)} subjects of {expected}")


def _pool(subject: Subject) -> tuple[str, str]:
    return subject.instance_type, subject.availability_zone


def _peak_mib() -> float:
    """The largest resident memory of this process so far.

    From Linux' own book: ``getrusage`` also counts what the process that started this one had.
    """
    [line] = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return int(line.split()[1]) / 1024
