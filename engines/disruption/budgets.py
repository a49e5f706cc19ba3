"""PodDisruptionBudgets: which apply to a pod, what they allow, and what a plan has spent.

The rules are those of the eviction API. An allowance comes from the budget's status, where the
pods that are being evicted (disruptedPods) are already taken off. It says how many pods may be
away **at the same time**: a plan that waits for replacements to be ready may renew it.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import Pod, PodDisruptionBudget
from engines.contracts.kubernetes.policy import PodDisruptionBudgetSpec
from engines.contracts.kubernetes.workloads import IntOrPercent
from engines.contracts.snapshot import ClusterSnapshot
from engines.disruption.reasons import DisruptionReason, Finding
from engines.scheduling.labels import Expressions, all_hold, expressions_of

MOST_DISRUPTED_PODS = 2000  # the eviction API refuses beyond (MaxDisruptedPodSize)
_UNPROTECTED_PHASES = ("Pending", "Succeeded", "Failed")


class BudgetNumbers(NamedTuple):
    """What the disruption controller works out for a budget."""

    desired_healthy: int
    disruptions_allowed: int


def budget_numbers(
    spec: PodDisruptionBudgetSpec, expected_pods: int, healthy_pods: int
) -> BudgetNumbers:
    """The controller's arithmetic: percentages are of the expected pods and round up.

    Without expected pods, or without either limit, nothing is allowed.
    """
    if spec.max_unavailable is not None:
        desired = max(0, expected_pods - _share(spec.max_unavailable, expected_pods))
    elif spec.min_available is not None:
        desired = _share(spec.min_available, expected_pods)
    else:
        return BudgetNumbers(0, 0)
    allowed = max(0, healthy_pods - desired) if expected_pods > 0 else 0
    return BudgetNumbers(desired, allowed)


def _share(limit: IntOrPercent, expected_pods: int) -> int:
    if isinstance(limit, int):
        return limit
    return math.ceil(int(limit.removesuffix("%")) * expected_pods / 100)


class Budgets:
    """The budgets of a cluster, and the pods that each protects."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self.items = snapshot.pdbs
        self.are_known = "pdbs" in snapshot.listed
        self.pods = snapshot.pods.items
        self._by_label: dict[tuple[str, str, str], list[tuple[int, Expressions]]] = {}
        self._others: dict[str, list[tuple[int, Expressions]]] = {}  # by namespace
        for row, budget in enumerate(self.items):
            expressions = expressions_of(budget.spec.selector)
            if expressions is not None:
                self._file(row, budget.metadata.namespace, expressions)
        self._known: dict[tuple[str, int], tuple[int, ...]] = {}  # by the id of kept labels

    def of(self, pod: int) -> tuple[int, ...]:
        """The budgets that select the pod, as rows of ``items``."""
        metadata = self.pods[pod].metadata
        key = (metadata.namespace, id(metadata.labels))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._matching(metadata.namespace, metadata.labels)
        return found

    def _file(self, row: int, namespace: str, expressions: Expressions) -> None:
        """A budget stands under the labels that its pods must have, so that few are tried."""
        needed = next((one for one in expressions if one.operator == "In"), None)
        if needed is None:
            self._others.setdefault(namespace, []).append((row, expressions))
            return
        for value in set(needed.values):
            self._by_label.setdefault((namespace, needed.key, value), []).append((row, expressions))

    def _matching(self, namespace: str, labels: Mapping[str, str]) -> tuple[int, ...]:
        candidates = [*self._others.get(namespace, ())]
        for key, value in labels.items():
            candidates += self._by_label.get((namespace, key, value), ())
        return tuple(sorted(row for row, needed in candidates if all_hold(needed, labels)))


class BudgetLedger:
    """What is left of each budget while a plan takes pods away, one by one."""

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        self._left = [budget.status.disruptions_allowed for budget in budgets.items]

    def copy(self) -> "BudgetLedger":
        """A ledger of its own that starts where this one stands."""
        twin = object.__new__(BudgetLedger)
        twin.budgets = self.budgets
        twin._left = self._left.copy()
        return twin

    def left(self, budget: int) -> int:
        """How many more pods the budget allows to be away now."""
        return self._left[budget]

    def objections(self, pod: int) -> tuple[Finding, ...]:
        """Why the eviction API would refuse the pod now; () if it would not."""
        one = self.budgets.items
        if not self.budgets.are_known:
            return (Finding(DisruptionReason.BUDGETS_NOT_READ),)
        rows = self._guards(pod)
        if len(rows) > 1:
            names = tuple(_name(one[row]) for row in rows)
            return (Finding(DisruptionReason.SEVERAL_BUDGETS, names),)
        return tuple(finding for row in rows for finding in self._objection(pod, row))

    def spend(self, pod: int) -> None:
        """Count the pod as away. Raises ValueError where the API would refuse it."""
        objections = self.objections(pod)
        if objections:
            key = self.budgets.pods[pod].key
            raise ValueError(f"pod {key} cannot be evicted now: {objections[0].reason}")
        for row in self._charged(pod):
            self._left[row] -= 1

    def refund(self, pod: int) -> None:
        """Count the pod as back: undoes ``spend``, or its replacement is ready."""
        for row in self._charged(pod):
            self._left[row] += 1

    def _guards(self, pod: int) -> tuple[int, ...]:
        """The budgets that the API asks about this pod: none for pods that do not run."""
        one = self.budgets.pods[pod]
        if one.status.phase in _UNPROTECTED_PHASES or one.metadata.deletion_timestamp is not None:
            return ()
        return self.budgets.of(pod)

    def _charged(self, pod: int) -> tuple[int, ...]:
        """The budgets that the pod's eviction is taken from."""
        one = self.budgets.pods[pod]
        return tuple(
            row for row in self._guards(pod) if not _goes_free(one, self.budgets.items[row])
        )

    def _objection(self, pod: int, row: int) -> tuple[Finding, ...]:
        budget = self.budgets.items[row]
        if _goes_free(self.budgets.pods[pod], budget):
            return ()
        if budget.status.observed_generation < budget.metadata.generation:
            return (Finding(DisruptionReason.BUDGET_NOT_OBSERVED, (_name(budget),)),)
        too_many_leave = len(budget.status.disrupted_pods) > MOST_DISRUPTED_PODS
        if self._left[row] <= 0 or too_many_leave:
            return (Finding(DisruptionReason.BUDGET_EXHAUSTED, (_name(budget),)),)
        return ()


def is_ready(pod: Pod) -> bool:
    """Whether the pod's Ready condition is True: what budgets call healthy."""
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


def _goes_free(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Whether a pod that is not ready may go without touching the budget."""
    if is_ready(pod):
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


def _name(budget: PodDisruptionBudget) -> str:
    return f"{budget.metadata.namespace}/{budget.metadata.name}"
