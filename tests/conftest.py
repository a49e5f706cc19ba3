"""What all tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from db.session import Database, PoolSettings
from tests.postgresql_server import (
    CARELESS,
    NoPostgresqlError,
    PostgresqlServer,
    running_postgresql,
)

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
DATABASE_KIND = "real"  # of the databases that tests get
POOL = PoolSettings(size=2, max_overflow=4, wait_seconds=5, lock_wait_seconds=5)

# Tests do not time anything: a slow machine is no failure. In CI hypothesis also draws no lots.
settings.register_profile(
    "untimed",
    settings.get_profile("ci" if "CI" in os.environ else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data that lies beside the checkout on machines that have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data sets are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL; each pytest-xdist worker has its own."""
    try:
        with running_postgresql(CARELESS) as server:
            yield server
    except NoPostgresqlError as error:
        pytest.skip(f"no PostgreSQL can be started here: {error}")


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    """The name of a migrated PostgreSQL database, to be copied for each test."""
    name = postgresql_server.create_database()
    with Database(postgresql_server.url(name), POOL) as database:
        database.upgrade(DATABASE_KIND)
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    with Database(f"sqlite:///{path}", POOL) as database:
        database.upgrade(DATABASE_KIND)
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The two databases; a test that uses it runs once on each."""
    return str(request.param)


@pytest.fixture
def empty_database_url(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The URL of a database without any table."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        name = server.create_database()
        yield server.url(name)
        server.drop_database(name)


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a fresh, migrated, real (not sandbox) database."""
    if dialect == "sqlite":
        path = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        name = server.create_database(request.getfixturevalue("postgresql_template"))
        yield server.url(name)
        server.drop_database(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated, real (not sandbox) database: SQLite and PostgreSQL in turn."""
    with Database(database_url, POOL) as opened:
        yield opened
