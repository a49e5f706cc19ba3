"""Back up the database while it is in use."""

from pathlib import Path

import msgspec

from db.backup import back_up
from db.session import Database


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """The copy that was written."""

    path: str
    size_bytes: int


def back_up_database(database: Database, path: Path) -> BackupReport:
    """Write a consistent copy to a new file; an existing one is never overwritten."""
    back_up(database, path)
    return BackupReport(path=str(path), size_bytes=path.stat().st_size)
