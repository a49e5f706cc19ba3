"""How commands speak: exit codes, streams, formats."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import typer

from commands.output import (
    ExitCode,
    RefusedBySafetyError,
    as_text,
    print_json,
    print_table,
    row_progress,
    run,
)
from services.errors import CloudOptimError, InvalidInputError


def app_that(act):
    """A command line whose only command does this."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(act)
    return app


def raising(error):
    def act() -> None:
        raise error

    return app_that(act)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CloudOptimError("it broke", next_step="mend it"), 1),
        (InvalidInputError("file.csv", "bad row", next_step="mend it", line=3), 3),
        (RefusedBySafetyError("2 zones, 3 are needed", next_step="add one"), 4),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("division by zero"), 1),
        (typer.Exit(7), 7),
        (typer.BadParameter("no such thing"), 2),
        (SystemExit("words"), 1),
    ],
)
def test_each_outcome_has_its_exit_code(error, code):
    assert run(raising(error), []) == code


def test_success_is_zero(capsys):
    def act() -> None:
        print_json({"a": 1})

    assert run(app_that(act), []) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_errors_name_thing_cause_and_next_step_on_stderr(capsys):
    error = InvalidInputError("file.csv", "bad row", next_step="mend it", line=3)

    run(raising(error), [])

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: file.csv, line 3: bad row\n  next: mend it\n"


def test_no_traceback_reaches_the_user(capsys):
    run(raising(ZeroDivisionError("division by zero")), [])

    error = capsys.readouterr().err
    assert "internal error, ZeroDivisionError: division by zero" in error
    assert "Traceback" not in error


def test_wrong_usage_is_two_and_says_what_is_wrong(capsys):
    def act(number: int) -> None:
        """Never reached."""

    assert run(app_that(act), ["x"]) == ExitCode.WRONG_USAGE
    assert "Invalid value for 'number'" in capsys.readouterr().err


def test_json_writes_money_as_exact_numbers(capsys):
    print_json({"price": Decimal("0.100000"), "at": datetime(2026, 7, 20, tzinfo=UTC)})

    assert capsys.readouterr().out == (
        '{\n  "price": 0.100000,\n  "at": "2026-07-20T00:00:00Z"\n}\n'
    )


def test_a_piped_table_is_neither_folded_nor_padded(capsys):
    print_table("Title", ("name", "rows"), [("x" * 200, 1_234), ("short", 5)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Title"
    assert "x" * 200 + "  1,234" in lines
    assert lines[-1] == "short" + " " * 195 + "      5"
    assert all(line == line.rstrip() for line in lines)


def test_text_of_others_is_shown_as_it_is(capsys):
    print_table("[bold]Title", ("name",), [("[red]alert[/red]",)])

    assert "[red]alert[/red]" in capsys.readouterr().out


def test_an_empty_table_shows_its_columns(capsys):
    print_table("Nothing", ("name", "rows"), [])

    assert "name" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (1_234_567, "1,234,567"),
        (datetime(2026, 7, 20, 12, 30, tzinfo=UTC), "2026-07-20 12:30 UTC"),
        ("m5.large", "m5.large"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_values_read_as_people_write_them(value, text):
    assert as_text(value) == text


def test_no_progress_is_shown_where_nobody_watches(capsys):
    with row_progress("Importing") as tell:
        tell(10)

    assert capsys.readouterr().err == ""
