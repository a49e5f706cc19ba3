"""What fetches from AWS remember: the page to go on from, the edition of a file that is stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from sqlalchemy import select

from db.bulk import upsert
from db.models.fetching import FetchProgress
from db.session import Reader, Transaction

SPOT_PRICES = "spot_prices"
PUBLIC_FILE = "public_file"

T = TypeVar("T", bound=msgspec.Struct)


class PriceFetchState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the Spot prices of a region and some products have been fetched.

    ``finished_until``: everything up to then was fetched once, from some start on. ``unfinished``
    is the window in which a fetch stopped.
    """

    finished_until: datetime | None = None
    unfinished: "UnfinishedWindow | None" = None


class UnfinishedWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window of which ``pages`` were stored; ``token`` is AWS's for the next one."""

    since: datetime
    until: datetime
    token: str
    pages: int


class FileEdition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The edition of a public file that was stored last, as HTTP names it; empty: it did not.

    ``published_at`` is the time under which its content is stored, where that has one.
    """

    etag: str = ""
    last_modified: str = ""
    published_at: datetime | None = None


def load_prices(reader: Reader, region: str, products: Sequence[str]) -> PriceFetchState:
    """How far a region's prices have come; nothing where they were never fetched."""
    scope = _price_scope(region, products)
    return _load(reader, SPOT_PRICES, scope, PriceFetchState) or PriceFetchState()


def save_prices(
    tx: Transaction, region: str, products: Sequence[str], state: PriceFetchState, *, at: datetime
) -> None:
    """Remember how far a region's prices have come: in the transaction that stores them."""
    _save(tx, SPOT_PRICES, _price_scope(region, products), state, at)


def load_edition(reader: Reader, url: str) -> FileEdition:
    """The edition of a file that was stored last; empty where none was."""
    return _load(reader, PUBLIC_FILE, url, FileEdition) or FileEdition()


def save_edition(tx: Transaction, url: str, edition: FileEdition, *, at: datetime) -> None:
    """Remember the edition of a file: in the transaction that stores what is in it."""
    _save(tx, PUBLIC_FILE, url, edition, at)


def _price_scope(region: str, products: Sequence[str]) -> str:
    return "|".join((region, *sorted(products)))


def _load(reader: Reader, source: str, scope: str, kind: type[T]) -> T | None:
    query = select(FetchProgress.state).where(
        FetchProgress.source == source, FetchProgress.scope == scope
    )
    text = reader.connection.execute(query).scalar_one_or_none()
    return None if text is None else msgspec.json.decode(text, type=kind)


def _save(tx: Transaction, source: str, scope: str, state: msgspec.Struct, at: datetime) -> None:
    row = {"source": source, "scope": scope, "state": state, "updated_at": at}
    new = upsert(tx, FetchProgress).values(row)
    replacing = new.on_conflict_do_update(
        index_elements=[FetchProgress.source, FetchProgress.scope],
        set_={"state": new.excluded.state, "updated_at": new.excluded.updated_at},
    )
    tx.connection.execute(replacing)
