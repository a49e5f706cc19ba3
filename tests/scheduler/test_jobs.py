"""The catalogue: what documents say of it, and when its jobs run first."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.jobs import catalogue
from scheduler.timetable import first_run
from scheduler.work import Daily, Every
from services.settings import Settings
from tests.scheduler.builders import a_job

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
NOW = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def test_the_table_of_jobs_in_the_documents_is_the_catalogue():
    row = re.compile(r"^\| `(\w+)` \| ([^|]+) \| (\w+) \| ([^|]+) \|$", re.MULTILINE)

    written = row.findall(OPERATIONS.read_text())

    assert written == [
        (job.name, str(job.timing), str(job.scope), job.does) for job in catalogue(Settings())
    ]


def test_the_interval_of_optimisation_is_a_setting():
    [job] = [
        one
        for one in catalogue(Settings(optimization_interval_minutes=30))
        if one.name == "optimise"
    ]

    assert job.timing == Every(interval=timedelta(minutes=30))


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (timedelta(seconds=1), "1 s"),
        (timedelta(seconds=60), "60 s"),
        (timedelta(seconds=90), "90 s"),
        (timedelta(minutes=10), "10 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=36), "36 h"),
        (timedelta(days=7), "7 d"),
    ],
)
def test_an_interval_is_told_in_words(interval, words):
    assert str(Every(interval=interval)) == words


@pytest.mark.parametrize(
    ("hours_ago", "first"),
    [(None, NOW), (0.25, NOW + timedelta(minutes=45)), (1, NOW), (50, NOW)],
)
def test_an_interval_counts_from_the_last_success(hours_ago, first):
    job = a_job(lambda work: {}, every=timedelta(hours=1))
    last = None if hours_ago is None else NOW - timedelta(hours=hours_ago)

    assert first_run(job, last_success=last, now=NOW) == first


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (datetime(2026, 8, 3, 3, 0, 5, tzinfo=UTC), datetime(2026, 8, 4, 3, 0, tzinfo=UTC)),
        (datetime(2026, 8, 2, 3, 0, 5, tzinfo=UTC), NOW),
    ],
    ids=["done today", "missed today"],
)
def test_a_daily_time_that_was_missed_is_made_up_for(last, first):
    job = a_job(lambda work: {})._replace(timing=Daily(hour=3))

    assert first_run(job, last_success=last, now=NOW) == first
