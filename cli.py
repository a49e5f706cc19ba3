"""The terminal's door: ``python cli.py --help`` shows the commands."""

import sys

import typer

from commands import market
from commands.database import database
from commands.decide import analyze_command, decide_command, decision, decisions, schema_command
from commands.health import health
from commands.output import run

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
app.add_typer(decisions, name="decisions")
app.add_typer(decision, name="decision")
app.add_typer(market.prices, name="prices")
app.add_typer(market.advisor, name="advisor")
app.add_typer(market.on_demand, name="on-demand")
app.add_typer(market.instance_types, name="instance-types")
app.add_typer(database, name="db")
app.command("health", epilog="Example: python cli.py health --format json")(health)

if __name__ == "__main__":
    sys.exit(run(app))
