"""On-demand list prices."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func, select

from db.bulk import upsert
from db.models.market import OnDemandPrice as Row
from db.records import DataKind, PriceSource, Stored
from db.repositories import data_versions
from db.session import Reader, Transaction
from engines.contracts.pricing import OnDemandPrice, OperatingSystem, to_micro_usd, to_usd

_Key = tuple[str, str, str, datetime]
_KEY = (Row.region, Row.operating_system, Row.instance_type, Row.effective_at)


def save(tx: Transaction, prices: Sequence[OnDemandPrice], *, source: str) -> Stored:
    """Store list prices; a known one (same type, place, system and date) takes the new price."""
    data_versions.bump(tx, DataKind.ON_DEMAND_PRICES)
    given = {_key(price): to_micro_usd(price.hourly_price) for price in prices}
    known = _known(tx, given)
    new = {key: price for key, price in given.items() if key not in known}
    changed = {key: price for key, price in given.items() if known.get(key, price) != price}
    _write(tx, new | changed, source)
    return Stored(new=len(new), known=len(given) - len(new) - len(changed), changed=len(changed))


def load(
    reader: Reader,
    *,
    at: datetime,
    regions: Sequence[str] | None = None,
    operating_system: OperatingSystem | None = OperatingSystem.LINUX,
    instance_types: Sequence[str] | None = None,
) -> tuple[OnDemandPrice, ...]:
    """The prices in force at ``at``, sorted by region, system and type; None: all.

    Where none is that old, the earliest known one stands in: its date tells.
    """
    past = case((Row.effective_at <= at, Row.effective_at))
    nearest = func.row_number().over(
        partition_by=(Row.region, Row.operating_system, Row.instance_type),
        order_by=(past.desc().nulls_last(), Row.effective_at),
    )
    query = select(*_KEY, Row.micro_usd, nearest.label("rank"))
    if regions is not None:
        query = query.where(Row.region.in_(regions))
    if operating_system is not None:
        query = query.where(Row.operating_system == operating_system)
    if instance_types is not None:
        query = query.where(Row.instance_type.in_(instance_types))
    ranked = query.subquery()
    in_force = select(*ranked.c).where(ranked.c.rank == 1)
    return tuple(
        OnDemandPrice(
            region=region,
            operating_system=OperatingSystem(system),
            instance_type=instance_type,
            effective_date=effective_at,
            hourly_price=to_usd(micro_usd),
        )
        for region, system, instance_type, effective_at, micro_usd, _ in sorted(
            reader.connection.execute(in_force)
        )
    )


def sources(reader: Reader) -> tuple[PriceSource, ...]:
    """Where the stored prices came from, each with the newest date it speaks of."""
    query = select(Row.source, func.count(), func.max(Row.effective_at)).group_by(Row.source)
    return tuple(
        PriceSource(source=source, rows=rows, as_of=as_of)
        for source, rows, as_of in sorted(reader.connection.execute(query))
    )


def _key(price: OnDemandPrice) -> _Key:
    return (price.region, price.operating_system, price.instance_type, price.effective_date)


def _known(tx: Transaction, given: dict[_Key, int]) -> dict[_Key, int]:
    regions = {key[0] for key in given}
    rows = tx.connection.execute(select(*_KEY, Row.micro_usd).where(Row.region.in_(regions)))
    return {(*key,): price for *key, price in rows}  # type: ignore[misc]


def _write(tx: Transaction, prices: dict[_Key, int], source: str) -> None:
    if not prices:
        return
    new = upsert(tx, Row)
    replacing = new.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={"micro_usd": new.excluded.micro_usd, "source": new.excluded.source},
    )
    rows = [
        {
            "region": region,
            "operating_system": system,
            "instance_type": instance_type,
            "effective_at": effective_at,
            "micro_usd": price,
            "source": source,
        }
        for (region, system, instance_type, effective_at), price in sorted(prices.items())
    ]
    tx.connection.execute(replacing, rows)
