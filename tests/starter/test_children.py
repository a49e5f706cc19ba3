"""Children are started again when they die, and end with the one that started them."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from starter.children import ROOT, Child, stop_all

PATIENCE_SECONDS = 20
WAITS = "import time; print('here', flush=True); time.sleep(600)"


@pytest.fixture
def script(tmp_path):
    """Writes a program; its path."""

    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def start(script):
    """Starts children that are stopped at the end."""
    started = []

    def begin(text):
        started.append(Child("test", [script(text)], dict(os.environ)))
        return started[-1]

    yield begin
    stop_all(started)


def wait_until(is_true):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def wait_for(capsys, wanted):
    """The output up to now, once it holds what is wanted."""
    seen = []

    def is_there():
        seen.append(capsys.readouterr().out)
        return wanted in "".join(seen)

    wait_until(is_there)
    return "".join(seen)


def test_its_lines_are_passed_on_with_its_name(start, capsys):
    start(WAITS)

    assert "test      | here" in wait_for(capsys, "here")


def test_one_that_ends_before_it_has_settled_is_not_started_again(start, capsys):
    child = start("import sys; sys.exit('port 1 is taken')")

    wait_until(lambda: not child.is_alive)

    told = capsys.readouterr().out
    assert "port 1 is taken" in told
    assert "ended with exit code 1" in told
    assert "starts again" not in told


def test_one_that_dies_later_is_started_again(start, capsys):
    child = start(WAITS)
    wait_for(capsys, "here")
    child.settle()
    first = child.pid

    psutil.Process(first).kill()

    assert "ended with exit code -9; starts again in 1 s" in wait_for(capsys, "here")
    assert child.pid != first


def test_one_that_does_not_hear_the_signal_is_killed(script, capsys):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS
    child = Child("test", [script(deaf)], dict(os.environ))
    wait_for(capsys, "here")

    stop_all([child], seconds=0.5)

    assert "does not stop: killed" in capsys.readouterr().out
    assert not child.is_alive


def test_a_program_ends_when_its_standard_input_does(script):
    """The pipe's other end is closed by the system when the starter is gone, however it went."""
    program = "print('here', flush=True)\nimport time; time.sleep(600)"
    command = [sys.executable, "-m", "starter.tied", script(program)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tied:
        assert tied.stdout.readline() == b"here\n"

        tied.stdin.close()

        assert tied.wait(timeout=PATIENCE_SECONDS) != 0


def test_a_program_has_its_own_arguments_and_name(script):
    program = "import sys; print(__name__, sys.argv[1:])"
    command = [sys.executable, "-m", "starter.tied", script(program), "--seed", "3"]

    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tied:
        told = tied.stdout.read()

    assert told == "__main__ ['--seed', '3']\n"
