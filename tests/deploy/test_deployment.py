"""What is shipped for running it, held against the program: no container engine is needed."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = {name.upper() for name in Settings.model_fields}
NOT_OURS = {
    "PATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "AWS_ACCESS_KEY_ID",  # of boto3
    "AWS_SECRET_ACCESS_KEY",
}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def dockerfile():
    """Its instructions with their continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]


def test_compose_has_web_scheduler_and_a_database_of_version_17(compose):
    services = compose["services"]

    assert set(services) == {"web", "scheduler", "database"}
    assert re.fullmatch(r"postgres:17\.\d+-\w+", services["database"]["image"])


@pytest.mark.parametrize("name", ["web", "scheduler"])
def test_programs_run_as_nobody_special_and_can_write_nowhere_else(compose, name):
    service = compose["services"][name]

    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["depends_on"]["database"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", ["web", "scheduler"])
def test_every_variable_in_compose_is_a_setting_that_may_have_that_value(compose, name):
    given = compose["services"][name]["environment"]

    assert set(given) <= SETTINGS
    settings = Settings(**{key.lower(): value for key, value in given.items()})
    assert settings.sqlalchemy_url().startswith("postgresql+psycopg://cloudoptim")


@pytest.mark.parametrize(("name", "started"), [("web", "app.py"), ("scheduler", "scheduler")])
def test_the_commands_start_what_is_there(compose, name, started):
    command = compose["services"][name]["command"]

    assert command[0] == "python"
    assert command[-1] == started
    assert (ROOT / started).exists()


@pytest.mark.parametrize(("name", "variable"), [("web", "PORT"), ("scheduler", "METRICS_PORT")])
def test_health_is_asked_where_the_program_listens(compose, name, variable):
    service = compose["services"][name]
    test = service["healthcheck"]["test"]

    assert test[:3] == ["CMD", "python", "deploy/healthcheck.py"]
    assert test[3] == f"http://127.0.0.1:{service['environment'][variable]}/healthz"


def test_the_database_is_reached_from_this_machine_only_and_has_no_usual_password(compose):
    database = compose["services"]["database"]

    assert database["ports"] == ["127.0.0.1:5432:5432"]
    assert database["environment"]["POSTGRES_PASSWORD"].startswith("${DB_PASSWORD:?")
    assert database["user"] != "root"


def test_volumes_that_are_mounted_are_declared(compose):
    mounted = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }

    assert mounted == set(compose["volumes"])


def test_the_example_of_the_environment_names_settings_and_holds_no_secret():
    lines = (DEPLOY / "cloudoptim.env.example").read_text().splitlines()
    pairs = [line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line)]

    assert {name for name, _ in pairs} <= SETTINGS | NOT_OURS
    assert dict(pairs)["DB_PASSWORD"] == ""


def test_what_the_image_copies_is_there_and_reaches_the_builder(dockerfile):
    """.dockerignore leaves out everything that it does not name."""
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = [
        source
        for word, rest in dockerfile
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]

    assert len(copied) > 10
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_through, source


def test_the_image_holds_every_package_of_the_product_and_not_the_sandbox(dockerfile):
    copied = " ".join(rest for word, rest in dockerfile if word == "COPY")
    packages = {one.parent.name for one in ROOT.glob("*/__init__.py")}

    left_out = {"sandbox", "starter", "bench", "tests"}
    assert {one for one in packages - left_out if f" {one}" not in f" {copied}"} == set()
    assert not any(f"{one} {one}" in copied for one in left_out)


def test_the_image_is_pinned_and_does_not_run_as_root(dockerfile):
    bases = [rest.split()[0] for word, rest in dockerfile if word == "FROM"]
    users = [rest for word, rest in dockerfile if word == "USER"]

    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base) for base in bases)
    assert users == ["10001:10001"]
    assert [word for word, _ in dockerfile].index("USER") > 0


def test_the_image_installs_the_pins_of_the_product_alone(dockerfile):
    runs = " ".join(rest for word, rest in dockerfile if word == "RUN")
    pins = [
        line
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]

    assert "-r requirements.txt" in runs
    assert "requirements-dev" not in runs
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)


def test_variables_of_the_image_are_settings(dockerfile):
    names = {
        pair.split("=")[0] for word, rest in dockerfile if word == "ENV" for pair in rest.split()
    }

    assert names <= SETTINGS | NOT_OURS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_hardened_and_start_what_is_there(unit):
    service = _service_section(unit)

    assert service["NoNewPrivileges"] == service["DynamicUser"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] == "cloudoptim"
    assert (ROOT / service["ExecStart"].split()[-1]).exists()


def test_there_is_a_unit_for_each_of_the_two_programs():
    assert [unit.stem for unit in UNITS] == ["cloudoptim-scheduler", "cloudoptim-web"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_the_units(unit, tmp_path):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not on this machine")
    copy = tmp_path / unit.name
    python = "/opt/cloudoptim/.venv/bin/python"
    copy.write_text(unit.read_text().replace(python, sys.executable))

    told = subprocess.run([tool, "verify", copy], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (0, "")


def _service_section(unit):
    section = unit.read_text().split("[Service]")[1].split("[Install]")[0]
    lines = [line for line in section.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (json.dumps({"status": "ok"}).encode(), 0),
        (json.dumps({"status": "database fails"}).encode(), 1),
        (b"<!doctype html><title>Streamlit</title>", 1),
        (b"[]", 1),
    ],
)
def test_the_health_check_looks_at_the_body(body, code):
    with _Server(body) as address:
        told = _healthcheck(address)

    assert told.returncode == code
    assert bool(told.stderr) == bool(code)


def test_the_health_check_fails_where_nobody_answers():
    with _Server(b"") as address:
        pass

    told = _healthcheck(address)

    assert told.returncode == 1
    assert "refused" in told.stderr


def _healthcheck(address):
    command = [sys.executable, str(DEPLOY / "healthcheck.py"), address]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class _Server:
    """Answers every request with one body, status 200."""

    def __init__(self, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._http.server_address[1]}/healthz"

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
