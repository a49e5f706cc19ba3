"""Run the command line in this process, as a person would in a shell."""

from dataclasses import dataclass

import pytest

import cli
from commands.output import run


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class Terminal:
    """Takes a command's words and gives its answer."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Answer:
        """Run ``python cli.py WORDS``."""
        code = run(cli.app, [str(word) for word in words])
        captured = self._capsys.readouterr()
        return Answer(code, captured.out, captured.err)
