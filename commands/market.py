"""Market data: fetching, import, coverage and export of prices, Spot Advisor and instance types."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.fetch import fetch_advisor, fetch_on_demand_prices, fetch_prices, fetch_types
from commands.options import (
    AsOfOption,
    FileArgument,
    OutputArgument,
    RegionsOption,
    TypesOption,
    chosen,
    moment,
)
from commands.output import (
    FormatOption,
    OutputFormat,
    note,
    print_facts,
    print_json,
    print_table,
    row_progress,
)
from services.bootstrap import open_database
from services.files.recognise import MarketKind
from services.files.source import SourceFile
from services.workflows.browse_market import RegionSpan, load_price_spans
from services.workflows.export_market_data import ExportFilter, export_market_data
from services.workflows.import_market_data import ImportReport, import_market_data
from services.workflows.market_coverage import (
    CoverageQuery,
    DayStatus,
    MarketCoverage,
    load_market_coverage,
)

MOST_REGIONS_NAMED = 6
DAY_MARKS = {
    DayStatus.PRESENT: "#",
    DayStatus.PARTIAL: "+",
    DayStatus.MISSING: ".",
    DayStatus.UNFILLABLE: "x",
}


def _group(text: str, example: str) -> typer.Typer:
    return typer.Typer(help=text, epilog=f"Example: {example}", no_args_is_help=True)


prices = _group("Spot price history.", "python cli.py prices import spot-prices.csv.gz")
advisor = _group(
    "Spot Advisor's interruption rates.", "python cli.py advisor import spot-advisor-data.json"
)
on_demand = _group("On-demand list prices.", "python cli.py on-demand import on-demand.csv")
instance_types = _group(
    "What instance types offer.", "python cli.py instance-types import describe-instance-types.json"
)


prices.command("fetch", epilog="Example: python cli.py prices fetch --region us-east-1 --days 7")(
    fetch_prices
)
advisor.command("fetch", epilog="Example: python cli.py advisor fetch")(fetch_advisor)
on_demand.command("fetch", epilog="Example: python cli.py on-demand fetch --region us-east-1")(
    fetch_on_demand_prices
)
instance_types.command(
    "fetch", epilog="Example: python cli.py instance-types fetch --region us-east-1"
)(fetch_types)


@prices.command(
    "import", epilog="Example: python cli.py prices import us-east-1.csv.gz --format json"
)
def import_prices(file: FileArgument, output: FormatOption = OutputFormat.TABLE) -> None:
    """Import Spot prices: a CSV, or what `aws ec2 describe-spot-price-history` prints.

    CSV columns: instance_type, availability_zone (az), region, product_description (product),
    spot_price (price), timestamp. The whole file is taken or nothing of it; importing it again
    changes nothing.
    """
    _import(MarketKind.SPOT_PRICES, file, None, output)


@advisor.command(
    "import",
    epilog="Example: python cli.py advisor import spot-advisor-data.json --as-of 2026-07-20",
)
def import_advisor(
    file: FileArgument, as_of: AsOfOption = None, output: FormatOption = OutputFormat.TABLE
) -> None:
    """Import Spot Advisor: AWS's spot-advisor-data.json, or a CSV of its rates.

    A changed shape or an empty file is refused, and the last good data stay.
    """
    _import(MarketKind.SPOT_ADVISOR, file, as_of, output)


@on_demand.command("import", epilog="Example: python cli.py on-demand import on-demand.csv")
def import_on_demand(file: FileArgument, output: FormatOption = OutputFormat.TABLE) -> None:
    """Import on-demand prices.

    CSV columns: region, instance_type, operating_system (os), hourly_price (price),
    effective_date (date), and optionally currency: only US dollars become prices. Or AWS's own
    price list of EC2 for a region (index.csv), of which the prices of nodes are taken.
    """
    _import(MarketKind.ON_DEMAND_PRICES, file, None, output)


@instance_types.command(
    "import", epilog="Example: python cli.py instance-types import describe-instance-types.json"
)
def import_instance_types(
    file: FileArgument, as_of: AsOfOption = None, output: FormatOption = OutputFormat.TABLE
) -> None:
    """Import instance types: a CSV, or what `aws ec2 describe-instance-types` prints."""
    _import(MarketKind.INSTANCE_TYPES, file, as_of, output)


@prices.command(
    "coverage",
    epilog="Example: python cli.py prices coverage --region us-east-1 --type 'm5.*' "
    "--from 2026-07-01 --to 2026-07-14",
)
def coverage(
    region: Annotated[
        str | None, typer.Option(help="The region; without it, what is stored of each.")
    ] = None,
    types: TypesOption = None,
    product: Annotated[str, typer.Option(help="The product description.")] = "Linux/UNIX",
    first: Annotated[
        datetime | None,
        typer.Option("--from", parser=moment, metavar="DAY", help="First day, UTC."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", parser=moment, metavar="DAY", help="Last day, UTC.")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show which days of Spot prices are known, per instance type.

    In the table a day is # present, + partial, . missing, or x missing and older than the 90 days
    that AWS keeps. Without days: the last 15.
    """
    now = datetime.now(UTC)
    with open_database() as database:
        if region is None:
            _show_spans(load_price_spans(database), output)
            return
        query = CoverageQuery(
            region=region,
            product=product,
            instance_types=chosen(types),
            first_day=first.date() if first else None,
            last_day=last.date() if last else None,
        )
        _show_coverage(load_market_coverage(database, query, now=now), output)


