"""What kube-scheduler 1.36 would write into the FailedScheduling event of a pod."""

from collections import Counter as Tally
from collections.abc import Iterable

import numpy as np

from engines.scheduling.filters import why_not
from engines.scheduling.nodes import named_nodes
from engines.scheduling.occupancy import Occupancy
from engines.scheduling.preemption import plan_preemption, what_remains
from engines.scheduling.reasons import (
    Refusal,
    RefusalReason,
    first_words,
    is_resolvable,
    kubernetes_text,
)

_PREEMPTION = "no new claims to deallocate, preemption:"
_NOT_NAMED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"


def failure_message(pod: int, occupancy: Occupancy) -> str:
    """The message for a pod that no node can take.

    Where preemption would make room it ends there, as kube-scheduler's does. Raises ValueError
    where the pod is placed, or where a node can take it.
    """
    context = occupancy.context
    nodes = np.flatnonzero(occupancy.present).tolist()
    blocked = context.blocked.get(pod, ())
    if any(map(_is_gate, blocked)):
        return kubernetes_text(blocked[0])
    if not nodes:
        return "no nodes available to schedule pods"
    if blocked:
        return f"{_available(len(nodes))} {kubernetes_text(blocked[0])}. not found"
    refusals = _first_refusals(pod, nodes, occupancy)
    texts = [kubernetes_text(one) for some in refusals.values() for one in some]
    texts += [_NOT_NAMED] * (len(nodes) - len(refusals))
    said = f"{_available(len(nodes))} {_histogram(texts)}."
    if context.snapshot.pods.items[pod].spec.preemption_policy == "Never":
        return f"{said} {_PREEMPTION} not eligible due to preemptionPolicy=Never."
    if plan_preemption(pod, occupancy) is not None:
        return said
    why = [
        text
        for node in nodes
        for text in _preemption_texts(pod, node, refusals.get(node, ()), occupancy)
    ]
    return f"{said} {_PREEMPTION} {_available(len(nodes))} {_histogram(why)}."


def _first_refusals(
    pod: int, nodes: list[int], occupancy: Occupancy
) -> dict[int, tuple[Refusal, ...]]:
    """What the first filter that refuses says, for each node that the scheduler looks at."""
    context = occupancy.context
    named = named_nodes(context.snapshot.pods.items[pod].spec)
    refusals = {
        node: first_words(why_not(pod, node, occupancy))
        for node in nodes
        if named is None or context.nodes.names[node] in named
    }
    if not all(refusals.values()):
        raise ValueError(f"pod {context.snapshot.pods.items[pod].key} fits on a node")
    return refusals


def _is_gate(refusal: Refusal) -> bool:
    return refusal.reason is RefusalReason.SCHEDULING_GATED


def _available(nodes: int) -> str:
    return f"0/{nodes} nodes are available:"


def _histogram(texts: Iterable[str]) -> str:
    """Each text with how often it occurs, sorted as Go sorts the finished strings."""
    return ", ".join(sorted(f"{count} {text}" for text, count in Tally(texts).items()))


def _preemption_texts(
    pod: int, node: int, refusals: tuple[Refusal, ...], occupancy: Occupancy
) -> list[str]:
    """Why throwing pods off the node would not help; no refusals: the node was not looked at."""
    if not is_resolvable(refusals):
        return ["Preemption is not helpful for scheduling"]
    left = what_remains(pod, node, occupancy)
    return [kubernetes_text(one) for one in left or ()] or [
        "No preemption victims found for incoming pod"
    ]
