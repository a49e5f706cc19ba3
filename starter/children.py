"""The processes that ``make run`` starts: their output by line, their end, their restart."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STOP_SECONDS = 8.0
"""From SIGTERM to SIGKILL: all is down within ten seconds."""

LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""Who lived that long is started again at once when it dies."""

_NAME_WIDTH = 9
_output = threading.Lock()


def say(name: str, line: str) -> None:
    """One line of output, with whose it is in front."""
    with _output:
        sys.stdout.write(f"{name:<{_NAME_WIDTH}} | {line}\n")
        sys.stdout.flush()


class Child:
    """A process that is started again when it dies, until it is stopped.

    While it is not yet ``settled``, its end is final: it could not start at all.
    """

    def __init__(self, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "starter.tied", *arguments]
        self._variables = dict(variables)
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it runs or will be started again."""
        return self._thread.is_alive()

    @property
    def pid(self) -> int | None:
        """Its process, where there is one at this moment."""
        return self._process.pid if self._process else None

    def settle(self) -> None:
        """It has started; from now on its end is an accident."""
        self._settled.set()

    def ask_to_stop(self) -> None:
        """Send the signal; ``wait_stopped`` waits for the end."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> None:
        """Wait until ``deadline`` (of time.monotonic), then kill it."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive() and self._process is not None:
            say(self.name, "does not stop: killed")
            self._process.kill()
            self._thread.join()

    def _keep_running(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            if not self._settled.is_set():
                say(self.name, f"ended with exit code {code}")
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = 1.0
            say(self.name, f"ended with exit code {code}; starts again in {pause:.0f} s")
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> int:
        """Start it, pass on its output until it ends; the exit code."""
        with subprocess.Popen(  # noqa: S603 - our own programs
            self._command,
            cwd=ROOT,
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the starter alone, which stops all in order
        ) as process:
            self._process = process
            if self._stopping.is_set():
                process.terminate()
            say(self.name, f"started (process {process.pid})")
            for line in process.stdout or ():
                say(self.name, line.decode(errors="replace").rstrip())
            return process.wait()


def stop_all(children: Sequence[Child], *, seconds: float = STOP_SECONDS) -> None:
    """Ask all at once, the last started first, and wait for them as long as ``seconds``."""
    deadline = time.monotonic() + seconds
    for child in reversed(children):
        child.ask_to_stop()
    for child in reversed(children):
        child.wait_stopped(deadline)
