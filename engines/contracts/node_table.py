"""Nodes -> NodeTable."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.aws import Instance
from engines.contracts.effective_requests import PodRequests, resource_amounts
from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import Node
from engines.contracts.node_facts import NodeFacts, node_facts
from engines.contracts.problems import problem_with
from engines.contracts.quantities import whole_units
from engines.contracts.results import Skipped
from engines.contracts.snapshot import NodeTable, ProblemReason, SparseAmounts


class _Row(NamedTuple):
    node: Node
    facts: NodeFacts
    allocatable: PodRequests
    allocatable_pods: int
    capacity: PodRequests


def build_node_table(
    nodes: Iterable[Node], instances: Mapping[str, Instance], incomplete: frozenset[str]
) -> tuple[NodeTable, tuple[Node, ...], list[Skipped]]:
    """The table of sorted ``nodes``, the nodes that are not in it, and the problems met.

    ``incomplete`` names the nodes that hold a pod which could not be read.
    """
    rows: list[_Row] = []
    set_aside: list[Node] = []
    problems: list[Skipped] = []
    for node in nodes:
        try:
            rows.append(_row(node, instances))
        except InvalidInputError as error:
            set_aside.append(node)
            message = f"its capacity or allocatable cannot be read: {error}"
            problems.append(problem_with(node, ProblemReason.INVALID_QUANTITY, message))
    for row in rows:
        problems.extend(_unknown_facts(row.node, row.facts))
    return _table(rows, incomplete), tuple(set_aside), problems


def _row(node: Node, instances: Mapping[str, Instance]) -> _Row:
    return _Row(
        node=node,
        facts=node_facts(node, instances),
        allocatable=resource_amounts(node.status.allocatable, "status.allocatable"),
        allocatable_pods=whole_units(node.status.allocatable.get("pods", 0)),
        capacity=resource_amounts(node.status.capacity, "status.capacity"),
    )


def _unknown_facts(node: Node, facts: NodeFacts) -> Iterable[Skipped]:
    """One problem for each fact that decisions about the node would need."""
    if facts.instance_type is None:
        yield problem_with(
            node,
            ProblemReason.NODE_WITHOUT_INSTANCE_TYPE,
            "it has no label node.kubernetes.io/instance-type, so it has no price; "
            "label the node or give the EC2 instances",
        )
    if facts.zone is None:
        yield problem_with(
            node,
            ProblemReason.NODE_WITHOUT_ZONE,
            "it has no label topology.kubernetes.io/zone; label the node or give the EC2 instances",
        )
    if facts.region is None:
        yield problem_with(
            node,
            ProblemReason.NODE_WITHOUT_REGION,
            "it has no label topology.kubernetes.io/region, so it has no price; label the node",
        )
    if facts.capacity_type_is_unclear:
        yield problem_with(
            node,
            ProblemReason.CAPACITY_TYPE_UNCLEAR,
            "its labels do not tell whether it is Spot or on-demand; give the EC2 instances",
        )


def _table(rows: Sequence[_Row], incomplete: frozenset[str]) -> NodeTable:
    names = tuple(row.node.metadata.name for row in rows)

    def integers(read: Callable[[_Row], int]) -> NDArray[np.int64]:
        return np.fromiter((read(row) for row in rows), np.int64, len(rows))

    def flags(read: Callable[[_Row], bool]) -> NDArray[np.bool_]:
        return np.fromiter((read(row) for row in rows), np.bool_, len(rows))

    return NodeTable(
        items=tuple(row.node for row in rows),
        names=names,
        index={name: row for row, name in enumerate(names)},
        instance_types=tuple(row.facts.instance_type for row in rows),
        zones=tuple(row.facts.zone for row in rows),
        regions=tuple(row.facts.region for row in rows),
        capacity_types=tuple(row.facts.capacity_type for row in rows),
        instance_ids=tuple(row.facts.instance_id for row in rows),
        architectures=tuple(row.facts.architecture for row in rows),
        operating_systems=tuple(row.facts.operating_system for row in rows),
        ready=flags(lambda row: row.node.is_ready),
        schedulable=flags(lambda row: not row.node.spec.unschedulable),
        deleting=flags(lambda row: row.facts.is_deleting),
        fully_read=flags(lambda row: row.node.metadata.name not in incomplete),
        allocatable_cpu_millicores=integers(lambda row: row.allocatable.cpu_millicores),
        allocatable_memory_bytes=integers(lambda row: row.allocatable.memory_bytes),
        allocatable_ephemeral_storage_bytes=integers(
            lambda row: row.allocatable.ephemeral_storage_bytes
        ),
        allocatable_pods=integers(lambda row: row.allocatable_pods),
        capacity_cpu_millicores=integers(lambda row: row.capacity.cpu_millicores),
        capacity_memory_bytes=integers(lambda row: row.capacity.memory_bytes),
        extended=sparse_columns(row.allocatable for row in rows),
    )


def sparse_columns(rows: Iterable[PodRequests]) -> Mapping[str, SparseAmounts]:
    """The extended resources of all rows, one sparse column a resource, sorted by name."""
    entries: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for position, row in enumerate(rows):
        for name, amount in row.extended:
            entries[name].append((position, amount))
    return {
        name: SparseAmounts(
            rows=np.fromiter((position for position, _ in entries[name]), np.int32),
            amounts=np.fromiter((amount for _, amount in entries[name]), np.int64),
        )
        for name in sorted(entries)
    }
