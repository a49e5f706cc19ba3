"""Which pods of lower priority kube-scheduler would throw out to make room for a pod.

The default preemption plugin: pods of one node only, the least harmful node, and of its pods as
many as possible are spared. All nodes are tried where kube-scheduler tries a sample of a large
cluster; a pod's age is its creation, where kube-scheduler takes its start.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from engines.scheduling.filters import can_run, why_not
from engines.scheduling.occupancy import Occupancy
from engines.scheduling.reasons import Refusal, first_words, is_resolvable

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Preemption(NamedTuple):
    """The victims, most important first, and the node that they leave to the pod."""

    node: int
    victims: tuple[int, ...]


class _Trial(NamedTuple):
    """What became of trying one node; ``left``: refusals that remain without any victims."""

    victims: tuple[int, ...]
    left: tuple[Refusal, ...]
    violations: int  # victims whose budget is used up


def plan_preemption(
    pod: int, occupancy: Occupancy, protected: Collection[int] = ()
) -> Preemption | None:
    """The preemption that would let the pod in, or None where none would.

    ``protected`` are pods whose disruption budget allows no disruption now: they are thrown out
    last. The occupancy is left as it is. Raises ValueError where the pod is placed.
    """
    if occupancy.context.snapshot.pods.items[pod].spec.preemption_policy == "Never":
        return None
    scratch = occupancy.copy()
    best: tuple[tuple[float, ...], Preemption] | None = None
    for node in np.flatnonzero(occupancy.present).tolist():
        if not is_resolvable(first_words(why_not(pod, node, scratch))):
            continue
        trial = _try(pod, node, scratch, protected)
        if trial.victims:
            candidate = (_harm(trial, scratch), Preemption(node, trial.victims))
            if best is None or candidate[0] < best[0]:
                best = candidate
    return best[1] if best else None


def what_remains(pod: int, node: int, occupancy: Occupancy) -> tuple[Refusal, ...] | None:
    """The refusals that would remain if all lesser pods left the node; None: there are none."""
    lesser = _lesser_pods(pod, node, occupancy)
    return _try(pod, node, occupancy.copy(), ()).left if lesser else None


def _try(pod: int, node: int, scratch: Occupancy, protected: Collection[int]) -> _Trial:
    """Clear the node of lesser pods, then bring back all that may stay.

    ``scratch`` ends as it was.
    """
    lesser = _lesser_pods(pod, node, scratch)
    for one in lesser:
        scratch.remove(one)
    left = first_words(why_not(pod, node, scratch))
    victims = [] if left else _unspared(pod, node, scratch, _in_order_of_mercy(lesser, protected))
    for one in victims if not left else lesser:
        scratch.place(one, node)
    victims.sort(key=lambda one: _importance(one, scratch))
    return _Trial(tuple(victims), left, sum(one in protected for one in victims))


def _unspared(pod: int, node: int, scratch: Occupancy, lesser: Sequence[int]) -> list[int]:
    """Bring back each pod beside which there is still room; return the others."""
    victims = []
    for one in lesser:
        scratch.place(one, node)
        if not can_run(pod, node, scratch):
            scratch.remove(one)
            victims.append(one)
    return victims


def _in_order_of_mercy(lesser: Sequence[int], protected: Collection[int]) -> list[int]:
    """Protected pods are spared first, then the more important ones."""
    return sorted(lesser, key=lambda one: one not in protected)


def _lesser_pods(pod: int, node: int, occupancy: Occupancy) -> list[int]:
    """The pods of lower priority on the node, most important first."""
    pods = occupancy.context.snapshot.pods.items
    priority = pods[pod].spec.priority
    lesser = [one for one in occupancy.pods_on(node) if pods[one].spec.priority < priority]
    return sorted(lesser, key=lambda one: _importance(one, occupancy))


def _importance(pod: int, occupancy: Occupancy) -> tuple[int, datetime, int]:
    """Sorts the most important first: higher priority, then older."""
    one = occupancy.context.snapshot.pods.items[pod]
    return (-one.spec.priority, one.metadata.creation_timestamp or _BEGINNING, pod)


def _harm(trial: _Trial, occupancy: Occupancy) -> tuple[float, ...]:
    """kube-scheduler's order of preference: budgets, highest priority, sum, number, age."""
    pods = [occupancy.context.snapshot.pods.items[one] for one in trial.victims]
    priorities = [pod.spec.priority for pod in pods]
    highest = max(priorities)
    oldest = min(
        (pod.metadata.creation_timestamp or _BEGINNING).timestamp()
        for pod in pods
        if pod.spec.priority == highest
    )
    shifted = sum(priority + 2**31 for priority in priorities)  # as kube-scheduler, to sum counts
    return (trial.violations, highest, shifted, len(priorities), -oldest)
