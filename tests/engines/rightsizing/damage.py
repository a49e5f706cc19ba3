"""Documents that a real cluster might give on a bad day: fields gone, amounts that are none, names
that contradict each other. Types stay what they are; wrong ones are refused where JSON is read."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engines.contracts.errors import InvalidInputError
from engines.contracts.requests import DecisionRequest, parse_request
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import CurrentState
from tests.builders import NOW

Json = Any

TEXTS = (
    *("", "0", "-1", "1e9", "1e400", "NaN", "128974848000m", "128.97M", "0.5", "1n", "9" * 30),
    *(
        "99999999Ti",
        "16Ei",
        "5%",
        "Always",
        "Never",
        "Node",
        "Rollout",
        "None",
        "x" * 300,
        "ä/ß\u0000",
    ),
    *("2026-08-03T11:59:59Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
)
NUMBERS = (0, 1, -1, 3, 137, 2**31, 2**53, -(2**63))


def as_json(document: CurrentState) -> Json:
    """The document as plain JSON values."""
    return json.loads(msgspec.json.encode(document))


def damaged(document: Json, rng: random.Random, hits: int) -> Json:
    """A copy of the state in which some places are gone or have another value of their kind.

    Each kind of object is hit as often as the others, however many there are of it.
    """
    copy = json.loads(json.dumps(document))
    texts = (*TEXTS, *_texts_of(copy))
    for _ in range(hits):
        part = rng.choice(sorted(copy))
        places = list(_places(copy[part]))
        if places:
            _hit(*rng.choice(places), rng, texts)
    return copy


def _hit(holder: Any, key: Any, rng: random.Random, texts: Sequence[str]) -> None:
    value, chance = holder[key], rng.random()
    if chance < 0.3:
        del holder[key]
    elif chance < 0.4 and isinstance(holder, list):
        holder.append(json.loads(json.dumps(value)))
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = rng.choice(NUMBERS)
    elif isinstance(value, str):
        holder[key] = rng.choice(texts)


def _texts_of(value: Json) -> Sequence[str]:
    found = (holder[key] for holder, key in _places(value))
    return sorted({one for one in found if isinstance(one, str)})


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    """Every place in the document, as (what holds it, key or index), in one order."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def a_damaged_request(
    document: Json,
    decision_type: DecisionType,
    rng: random.Random,
    hits: int,
    **requirements: Json,
) -> DecisionRequest | None:
    """The request about a damaged state; None: it was refused where it was read."""
    body = {
        "request_id": "r",
        "cluster_id": "c",
        "decision_type": decision_type,
        "now": NOW.isoformat(),
        "current_state": damaged(document, rng, hits),
        "requirements": requirements,
        "constraints": {},
    }
    try:
        return parse_request(json.dumps(body).encode())
    except InvalidInputError:
        return None


def check_amounts(response: DecisionResponse) -> None:
    """What is advised could be written into a template."""
    assert msgspec.json.encode(response)
    assert 0 <= response.confidence_score <= 1
    for one in response.recommendations:
        for resource in ("cpu", "memory"):
            unit = "millicores" if resource == "cpu" else "bytes"
            request = one.recommended.get(f"{resource}_request_{unit}")
            limit = one.recommended.get(f"{resource}_limit_{unit}")
            assert request is None or request >= 0
            assert limit is None or limit >= 0
