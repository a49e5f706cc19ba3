"""A scheduler that runs in this process, its jobs, and something for them to work on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet

from db.job_records import JobScope
from db.records import ClusterAccess, ClusterSource, Customer
from db.repositories import clusters, customers, events
from db.session import Database
from scheduler.process import Scheduler
from scheduler.work import Every, Facts, JobSpec, Work
from services.secrets import SecretBox
from services.settings import Settings
from tests.db.builders import a_cluster

KEY = Fernet.generate_key().decode()
SETTINGS = Settings(encryption_key=KEY)
TTL = timedelta(seconds=2)  # a fifth of the product's, so that tests need not wait as long


def a_job(
    run: Callable[[Work], Facts],
    name: str = "job",
    *,
    scope: JobScope = JobScope.GLOBAL,
    every: timedelta = timedelta(hours=1),
    **fields: Any,
) -> JobSpec:
    """A job that is due at once, and then once an hour."""
    return JobSpec(
        name=name, does="x", scope=scope, timing=Every(interval=every), run=run, **fields
    )


def an_event(work: Work, event_type: str, subject: str = "") -> None:
    """What jobs of these tests write, to be found by the test."""
    with work.database.transaction() as tx:
        events.append(tx, event_type, subject=subject or work.target, at=datetime.now(UTC))


def subjects(database: Database, event_type: str) -> list[str]:
    """The subjects of the events of a type, oldest first."""
    with database.reader() as reader:
        found = events.list_events(reader, event_type=event_type, limit=1000)
    return [one.subject for one in reversed(found)]


def register(database: Database, cluster_id: str, *, customer: str = "acme") -> None:
    """A cluster that is read through its API (nobody does in these tests)."""
    now = datetime.now(UTC)
    with database.transaction() as tx:
        if customer not in {one.id for one in customers.list_all(tx)}:
            customers.add(tx, Customer(id=customer, company=customer, created_at=now))
        plain = a_cluster(cluster_id, name=cluster_id)
        fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
        cluster = type(plain)(
            **{**fields, "customer_id": customer, "source": ClusterSource.API, "created_at": now}
        )
        access = ClusterAccess(
            endpoint="https://127.0.0.1:1", ca_pem=None, credential_kind="x", sealed_credential="x"
        )
        clusters.add(tx, cluster, access)


def a_scheduler(
    database: Database, catalogue: Sequence[JobSpec], *, holder: str = "test", ttl: timedelta = TTL
) -> Scheduler:
    """A scheduler with jobs of the test's own."""
    return Scheduler(
        database=database,
        lease_database=database,
        catalogue=catalogue,
        settings=SETTINGS,
        secrets=SecretBox([KEY]),
        holder=holder,
        ttl=ttl,
    )


@contextmanager
def running(scheduler: Scheduler) -> Iterator[Scheduler]:
    """It works while the block runs, and has stopped at its end."""
    thread = threading.Thread(target=scheduler.run, daemon=True)
    thread.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()
        thread.join(timeout=15)
        assert not thread.is_alive()


def until(is_so: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait for something to become true; generously, for machines may be busy."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
