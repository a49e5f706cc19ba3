"""Pods -> PodTable."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from engines.contracts.effective_requests import PodRequests, effective_requests
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import Pod
from engines.contracts.node_table import sparse_columns
from engines.contracts.ownership import Owners
from engines.contracts.problems import problem_with
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import Groups, PodTable, ProblemReason

T = TypeVar("T")

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


class ReadablePods(NamedTuple):
    """Pods whose requests can be told, with them, and those whose cannot."""

    pods: tuple[Pod, ...]
    requests: tuple[PodRequests, ...]
    set_aside: tuple[Pod, ...]
    problems: tuple[Skipped, ...]


def read_requests(pods: Iterable[Pod]) -> ReadablePods:
    """Work out the effective requests of each pod, once for all that share their parts."""
    known: dict[tuple[int, ...], PodRequests] = {}
    readable: list[Pod] = []
    requests: list[PodRequests] = []
    set_aside: list[Pod] = []
    problems: list[Skipped] = []
    for pod in pods:
        try:
            requests.append(_requests(pod, known))
            readable.append(pod)
        except InvalidInputError as error:
            set_aside.append(pod)
            message = f"its requests cannot be read: {error}"
            problems.append(problem_with(pod, ProblemReason.INVALID_QUANTITY, message))
    return ReadablePods(tuple(readable), tuple(requests), tuple(set_aside), tuple(problems))


def _requests(pod: Pod, known: dict[tuple[int, ...], PodRequests]) -> PodRequests:
    """The ids are those of parts that ``pod`` keeps alive for as long as ``known`` is used."""
    spec = pod.spec
    parts = (spec.containers, spec.init_containers, spec.overhead, spec.resources, pod.status)
    key = tuple(map(id, parts))
    found = known.get(key)
    if found is None:
        found = known[key] = effective_requests(spec, pod.status)
    return found


def build_pod_table(
    readable: ReadablePods, node_index: Mapping[str, int], owners: Owners
) -> tuple[PodTable, list[Skipped]]:
    """The table of sorted pods, and the problems met."""
    pods, requests = readable.pods, readable.requests
    ownerships = [owners.of(pod) for pod in pods]
    node = _integers(pods, lambda pod: node_index.get(pod.spec.node_name, -1)).astype(np.int32)
    workload = _integers(ownerships, lambda one: one.row).astype(np.int32)
    table = PodTable(
        items=pods,
        node=node,
        request_cpu_millicores=_integers(requests, lambda one: one.cpu_millicores),
        request_memory_bytes=_integers(requests, lambda one: one.memory_bytes),
        request_ephemeral_storage_bytes=_integers(
            requests, lambda one: one.ephemeral_storage_bytes
        ),
        extended=sparse_columns(requests),
        workload=workload,
        has_controller=_flags(ownerships, lambda one: one.has_controller),
        is_orphan=_flags(ownerships, lambda one: one.is_orphan),
        is_daemonset=_flags(pods, _is_daemonset),
        is_mirror=_flags(pods, _is_mirror),
        is_terminating=_flags(pods, lambda pod: pod.metadata.deletion_timestamp is not None),
        is_finished=_flags(pods, _is_finished),
        by_node=Groups.of(node, len(node_index)),
        by_workload=Groups.of(workload, len(owners.index)),
    )
    return table, _unknown_nodes(pods, node_index)


def _integers(rows: Sequence[T], read: Callable[[T], int]) -> NDArray[np.int64]:
    return np.fromiter(map(read, rows), np.int64, len(rows))


def _flags(rows: Sequence[T], read: Callable[[T], bool]) -> NDArray[np.bool_]:
    return np.fromiter(map(read, rows), np.bool_, len(rows))


def _is_daemonset(pod: Pod) -> bool:
    controller = pod.metadata.controller
    return controller is not None and controller.kind == "DaemonSet"


def _is_mirror(pod: Pod) -> bool:
    controller = pod.metadata.controller
    return MIRROR_ANNOTATION in pod.metadata.annotations or (
        controller is not None and controller.kind == "Node"
    )


def _is_finished(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def _unknown_nodes(pods: Iterable[Pod], node_index: Mapping[str, int]) -> list[Skipped]:
    """One problem for each node that pods are bound to but that was not read.

    Finished pods may well outlive their node.
    """
    bound: dict[str, list[str]] = defaultdict(list)
    for pod in pods:
        if pod.spec.node_name and pod.spec.node_name not in node_index and not _is_finished(pod):
            bound[pod.spec.node_name].append(pod.key)
    return [
        Skipped(
            subject=Subject(kind="Node", name=name, node=name),
            reason=ProblemReason.UNKNOWN_NODE,
            message="pods are bound to this node, but it is not among the nodes that were read; "
            "read nodes and pods together",
            subjects=tuple(bound[name]),
        )
        for name in sorted(bound)
    ]
