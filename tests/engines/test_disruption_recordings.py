"""Evictions that a real API server granted or refused come out the same from the budget ledger.

Each recorded sub-story is replayed: what was read of pods and budgets is the state, and every
well-formed eviction is first asked of the ledger, then followed as the server answered it.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from engines.disruption import BudgetLedger, Budgets, DisruptionReason
from tests.builders import a_cluster, an_object

pytestmark = pytest.mark.real_data

Json = dict[str, Any]

EVICTION = re.compile(r"/api/v1/namespaces/[^/]+/pods/([^/]+)/eviction")
NOT_ABOUT_BUDGETS = "03.15"  # malformed evictions
ANSWERS = {
    (): 201,
    (DisruptionReason.BUDGET_EXHAUSTED,): 429,
    (DisruptionReason.BUDGET_NOT_OBSERVED,): 429,
    (DisruptionReason.SEVERAL_BUDGETS,): 500,
}


def test_the_ledger_refuses_what_the_api_server_refused(shared_data):
    exchanges = list(eviction_stories(shared_data / "k8s_recordings" / "exchanges.jsonl.gz"))

    judged = [
        verdict
        for _, story in groupby(exchanges, key=lambda one: one["id"][:5])
        for verdict in replayed(story)
    ]

    assert [one for one in judged if one[1] != one[2]] == []
    assert Counter(one[2] for one in judged) == {201: 20, 429: 17, 500: 2}


def eviction_stories(recordings: Path) -> Iterator[Json]:
    with gzip.open(recordings, "rt") as lines:
        for line in lines:
            exchange = json.loads(line)
            if exchange["id"].startswith("03.") and exchange["id"][:5] != NOT_ABOUT_BUDGETS:
                yield exchange


def replayed(story: Iterator[Json]) -> Iterator[tuple[str, int, int]]:
    """For each eviction of a story: its id, the answer by the ledger, the recorded answer."""
    pods: dict[str, Json] = {}
    budgets: dict[str, Json] = {}
    for exchange in story:
        asked = EVICTION.fullmatch(exchange["path"])
        if asked and exchange["status"] in (201, 429, 500) and asked[1] in pods:
            ledger = ledger_of(pods, budgets)
            row = [one.metadata.name for one in ledger.budgets.pods].index(asked[1])
            objections = ledger.objections(row)
            answer = ANSWERS[tuple(one.reason for one in objections)]
            yield exchange["id"], answer, exchange["status"]
            if exchange["status"] == 201:
                ledger.spend(row)
                pods[asked[1]]["metadata"]["deletionTimestamp"] = exchange["at"]
                take_over(ledger, budgets)
        elif "/pods" in exchange["path"] and not asked:
            remember(exchange, pods, "pods")
        elif "/poddisruptionbudgets" in exchange["path"]:
            remember(exchange, budgets, "poddisruptionbudgets")


def take_over(ledger: BudgetLedger, budgets: dict[str, Json]) -> None:
    """What is left in the ledger is what the next status would allow."""
    for row, budget in enumerate(ledger.budgets.items):
        budgets[budget.metadata.name]["status"]["disruptionsAllowed"] = ledger.left(row)


def remember(exchange: Json, known: dict[str, Json], plural: str) -> None:
    """Take over what the answer says about objects of one kind."""
    body = exchange["response_body"]
    name = exchange["path"].split(f"/{plural}")[1].strip("/").split("/")[0]
    if exchange["method"] == "DELETE":
        known.pop(name, None)
    elif "items" in body:
        known.clear()
        known.update({one["metadata"]["name"]: one for one in body["items"]})
    elif exchange["status"] == 404:
        known.pop(name, None)
    else:
        known[body["metadata"]["name"]] = body


def ledger_of(pods: dict[str, Json], budgets: dict[str, Json]) -> BudgetLedger:
    return BudgetLedger(
        Budgets(
            a_cluster(
                *(an_object("Pod", pod) for pod in pods.values()),
                *(an_object("PodDisruptionBudget", one) for one in budgets.values()),
            )
        )
    )
