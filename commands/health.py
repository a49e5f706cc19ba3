"""``health``: is the program able to work, and how old are its data."""

from datetime import UTC, datetime

from commands.output import FormatOption, OutputFormat, note, print_json, print_table
from services.bootstrap import open_database
from services.workflows.check_health import Health, check_health


def health(output: FormatOption = OutputFormat.TABLE) -> None:
    """Check the database and the age of the data.

    The status is ok, or degraded where data are missing or stale; a database that does not answer
    is an error, with exit code 1.
    """
    with open_database() as database:
        found = check_health(database, now=datetime.now(UTC))
    if output is OutputFormat.JSON:
        print_json(found)
    else:
        _show(found)


def _show(found: Health) -> None:
    rows = [
        (one.kind, one.source, one.rows, one.as_of, "stale" if one.is_stale else "fresh")
        for one in found.data
    ]
    print_table(f"Status: {found.status}", ("data", "source", "rows", "as of", "age"), rows)
    for reason in found.reasons:
        note(f"note: {reason}")
