"""Fetch Spot price history from EC2: several regions at once, stored as it comes, resumable.

The network is read by threads, one region each; what they bring is stored by the calling thread, a
few pages a transaction, together with AWS's token of the next page. So a fetch that dies goes on
at the page where it stopped, and no row is stored twice. A region that fails does not stop the
others.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event

import msgspec

from db.records import DataKind, Stored
from db.repositories import fetch_progress, imports, spot_prices
from db.repositories.fetch_progress import PriceFetchState, UnfinishedWindow
from db.session import Database, Transaction
from engines.contracts.pricing import LINUX_PRODUCT
from services.access import Actor, Role, authorise
from services.aws.errors import AwsError
from services.aws.session import AwsAccount
from services.aws.spot_prices import (
    KEPT_BY_AWS,
    PriceChecker,
    PricePage,
    PriceWindow,
    TokenRefusedError,
    read_price_page,
)
from services.errors import InvalidInputError
from services.files.price_band import OnDemandByType
from services.files.values import parse_product, parse_region
from services.workflows.fetch_runs import check_account
from services.workflows.import_market_data import Dropped, known_on_demand

USUAL_WINDOW = timedelta(days=15)
"""Of a region that was never fetched: twice the week over which volatility is measured."""

OVERLAP = timedelta(hours=1)
"""A later fetch starts this much before the end of the one before: AWS's own order is not exact."""

PAGES_AT_A_TIME = 5  # 5,000 rows a transaction: tens of milliseconds on either database


class PriceFetchProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a region is. Records come newest first: all from ``reached`` on have been read."""

    region: str
    pages: int
    rows: int
    since: datetime
    until: datetime
    reached: datetime


OnPriceProgress = Callable[[PriceFetchProgress], None]


class RegionFetch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one region; rows read = new + known + changed + dropped.

    ``failure`` and ``next_step`` say why it is not complete; what was read until then is stored,
    and the next fetch goes on from there. ``resumed``: this one went on where another stopped.
    """

    region: str
    since: datetime
    until: datetime
    pages: int
    rows_read: int
    rows_new: int
    rows_known: int
    rows_changed: int
    rows_dropped: int
    dropped: tuple[Dropped, ...] = ()
    resumed: bool = False
    failure: str = ""
    next_step: str = ""


class PriceFetch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fetch, by region in the order of their names."""

    regions: tuple[RegionFetch, ...]

    @property
    def failed(self) -> tuple[RegionFetch, ...]:
        """The regions that are not complete."""
        return tuple(one for one in self.regions if one.failure)


def fetch_spot_prices(  # noqa: PLR0913 - all but four have defaults, and go by name
    database: Database,
    account: AwsAccount,
    regions: Sequence[str],
    *,
    actor: Actor,
    at: datetime,
    since: datetime | None = None,
    products: Sequence[str] = (LINUX_PRODUCT,),
    parallelism: int = 5,
    progress: OnPriceProgress | None = None,
) -> PriceFetch:
    """Fetch the prices of some regions from ``since`` to ``at``, the present moment.

    ``since`` None: from where the region's last fetch ended, else the last 15 days. An unfinished
    fetch of the region is finished first. Raises InvalidInputError where more than the 90 days
    that AWS keeps are asked for; a region's failure stands in its result.
    """
    authorise(actor, Role.OPERATOR, "fetch Spot prices")
    check_account(database, account)
    asked = _Asked(_names(regions), tuple(sorted(products)), _checked(since, at), at)
    for product in asked.products:
        _check("product", parse_product, product)
    on_demand = known_on_demand(database, at)
    works = [_start(database, asked, region, on_demand) for region in asked.regions]
    _run(database, account, works, parallelism, progress or _say_nothing)
    return PriceFetch(regions=tuple(work.result() for work in works))


@dataclass(frozen=True, slots=True)
class _Asked:
    regions: tuple[str, ...]
    products: tuple[str, ...]
    since: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some pages in a row; ``failure`` says why there are no more of them."""

    pages: tuple[PricePage, ...]
    failure: AwsError | None


