"""The real ``python cli.py`` in a process of its own: each exit code, each command's help."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cli
from tests.services.files.market_texts import SPOT_CSV

ROOT = Path(cli.__file__).resolve().parent


def start(arguments, database, **options):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "DATABASE_URL": f"sqlite:///{database}",
            "DATABASE_KIND": "real",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def shell(tmp_path):
    def run(*arguments):
        process = start(arguments, tmp_path / "cli.db")
        stdout, stderr = process.communicate(timeout=60)
        return process.returncode, stdout, stderr

    return run


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(SPOT_CSV)
    return path


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("prices",), ("prices", "import"), ("prices", "coverage"), ("prices", "export"),
        ("advisor",), ("advisor", "import"), ("advisor", "export"),
        ("on-demand",), ("on-demand", "import"), ("on-demand", "export"),
        ("instance-types",), ("instance-types", "import"), ("instance-types", "export"),
        ("db",), ("db", "upgrade"), ("db", "check"), ("db", "backup"),
        ("health",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_help_on_every_level_shows_an_example(terminal, words):
    answer = terminal(*words, "--help")

    assert answer.code == 0
    example = answer.stdout.split("Example:")[1].split()
    assert example[:2] == ["python", "cli.py"]
    assert tuple(example[2 : 2 + len(words)]) == words


def test_results_go_to_stdout_and_nothing_else_does(shell, prices):
    code, stdout, stderr = shell("prices", "import", prices, "--format", "json")

    assert code == 0
    assert json.loads(stdout)["rows_new"] == 4
    assert stderr == ""


def test_every_command_works_in_a_process_of_its_own(shell, prices, tmp_path):
    answers = [
        shell("db", "upgrade"),
        shell("prices", "import", prices),
        shell("prices", "coverage"),
        shell("prices", "export", tmp_path / "out.csv"),
        shell("health"),
        shell("db", "check"),
        shell("db", "backup", tmp_path / "copy.db"),
    ]

    assert [code for code, _, _ in answers] == [0] * 7
    assert all(stdout for _, stdout, _ in answers)


def test_bad_input_is_3_with_the_line(shell, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(SPOT_CSV.replace("0.0360", "-5"))

    code, stdout, stderr = shell("prices", "import", path)

    assert (code, stdout) == (3, "")
    assert f"{path}, line 3: spot_price '-5' is negative" in stderr


def test_wrong_usage_is_2(shell):
    assert shell("prices", "import")[0] == 2
    assert shell("no-such-command")[0] == 2


def test_failure_is_1(shell, tmp_path):
    code, _, stderr = shell("prices", "coverage", "--region", "eu-west-1")

    assert code == 1
    assert "Traceback" not in stderr


def test_interruption_is_130_and_stores_nothing(shell, tmp_path):
    """The file is a pipe that never ends, so the import waits until it is interrupted."""
    pipe = tmp_path / "endless.csv"
    os.mkfifo(pipe)
    process = start(("prices", "import", pipe), tmp_path / "cli.db")
    with pipe.open("w"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_a_reader_that_went_away_is_no_traceback(tmp_path, prices):
    process = start(("prices", "coverage", "--help"), tmp_path / "cli.db")
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)

    assert "Traceback" not in stderr
