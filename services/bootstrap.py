"""The one place that constructs: settings in, a database that is ready for work out."""

from db.session import Database, PoolSettings
from services.settings import Settings, load_settings


def open_database(settings: Settings | None = None) -> Database:
    """The database that the settings name, connected and migrated to this program's schema.

    Raises ConfigurationError for a wrong setting and DatabaseError where the database cannot be
    used; both say what to do next. The caller closes it.
    """
    chosen = settings or load_settings()
    database = connect_database(chosen)
    database.upgrade(chosen.database_kind)
    return database


def connect_database(settings: Settings | None = None) -> Database:
    """The database that the settings name, as it stands: nothing is migrated."""
    chosen = settings or load_settings()
    pool = PoolSettings(size=chosen.db_pool_size, max_overflow=chosen.db_max_overflow)
    return Database(chosen.sqlalchemy_url(), pool)