@dataclass(slots=True)
class _Work:
    """One region: the window that is being read, and the account of all rows so far."""

    window: PriceWindow
    goal: datetime
    state: PriceFetchState
    checker: PriceChecker
    token: str = ""
    window_pages: int = 0
    pages: int = 0
    stored: Stored = field(default_factory=lambda: Stored(new=0, known=0))
    resumed: bool = False
    restarted: bool = False
    first_since: datetime | None = None
    failure: AwsError | None = None
    started: float = field(default_factory=time.monotonic)

    def result(self) -> RegionFetch:
        """The account of the region."""
        dropped = self.checker.drops.dropped()
        return RegionFetch(
            region=self.window.region,
            since=self.first_since or self.window.since,
            until=self.window.until,
            pages=self.pages,
            rows_read=self.checker.rows,
            rows_new=self.stored.new,
            rows_known=self.stored.known,
            rows_changed=self.stored.changed,
            rows_dropped=self.checker.rows_dropped,
            dropped=tuple(
                Dropped(reason=one.reason, count=one.count, first_line=one.first_line)
                for one in dropped
            ),
            resumed=self.resumed,
            failure=self.failure.problem if self.failure else "",
            next_step=self.failure.next_step if self.failure else "",
        )

    def finished_at(self) -> datetime:
        """The present moment, told from the one at which the fetch began."""
        return self.goal + timedelta(seconds=time.monotonic() - self.started)


def _names(regions: Sequence[str]) -> tuple[str, ...]:
    if not regions:
        raise InvalidInputError("regions", "none is named", next_step="name at least one region")
    for region in regions:
        _check("region", parse_region, region)
    return tuple(sorted(set(regions)))


