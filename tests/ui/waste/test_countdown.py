"""The countdown of what is idle within its time of grace."""

from datetime import UTC, datetime, timedelta

import pytest

from services.workflows.browse_waste import WaitingRow
from ui.waste.left import countdown

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def waiting(due_at, kind="Instance"):
    return WaitingRow(
        decision_id=1,
        cluster_id="shop",
        resource_id="i-1",
        name="",
        availability_zone="us-east-1a",
        kind=kind,
        first_seen=None,
        due_at=due_at,
        scans=None,
        message="",
    )


@pytest.mark.parametrize(
    ("left", "kind", "words"),
    [
        (timedelta(hours=17, minutes=59), "Instance", "ghost in 17 hours"),
        (timedelta(days=6, hours=23), "Volume", "zombie in 6 days"),
        (timedelta(seconds=1), "Instance", "ghost in 1 second"),
        (timedelta(0), "Instance", "due: ghost at the next look"),
        (timedelta(days=-1), "Volume", "due: zombie at the next look"),
    ],
)
def test_a_countdown_says_what_becomes_of_it_and_when(left, kind, words):
    assert countdown(waiting(NOW + left, kind), NOW) == words


def test_what_no_scan_saw_waits_for_one():
    assert countdown(waiting(None), NOW) == "waits for the first scan"
