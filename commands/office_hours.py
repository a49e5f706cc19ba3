"""Office hours on the command line: list, set and remove the schedules of a cluster."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from commands.output import FormatOption, OutputFormat, note, print_json, print_table
from commands.secret_input import read_text
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.errors import InvalidInputError
from services.workflows.browse_clusters import find_cluster
from services.workflows.browse_office_hours import Outlook, load_schedules, outlook
from services.workflows.office_hours import remove_schedule, save_schedule

STANDARD_INPUT = Path("-")

office_hours = typer.Typer(
    help="Office hours: when the environments of a cluster sleep.",
    epilog="Example: python cli.py office-hours list prod",
    no_args_is_help=True,
)

ClusterArgument = Annotated[str, typer.Argument(metavar="CLUSTER")]


@office_hours.command("list", epilog="Example: python cli.py office-hours list prod --format json")
def list_hours(cluster: ClusterArgument, output: FormatOption = OutputFormat.TABLE) -> None:
    """List the schedules of a cluster with their next changes, in UTC."""
    now = datetime.now(UTC)
    with open_database() as database:
        found = find_cluster(database, cluster)
        records = load_schedules(database, found.id)
    outlooks = [outlook(one, now) for one in records]
    if output is OutputFormat.JSON:
        lines = [
            {"schedule": record.schedule, "changed_at": record.changed_at, "outlook": one}
            for record, one in zip(records, outlooks, strict=True)
        ]
        print_json({"cluster": found.name, "office_hours": lines})
        return
    columns = ("environment", "now", "next sleep", "next wake", "asleep h/week", "time zone")
    print_table(f"Office hours of {found.name}", columns, [_row(one) for one in outlooks])


@office_hours.command("set", epilog="Example: python cli.py office-hours set prod dev.json")
def set_hours(
    cluster: ClusterArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="One schedule as JSON; - for standard input.")
    ],
) -> None:
    """Store the schedule of an environment, in place of the one that it had."""
    schedule = _read(file)
    with open_database() as database:
        found = find_cluster(database, cluster)
        is_changed = save_schedule(
            database, found.id, schedule, actor=LOCAL_ADMIN, at=datetime.now(UTC)
        )
    done = "stored" if is_changed else "unchanged:"
    note(f"{done} the office hours of {schedule['environment']} of {found.name}")


@office_hours.command("remove", epilog="Example: python cli.py office-hours remove prod dev")
def remove_hours(
    cluster: ClusterArgument, environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT")]
) -> None:
    """Take the schedule of an environment away: nothing of it sleeps any more."""
    with open_database() as database:
        found = find_cluster(database, cluster)
        remove_schedule(database, found.id, environment, actor=LOCAL_ADMIN, at=datetime.now(UTC))
    note(f"removed the office hours of {environment} of {found.name}")


def _read(file: Path) -> dict[str, Any]:
    """The one object that the file holds."""
    is_standard_input = file == STANDARD_INPUT
    name = "standard input" if is_standard_input else str(file)
    text = sys.stdin.read() if is_standard_input else read_text("schedule", file)
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:  # a ValidationError is one, too
        raise InvalidInputError(
            name,
            f"is no JSON object: {error}",
            next_step='write one schedule, as {"environment": "dev", "timezone": "UTC", ...}',
        ) from error


def _row(one: Outlook) -> tuple[object, ...]:
    now = "in office hours" if one.is_open else "outside"
    return (
        one.environment,
        f"stays awake: {one.problem}" if one.problem else now,
        one.next_sleep,
        one.next_wake,
        round(one.hours_asleep_in_week, 1),
        one.timezone,
    )
