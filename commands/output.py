"""How every command speaks: results to stdout, messages to stderr, and what its exit code says."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from io import StringIO
from typing import Annotated, Any

import msgspec
import typer

from services.errors import CloudOptimError, InvalidInputError

PIPED_WIDTH = 1_000  # a table that goes to a file or a pipe is not folded to a terminal's width


class ExitCode(IntEnum):
    """What the terminal is told; the same for every command."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    BAD_INPUT = 3
    REFUSED_BY_SAFETY = 4
    INTERRUPTED = 130


class OutputFormat(StrEnum):
    """``table`` for people, ``json`` for programs."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[
    OutputFormat, typer.Option("--format", help="table for people, json for programs.")
]


class RefusedBySafetyError(CloudOptimError):
    """What was asked for breaks a safety limit; the message names it."""


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. No traceback gets out of here."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="cli.py")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        note("interrupted")
        return ExitCode.INTERRUPTED
    except RefusedBySafetyError as error:
        return _failed(error, ExitCode.REFUSED_BY_SAFETY)
    except InvalidInputError as error:
        return _failed(error, ExitCode.BAD_INPUT)
    except CloudOptimError as error:
        return _failed(error, ExitCode.FAILED)
    except Exception as error:  # noqa: BLE001 - the last door: a person gets a sentence, no trace
        note(f"error: internal error, {type(error).__name__}: {error}")
        note("  please report it with the command that you ran")
        return ExitCode.FAILED
    return ExitCode.DONE


def note(text: str) -> None:
    """A message for the person, on stderr, so that it never mixes with a result."""
    typer.echo(text, err=True)


def print_json(document: Any) -> None:
    """A result for programs: JSON, money as numbers, times in ISO 8601."""
    encoder = msgspec.json.Encoder(decimal_format="number")
    typer.echo(msgspec.json.format(encoder.encode(document), indent=2).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A result for people. Numbers stand to the right; text of others is shown as it is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(columns):
        is_number = bool(rows) and all(_is_number(row[number]) for row in rows)
        table.add_column(name, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(Text(as_text(cell)) for cell in row))
    if sys.stdout.isatty():
        Console().print(table)
        return
    whole = Console(file=StringIO(), width=PIPED_WIDTH)
    with whole.capture() as captured:
        whole.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_facts(title: str, facts: Sequence[tuple[str, object]]) -> None:
    """One thing for people: a name and a value a line."""
    print_table(title, ("", ""), facts)


def as_text(value: object) -> str:
    """A value as a person reads it: ``-`` for nothing known, times in UTC to the minute."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, int) and not isinstance(value, IntEnum):
        return f"{value:,}"
    return str(value)


@contextmanager
def row_progress(label: str) -> Iterator[Callable[[int], None]]:
    """A line on stderr that counts rows while the block runs; none where nobody watches."""
    if not sys.stderr.isatty():
        yield _say_nothing
        return
    from rich.console import Console
    from rich.status import Status

    with Status(label, console=Console(stderr=True)) as status:
        yield lambda rows: status.update(f"{label}: {rows:,} rows")


def _say_nothing(rows: int) -> None:
    """Nobody watches, so nothing is told."""


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def _failed(error: CloudOptimError, code: ExitCode) -> ExitCode:
    note(f"error: {error.problem}")
    note(f"  next: {error.next_step}")
    return code
