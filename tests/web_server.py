"""Starts the web app as a person would, on a free port and a database of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(way: str, port: int) -> tuple[list[str], dict[str, str]]:
    """How to start the app in one of the three ways, and what goes into its environment."""
    tools = Path(sys.executable).parent
    match way:
        case "python app.py":
            return [sys.executable, str(ROOT / "app.py")], {"PORT": str(port)}
        case "streamlit run app.py":
            run = [str(tools / "streamlit"), "run", str(ROOT / "app.py")]
            return [*run, "--server.port", str(port)], {}
        case "uvicorn app:app":
            return [str(tools / "uvicorn"), "app:app", "--port", str(port)], {}
        case _:
            raise ValueError(f"{way!r} is no way to start the app")


@contextmanager
def running(
    way: str, database_url: str, *, cwd: Path = ROOT, log: Path | None = None
) -> Iterator[str]:
    """The base address of a running app; it is stopped at the end."""
    port = free_port()
    arguments, variables = command(way, port)
    process = start(arguments, variables | {"DATABASE_URL": database_url}, cwd=cwd, log=log)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(process, base)
        yield base
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def start(
    arguments: Sequence[str], variables: Mapping[str, str], *, cwd: Path, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process whose output goes to ``log``, or nowhere."""
    environment = dict(os.environ) | {"LOG_LEVEL": "WARNING"} | dict(variables)
    output = subprocess.DEVNULL if log is None else log.open("wb")
    try:
        return subprocess.Popen(
            arguments, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    finally:
        if not isinstance(output, int):
            output.close()


def wait_until_healthy(process: subprocess.Popen[bytes], base: str) -> None:
    """Return when ``/healthz`` answers; fail when the process ends or time runs out."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the app ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=2) as answer:
                if b'"status"' in answer.read():
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError(f"the app did not answer within {START_SECONDS} s")