def _check(name: str, parse: Callable[[str], str], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise InvalidInputError(
            name, f"{text!r} {error}", next_step="give it as AWS writes it"
        ) from error


def _checked(since: datetime | None, at: datetime) -> datetime | None:
    if since is None:
        return None
    oldest = at - KEPT_BY_AWS
    if since < oldest:
        raise InvalidInputError(
            "since",
            f"{since:%Y-%m-%d %H:%M} UTC is too long ago: AWS keeps 90 days of Spot prices",
            next_step=f"ask for {oldest:%Y-%m-%d %H:%M} UTC or later; older prices can only be "
            "imported from a file",
        )
    if since > at:
        raise InvalidInputError(
            "since", "is in the future", next_step="give a time that has passed"
        )
    return since.replace(microsecond=0)


def _start(database: Database, asked: _Asked, region: str, on_demand: OnDemandByType) -> _Work:
    """The window to begin with: the unfinished one where it covers what is wanted."""
    until = asked.at.astimezone(UTC).replace(microsecond=0)
    with database.reader() as reader:
        state = fetch_progress.load_prices(reader, region, asked.products)
    since = asked.since or _usual_start(state, until)
    work = _Work(
        window=PriceWindow(region=region, since=since, until=until, products=asked.products),
        goal=until,
        state=state,
        checker=PriceChecker(region, until, on_demand),
    )
    left = state.unfinished
    if left is not None and until - KEPT_BY_AWS <= left.since <= since and left.until <= until:
        work.window = msgspec.structs.replace(work.window, since=left.since, until=left.until)
        work.token, work.window_pages, work.resumed = left.token, left.pages, True
    work.first_since = work.window.since
    return work


def _usual_start(state: PriceFetchState, until: datetime) -> datetime:
    if state.unfinished is not None and state.finished_until is None:
        return max(state.unfinished.since, until - KEPT_BY_AWS)
    if state.finished_until is None:
        return until - USUAL_WINDOW
    return max(state.finished_until - OVERLAP, until - KEPT_BY_AWS)


def _run(
    database: Database,
    account: AwsAccount,
    works: Sequence[_Work],
    parallelism: int,
    progress: OnPriceProgress,
) -> None:
    pool = ThreadPoolExecutor(min(parallelism, len(works)))
    stop = Event()

    def read_on(work: _Work) -> Future[_Batch]:
        return pool.submit(_read, account, work.window, work.token, stop)

    try:
        waiting = {read_on(work): work for work in works}
        while waiting:
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                work = waiting.pop(done)
                if _take(database, work, done.result(), progress):
                    waiting[read_on(work)] = work
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _read(account: AwsAccount, window: PriceWindow, token: str, stop: Event) -> _Batch:
    """The next pages of a window; those before a failure count."""
    pages: list[PricePage] = []
    try:
        while len(pages) < PAGES_AT_A_TIME and not stop.is_set():
            pages.append(read_price_page(account, window, token))
            token = pages[-1].next_token
            if not token:
                break
    except AwsError as error:
        return _Batch(tuple(pages), error)
    return _Batch(tuple(pages), None)


def _take(database: Database, work: _Work, batch: _Batch, progress: OnPriceProgress) -> bool:
    """Store a batch and say how far it is; whether there is more to read."""
    _store(database, work, batch)
    if batch.pages and batch.pages[-1].rows:
        progress(
            PriceFetchProgress(
                region=work.window.region,
                pages=work.pages,
                rows=work.checker.rows,
                since=work.window.since,
                until=work.window.until,
                reached=max(
                    work.window.since, batch.pages[-1].rows[-1].get("Timestamp", work.window.until)
                ),
            )
        )
    if _may_restart(work, batch):
        work.token, work.window_pages, work.restarted = "", 0, True
        return True
    if work.failure is not None:
        return False
    if work.token:
        return True
    return _goes_on(work)


def _may_restart(work: _Work, batch: _Batch) -> bool:
    """AWS forgets tokens; but one that it gave within this fetch is not refused twice."""
    return isinstance(batch.failure, TokenRefusedError) and not work.restarted


def _goes_on(work: _Work) -> bool:
    """After an older fetch's window: whether there is a newer one, up to the present."""
    if work.window.until >= work.goal:
        return False
    since = work.window.until - OVERLAP
    work.window = msgspec.structs.replace(work.window, since=since, until=work.goal)
    work.window_pages = 0
    return True


def _store(database: Database, work: _Work, batch: _Batch) -> None:
    """Rows, place and, at the end, the record of the run, in one transaction."""
    rows = [row for page in batch.pages for row in page.rows]
    dropped_before = work.checker.rows_dropped
    history = work.checker.check(rows)
    repeats = len(rows) - (work.checker.rows_dropped - dropped_before) - len(history.timestamps)
    if batch.pages:
        work.token = batch.pages[-1].next_token
    work.failure = None if _may_restart(work, batch) else batch.failure
    work.pages += len(batch.pages)
    work.window_pages += len(batch.pages)
    with database.transaction() as tx:
        stored = spot_prices.save_history(tx, history)
        work.stored = Stored(
            new=work.stored.new + stored.new,
            known=work.stored.known + stored.known + repeats,
            changed=work.stored.changed + stored.changed,
        )
        work.state = _state_after(work)
        fetch_progress.save_prices(
            tx, work.window.region, work.window.products, work.state, at=work.goal
        )
        if work.failure is not None or not work.token:
            _record(tx, work)


def _state_after(work: _Work) -> PriceFetchState:
    if work.token:
        left = UnfinishedWindow(
            since=work.window.since,
            until=work.window.until,
            token=work.token,
            pages=work.window_pages,
        )
        return msgspec.structs.replace(work.state, unfinished=left)
    if work.failure is not None:
        return work.state
    finished = max(work.window.until, work.state.finished_until or work.window.until)
    return PriceFetchState(finished_until=finished)


def _record(tx: Transaction, work: _Work) -> None:
    """Note the run, once it is over: a fetch that dies leaves no run behind that never ends."""
    if work.failure is None and work.window.until < work.goal:
        return  # the window of an older fetch; the run ends with the newer one
    result = work.result()
    source = f"EC2 Spot price history of {result.region}"
    number = imports.start(tx, DataKind.SPOT_PRICES, source_name=source, digest=None, at=work.goal)
    if work.failure is None:
        imports.finish(
            tx, number, work.stored, rows_refused=result.rows_dropped, at=work.finished_at()
        )
    else:
        kept = f"; {result.rows_new:,} new rows of it are stored"
        imports.fail(tx, number, f"{work.failure.problem}{kept}", at=work.finished_at())


def _say_nothing(progress: PriceFetchProgress) -> None:
    """Nobody watches, so nothing is told."""
