"""``snapshot``: a cluster's state as a file that ``analyze`` reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.clusters import NameArgument
from commands.output import FormatOption, OutputFormat, note, print_facts, print_json
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.secrets import open_secret_box
from services.settings import load_settings
from services.workflows.browse_clusters import (
    Cluster,
    ClusterSource,
    Database,
    find_cluster,
)
from services.workflows.export_snapshot import export_snapshot


def snapshot_command(
    name: NameArgument,
    file: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The file; packed if it ends in .gz."),
    ],
    stored: Annotated[
        bool, typer.Option("--stored", help="The last known state, without reading anew.")
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Read a cluster now and write its state to a file for `analyze --dump`.

    A cluster that was opened from a dump is written as it was dumped.
    """
    with open_database() as database:
        cluster = find_cluster(database, name)
        if cluster.source is ClusterSource.API and not stored:
            _read(database, cluster)
        written = export_snapshot(database, cluster.id, file)
    if output is OutputFormat.JSON:
        print_json(written)
        return
    facts = (
        ("file", written.path),
        ("state of", written.as_of),
        ("nodes", written.nodes),
        ("pods", written.pods),
        ("instances", written.instances),
        ("bytes", written.size_bytes),
    )
    print_facts(f"Snapshot of {written.cluster}", facts)


def _read(database: Database, cluster: Cluster) -> None:
    from services.workflows.collect_state import collect_state

    settings = load_settings()
    collected = collect_state(
        database,
        cluster.id,
        secrets=open_secret_box(settings),
        settings=settings,
        actor=LOCAL_ADMIN,
        at=datetime.now(UTC),
    )
    for problem in collected.problems:
        note(f"note: {problem.check}: {problem.message}")
        note(f"  next: {problem.remedy}")
