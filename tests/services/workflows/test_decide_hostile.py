"""No state is too odd for an answer: every engine answers, refuses with a reason, or names the
parameter at fault. Stories are damaged in random places, and every engine is asked about each."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.contracts.errors import CloudOptimError
from engines.contracts.requests import DecisionRequest, parse_request
from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType
from services.workflows.decide import decide, decide_combined
from tests.conftest import ROOT

LARGEST_STORY = 60_000  # bytes; damage to a large one says no more and takes longer
STORIES = [
    json.loads(path.read_text())
    for path in sorted((ROOT / "tests" / "golden").glob("*/*/request.json"))
    if path.stat().st_size <= LARGEST_STORY
]
HOSTILE = [
    *(None, "", 0, -1, 0.5, True, [], {}, 2**63 - 1, -(2**63), 10**19, 1e308),
    *("128974848000m", "-5", "1e30", "9999999999999999999Ei", "0", "0Mi", "NaN", "200%", "x" * 300),
    *("\u0000", "é", "node-a", "us-east-1a", "Always"),
    *("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30"),
    *(["a", None], {"a": {"b": [1]}}),
]

Path = tuple[str | int, ...]


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """The place of everything in a JSON value."""
    yield here
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        yield from paths(one, (*here, key))


@st.composite
def damaged_requests(draw: st.DrawFn) -> bytes:
    """A story's request with a few values replaced, left out or there twice."""
    story = json.loads(json.dumps(draw(st.sampled_from(STORIES))))
    for _ in range(draw(st.integers(1, 4))):
        places = [
            (part, *one)
            for part in ("current_state", "requirements")
            for one in paths(story.get(part, {}))
            if one
        ]
        *above, last = draw(st.sampled_from(places))
        container = story
        for key in above:
            container = container[key]
        match draw(st.sampled_from(["replace", "replace", "leave out", "repeat"])):
            case "replace":
                container[last] = draw(st.sampled_from(HOSTILE))
            case "leave out":
                del container[last]
            case "repeat" if isinstance(container, list):
                container.append(json.loads(json.dumps(container[last])))
    return json.dumps(story).encode()


def questions(data: bytes) -> Iterator[DecisionRequest]:
    """A request's state for every engine; only its own one gets the parameters. None where the
    request is refused as a whole."""
    try:
        request = parse_request(data)
    except CloudOptimError:
        return
    for decision_type in DecisionType:
        is_own = decision_type is request.decision_type
        yield msgspec.structs.replace(
            request,
            decision_type=decision_type,
            requirements=request.requirements if is_own else {},
        )


def answer_or_error(question: DecisionRequest) -> DecisionResponse | CloudOptimError:
    """What a person gets: an answer, or an error that names the thing and the next step."""
    try:
        return decide(question)
    except CloudOptimError as error:
        return error


@given(damaged_requests())
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_every_engine_answers_or_refuses_whatever_is_wrong_with_a_state(data):
    for question in questions(data):
        response = answer_or_error(question)
        if isinstance(response, CloudOptimError):
            assert response.next_step
            continue
        assert msgspec.json.decode(msgspec.json.encode(response))["request_id"]
        assert response.status is DecisionStatus.OK or (response.reason and response.message)
        assert 0 <= response.confidence_score <= 1
        assert all(one.reason and one.message for one in response.skipped)


@given(damaged_requests())
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_the_combined_plan_of_a_damaged_state_is_exact_and_no_part_of_it_is_unsafe(data):
    question = next(questions(data), None)
    if question is None:
        return

    plan = decide_combined(question, {})

    nodes = sum(one.saving_usd_month for one in plan.stages)
    assert nodes == (plan.now.current_cost_per_hour - plan.cost_per_hour_after) * 730
    assert plan.safety is not None
    assert plan.safety.is_safe


@pytest.mark.parametrize("decision_type", list(DecisionType))
def test_lists_of_parameters_in_another_order_give_the_same_bytes(decision_type):
    """Each engine's own story that has a list of several entries, and all of them backwards."""
    stories = [one for one in STORIES if one["decision_type"] == decision_type]
    assert stories
    for story in stories:
        backwards = {
            **story,
            "requirements": _backwards(story.get("requirements", {})),
            "current_state": _backwards_lists(story["current_state"]),
        }

        one, other = (
            decide(parse_request(json.dumps(each).encode())) for each in (story, backwards)
        )

        assert msgspec.json.encode(one) == msgspec.json.encode(other)


def _backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(one) for one in reversed(value)] if isinstance(value, list) else value


def _backwards_lists(state: dict[str, Any]) -> dict[str, Any]:
    """The items of each list of a state; within items some lists have an order."""
    return {key: one[::-1] if isinstance(one, list) else one for key, one in state.items()}
