"""Market data fetched from AWS: Spot prices, Spot Advisor, price list, instance types."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from commands.options import moment
from commands.output import (
    FormatOption,
    OutputFormat,
    note,
    print_facts,
    print_json,
    print_table,
    row_progress,
)
from db.session import Database
from engines.contracts.pricing import LINUX_PRODUCT
from services.access import LOCAL_ADMIN
from services.aws.access import AwsAccess
from services.aws.session import AwsAccount, AwsOptions, open_account
from services.bootstrap import open_database
from services.errors import CloudOptimError
from services.secrets import open_secret_box
from services.settings import Settings, load_settings
from services.workflows.browse_customers import find_customer
from services.workflows.fetch_market_data import (
    FetchReport,
    OnDemandFetch,
    OnDemandProgress,
    OnDemandRegion,
    PriceFetch,
    PriceFetchProgress,
    RegionFetch,
    fetch_instance_types,
    fetch_on_demand,
    fetch_spot_advisor,
    fetch_spot_prices,
)
from services.workflows.remote_access import RemoteOpener

RegionsOption = Annotated[
    list[str] | None,
    typer.Option("--region", help="A region; may be repeated. Default: AWS_REGION."),
]
CustomerOption = Annotated[
    str | None,
    typer.Option(help="Read through this customer's role; default: this machine's AWS settings."),
]


class FetchFailedError(CloudOptimError):
    """Some regions could not be fetched; the message names them."""


def fetch_prices(
    regions: RegionsOption = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=90, help="So many days back; AWS keeps 90.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="From this time on, in place of --days."),
    ] = None,
    products: Annotated[
        list[str] | None,
        typer.Option("--product", help=f"May be repeated. Default: {LINUX_PRODUCT}."),
    ] = None,
    customer: CustomerOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Fetch Spot price history from EC2. A fetch that was stopped goes on where it stopped.

    Without --days or --since a region is fetched from where its last fetch ended, or 15 days back.
    """
    if days is not None and since is not None:
        raise typer.BadParameter("give --days or --since, not both")
    settings, now = load_settings(), datetime.now(UTC)
    places = _regions(regions, settings)
    with (
        open_database(settings) as database,
        _account(database, settings, customer, places[0]) as account,
        row_progress(f"Fetching Spot prices of {', '.join(places)}") as tell,
    ):
        fetched = fetch_spot_prices(
            database,
            account,
            places,
            actor=LOCAL_ADMIN,
            at=now,
            since=since if days is None else now - timedelta(days=days),
            products=products or (LINUX_PRODUCT,),
            parallelism=settings.pricing_data_fetch_parallelism,
            progress=_Counter(tell).prices,
        )
    _show_prices(fetched, output)
    _raise_failures(fetched.failed, len(fetched.regions))


def fetch_advisor(output: FormatOption = OutputFormat.TABLE) -> None:
    """Fetch Spot Advisor from SPOT_ADVISOR_URL, where it has changed."""
    settings = load_settings()
    with open_database(settings) as database:
        report = fetch_spot_advisor(
            database,
            settings.spot_advisor_url,
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
            options=AwsOptions.of(settings),
        )
    _show(report, output)


def fetch_on_demand_prices(
    regions: RegionsOption = None, output: FormatOption = OutputFormat.TABLE
) -> None:
    """Fetch on-demand prices from AWS's price list at PRICE_LIST_URL. No credentials are needed.

    A region's list has some hundred megabytes; it is read as a stream.
    """
    settings = load_settings()
    places = _regions(regions, settings)
    with (
        open_database(settings) as database,
        row_progress(f"Fetching the price list of {', '.join(places)}") as tell,
    ):
        fetched = fetch_on_demand(
            database,
            settings.price_list_url,
            places,
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
            options=AwsOptions.of(settings),
            progress=_Counter(tell).list_prices,
        )
    _show_on_demand(fetched, output)
    _raise_failures(fetched.failed, len(fetched.regions))


def fetch_types(
    regions: RegionsOption = None,
    customer: CustomerOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Fetch what instance types offer from EC2 (DescribeInstanceTypes)."""
    settings = load_settings()
    places = _regions(regions, settings)
    with (
        open_database(settings) as database,
        _account(database, settings, customer, places[0]) as account,
    ):
        report = fetch_instance_types(
            database, account, actor=LOCAL_ADMIN, at=datetime.now(UTC), regions=places
        )
    _show(report, output)


class _Counter:
    """Adds up the rows of all regions, for one line that counts."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._rows: dict[str, int] = {}

    def prices(self, progress: PriceFetchProgress) -> None:
        self._count(progress.region, progress.rows)

    def list_prices(self, progress: OnDemandProgress) -> None:
        self._count(progress.region, progress.rows)

    def _count(self, region: str, rows: int) -> None:
        self._rows[region] = rows
        self._tell(sum(self._rows.values()))


def _regions(given: list[str] | None, settings: Settings) -> tuple[str, ...]:
    return tuple(given) if given else (settings.aws_region,)


@contextmanager
def _account(
    database: Database, settings: Settings, customer: str | None, region: str
) -> Iterator[AwsAccount]:
    if customer is None:
        access = AwsAccess(region=region)
        with open_account(access, AwsOptions.of(settings)) as account:
            yield account
        return
    opener = RemoteOpener(database, open_secret_box(settings), settings)
    with opener.account(find_customer(database, customer).id, region) as account:
        yield account


def _show_prices(fetched: PriceFetch, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(fetched)
        return
    rows = [
        (
            one.region,
            one.since,
            one.until,
            one.pages,
            one.rows_read,
            one.rows_new,
            one.rows_known,
            one.rows_changed,
            one.rows_dropped,
            _how_it_went(one),
        )
        for one in fetched.regions
    ]
    columns = ("region", "from", "to", "pages", "read", "new", "known", "changed", "left out", "")
    print_table("Spot prices", columns, rows)


def _how_it_went(one: RegionFetch) -> str:
    if one.failure:
        return "failed"
    return "resumed" if one.resumed else "done"


def _show_on_demand(fetched: OnDemandFetch, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(fetched)
        return
    columns = ("region", "read", "new", "known", "changed", "left out", "")
    print_table("On-demand prices", columns, [_list_row(one) for one in fetched.regions])


def _list_row(one: OnDemandRegion) -> Sequence[object]:
    report = one.report
    if report is None:
        return (one.region, None, None, None, None, None, "failed")
    if report.is_unchanged:
        return (one.region, None, None, None, None, None, "unchanged")
    return (
        one.region,
        report.rows_read,
        report.rows_new,
        report.rows_known,
        report.rows_changed,
        report.rows_dropped,
        "done",
    )


def _show(report: FetchReport, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(report)
        return
    facts: tuple[tuple[str, object], ...] = (("source", report.source),)
    if report.is_unchanged:
        facts += (("unchanged", True),)
    else:
        facts += (
            ("rows read", report.rows_read),
            ("new", report.rows_new),
            ("known before", report.rows_known),
            ("changed", report.rows_changed),
            ("left out", report.rows_dropped),
        )
    print_facts("Fetched", facts)


def _raise_failures(failed: Sequence[RegionFetch | OnDemandRegion], total: int) -> None:
    """Say why each region failed, and end with the exit code of a failure."""
    if not failed:
        return
    for one in failed:
        note(f"{one.region}: {one.failure}")
        note(f"  next: {one.next_step}")
    raise FetchFailedError(
        f"{len(failed)} of {total} regions could not be fetched completely",
        next_step="mend what is named above and run the command again; what came is stored",
    )
