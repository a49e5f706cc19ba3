"""Engines and judge together: one answer with its verdict, for every decision type."""

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.requests import parse_request
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.verdict import VerdictAction
from services.workflows.decide import ENGINES, decide
from tests.builders import a_node, a_request, a_state
from tests.conftest import ROOT

STORIES = sorted((ROOT / "tests" / "golden").glob("*/*/request.json"))


def test_there_is_an_engine_for_every_decision_type():
    assert set(ENGINES) == set(DecisionType)


@pytest.mark.parametrize("story", STORIES, ids=lambda one: f"{one.parts[-3]}-{one.parts[-2]}")
def test_every_story_is_judged_and_no_plan_that_fails_goes_without_a_verdict(story):
    response = decide(parse_request(story.read_bytes()))

    if response.status is DecisionStatus.REFUSED:
        assert response.reason
        assert response.safety is None
    else:
        assert response.safety is not None
        assert response.safety.is_safe or response.safety.action_taken in (
            VerdictAction.REJECTED,
            VerdictAction.SAFE_ALTERNATIVE_CREATED,
        )


def test_waking_is_judged_as_waking_and_sleeping_as_the_recorded_exception():
    """Both stories exist: a night that falls, and a morning."""
    purposes = {
        decide(parse_request(story.read_bytes())).evidence.get("purpose")
        for story in STORIES
        if story.parts[-3] == "office_hours"
    }

    assert {"scheduled_sleep", "scheduled_wake"} <= purposes


@pytest.mark.parametrize("decision_type", list(DecisionType))
def test_a_parameter_that_an_engine_does_not_know_is_refused_by_name(decision_type):
    request = a_request(
        a_state(a_node()), decision_type=decision_type, requirements={"no_such_parameter": 1}
    )

    with pytest.raises(InvalidInputError, match="no_such_parameter"):
        decide(request)


@pytest.mark.parametrize("decision_type", list(DecisionType))
def test_an_empty_cluster_is_refused_or_answered_never_guessed(decision_type):
    response = decide(a_request(a_state(), decision_type=decision_type))

    assert response.recommendations == ()
    assert response.execution_plan == ()
    assert response.estimated_savings == 0
