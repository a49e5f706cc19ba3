"""Where kube-scheduler would put the pods that a plan displaces without naming their new place."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from engines.contracts.kubernetes import Pod
from engines.contracts.state import ClusterState, compile_state, to_document
from engines.planning.launching import daemon_pods
from engines.scheduling import Occupancy, Scorer, build_context, daemon_overhead


def settle(
    state: ClusterState, launched: Sequence[str], waiting: Collection[str]
) -> tuple[ClusterState, tuple[str, ...]]:
    """The state with DaemonSet pods on the launched nodes and the waiting pods bound.

    Also answers which of the waiting pods found no place; they still wait.
    """
    if not (launched or waiting):
        return state, ()
    context = build_context(state.cluster)
    occupancy = Occupancy(context)
    if launched:
        new = np.isin(context.nodes.names, launched)
        occupancy.free[:, new] -= daemon_overhead(context)[:, new]
    places = _places(occupancy, waiting)
    homeless = tuple(sorted(set(waiting) - set(places)))
    document = to_document(state)
    pods = [_bound(pod, places) for pod in document.pods or ()]
    pods += daemon_pods(context, launched)
    if document.pods is None or not pods:
        return state, homeless
    return compile_state(msgspec.structs.replace(document, pods=tuple(pods))), homeless


def _places(occupancy: Occupancy, waiting: Collection[str]) -> dict[str, str]:
    """The node of each pod that finds one: higher priority first, then by name."""
    if not waiting:
        return {}
    context = occupancy.context
    pods = context.snapshot.pods.items
    rows = [row for row, pod in enumerate(pods) if pod.key in waiting]
    scorer = Scorer(context)
    places: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (-pods[row].spec.priority, pods[row].key)):
        node = scorer.choose(row, occupancy)
        if node is not None:
            occupancy.place(row, node)
            places[pods[row].key] = context.nodes.names[node]
    return places


def _bound(pod: Pod, places: dict[str, str]) -> Pod:
    node = places.get(pod.key)
    if node is None:
        return pod
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, node_name=node))
