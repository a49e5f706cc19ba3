"""Ten people at once on the sandbox's data, in a real web app: how long their page scripts take.

Each speaks Streamlit's protocol over a websocket of its own, as a browser does: opens Overview,
Optimize or the decision stream, and then runs its page again and again, two seconds after the last
run ended. Measured is from the request until the server says that the script has finished; what a
browser then draws is not in it. The value is the 95th percentile of the ten, the baseline that of
one person alone. ``ten_sessions_burst`` is the harder case: all ten press at the same moment.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.harness import CLOCK, Row
from tests.filled_sandbox import fill
from tests.web_server import running

ROWS = ("ten_sessions", "ten_sessions_burst")
LIMIT_SECONDS = 1.0
SESSIONS = 10
RUNS = 6
PAUSE_SECONDS = 2.0
WAIT_SECONDS = 60.0
# page: what its address says, and a word that only its content holds
PAGES = {
    "": ("", "overview_clusters"),
    "optimize": ("decision=1", "optimize_pools"),
    "decision_stream": ("", "stream_decisions"),
}


class Session:
    """One person on one page."""

    def __init__(self, base: str, number: int) -> None:
        self.page = list(PAGES)[number % len(PAGES)]
        address = base.replace("http", "ws") + "/_stcore/stream"
        protocol = Subprotocol("streamlit")
        self._socket: ClientConnection = connect(address, subprotocols=[protocol], max_size=None)
        self._hash = ""
        self._phase = PAUSE_SECONDS * number / SESSIONS

    def run_script(self) -> float:
        """The seconds of one run of the page's script; AssertionError where it drew no content."""
        query, content = PAGES[self.page]
        request = BackMsg()
        request.rerun_script.query_string = query
        request.rerun_script.page_name = "" if self._hash else self.page
        request.rerun_script.page_script_hash = self._hash
        began = CLOCK()
        self._socket.send(request.SerializeToString())
        text = self._read_until_finished()
        taken = CLOCK() - began
        if content not in text or "stException" in text:
            raise AssertionError(f"page {self.page!r} did not draw {content}")
        return taken

    def come_and_go(self, runs: int = RUNS) -> list[float]:
        """Look at the page so often, with pauses; each person begins at another moment."""
        time.sleep(self._phase)
        taken = []
        for _ in range(runs):
            taken.append(self.run_script())
            time.sleep(PAUSE_SECONDS)
        return taken

    def press(self, together: threading.Barrier) -> list[float]:
        """Run the script at the same moment as the others, a few times."""
        taken = []
        for _ in range(RUNS):
            together.wait(WAIT_SECONDS)
            taken.append(self.run_script())
        return taken

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _read_until_finished(self) -> str:
        text = ""
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=WAIT_SECONDS))
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self._hash = message.navigation.page_script_hash
            if kind == "script_finished":
                return text
            if kind == "delta":
                text += str(message.delta)


def run() -> list[Row]:
    """Fill a database, start the web app on it, and let ten people in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "filled.db")
        fill(path)
        os.environ["DATABASE_KIND"] = "sandbox"
        with running("python app.py", f"sqlite:///{path}") as base:
            sessions = [Session(base, number) for number in range(SESSIONS)]
            for one in sessions:  # caches are warm from here on
                one.run_script()
            alone = _percentile_95(sessions[1].come_and_go())
            paced = _percentile_95(_all(sessions, Session.come_and_go))
            together = threading.Barrier(SESSIONS)
            burst = _percentile_95(_all(sessions, lambda one: one.press(together)))
            for one in sessions:
                one.close()
    return [_row("ten_sessions", paced, alone), _row("ten_sessions_burst", burst, alone)]


def _all(sessions: list[Session], work: Callable[[Session], list[float]]) -> list[float]:
    """What all did at the same time."""
    with ThreadPoolExecutor(len(sessions)) as threads:
        return [seconds for taken in threads.map(work, sessions) for seconds in taken]


def _percentile_95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def _row(name: str, value: float, alone: float) -> Row:
    return Row(
        name=name,
        value=value * 1000,
        unit="ms (P95)",
        baseline_name="one session alone, ms",
        baseline=alone * 1000,
        ratio=value / LIMIT_SECONDS,
        target="< 1 of 1 s",
        met=value < LIMIT_SECONDS,
    )
