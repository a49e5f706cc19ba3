"""The nodes by what a plan may do with them: which may go, which may take in pods."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engines.bin_packing.kernels import Flags, Rows, Weights
from engines.bin_packing.parameters import PackingParameters
from engines.bin_packing.pods import PodFates, spend_all, utilization
from engines.bin_packing.reasons import Finding, NodeReason
from engines.contracts.pricing import CapacityType
from engines.contracts.state import ClusterState
from engines.cost import UNKNOWN_COST, node_cost_per_hour, region_of_node
from engines.disruption import DisruptionReason, Disruptions

KARPENTER_LABELS = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
AUTO_MODE_LABEL = ("eks.amazonaws.com/compute-type", "auto")

_R = NodeReason


@dataclass(frozen=True, slots=True, eq=False)
class NodeRoles:
    """By node row. ``findings``: why a node stays whatever else is planned. ``may_receive``: pods
    may be sent there. ``share_ratio``: its share of the cost over its share of the disruption."""

    micro_usd_per_hour: Rows  # UNKNOWN_COST: not known
    findings: dict[int, Finding]
    may_receive: Flags
    utilization: Weights
    disruption: Weights

    @property
    def may_go(self) -> Flags:
        """Nodes that nothing holds by itself."""
        flags = np.ones(len(self.micro_usd_per_hour), np.bool_)
        flags[list(self.findings)] = False
        return flags

    @property
    def cluster_cost(self) -> int:
        """Micro-dollars an hour of all nodes with a price."""
        costs = self.micro_usd_per_hour
        return int(costs[costs != UNKNOWN_COST].sum())


def node_roles(
    state: ClusterState, fates: PodFates, parameters: PackingParameters, now: datetime
) -> NodeRoles:
    """Sort the nodes into their roles."""
    cluster = state.cluster
    costs = node_cost_per_hour(state, now)
    disruption = np.zeros(len(cluster.nodes))
    bound = cluster.pods.node >= 0
    np.add.at(disruption, cluster.pods.node[bound], fates.weight[bound])
    judge = _Judge(state, fates, parameters, now)
    judge.weigh(costs, disruption)
    findings = {}
    for row in range(len(cluster.nodes)):
        found = next(judge.findings(row), None)
        if found is not None:
            findings[row] = found
    closed = (_R.UNDER_NOTICE, _R.DELETING, _R.NOT_READY, _R.OTHER_REGION)
    may_receive = np.array(
        [row not in findings or findings[row].reason not in closed for row in range(len(costs))],
        np.bool_,
    )
    return NodeRoles(costs, findings, may_receive, judge.used, disruption)


class _Judge:
    """Finds the reasons to keep a node, the most telling ones first."""

    def __init__(
        self, state: ClusterState, fates: PodFates, parameters: PackingParameters, now: datetime
    ) -> None:
        self._cluster = state.cluster
        self._nodes = state.cluster.nodes
        self._pods = state.cluster.pods
        self._fates = fates
        self._parameters = parameters
        self._disruptions = Disruptions(state.cluster, now)
        self._managed = {
            one.instance_id
            for one in state.instances or ()
            if one.operator is not None and one.operator.managed
        }
        self.used = utilization(state.cluster)

    def weigh(self, costs: Rows, disruption: Weights) -> None:
        """Remember what nodes cost and disturb."""
        known = np.maximum(costs, 0)
        self._costs = costs
        self._cost_share = known / max(int(known.sum()), 1)
        self._disruption_share = disruption / max(float(disruption.sum()), 1e-9)

    def findings(self, row: int) -> Iterator[Finding]:
        """Why the node stays."""
        yield from self._out_of_reach(row)
        yield from self._without_gain(row)
        yield from self._protected(row)
        yield from self._held_by_pods(row)
        yield from self._over_budget(row)
        if self._parameters.mode != "rebalance":
            yield from self._used_enough(row)
        yield from self._too_disturbing(row)

    def _out_of_reach(self, row: int) -> Iterator[Finding]:
        nodes, wanted = self._nodes, self._parameters.region
        if nodes.names[row] in self._parameters.nodes_under_notice:
            yield Finding(_R.UNDER_NOTICE)
        if nodes.deleting[row]:
            yield Finding(_R.DELETING)
        if not nodes.ready[row]:
            yield Finding(_R.NOT_READY)
        if wanted is not None and region_of_node(nodes, row) != wanted:
            yield Finding(_R.OTHER_REGION)
        if nodes.instance_ids[row] is None:
            yield Finding(_R.NO_INSTANCE_ID)
        if not self._parameters.replace_managed_nodes and self._is_managed(row):
            yield Finding(_R.MANAGED)

    def _is_managed(self, row: int) -> bool:
        labels = self._nodes.items[row].metadata.labels
        name, value = AUTO_MODE_LABEL
        return (
            any(one in labels for one in KARPENTER_LABELS)
            or labels.get(name) == value
            or self._nodes.instance_ids[row] in self._managed
        )

    def _without_gain(self, row: int) -> Iterator[Finding]:
        if self._nodes.capacity_types[row] is CapacityType.RESERVED:
            yield Finding(_R.RESERVED)
        if self._costs[row] == UNKNOWN_COST:
            yield Finding(_R.PRICE_UNKNOWN)

    def _protected(self, row: int) -> Iterator[Finding]:
        if not self._nodes.schedulable[row]:
            yield Finding(_R.CORDONED)
        for one in self._disruptions.judge_node(row):
            yield Finding(NodeReason(one.reason), one.subjects)

    def _held_by_pods(self, row: int) -> Iterator[Finding]:
        """The first kind of blocker, with everything that it concerns."""
        blockers = [
            (self._pods.items[pod].key, one)
            for pod in self._pods.by_node.members(row).tolist()
            for one in self._fates.blockers.get(pod, ())
        ]
        reasons = {one.reason for _, one in blockers}
        for reason in DisruptionReason:
            if reason in reasons:
                pods = [pod for pod, one in blockers if one.reason is reason]
                causes = {
                    name for _, one in blockers if one.reason is reason for name in one.subjects
                }
                more = ", ".join(sorted(reasons - {reason}))
                subjects = (*pods, *sorted(causes))
                yield Finding(NodeReason(reason), subjects, f"also {more}" if more else "")

    def _over_budget(self, row: int) -> Iterator[Finding]:
        """Budgets that would let some of the node's pods go, but not all of them at once."""
        pods = self._fates.evicted_on(self._cluster, row)
        if not spend_all(self._fates.ledger.copy(), pods):
            budgets = self._disruptions.budgets
            metadata = [budgets.items[one].metadata for pod in pods for one in budgets.of(pod)]
            names = sorted({f"{one.namespace}/{one.name}" for one in metadata})
            yield Finding(_R.BUDGET_EXHAUSTED, tuple(names), "not all of its pods at once")

    def _used_enough(self, row: int) -> Iterator[Finding]:
        used, limit = float(self.used[row]), self._parameters.utilization_threshold
        if used >= limit:
            yield Finding(_R.NOT_UNDERUSED, (), f"{used:.0%} asked for, the limit is {limit:.0%}")

    def _too_disturbing(self, row: int) -> Iterator[Finding]:
        disturbed = float(self._disruption_share[row])
        limit = self._parameters.disruption_threshold
        if disturbed > 0 and self._cost_share[row] / disturbed < limit:
            ratio = self._cost_share[row] / disturbed
            yield Finding(_R.BELOW_DISRUPTION_THRESHOLD, (), f"{ratio:.2f}, the limit is {limit:g}")
