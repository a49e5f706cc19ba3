"""``scheduler run``, and ``jobs``: see what recurs, pause and resume it, run one now."""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from commands.output import (
    ExitCode,
    FormatOption,
    OutputFormat,
    note,
    print_facts,
    print_json,
    print_table,
)
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.errors import InvalidInputError
from services.settings import ROOT
from services.workflows.browse_clusters import load_clusters
from services.workflows.browse_system import Database
from services.workflows.job_control import (
    CommandStatus,
    JobCommand,
    JobRow,
    command_status,
    list_jobs,
    pause,
    resume,
    run_now,
    runs_of_command,
    scheduler_state,
)

POLL_SECONDS = 0.5

scheduler = typer.Typer(
    help="The process that runs the recurring jobs.",
    epilog="Example: python cli.py scheduler run",
    no_args_is_help=True,
)
jobs = typer.Typer(
    help="The recurring jobs: when they run, how they went, and running one now.",
    epilog="Example: python cli.py jobs run collect_state --cluster prod-eu --wait",
    no_args_is_help=True,
)

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A name that jobs list shows.")]


@scheduler.callback()
def _of_scheduler() -> None:
    """Keeps ``run`` a command of its own although it is the only one."""


@scheduler.command("run", epilog="Example: python cli.py scheduler run")
def run_scheduler() -> None:
    """Run the recurring jobs until SIGTERM or Ctrl-C; a second one stands by for the first."""
    os.chdir(ROOT)
    os.execv(sys.executable, (sys.executable, "-m", "scheduler"))  # noqa: S606 - ourselves


@jobs.command("list", epilog="Example: python cli.py jobs list --format json")
def list_all(output: FormatOption = OutputFormat.TABLE) -> None:
    """Show every job on everything that it runs on."""
    with open_database() as database:
        rows = list_jobs(database)
        state = scheduler_state(database)
    if output is OutputFormat.JSON:
        print_json({"scheduler": state, "jobs": rows})
        return
    if not state.is_running:
        note("note: no scheduler is running; start one with: python -m scheduler")
    columns = ("job", "of", "every", "last run", "result", "seconds", "next run")
    print_table("Jobs", columns, [_cells(row) for row in rows])
    for row in rows:
        if row.last_error and row.failures:
            note(f"{row.name} {row.target_name}: {row.last_error}")


@jobs.command("pause", epilog="Example: python cli.py jobs pause optimise")
def pause_job(job: JobArgument) -> None:
    """Let a job run no more by itself; a run on its way goes on."""
    _change(pause, job, "is paused")


@jobs.command("resume", epilog="Example: python cli.py jobs resume optimise")
def resume_job(job: JobArgument) -> None:
    """Let a paused job run again at its next time."""
    _change(resume, job, "runs again at its next time")


@jobs.command("run", epilog="Example: python cli.py jobs run optimise --cluster prod-eu --wait")
def run_job(
    job: JobArgument,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Only on this cluster (name or id).")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Only on this customer (id).")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Longest wait, in seconds.")
    ] = 600,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Ask the scheduler to run a job now, a paused one too.

    With --wait the exit code says how it ended: 0 done, 1 failed or still on its way.
    """
    if cluster is not None and customer is not None:
        raise typer.BadParameter("give --cluster or --customer, not both")
    with open_database() as database:
        target = customer if cluster is None else _cluster_id(database, cluster)
        command = run_now(database, job, target=target, actor=LOCAL_ADMIN, at=datetime.now(UTC))
        if not scheduler_state(database).is_running:
            note("note: no scheduler is running; one that starts will take the command up")
        status = _awaited(database, command, timeout) if wait else command_status(database, command)
        runs = runs_of_command(database, command)
    if output is OutputFormat.JSON:
        print_json({"command": status, "runs": runs})
    else:
        facts = [("command", str(status.id)), ("status", status.status), ("error", status.error)]
        print_facts(f"Job {job}", facts)
    if wait and status.status is not CommandStatus.DONE:
        raise typer.Exit(ExitCode.FAILED)


def _awaited(database: Database, command_id: int, timeout_seconds: float) -> JobCommand:
    deadline = time.monotonic() + timeout_seconds
    while True:
        status = command_status(database, command_id)
        is_open = status.status in (CommandStatus.WAITING, CommandStatus.CLAIMED)
        if not is_open or time.monotonic() > deadline:
            return status
        time.sleep(POLL_SECONDS)


def _change(act: Callable[..., None], job: str, outcome: str) -> None:
    with open_database() as database:
        act(database, job, actor=LOCAL_ADMIN, at=datetime.now(UTC))
    print_facts(f"Job {job}", (("state", outcome),))


def _cluster_id(database: Database, wanted: str) -> str:
    found = [one for one in load_clusters(database) if wanted in (one.id, one.name)]
    if len(found) != 1:
        reason = "is the name of several clusters" if found else "is not registered"
        raise InvalidInputError(
            f"cluster {wanted!r}", reason, next_step="give the id that cluster list shows"
        )
    return found[0].id


def _cells(row: JobRow) -> tuple[object, ...]:
    waits = f"waits for {row.waits_for}" if row.waits_for else row.next_run_at
    return (
        row.name,
        row.target_name or "-",
        row.every,
        row.last_started_at,
        _result(row),
        None if row.last_seconds is None else round(row.last_seconds, 1),
        "paused" if row.is_paused else waits,
    )


def _result(row: JobRow) -> str | None:
    if row.last_status is None:
        return None
    if row.progress is not None:
        return f"{row.last_status} {row.progress:.0%}"
    return f"{row.last_status} ({row.failures} in a row)" if row.failures else row.last_status
