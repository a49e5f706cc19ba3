"""What instance types offer."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select

from db.bulk import upsert
from db.models.market import InstanceType as Row
from db.records import DataKind, PriceSource, Stored
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction
from engines.contracts.pricing import InstanceType

_FIELDS = tuple(field.name for field in msgspec.structs.fields(InstanceType))
_COLUMNS = tuple(Row.__table__.c[name] for name in _FIELDS)


def save(tx: Transaction, types: Sequence[InstanceType], *, source: str, as_of: datetime) -> Stored:
    """Store types; what is known of a type is replaced, unless that is newer than ``as_of``."""
    data_versions.bump(tx, DataKind.INSTANCE_TYPES)
    given = {one.instance_type: one for one in types}
    known = load(tx, tuple(given))
    new = upsert(tx, Row)
    replacing = new.on_conflict_do_update(
        index_elements=[Row.instance_type],
        set_={column.name: new.excluded[column.name] for column in Row.__table__.c},
        where=Row.as_of <= new.excluded.as_of,
    )
    rows = [
        {**msgspec.structs.asdict(one), "source": source, "as_of": as_of}
        for _, one in sorted(given.items())
    ]
    if rows:
        tx.connection.execute(replacing, rows)
    after = load(tx, tuple(given))
    changed = sum(after[name] != one for name, one in known.items())
    return Stored(new=len(given) - len(known), known=len(known) - changed, changed=changed)


def load(reader: Reader, names: Sequence[str] | None = None) -> Mapping[str, InstanceType]:
    """The named types (None: all) by name; a name that is not stored is left out."""
    query = select(*_COLUMNS).order_by(Row.instance_type)
    if names is not None:
        query = query.where(Row.instance_type.in_(names))
    return {
        row.instance_type: to_record(row._mapping, InstanceType)
        for row in reader.connection.execute(query)
    }


def sources(reader: Reader) -> tuple[PriceSource, ...]:
    """Where the stored types came from, and their dates."""
    query = select(Row.source, func.count(), func.max(Row.as_of)).group_by(Row.source)
    return tuple(
        PriceSource(source=source, rows=rows, as_of=as_of)
        for source, rows, as_of in sorted(reader.connection.execute(query))
    )
