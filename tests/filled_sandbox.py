"""A database of the sandbox as the product's own scheduler fills it in its first minute."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from db.session import Database
from sandbox.shop.serving import ShopServer
from scheduler.jobs import catalogue
from scheduler.process import Scheduler
from services.bootstrap import open_database
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows.job_control import list_jobs
from starter.registration import register_sandbox

FIRST_JOBS = ("optimise", "summarise_metrics", "scan_waste", "refresh_instance_types")
PATIENCE_SECONDS = 240


def fill(path: Path, seed: int = 1) -> None:
    """Make the file: the pretend cluster is registered, read, priced, and every engine asked."""
    key = Fernet.generate_key().decode()
    secrets = SecretBox([key])
    with ShopServer(seed, datetime.now(UTC)) as world:
        connection = world.connection()
        settings = Settings(
            database_url=f"sqlite:///{path}",
            database_kind="sandbox",
            encryption_key=key,
            spot_advisor_url=connection["spot_advisor_url"],
            price_list_url=connection["price_list_url"],
        )
        with open_database(settings) as database:
            register_sandbox(database, connection, secrets=secrets, at=datetime.now(UTC))
            scheduler = Scheduler(
                database=database,
                lease_database=database,
                catalogue=catalogue(settings),
                settings=settings,
                secrets=secrets,
                holder="filler",
            )
            thread = threading.Thread(target=scheduler.run, daemon=True)
            thread.start()
            _wait_for_first_jobs(database)
            scheduler.stop()
            thread.join()


def _wait_for_first_jobs(database: Database) -> None:
    """Until each has succeeded; AssertionError where that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _done(database).issuperset(FIRST_JOBS):
        assert time.monotonic() < deadline, f"only {_done(database)} succeeded"
        time.sleep(0.2)


def _done(database: Database) -> set[str]:
    return {row.name for row in list_jobs(database) if row.last_success_at is not None}
