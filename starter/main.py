"""Starts sandbox, scheduler and web app, says where to look, and stops all of it in order."""

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.bootstrap import open_database
from services.errors import CloudOptimError
from services.secrets import open_secret_box
from services.settings import load_settings
from starter.children import ROOT, Child, say, stop_all
from starter.plan import Options, Plan, make_plan
from starter.registration import Connection, register_sandbox
from starter.traffic import import_sandbox_traffic

START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 2.0
_NAME = "make run"


class StartError(Exception):
    """A part did not start; the message says which, and what to do."""


def main() -> int:
    """Bring it up and keep it up until SIGINT or SIGTERM; 1: it did not start."""
    options = _options()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    children: list[Child] = []
    try:
        plan = make_plan(load_settings(), options)
        _check_ports(plan, options)
        _start_all(children, plan, options, stopping)
        stopping.wait()
    except (CloudOptimError, StartError) as error:
        if not stopping.is_set():
            sys.stderr.write(f"CloudOptim did not start: {error}\n")
            return 1
    finally:
        if children:
            say(_NAME, "stopping")
            stop_all(children)
            say(_NAME, "stopped")
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument(
        "--var", type=Path, default=ROOT / "var", help="folder of the sandbox's files"
    )
    parser.add_argument(
        "--no-sandbox", action="store_true", help="your own database, with or without clusters"
    )
    parser.add_argument("--seed", type=int, default=1, help="which pretend world (default 1)")
    parser.add_argument("--aws-port", type=int, default=5566, help="of the pretend AWS")
    parser.add_argument("--kube-port", type=int, default=5567, help="of the pretend Kubernetes")
    asked = parser.parse_args()
    return Options(
        var=asked.var.resolve(),
        may_have_sandbox=not asked.no_sandbox,
        seed=asked.seed,
        aws_port=asked.aws_port,
        kube_port=asked.kube_port,
    )


def _check_ports(plan: Plan, options: Options) -> None:
    """Raise StartError for the first port that somebody else uses."""
    wanted = [
        (plan.settings.host, plan.settings.port, "set PORT to another one"),
        ("127.0.0.1", plan.settings.metrics_port, "set METRICS_PORT to another one"),
    ]
    if plan.connection_file is not None:
        wanted.append(("127.0.0.1", options.aws_port, "choose another with --aws-port"))
        wanted.append(("127.0.0.1", options.kube_port, "choose another with --kube-port"))
    for host, port, next_step in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            raise StartError(
                f"port {port} of {host} cannot be used ({error.strerror}); "
                f"stop what listens there, or {next_step}"
            ) from error


def _start_all(
    children: list[Child], plan: Plan, options: Options, stopping: threading.Event
) -> None:
    """The sandbox first, since it has to be registered; then the others, which know it by then."""
    began = time.monotonic()
    variables = {**os.environ, **plan.changes, "PYTHONUNBUFFERED": "1"}
    if plan.connection_file is None:
        say(_NAME, f"no sandbox: {plan.reason}")
        open_database(plan.settings).close()
    else:
        say(_NAME, f"starting a sandbox: {plan.reason}")
        connection = _start_sandbox(children, plan.connection_file, options, stopping)
        variables["SPOT_ADVISOR_URL"] = connection["spot_advisor_url"]
        variables["PRICE_LIST_URL"] = connection["price_list_url"]
        with open_database(plan.settings) as database:
            secrets = open_secret_box(plan.settings)
            now = datetime.now(UTC)
            cluster = register_sandbox(database, connection, secrets=secrets, at=now)
            import_sandbox_traffic(database, connection, cluster, at=now)
    settings = plan.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}"
    scheduler_address = f"http://127.0.0.1:{settings.metrics_port}"
    scheduler = _start(children, "scheduler", ["-m", "scheduler"], variables)
    web = _start(children, "web", ["app.py"], variables)
    _wait(scheduler, lambda: _is_healthy(f"{scheduler_address}/healthz"), stopping)
    _wait(web, lambda: _is_healthy(f"{address}/healthz"), stopping)
    _tell_ready(address, plan, time.monotonic() - began)


def _start_sandbox(
    children: list[Child], connection_file: Path, options: Options, stopping: threading.Event
) -> Connection:
    """The pretend world; how to connect to it."""
    connection_file.parent.mkdir(parents=True, exist_ok=True)
    connection_file.unlink(missing_ok=True)
    arguments = ["-m", "sandbox", "--connection", str(connection_file)]
    arguments += ["--seed", str(options.seed)]
    arguments += ["--aws-port", str(options.aws_port), "--kube-port", str(options.kube_port)]
    sandbox = _start(children, "sandbox", arguments, {**os.environ, "PYTHONUNBUFFERED": "1"})
    _wait(sandbox, connection_file.exists, stopping)
    found: Connection = json.loads(connection_file.read_text())
    return found


def _start(
    children: list[Child], name: str, arguments: Sequence[str], variables: Mapping[str, str]
) -> Child:
    child = Child(name, arguments, variables)
    children.append(child)
    return child


def _wait(child: Child, is_ready: Callable[[], bool], stopping: threading.Event) -> None:
    """Until it is ready; StartError where it ends or takes too long, or all shall stop."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if not child.is_alive:
            raise StartError(f"the {child.name} ended; its last lines above say why")
        if time.monotonic() > deadline:
            raise StartError(f"the {child.name} did not answer within {START_SECONDS:.0f} s")
        if stopping.wait(_POLL_SECONDS):
            raise StartError("interrupted")
    child.settle()


def _is_healthy(url: str) -> bool:
    """Whether it says so itself: of a Streamlit app any path answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - ours
            return bool(json.load(answer).get("status") == "ok")
    except (OSError, ValueError):
        return False


def _tell_ready(address: str, plan: Plan, seconds: float) -> None:
    say(_NAME, f"ready after {seconds:.1f} s: open {address}")
    if plan.connection_file is not None:
        say(_NAME, "cluster, account and prices are pretended, and marked as sandbox;")
        say(_NAME, f"how to reach them: {plan.connection_file}, what is there: docs/sandbox.md")
    say(_NAME, "Ctrl-C stops everything")
