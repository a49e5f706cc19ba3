"""How far apart two clocks certainly are, and from where on it is told."""

import pytest

from services.findings import FindingState
from services.kube.clock_skew import skew_finding, skew_seconds
from services.kube.transport import Answer
from tests.services.kube.builders import AT


def answered(date, *, sent=100.0, done=104.0):
    """An answer that took from 08:00:10 to 08:00:14, if it is 08:00:00 at 90 s of the clock."""
    return Answer(200, {"Date": f"Fri, 15 Jan 2027 {date} GMT"}, b"", sent, done)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("08:00:08", -1),  # a second before even a time that was cut from 08:00:09.99 could be
        ("08:00:09", 0),
        ("08:00:12", 0),
        ("08:00:14", 0),
        ("08:00:15", 1),
        ("08:05:14", 300),
        ("07:55:09", -300),
    ],
)
def test_a_time_between_question_and_answer_is_no_skew(date, seconds):
    assert skew_seconds(answered(date), at=AT, began_at_seconds=90.0) == seconds


def test_without_a_date_nothing_is_claimed():
    assert skew_seconds(Answer(200, {}, b"", 0.0, 0.0), at=AT, began_at_seconds=0.0) is None


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        (60.0, FindingState.HELD, "agree within a minute"),
        (-60.0, FindingState.HELD, "agree within a minute"),
        (60.5, FindingState.WARNING, "is 60 s ahead of this machine's"),
        (-61.0, FindingState.WARNING, "is 61 s behind this machine's"),
    ],
)
def test_more_than_a_minute_is_a_warning(seconds, state, words):
    finding = skew_finding("https://host", seconds)

    assert finding.state is state
    assert words in finding.message
