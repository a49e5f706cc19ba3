"""Values that several commands take on the command line."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.files.values import parse_date_or_moment


def moment(text: str) -> datetime:
    """A date (midnight UTC) or a time with its zone; anything else is wrong usage."""
    try:
        return parse_date_or_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}") from error


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON; gz accepted.")]

OutputArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Where to write: .csv, .csv.gz, .json or .json.gz."),
]

AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        parser=moment,
        metavar="TIME",
        help="When the file was published; without it the file's own time counts.",
    ),
]

RegionsOption = Annotated[
    list[str] | None, typer.Option("--region", help="Only this region; may be repeated.")
]

TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only these instance types, as m5.large or 'm5.*'; repeatable."),
]


def chosen(values: list[str] | None) -> tuple[str, ...] | None:
    """What was chosen; None where nothing was, which means all."""
    return tuple(values) if values else None
