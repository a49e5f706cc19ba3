"""The terminal's door: ``python cli.py --help`` shows the commands."""

import logging
import os
import sys

import structlog
import typer

from commands import market
from commands.clusters import clusters
from commands.customers import customers
from commands.database import database
from commands.decide import analyze_command, decide_command, decision, decisions, schema_command
from commands.health import health
from commands.office_hours import office_hours
from commands.output import run
from commands.scheduler import jobs, scheduler
from commands.snapshot import snapshot_command
from commands.traffic import traffic

app = typer.Typer(
    help="CloudOptim cuts the AWS bill of Kubernetes clusters from outside, with proof.",
    epilog="Example: python cli.py prices import spot-prices.csv.gz",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(
    "analyze",
    epilog="Example: python cli.py analyze --dump cluster.json --prices spot.csv.gz "
    "--on-demand on-demand.csv --advisor spot-advisor-data.json",
)(analyze_command)
app.command("decide", epilog="Example: python cli.py decide spot_optimize < request.json")(
    decide_command
)
app.command("schema", epilog="Example: python cli.py schema spot_optimize")(schema_command)
app.add_typer(clusters, name="cluster")
app.add_typer(customers, name="customer")
app.command("snapshot", epilog="Example: python cli.py snapshot prod -o prod.json.gz")(
    snapshot_command
)
app.add_typer(office_hours, name="office-hours")
app.add_typer(decisions, name="decisions")
app.add_typer(decision, name="decision")
app.add_typer(market.prices, name="prices")
app.add_typer(market.advisor, name="advisor")
app.add_typer(market.on_demand, name="on-demand")
app.add_typer(market.instance_types, name="instance-types")
app.add_typer(traffic, name="traffic")
app.add_typer(database, name="db")
app.add_typer(scheduler, name="scheduler")
app.add_typer(jobs, name="jobs")
app.command("health", epilog="Example: python cli.py health --format json")(health)


def keep_stdout_for_results() -> None:
    """Send what native libraries print to stderr, so that stdout holds results and nothing else.

    (HiGHS prints a line when it repairs a rounded answer, and no option of it stops that.)
    """
    results = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = os.fdopen(results, "w", encoding=sys.stdout.encoding)


def log_to_stderr() -> None:
    """Warnings only, and never among the results: a command speaks by its own messages."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    keep_stdout_for_results()
    log_to_stderr()
    sys.exit(run(app))
