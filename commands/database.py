"""The database: bring its schema up to date, back it up, ask how it is."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.output import FormatOption, OutputFormat, print_facts, print_json
from services.access import LOCAL_ADMIN
from services.bootstrap import connect_database, open_database
from services.settings import load_settings
from services.workflows.browse_system import Database, DatabaseStatus, check_database
from services.workflows.keep_database import back_up_database
from services.workflows.rotate_secrets import rotate_secrets

database = typer.Typer(
    help="The database that DATABASE_URL names.",
    epilog="Example: python cli.py db check",
    no_args_is_help=True,
)


@database.command("upgrade", epilog="Example: python cli.py db upgrade")
def upgrade(output: FormatOption = OutputFormat.TABLE) -> None:
    """Make the database if need be, and bring its schema to this program's version."""
    with open_database() as opened:
        _show("Database is up to date", opened, check_database(opened), output)


@database.command("check", epilog="Example: python cli.py db check --format json")
def check(output: FormatOption = OutputFormat.TABLE) -> None:
    """Ask the database how it is, without changing it."""
    with connect_database() as opened:
        _show("Database answers", opened, check_database(opened), output)


@database.command("backup", epilog="Example: python cli.py db backup cloudoptim-2026-07-20.db")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file to write.")],
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Write a consistent copy of the SQLite database while it is in use.

    PostgreSQL has its own tool for this; the message shows the command.
    """
    with connect_database() as opened:
        report = back_up_database(opened, file)
    if output is OutputFormat.JSON:
        print_json(report)
    else:
        print_facts("Backed up", (("file", report.path), ("bytes", report.size_bytes)))


@database.command("rotate-secrets", epilog="Example: python cli.py db rotate-secrets --new-key")
def rotate(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Put a new key into the key file first.")
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Seal all stored secrets anew with the newest key.

    Keys in ENCRYPTION_KEY are put there by the operator, the newest first. Old keys stay where they
    are: backups need them.
    """
    with open_database() as opened:
        rotated = rotate_secrets(
            opened,
            load_settings(),
            new_key=new_key,
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
        )
    if output is OutputFormat.JSON:
        print_json(rotated)
    else:
        facts = (
            ("clusters", rotated.clusters),
            ("customers", rotated.customers),
            ("with a new key", rotated.is_new_key),
        )
        print_facts("Sealed anew", facts)


def _show(title: str, opened: Database, status: DatabaseStatus, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json({"url": opened.safe_url, "status": status})
        return
    facts = (
        ("url", opened.safe_url),
        ("server", f"{status.dialect} {status.server_version}"),
        ("kind", status.kind),
        ("schema", status.schema_revision),
    )
    print_facts(title, facts)
