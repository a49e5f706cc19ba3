"""Traffic between the pods of a cluster: import and what is stored."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.options import AsOfOption
from commands.output import FormatOption, OutputFormat, note, print_facts, print_json
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.errors import NotFoundError
from services.files.source import SourceFile
from services.secrets import open_secret_box
from services.settings import load_settings
from services.workflows.browse_clusters import Database, find_cluster
from services.workflows.browse_traffic import TrafficSource, find_traffic_source
from services.workflows.import_traffic import (
    TrafficFiles,
    addresses_in,
    addresses_of,
    import_traffic,
)
from services.workflows.remote_access import RemoteOpener

traffic = typer.Typer(
    help="Traffic between the pods of a cluster, for the network optimizer.",
    epilog="Example: python cli.py traffic import flow-logs/*.log.gz --cluster prod",
    no_args_is_help=True,
)

ClusterOption = Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="Its name or id.")]


@traffic.command(
    "import", epilog="Example: python cli.py traffic import flow-logs/*.log.gz --cluster prod"
)
def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="A CSV, or flow logs; gz accepted.")
    ],
    cluster: ClusterOption,
    pods: Annotated[
        Path | None,
        typer.Option(
            help="Whose the addresses in flow logs are: what `kubectl get pods -A -o json` prints."
            " Without it the cluster's API is asked."
        ),
    ] = None,
    as_of: AsOfOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Import traffic in place of what was imported before.

    A CSV with the columns from_namespace, from_pod, to_namespace, to_pod, bytes_per_day; or VPC
    flow logs as text, in the default format or any that names its fields. Pods have addresses of
    their own only in pkt-srcaddr and pkt-dstaddr, so log these. Addresses are not stored.
    """
    now = datetime.now(UTC)
    with open_database() as database:
        found = find_cluster(database, cluster)
        addresses = (
            addresses_of(lambda: _opener(database), found)
            if pods is None
            else addresses_in(SourceFile.at(pods))
        )
        given = TrafficFiles([SourceFile.at(file) for file in files], addresses, as_of)
        report = import_traffic(database, found.id, given, actor=LOCAL_ADMIN, at=now)
    if output is OutputFormat.JSON:
        print_json(report)
        return
    facts = (
        ("from", report.record.source_name),
        ("pairs of pods", report.record.pairs),
        ("bytes a day", report.record.bytes_per_day),
        ("as of", report.record.as_of),
        ("rows read", report.rows_read),
        ("rows left out", report.rows_dropped),
        ("pods", report.pods),
        ("of them not in the cluster now", report.unknown_pods),
    )
    print_facts(f"Traffic of {found.name} is stored", facts)
    for one in report.dropped:
        note(f"left out: {one.count} x {one.reason} (first: line {one.first_line})")
    for warning in report.warnings:
        note(f"note: {warning}")
    note(f"next: python cli.py traffic show --cluster {found.name}")


def _opener(database: Database) -> RemoteOpener:
    settings = load_settings()
    return RemoteOpener(database, open_secret_box(settings), settings)


@traffic.command("show", epilog="Example: python cli.py traffic show --cluster prod")
def show(cluster: ClusterOption, output: FormatOption = OutputFormat.TABLE) -> None:
    """Show where the traffic of a cluster comes from and how old it is."""
    with open_database() as database:
        found = find_cluster(database, cluster)
        record = find_traffic_source(database, found.id)
    if record is None:
        raise NotFoundError(
            f"no traffic was imported for {found.name}",
            next_step=f"import some: python cli.py traffic import FILE --cluster {found.name}",
        )
    if output is OutputFormat.JSON:
        print_json(record)
    else:
        print_facts(f"Traffic of {found.name}", _facts(record))


def _facts(record: TrafficSource) -> tuple[tuple[str, object], ...]:
    hours = None if record.covered_seconds is None else round(record.covered_seconds / 3600, 1)
    return (
        ("from", record.source_name),
        ("pairs of pods", record.pairs),
        ("bytes a day", record.bytes_per_day),
        ("as of", record.as_of),
        ("which is", record.as_of_basis),
        ("hours covered", "not known" if hours is None else hours),
        ("imported", record.imported_at),
        ("by", record.imported_by),
    )
