"""Collected objects -> ClusterSnapshot: sorted, without repeats, with the columns worked out.

What cannot be trusted is left out of the columns and recorded as a problem, with the next step;
a node that holds a pod which could not be read is marked, so that nobody takes it for empty.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import msgspec

from engines.contracts.aws import Instance
from engines.contracts.collection import ObjectCollection
from engines.contracts.kubernetes import KubernetesObject, Node, Pod
from engines.contracts.kubernetes.kinds import KINDS
from engines.contracts.node_table import build_node_table
from engines.contracts.ownership import Owners
from engines.contracts.pod_table import build_pod_table, read_requests
from engines.contracts.problems import in_order, problem_with
from engines.contracts.results import Skipped
from engines.contracts.snapshot import ClusterSnapshot, ProblemReason

FIELDS = tuple(dict.fromkeys(kind.field for kind in KINDS.values()))
"""The fields of a snapshot, in the order of the document."""

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class _Sorted(NamedTuple):
    """Objects of one field without repeats, what was left out, and why."""

    objects: tuple[Any, ...]
    set_aside: tuple[Any, ...]
    problems: tuple[Skipped, ...]


def build_snapshot(
    collection: ObjectCollection, instances: Iterable[Instance] = ()
) -> ClusterSnapshot:
    """The snapshot of all collected objects, whatever the order in which they came.

    ``instances``, where EC2 was asked, tell what labels may leave open: how a node was bought.
    """
    fields = {name: _without_repeats(collection.objects(name)) for name in FIELDS}
    readable = read_requests(cast(Sequence[Pod], fields["pods"].objects))
    nodes, nodes_aside, node_problems = build_node_table(
        cast(Sequence[Node], fields["nodes"].objects),
        {one.instance_id: one for one in instances},
        _incomplete_nodes(readable.set_aside, collection.unread),
    )
    workloads = fields["workloads"].objects
    owners = Owners(workloads)
    pods, pod_problems = build_pod_table(readable, nodes.index, owners)
    problems = [problem for one in fields.values() for problem in one.problems]
    problems += [*node_problems, *readable.problems, *pod_problems, *collection.unread]
    others = {
        name: fields[name].objects for name in FIELDS if name not in ("nodes", "pods", "workloads")
    }
    return ClusterSnapshot(
        nodes=nodes,
        pods=pods,
        workloads=workloads,
        workload_index=owners.index,
        listed=collection.listed,
        problems=in_order(problems),
        unread=collection.unread,
        set_aside=_set_aside(fields, nodes=nodes_aside, pods=readable.set_aside),
        **others,
    )


def _set_aside(
    fields: Mapping[str, _Sorted], *, nodes: tuple[Node, ...], pods: tuple[Pod, ...]
) -> Mapping[str, tuple[KubernetesObject, ...]]:
    """By field, what is in no table, sorted."""
    left_out = {name: [*one.set_aside] for name, one in fields.items()}
    left_out["nodes"] += nodes
    left_out["pods"] += pods
    return {name: tuple(sorted(some, key=_sort_key)) for name, some in left_out.items() if some}


def _incomplete_nodes(pods: Iterable[Pod], unread: Iterable[Skipped]) -> frozenset[str]:
    """Nodes that hold a pod of unknown size."""
    names = {pod.spec.node_name for pod in pods}
    return frozenset(names | {problem.subject.node for problem in unread}) - {""}


def _without_repeats(objects: Iterable[KubernetesObject]) -> _Sorted:
    """Objects by name, each once. Of several that differ the newest counts, and is a problem."""
    versions: dict[tuple[str, str, str], list[KubernetesObject]] = defaultdict(list)
    for one in objects:
        known = versions[_name_key(one)]
        if one not in known:
            known.append(one)
    kept: list[KubernetesObject] = []
    set_aside: list[KubernetesObject] = []
    problems: list[Skipped] = []
    for key in sorted(versions):
        newest, *others = sorted(versions[key], key=_age_key, reverse=True)
        if not newest.metadata.name:
            set_aside += [newest, *others]
            problems.append(_nameless(newest))
            continue
        kept.append(newest)
        if others:
            set_aside += others
            problems.append(_contradiction(newest, len(others) + 1))
    return _Sorted(tuple(kept), tuple(set_aside), tuple(problems))


def _nameless(one: KubernetesObject) -> Skipped:
    message = "it has no metadata.name; check what made this object"
    return problem_with(one, ProblemReason.MISSING_NAME, message)


def _contradiction(one: KubernetesObject, versions: int) -> Skipped:
    message = (
        f"it was given in {versions} versions that differ, the newest counts; "
        "read the cluster once, not at several times"
    )
    return problem_with(one, ProblemReason.CONTRADICTORY_DUPLICATE, message)


def _name_key(one: KubernetesObject) -> tuple[str, str, str]:
    return (one.kind, one.metadata.namespace, one.metadata.name)


def _age_key(one: KubernetesObject) -> tuple[datetime, int, bytes]:
    """Later is newer; the content breaks ties, so that the order of the input never does."""
    metadata = one.metadata
    return (metadata.creation_timestamp or _BEGINNING, metadata.generation, _encode(one))


def _sort_key(one: KubernetesObject) -> tuple[str, str, str, bytes]:
    return (*_name_key(one), _encode(one))
