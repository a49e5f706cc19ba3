"""``app.py`` is found by Streamlit, starts in three ways, and guards what it serves."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

from tests.web_server import ROOT, command, free_port, running

WAYS = ["python app.py", "streamlit run app.py", "uvicorn app:app"]


def get(address: str, host: str | None = None) -> tuple[int, str, str]:
    """Status, content type and body."""
    request = urllib.request.Request(address, headers={} if host is None else {"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers["content-type"], refused.read().decode()


def test_streamlit_finds_the_app_by_reading_the_launcher():
    """Where it finds none, it would run ``pages/*.py`` directly, past every check of access."""
    found = discover_asgi_app(ROOT / "app.py")

    assert (found.is_asgi_app, found.import_string) == (True, "app:app")


def test_no_pages_folder_lies_beside_the_script_that_streamlit_runs():
    assert (ROOT / "ui" / "main.py").is_file()
    assert not (ROOT / "ui" / "pages").exists()


@pytest.mark.parametrize("way", WAYS)
def test_it_starts_and_serves_screens_and_routes_in_one_process(way, tmp_path):
    with running(way, f"sqlite:///{tmp_path / 'app.db'}") as base:
        status, _, body = get(f"{base}/readyz")
        assert (status, json.loads(body)["status"]) == (200, "ok")

        _, kind, page = get(f"{base}/")
        assert kind.startswith("text/html")
        assert "<title>Streamlit</title>" in page  # the shell; the script sets the real title

        _, kind, numbers = get(f"{base}/metrics")
        assert kind.startswith("text/plain")
        assert 'http_requests_total{area="readyz",status="200"}' in numbers

        assert get(f"{base}/", host="rebound.example")[0] == 403


def test_it_starts_from_any_folder(tmp_path):
    with running("python app.py", f"sqlite:///{tmp_path / 'app.db'}", cwd=tmp_path) as base:
        assert get(f"{base}/healthz")[0] == 200


def test_a_database_that_is_away_is_told_and_does_not_keep_the_app_from_starting(tmp_path):
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with running("python app.py", away) as base:
        status, _, body = get(f"{base}/readyz")

    assert status == 503
    assert "cannot be reached" in json.loads(body)["problem"]
    assert "DATABASE_URL" in json.loads(body)["next_step"]


@pytest.mark.parametrize(
    ("way", "more", "variables", "message"),
    [
        ("python app.py", [], {"HOST": "0.0.0.0"}, "setting HOST is wrong"),
        (
            "streamlit run app.py",
            ["--server.address", "0.0.0.0"],
            {},
            "server.address is 0.0.0.0, not loopback",
        ),
        ("uvicorn app:app", ["--host", "0.0.0.0"], {}, "uvicorn's --host is 0.0.0.0"),
    ],
)
def test_it_does_not_start_on_an_address_that_others_can_reach(way, more, variables, message):
    arguments, needed = command(way, free_port())

    ended = subprocess.run(
        [*arguments, *more],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home())} | needed | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
