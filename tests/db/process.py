"""What tests run in processes of their own: ``python -m tests.db.process COMMAND URL ...``.

Each command says "ready", waits for a line on its input, and then does its work, so that a test
can set several of them off at the same instant, or kill one in the middle.
"""

import sys
import time

from db.errors import DatabaseError
from db.repositories import spot_prices
from db.session import Database, PoolSettings
from engines.contracts.pricing import SpotPriceHistory
from tests.db.builders import a_large_history

PATIENT = PoolSettings(size=2, lock_wait_seconds=30)


def main() -> int:
    """Run one command; exit code 0, or 3 with the error's class on the output."""
    command, url, *arguments = sys.argv[1:]
    with Database(url, PATIENT) as database:
        _say("ready")
        sys.stdin.readline()
        try:
            COMMANDS[command](database, *arguments)
        except DatabaseError as error:
            _say(type(error).__name__)
            return 3
    return 0


def upgrade(database: Database, kind: str) -> None:
    """Migrate."""
    database.upgrade(kind)  # type: ignore[arg-type]


def load(database: Database, series: str, first_point: str) -> None:
    """Store prices and tell how many were new."""
    _say("begin")
    with database.transaction() as tx:
        stored = spot_prices.save_history(tx, _history(series, first_point))
    _say(f"{stored.new} {stored.known} {stored.changed}")


def load_and_wait(database: Database, series: str, first_point: str) -> None:
    """Store prices, and be killed before the end of the transaction."""
    with database.transaction() as tx:
        spot_prices.save_history(tx, _history(series, first_point))
        _say("written")
        time.sleep(60)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _history(series: str, first_point: str) -> SpotPriceHistory:
    return a_large_history(int(series), first_point=int(first_point))


COMMANDS = {"upgrade": upgrade, "load": load, "load_and_wait": load_and_wait}

if __name__ == "__main__":
    sys.exit(main())
