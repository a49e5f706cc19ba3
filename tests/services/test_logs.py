"""Logs go where the settings say, as one JSON object a line when machines read them."""

import json
import logging

import pytest
import structlog

from services.logs import configure_logs
from services.settings import Settings


@pytest.fixture(autouse=True)
def _restore_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_our_lines_and_those_of_libraries_become_json_objects(tmp_path):
    target = tmp_path / "logs" / "app.log"
    configure_logs(Settings(log_format="json", log_file=str(target), log_level="INFO"))

    structlog.get_logger("cloudoptim").info("plan approved", cluster="prod", plan_id="p1")
    logging.getLogger("library").warning("slow answer")
    logging.getLogger("library").debug("not wanted")

    ours, theirs = [json.loads(line) for line in target.read_text().splitlines()]
    assert (ours["event"], ours["cluster"], ours["plan_id"]) == ("plan approved", "prod", "p1")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "slow answer",
        "warning",
        "library",
    )
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_values_of_variables(tmp_path, log_format):
    target = tmp_path / "app.log"
    configure_logs(Settings(log_format=log_format, log_file=str(target)))

    def fail(token):
        raise ValueError("the call failed")

    try:
        fail("a-token-" + "that-is-secret")
    except ValueError:
        structlog.get_logger("cloudoptim").exception("it failed")

    written = target.read_text()
    assert "the call failed" in written
    assert "Traceback" in written
    assert "a-token-that-is-secret" not in written
