"""Fetch on-demand prices from AWS's price list: a file a region, streamed, only where it is new."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from db.records import DataKind
from db.repositories import fetch_progress, on_demand
from db.repositories.fetch_progress import FileEdition
from db.session import Database
from services.access import Actor, Role, authorise
from services.aws.errors import AwsError, BadAnswerError, RequestRefusedError
from services.aws.public_files import MOST_INDEX_BYTES, MOST_PRICE_LIST_BYTES, PublicFiles
from services.aws.session import AwsOptions
from services.errors import InvalidInputError
from services.files.price_list import read_price_list
from services.files.source import SourceFile
from services.files.values import parse_region
from services.workflows.endpoints import check_aws_url
from services.workflows.fetch_runs import FetchReport, FetchRun
from services.workflows.import_market_data import known_on_demand

EC2_OFFERS = "/offers/v1.0/aws/AmazonEC2/"


class OnDemandProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a region's file is: bytes that have come, then rows that were read."""

    region: str
    bytes_fetched: int
    rows: int


class OnDemandRegion(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one region: its report, or why there is none."""

    region: str
    report: FetchReport | None = None
    failure: str = ""
    next_step: str = ""


class OnDemandFetch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fetch, by region in the order of their names."""

    regions: tuple[OnDemandRegion, ...]

    @property
    def failed(self) -> tuple[OnDemandRegion, ...]:
        """The regions whose prices stay as they were."""
        return tuple(one for one in self.regions if one.report is None)


OnOnDemandProgress = Callable[[OnDemandProgress], None]


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    current_version_url: str


class _RegionIndex(msgspec.Struct, frozen=True):
    """The part that is used of ``region_index.json``."""

    regions: dict[str, _Entry]


def fetch_on_demand(  # noqa: PLR0913 - all but three have defaults, and go by name
    database: Database,
    price_list_url: str,
    regions: Sequence[str],
    *,
    actor: Actor,
    at: datetime,
    options: AwsOptions | None = None,
    progress: OnOnDemandProgress | None = None,
) -> OnDemandFetch:
    """Fetch the on-demand prices of some regions; each region's file is stored whole or not at all.

    A region whose current list is stored already is left alone. Raises an AwsError where the list
    of regions cannot be read; a region's own failure stands in its result.
    """
    authorise(actor, Role.OPERATOR, "fetch on-demand prices")
    names = _names(regions)
    base = check_aws_url("PRICE_LIST_URL", price_list_url, database.check().kind)
    results = []
    with PublicFiles(options) as files:
        index_run = FetchRun(database, DataKind.ON_DEMAND_PRICES, base, at)
        with index_run.recording_failure():
            addresses = _addresses(files, base)
        fetcher = _Fetcher(database, files, base, at, progress or _say_nothing)
        for region in names:
            try:
                report = fetcher.fetch(region, addresses.get(region))
                results.append(OnDemandRegion(region=region, report=report))
            except (AwsError, InvalidInputError) as error:
                results.append(
                    OnDemandRegion(region=region, failure=error.problem, next_step=error.next_step)
                )
    return OnDemandFetch(regions=tuple(results))


def _names(regions: Sequence[str]) -> tuple[str, ...]:
    if not regions:
        raise InvalidInputError("regions", "none is named", next_step="name at least one region")
    for region in regions:
        try:
            parse_region(region)
        except ValueError as error:
            raise InvalidInputError(
                "region", f"{region!r} {error}", next_step="give it as AWS writes it"
            ) from error
    return tuple(sorted(set(regions)))


def _addresses(files: PublicFiles, base: str) -> dict[str, str]:
    """The path of each region's current list."""
    url = f"{base}{EC2_OFFERS}current/region_index.json"
    file = files.fetch(url, most_bytes=MOST_INDEX_BYTES)
    content = b"" if file.path is None else file.path.read_bytes()
    try:
        index = msgspec.json.decode(content, type=_RegionIndex)
    except msgspec.DecodeError as error:
        raise BadAnswerError(
            f"the list of regions at {url} is not AWS's ({error})",
            next_step="check PRICE_LIST_URL; what was stored before stays in use",
        ) from error
    return {name: one.current_version_url for name, one in index.regions.items()}


class _Fetcher:
    """Fetches regions one after another; each file is deleted before the next one comes."""

    def __init__(
        self,
        database: Database,
        files: PublicFiles,
        base: str,
        at: datetime,
        progress: OnOnDemandProgress,
    ) -> None:
        self._database = database
        self._files = files
        self._base = base
        self._at = at
        self._progress = progress

    def fetch(self, region: str, path: str | None) -> FetchReport:
        url = f"{self._base}{EC2_OFFERS}current/{region}/index.csv"
        run = FetchRun(self._database, DataKind.ON_DEMAND_PRICES, url, self._at)
        with run.recording_failure():
            edition = FileEdition(etag=_csv_path(self._base, region, path))
            with self._database.reader() as reader:
                if fetch_progress.load_edition(reader, url) == edition:
                    return run.unchanged()
            return self._load(region, url, edition, run)

    def _load(self, region: str, url: str, edition: FileEdition, run: FetchRun) -> FetchReport:
        """``edition`` names the version by its path, which AWS never uses twice."""
        size = 0

        def came(so_far: int) -> None:
            nonlocal size
            size = so_far
            self._tell(region, size, 0)

        file = self._files.fetch(
            self._base + edition.etag, most_bytes=MOST_PRICE_LIST_BYTES, on_bytes=came
        )
        if file.path is None:
            raise ValueError("a file that was asked for without conditions must come")
        try:
            path = file.path
            reading = read_price_list(
                SourceFile(url, lambda: path.open("rb")),
                now=self._at,
                on_demand=known_on_demand(self._database, self._at),
                on_progress=lambda rows: self._tell(region, size, rows),
            )
        finally:
            file.path.unlink()
        if set(reading.regions) != {region}:
            raise BadAnswerError(
                f"the price list of {region} holds prices of {', '.join(reading.regions)}",
                next_step="try again later; what was stored before stays in use",
            )
        with self._database.transaction() as tx:
            stored = on_demand.save(tx, reading.data, source=f"AWS price list, {region}")
            fetch_progress.save_edition(tx, url, edition, at=self._at)
            report = run.finish(tx, stored, reading.dropped)
        return msgspec.structs.replace(report, regions=(region,))

    def _tell(self, region: str, size: int, rows: int) -> None:
        self._progress(OnDemandProgress(region=region, bytes_fetched=size, rows=rows))


def _csv_path(base: str, region: str, path: str | None) -> str:
    """The CSV beside the JSON that the index names; an address elsewhere is not followed."""
    if path is None:
        raise RequestRefusedError(
            f"the price list at {base} has no region {region}",
            next_step="check the region's name (regions in China have a price list of their own)",
        )
    is_sound = path.startswith(EC2_OFFERS) and path.endswith("/index.json") and ".." not in path
    if not is_sound:
        raise BadAnswerError(
            f"the price list at {base} names an unknown place for {region}",
            next_step="check PRICE_LIST_URL; what was stored before stays in use",
        )
    return path.removesuffix("json") + "csv"


def _say_nothing(progress: OnDemandProgress) -> None:
    """Nobody watches, so nothing is told."""
