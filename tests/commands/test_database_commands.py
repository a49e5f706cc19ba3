"""db and health on the command line."""

import json

from tests.services.files.market_texts import advisor_json


def test_upgrade_makes_the_database_and_check_finds_it(terminal):
    made = terminal("db", "upgrade", "--format", "json")
    found = terminal("db", "check", "--format", "json")

    assert (made.code, found.code) == (0, 0)
    status = json.loads(found.stdout)["status"]
    assert (status["dialect"], status["kind"]) == ("sqlite", "real")
    assert status["schema_revision"] == json.loads(made.stdout)["status"]["schema_revision"]


def test_check_makes_nothing(terminal, tmp_path):
    answer = terminal("db", "check")

    assert answer.code == 1
    assert "next:" in answer.stderr


def test_upgrade_for_people_names_server_and_schema(terminal):
    answer = terminal("db", "upgrade")

    assert "Database is up to date" in answer.stdout
    assert "sqlite 3." in answer.stdout


def test_a_backup_is_written_once(terminal, tmp_path):
    terminal("db", "upgrade")
    path = tmp_path / "copy.db"

    first = terminal("db", "backup", path, "--format", "json")
    again = terminal("db", "backup", path)

    assert first.code == 0
    assert json.loads(first.stdout) == {"path": str(path), "size_bytes": path.stat().st_size}
    assert again.code == 1
    assert "exists already" in again.stderr


def test_a_wrong_setting_is_exit_code_1_and_named(terminal, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://localhost/x")

    answer = terminal("db", "check")

    assert answer.code == 1
    assert "mysql" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_database_that_cannot_be_reached_is_exit_code_1(terminal, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:9/none")

    answer = terminal("health")

    assert answer.code == 1
    assert "secret" not in answer.stderr
    assert "next:" in answer.stderr


def test_health_tells_what_is_missing(terminal):
    answer = terminal("health", "--format", "json")

    assert answer.code == 0
    assert json.loads(answer.stdout)["status"] == "degraded"
    assert (
        "nothing is stored of spot prices; fetch or import it"
        in json.loads(answer.stdout)["reasons"]
    )


def test_health_for_people_shows_the_age_of_each_source(terminal, tmp_path):
    path = tmp_path / "advisor.json"
    path.write_text(advisor_json())
    terminal("advisor", "import", path, "--as-of", "2020-01-01")

    answer = terminal("health")

    assert answer.code == 0
    assert answer.stdout.startswith("Status: degraded")
    assert "2020-01-01 00:00 UTC" in answer.stdout
    assert "stale" in answer.stdout
    assert "note: nothing is stored of spot prices" in answer.stderr
