"""Removals name what goes: its name is given once more, as an option or on the terminal."""

import sys

import typer


def confirmed_name(name: str, yes: str | None) -> str:
    """What was given with ``--yes``, else what a person types; without a terminal it is refused."""
    if yes is not None:
        return yes
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"give --yes {name} to confirm")
    return str(typer.prompt(f"Type {name} to remove it", err=True))
