"""Office hours on the command line."""

import io
import json
import sys
from datetime import UTC, datetime

import pytest

from db.session import Database
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.workflows.open_cluster import open_cluster
from tests.builders import a_document, a_node

AT = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
DEV = {
    "environment": "dev",
    "timezone": "Europe/Berlin",
    "office_hours": {"weekdays": {"start": "08:00", "end": "18:00"}},
}


@pytest.fixture(autouse=True)
def cluster(terminal):
    with open_database() as database:
        assert isinstance(database, Database)
        open_cluster(database, name="shop", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=AT)


@pytest.fixture
def dev_file(tmp_path):
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(DEV))
    return path


def listed(terminal):
    return json.loads(terminal("office-hours", "list", "shop", "--format", "json").stdout)


def test_a_schedule_is_set_from_a_file_and_listed(terminal, dev_file):
    answer = terminal("office-hours", "set", "shop", dev_file)

    assert (answer.code, answer.stdout) == (0, "")
    assert "stored the office hours of dev of shop" in answer.stderr
    (line,) = listed(terminal)["office_hours"]
    assert line["schedule"] == DEV
    assert line["outlook"]["hours_asleep_in_week"] == pytest.approx(118)
    assert "Europe/Berlin" in terminal("office-hours", "list", "shop").stdout


def test_a_schedule_is_set_from_standard_input(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(DEV)))

    answer = terminal("office-hours", "set", "shop", "-")

    assert answer.code == 0
    assert listed(terminal)["office_hours"][0]["schedule"] == DEV


def test_the_same_schedule_again_is_told(terminal, dev_file):
    terminal("office-hours", "set", "shop", dev_file)

    assert "unchanged" in terminal("office-hours", "set", "shop", dev_file).stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1]", "is no JSON object"),
        ("{", "is no JSON object"),
        (json.dumps({**DEV, "timezone": "Mars/Base"}), "timezone 'Mars/Base' is not in the tz"),
    ],
)
def test_what_is_not_understood_is_refused_and_not_stored(terminal, tmp_path, text, sentence):
    path = tmp_path / "bad.json"
    path.write_text(text)

    answer = terminal("office-hours", "set", "shop", path)

    assert answer.code == 3
    assert sentence in answer.stderr
    assert listed(terminal)["office_hours"] == []


def test_a_schedule_is_removed(terminal, dev_file):
    terminal("office-hours", "set", "shop", dev_file)

    answer = terminal("office-hours", "remove", "shop", "dev")

    assert answer.code == 0
    assert listed(terminal)["office_hours"] == []


def test_removing_what_is_not_there_fails_with_the_next_step(terminal):
    answer = terminal("office-hours", "remove", "shop", "dev")

    assert answer.code == 1
    assert "add a schedule first" in answer.stderr
