"""The arithmetic of disruption budgets, by hand and against a real disruption controller."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.contracts.kubernetes.policy import PodDisruptionBudgetSpec
from engines.disruption import BudgetNumbers, budget_numbers
from tests.builders import an_object


@pytest.mark.parametrize(
    ("spec", "expected_pods", "healthy", "numbers"),
    [
        # minAvailable: that many must be healthy, the rest may go
        ({"min_available": 2}, 3, 3, (2, 1)),
        ({"min_available": 2}, 3, 2, (2, 0)),
        ({"min_available": 4}, 2, 2, (4, 0)),
        ({"min_available": 0}, 3, 3, (0, 3)),
        # 50 % of 3 is 1.5, so 2 must stay; 50 % of 4 is 2
        ({"min_available": "50%"}, 3, 3, (2, 1)),
        ({"min_available": "50%"}, 4, 4, (2, 2)),
        # maxUnavailable 30 % of 4 is 1.2, so 2 may go; 30 % of 3 is 0.9, so 1
        ({"max_unavailable": "30%"}, 4, 4, (2, 2)),
        ({"max_unavailable": "30%"}, 3, 3, (2, 1)),
        ({"max_unavailable": "0%"}, 3, 3, (3, 0)),
        ({"max_unavailable": "100%"}, 3, 3, (0, 3)),
        ({"max_unavailable": 9}, 3, 3, (0, 3)),
        ({"max_unavailable": 0}, 3, 3, (3, 0)),
        # nothing is expected, or nothing is said
        ({"max_unavailable": 1}, 0, 0, (0, 0)),
        ({"min_available": 0}, 0, 5, (0, 0)),
        ({}, 3, 3, (0, 0)),
    ],
)
def test_what_a_budget_allows(spec, expected_pods, healthy, numbers):
    spec = PodDisruptionBudgetSpec(**spec)

    assert budget_numbers(spec, expected_pods, healthy) == BudgetNumbers(*numbers)


@pytest.mark.real_data
def test_a_real_controller_works_out_the_same_numbers(shared_data):
    """Every recorded status that the controller wrote and no eviction has changed since."""
    budgets = list(settled_budgets(shared_data / "k8s_recordings" / "exchanges.jsonl.gz"))

    assert len(budgets) == 98
    for budget in budgets:
        status = budget.status
        assert budget_numbers(budget.spec, status.expected_pods, status.current_healthy) == (
            status.desired_healthy,
            status.disruptions_allowed,
        ), budget.metadata.name


def settled_budgets(recordings: Path) -> Iterator[Any]:
    known = set()
    with gzip.open(recordings, "rt") as lines:
        for line in lines:
            for found in budgets_in(json.loads(line).get("response_body")):
                budget = an_object("PodDisruptionBudget", found)
                status = budget.status
                is_seen = status.observed_generation == budget.metadata.generation > 0
                failed = any(one.reason == "SyncFailed" for one in status.conditions)
                text = json.dumps([found["metadata"]["uid"], found["spec"], found["status"]])
                if is_seen and not status.disrupted_pods and not failed and text not in known:
                    known.add(text)
                    yield budget


def budgets_in(content: Any) -> Iterator[dict[str, Any]]:
    """All budgets in a response, however deep."""
    if isinstance(content, dict):
        if "disruptionsAllowed" in content.get("status", {}) and "metadata" in content:
            yield content
        for part in content.values():
            yield from budgets_in(part)
    elif isinstance(content, list):
        for part in content:
            yield from budgets_in(part)