SinceOption = Annotated[
    datetime | None,
    typer.Option("--since", parser=moment, metavar="TIME", help="From this time on."),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option("--until", parser=moment, metavar="TIME", help="Up to this time."),
]


@prices.command(
    "export",
    epilog="Example: python cli.py prices export m5.csv.gz --region us-east-1 --type 'm5.*'",
)
def export_prices(
    file: OutputArgument,
    regions: RegionsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Write stored Spot prices to a file that can be imported again."""
    wanted = ExportFilter(
        regions=chosen(regions), instance_types=chosen(types), since=since, until=until
    )
    _export(MarketKind.SPOT_PRICES, file, wanted, output)


@advisor.command("export", epilog="Example: python cli.py advisor export advisor.csv")
def export_advisor(
    file: OutputArgument,
    regions: RegionsOption = None,
    types: TypesOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Write the newest Spot Advisor rates to a file."""
    wanted = ExportFilter(regions=chosen(regions), instance_types=chosen(types))
    _export(MarketKind.SPOT_ADVISOR, file, wanted, output)


@on_demand.command("export", epilog="Example: python cli.py on-demand export on-demand.csv")
def export_on_demand(
    file: OutputArgument,
    regions: RegionsOption = None,
    types: TypesOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Write the newest on-demand prices to a file."""
    wanted = ExportFilter(regions=chosen(regions), instance_types=chosen(types))
    _export(MarketKind.ON_DEMAND_PRICES, file, wanted, output)


@instance_types.command(
    "export", epilog="Example: python cli.py instance-types export types.csv --type 'm5.*'"
)
def export_instance_types(
    file: OutputArgument, types: TypesOption = None, output: FormatOption = OutputFormat.TABLE
) -> None:
    """Write the stored instance types to a file."""
    _export(MarketKind.INSTANCE_TYPES, file, ExportFilter(instance_types=chosen(types)), output)


def _import(kind: MarketKind, file: Path, as_of: datetime | None, output: OutputFormat) -> None:
    with open_database() as database, row_progress(f"Importing {file.name}") as tell:
        report = import_market_data(
            database,
            SourceFile.at(file),
            kind,
            as_of=as_of,
            on_progress=lambda progress: tell(progress.rows),
        )
    for warning in report.warnings:
        note(f"note: {warning}")
    if output is OutputFormat.JSON:
        print_json(report)
    else:
        print_facts(f"Imported {file.name}", _facts(report))


def _facts(report: ImportReport) -> Sequence[tuple[str, object]]:
    dropped = [
        (f"  {one.reason}", f"{one.count:,}, first in line {one.first_line:,}")
        for one in report.dropped
    ]
    return (
        ("kind", report.kind.value.replace("_", " ")),
        ("rows read", report.rows_read),
        ("new", report.rows_new),
        ("known before", report.rows_known),
        ("changed", report.rows_changed),
        ("left out", report.rows_dropped),
        *dropped,
        ("data as of", report.as_of),
        ("regions", _some(report.regions)),
    )


def _some(regions: Sequence[str]) -> str | None:
    """The regions by name, or how many where they would fill the screen."""
    if len(regions) > MOST_REGIONS_NAMED:
        return f"{len(regions)} regions"
    return ", ".join(regions) or None


def _export(kind: MarketKind, file: Path, wanted: ExportFilter, output: OutputFormat) -> None:
    with open_database() as database, row_progress(f"Writing {file.name}") as tell:
        report = export_market_data(database, kind, file, wanted, on_progress=tell)
    if output is OutputFormat.JSON:
        print_json(report)
    else:
        print_facts("Exported", (("file", report.path), ("rows", report.rows)))


def _show_spans(spans: Sequence[RegionSpan], output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json({"regions": spans})
        return
    if not spans:
        note("no Spot prices are stored yet; import some with 'prices import'")
    rows = [
        (one.region, one.product_description, one.series, one.points, one.first_at, one.last_at)
        for one in spans
    ]
    columns = ("region", "product", "pools", "price changes", "first", "last")
    print_table("Stored Spot prices", columns, rows)


def _show_coverage(found: MarketCoverage, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(found)
        return
    rows = [
        (
            one.instance_type,
            *(one.count(status) for status in DayStatus),
            "".join(DAY_MARKS[day] for day in one.days),
        )
        for one in found.instance_types
    ]
    title = f"{found.region}, {found.product_description}: days {found.days[0]} to {found.days[-1]}"
    columns = ("type", *(status.value for status in DayStatus), "days")
    print_table(title, columns, rows)
