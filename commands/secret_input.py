"""How secrets reach a command: from a file, from standard input or from the environment.

Never from the command line itself, which other users of the machine can read and shells remember.
"""

import os
import sys
from pathlib import Path

import typer

from services.errors import InvalidInputError

STANDARD_INPUT = "-"
_LONGEST_CHARACTERS = 1_000_000


def read_secret(what: str, path: str | None, variable: str) -> str | None:
    """The secret in the file (``-``: standard input), else in the variable; None: in neither."""
    if path is None:
        return os.environ.get(variable) or None
    if path == STANDARD_INPUT:
        if sys.stdin.isatty():
            return str(typer.prompt(what, hide_input=True, err=True))
        return sys.stdin.read(_LONGEST_CHARACTERS).strip()
    return read_text(what, Path(path)).strip()


def read_text(what: str, path: Path) -> str:
    """The text of a file. Raises InvalidInputError, which never shows what is in it."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise InvalidInputError(
            str(path), f"{what} cannot be read: {reason}", next_step="give the path of a text file"
        ) from None
