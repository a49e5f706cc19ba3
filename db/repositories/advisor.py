"""Spot Advisor: each published edition is kept whole; the newest is what counts."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, case, delete, func, insert, select, update

from db.bulk import insert_columns
from db.models.base import table_of
from db.models.market import SpotAdvisorEdition, SpotAdvisorRate, SpotAdvisorSeries
from db.records import AdvisorEdition, AdvisorObservation, DataKind, DocumentKind, Stored
from db.repositories import data_versions, snapshots
from db.session import Reader, Transaction
from engines.contracts.pricing import AdvisorRate, InterruptionBucket, OperatingSystem

_Key = tuple[str, str, str]  # operating system, region, type


def save_rates(
    tx: Transaction,
    rates: Sequence[AdvisorRate],
    *,
    published_at: datetime,
    source: str,
    document: bytes | None = None,
) -> Stored:
    """Store one edition, with the file it came in where it is given.

    Rates equal to those of the edition before are not stored again; that edition is noted as
    still seen at ``published_at``. Another edition of the very same time is replaced.
    """
    data_versions.bump(tx, DataKind.SPOT_ADVISOR)
    given = {(one.operating_system, one.region, one.instance_type): one for one in rates}
    ordered = [given[key] for key in sorted(given)]
    digest = hashlib.sha256(msgspec.json.encode(ordered)).hexdigest()
    before = _newest_id_and_digest(tx, published_at)
    if before is not None and before[1] == digest:
        _seen_again(tx, before[0], published_at)
        return Stored(new=0, known=len(ordered))
    tx.connection.execute(
        delete(SpotAdvisorEdition).where(SpotAdvisorEdition.published_at == published_at)
    )
    document_digest = document and snapshots.save_document(
        tx, DocumentKind.ADVISOR, document, at=published_at
    )
    edition = tx.connection.execute(
        insert(SpotAdvisorEdition)
        .values(
            published_at=published_at,
            last_seen_at=published_at,
            digest=digest,
            source=source,
            document_digest=document_digest,
        )
        .returning(SpotAdvisorEdition.id)
    ).scalar_one()
    _insert_rates(tx, edition, ordered)
    return Stored(new=len(ordered), known=0)


def note_still_published(tx: Transaction, *, at: datetime) -> None:
    """Note that the newest edition was seen, unchanged, at ``at``."""
    newest = _newest_id_and_digest(tx, at)
    if newest is not None:
        data_versions.bump(tx, DataKind.SPOT_ADVISOR)
        _seen_again(tx, newest[0], at)


def load_rates(
    reader: Reader,
    *,
    at: datetime | None = None,
    regions: Sequence[str] | None = None,
    operating_system: OperatingSystem | None = OperatingSystem.LINUX,
    instance_types: Sequence[str] | None = None,
) -> tuple[AdvisorRate, ...]:
    """The rates of the edition for ``at`` (see ``edition_for``), sorted; None: all."""
    query = (
        select(
            SpotAdvisorSeries.operating_system,
            SpotAdvisorSeries.region,
            SpotAdvisorSeries.instance_type,
            SpotAdvisorRate.interruption_bucket,
            SpotAdvisorRate.savings_percent,
        )
        .join(SpotAdvisorRate, SpotAdvisorRate.series_id == SpotAdvisorSeries.id)
        .where(SpotAdvisorRate.edition_id == edition_for(at).scalar_subquery())
    )
    if regions is not None:
        query = query.where(SpotAdvisorSeries.region.in_(regions))
    if operating_system is not None:
        query = query.where(SpotAdvisorSeries.operating_system == operating_system)
    if instance_types is not None:
        query = query.where(SpotAdvisorSeries.instance_type.in_(instance_types))
    return tuple(
        AdvisorRate(
            operating_system=OperatingSystem(system),
            region=region,
            instance_type=instance_type,
            interruption_bucket=InterruptionBucket(bucket),
            savings_percent=savings,
        )
        for system, region, instance_type, bucket, savings in sorted(
            reader.connection.execute(query)
        )
    )


def load_edition(reader: Reader, *, at: datetime | None = None) -> AdvisorEdition | None:
    """The edition for ``at`` (see ``edition_for``); None: nothing was ever stored."""
    counted = (
        select(func.count())
        .where(SpotAdvisorRate.edition_id == SpotAdvisorEdition.id)
        .scalar_subquery()
    )
    query = select(SpotAdvisorEdition, counted.label("rates")).where(
        SpotAdvisorEdition.id == edition_for(at).scalar_subquery()
    )
    row = reader.connection.execute(query).one_or_none()
    if row is None:
        return None
    return AdvisorEdition(
        published_at=row.published_at,
        last_seen_at=row.last_seen_at,
        source=row.source,
        rates=row.rates,
        document_digest=row.document_digest,
    )


def load_history(
    reader: Reader, *, region: str, operating_system: OperatingSystem, instance_type: str
) -> tuple[AdvisorObservation, ...]:
    """What each stored edition says of one type in one region, oldest first."""
    query = (
        select(
            SpotAdvisorEdition.published_at,
            SpotAdvisorRate.interruption_bucket,
            SpotAdvisorRate.savings_percent,
        )
        .join(SpotAdvisorRate, SpotAdvisorRate.edition_id == SpotAdvisorEdition.id)
        .join(SpotAdvisorSeries, SpotAdvisorSeries.id == SpotAdvisorRate.series_id)
        .where(
            SpotAdvisorSeries.region == region,
            SpotAdvisorSeries.operating_system == operating_system,
            SpotAdvisorSeries.instance_type == instance_type,
        )
        .order_by(SpotAdvisorEdition.published_at)
    )
    return tuple(
        AdvisorObservation(
            published_at=published_at,
            interruption_bucket=InterruptionBucket(bucket),
            savings_percent=savings,
        )
        for published_at, bucket, savings in reader.connection.execute(query)
    )


def edition_for(at: datetime | None) -> Select[int]:
    """The id of the newest edition published by ``at``; None: the newest of all.

    Where none is that old, the earliest one stands in: its date tells.
    """
    if at is None:
        return newest_edition(None)
    past = case((SpotAdvisorEdition.published_at <= at, SpotAdvisorEdition.published_at))
    return (
        select(SpotAdvisorEdition.id)
        .order_by(past.desc().nulls_last(), SpotAdvisorEdition.published_at)
        .limit(1)
    )


def newest_edition(at: datetime | None) -> Select[int]:
    """The id of the newest edition (published by ``at``)."""
    query = select(SpotAdvisorEdition.id).order_by(SpotAdvisorEdition.published_at.desc()).limit(1)
    return query if at is None else query.where(SpotAdvisorEdition.published_at <= at)


def _newest_id_and_digest(tx: Transaction, at: datetime) -> tuple[int, str] | None:
    query = newest_edition(at).add_columns(SpotAdvisorEdition.digest)
    row = tx.connection.execute(query).one_or_none()
    return None if row is None else row


def _seen_again(tx: Transaction, edition: int, at: datetime) -> None:
    tx.connection.execute(
        update(SpotAdvisorEdition)
        .where(SpotAdvisorEdition.id == edition, SpotAdvisorEdition.last_seen_at < at)
        .values(last_seen_at=at)
    )


def _insert_rates(tx: Transaction, edition: int, rates: Sequence[AdvisorRate]) -> None:
    ids = _intern(tx, rates)
    columns = {
        "edition_id": np.full(len(rates), edition, dtype=np.int64),
        "series_id": ids,
        "interruption_bucket": np.array([one.interruption_bucket for one in rates], np.int64),
        "savings_percent": np.array([one.savings_percent for one in rates], np.int64),
    }
    insert_columns(tx, table_of(SpotAdvisorRate), columns)


def _intern(tx: Transaction, rates: Sequence[AdvisorRate]) -> NDArray[np.int64]:
    """The id of each rate's series; new ones are stored."""
    keys: list[_Key] = [(one.operating_system, one.region, one.instance_type) for one in rates]
    known = _known_series(tx)
    new = [key for key in keys if key not in known]
    if new:
        names = ("operating_system", "region", "instance_type")
        rows = [dict(zip(names, key, strict=True)) for key in new]
        tx.connection.execute(insert(SpotAdvisorSeries), rows)
        known = _known_series(tx)
    return np.fromiter((known[key] for key in keys), np.int64, len(keys))


def _known_series(tx: Transaction) -> dict[_Key, int]:
    query = select(
        SpotAdvisorSeries.operating_system,
        SpotAdvisorSeries.region,
        SpotAdvisorSeries.instance_type,
        SpotAdvisorSeries.id,
    )
    return {
        (system, region, instance_type): number
        for system, region, instance_type, number in tx.connection.execute(query)
    }
