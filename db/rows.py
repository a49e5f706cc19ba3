"""From a row of the database to the type that leaves the package."""

from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping

Record = TypeVar("Record", bound=msgspec.Struct)


def to_record(row: RowMapping, record: type[Record], **replaced: Any) -> Record:
    """The record whose fields are the row's columns of the same names, less those replaced."""
    names = (field.name for field in msgspec.structs.fields(record))
    values = {name: row[name] for name in names if name not in replaced}
    return msgspec.convert(values | replaced, record)
