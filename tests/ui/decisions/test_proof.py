"""How an answer was worked out, in sentences: on every golden story, and line by line on some."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engines.contracts.results import DecisionResponse
from tests.conftest import ROOT
from ui.components.facts import Facts, read_facts
from ui.decisions.proof import read_proof

UTC_ZONE = ZoneInfo("UTC")
STORIES = sorted((ROOT / "tests" / "golden").glob("*/*/expected.json"))
CODE = re.compile(r"\b[a-z0-9]+_[a-z0-9_]+\b")
RAW_TIME = re.compile(r"\d{4}-\d\d-\d\dT")


def answer(story: Path) -> DecisionResponse:
    return msgspec.json.decode(story.read_bytes(), type=DecisionResponse)


def named(name: str) -> list[str]:
    story = next(one for one in STORIES if one.parent.name == name)
    return read_proof(answer(story), {}, UTC_ZONE)


def labels(facts: Facts) -> list[str]:
    rows = [label for _, rows in facts.lists for row in rows for label in row]
    inner = [label for _, nested in facts.nested for label in labels(nested)]
    return [label for label, _ in facts.lines] + rows + inner


@pytest.mark.parametrize("story", STORIES, ids=lambda one: f"{one.parts[-3]}/{one.parts[-2]}")
def test_every_story_is_told_without_codes_or_raw_times(story):
    response = answer(story)

    lines = read_proof(response, {}, UTC_ZONE)

    assert lines
    told = " ".join(lines)
    assert not CODE.search(told)
    assert not RAW_TIME.search(told)
    assert "None" not in told


@pytest.mark.parametrize("story", STORIES, ids=lambda one: f"{one.parts[-3]}/{one.parts[-2]}")
def test_the_evidence_of_every_recommendation_has_labels_of_words(story):
    response = answer(story)

    for values in (response.evidence, *(one.evidence for one in response.recommendations)):
        assert not [one for one in labels(read_facts(values, UTC_ZONE)) if CODE.fullmatch(one)]


def test_bin_packing_shows_its_check_its_bound_and_its_rehearsal():
    lines = named("three_large_nodes_become_three_small_ones")

    assert any(line.startswith("Placement checked: ") for line in lines)
    assert any("No plan for the same pods can cost less than" in line for line in lines)
    assert any(line.startswith("Rehearsed: ") for line in lines)


def test_the_network_optimizer_shows_the_traffic_before_and_after():
    """190 GB a day x 365 / 12 days x 0.02 USD = 115.58 USD a month; 5 GB are of an unknown pod."""
    lines = named("three_that_talk_come_together")

    assert lines[0] == (
        "Between 3 pairs of workloads, 190 GB/day cross zones, for $115.58/month; "
        "with the advice 0 GB/day, for $0.00/month."
    )
    assert "5 GB/day of pods that are not known are in no sum." in lines


def test_office_hours_name_each_environment_with_its_next_change():
    lines = named("the_night_falls_on_a_development_namespace")

    assert lines[0] == (
        "dev (UTC): asleep 520 h of the coming month; 2 of 3 workloads sleep; "
        "next change 04 Aug 2026, 08:00."
    )


def test_the_limits_that_were_asked_for_are_told_and_not_the_defaults():
    story = next(
        one for one in STORIES if one.parent.name == "a_forgotten_node_is_found_among_strangers"
    )

    told = " ".join(read_proof(answer(story), {"grace_hours": 48.0, "min_scans": 5}, UTC_ZONE))

    assert "a ghost after 48 h by our own first-seen ledger and at least 5 scans" in told


def test_a_refusal_says_that_nothing_was_judged():
    lines = named("without_traffic_there_is_no_advice")

    assert len(lines) == 1
    assert lines[0].startswith("No judgement was made: ")
