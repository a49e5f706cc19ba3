"""From the command ``streamlit run app.py`` to the first page drawn, on an empty database.

A client speaks Streamlit's own protocol over the websocket, as a browser does, until the script
has finished. The baseline is a script of one line, started the same way.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.harness import CLOCK, Row
from tests.web_server import ROOT, command, free_port, start

ROWS = ("cold_start",)
LIMIT_SECONDS = 5.0
TIMES = 3
WAIT_SECONDS = 60.0
ONE_LINE = "import streamlit as st; st.title('Overview')\n"


def run() -> list[Row]:
    """Start the app and the one-line script several times; medians of seconds."""
    with tempfile.TemporaryDirectory() as folder:
        one_line = Path(folder, "one_line.py")
        one_line.write_text(ONE_LINE)
        baseline = statistics.median(_first_page(one_line, folder) for _ in range(TIMES))
        value = statistics.median(_first_page(ROOT / "app.py", folder) for _ in range(TIMES))
    return [
        Row(
            name="cold_start",
            value=value,
            unit="s",
            baseline_name="one-line script",
            baseline=baseline,
            ratio=value / LIMIT_SECONDS,
            target="<= 1 of 5 s",
            met=value < LIMIT_SECONDS,
        )
    ]


def _first_page(script: Path, folder: str) -> float:
    """Seconds from starting the process until its first page is complete."""
    port = free_port()
    began = CLOCK()
    with _started(script, port, folder):
        text = _draw(port)
        taken = CLOCK() - began
    if "Overview" not in text:
        raise AssertionError("what was drawn is not the first page")
    return taken


@contextmanager
def _started(script: Path, port: int, folder: str) -> Iterator[None]:
    arguments, _ = command("streamlit run app.py", port)
    arguments = [*arguments[:2], str(script), *arguments[3:], "--server.headless", "true"]
    url = f"sqlite:///{tempfile.mkdtemp(dir=folder)}/app.db"
    process = start(arguments, {"DATABASE_URL": url}, cwd=Path(folder))
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _draw(port: int) -> str:
    """Open a session, run the script, and return the text of all that was drawn."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    request = BackMsg()
    request.rerun_script.query_string = ""
    text = ""
    with _connected(address) as socket:
        socket.send(request.SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(timeout=WAIT_SECONDS))
            text += str(message)
            if message.WhichOneof("type") == "script_finished":
                return text


@contextmanager
def _connected(address: str) -> Iterator[ClientConnection]:
    """A session, as soon as the server answers."""
    deadline = CLOCK() + WAIT_SECONDS
    while True:
        try:
            socket = connect(
                address, subprotocols=[Subprotocol("streamlit")], max_size=None, open_timeout=5
            )
        except (OSError, TimeoutError):
            if CLOCK() > deadline:
                raise
            time.sleep(0.02)
        else:
            with socket:
                yield socket
            return
