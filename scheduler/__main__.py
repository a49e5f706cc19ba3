"""``python -m scheduler``: run the recurring jobs until SIGTERM or SIGINT."""

import gc
import logging
import os
import secrets
import signal
import socket
import sys
import threading

import structlog

from db.errors import DatabaseError
from db.session import Database, PoolSettings
from scheduler.jobs import catalogue
from scheduler.process import Scheduler
from scheduler.web import HealthServer
from services.bootstrap import open_database
from services.errors import CloudOptimError
from services.logs import configure_logs
from services.secrets import open_secret_box
from services.settings import Settings, load_settings

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LEASE_POOL = PoolSettings(
    size=1, max_overflow=1, wait_seconds=2, lock_wait_seconds=2, idle_transaction_seconds=5
)
LONGEST_PAUSE_SECONDS = 10.0  # between two attempts at a database that does not answer yet

log = structlog.get_logger("scheduler")


class StopSignals:
    """Waits for SIGTERM or SIGINT. A second one, while the first is obeyed, changes nothing.

    The signals are blocked here and in every thread that Python starts, so that no handler
    interrupts anything. Threads of native libraries may be older than that and take a signal: for
    those there is a handler, which only notes it.
    """

    def __init__(self) -> None:
        self._came = False
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)

    def wait(self, seconds: float) -> bool:
        """Whether one has come, now or before."""
        if not self._came and signal.sigtimedwait(STOP_SIGNALS, seconds) is not None:
            self._came = True
        return self._came

    def _note(self, *_: object) -> None:
        self._came = True


def main() -> int:
    """Run one scheduler; 0: it was stopped, 1: it could not start, and the error says why."""
    stopping = StopSignals()
    try:
        settings = load_settings()
        configure_logs(settings)
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it tells of every look
        database = _open_patiently(settings, stopping)
        if database is None:
            return 0
        with database:
            return serve(database, settings, stopping)
    except CloudOptimError as error:
        sys.stderr.write(f"The scheduler did not start: {error}\n")
        return 1


def serve(database: Database, settings: Settings, stopping: StopSignals) -> int:
    """Work and tell the health until a stop signal comes; 1: the main loop died of a fault."""
    lease_database = Database(settings.sqlalchemy_url(), LEASE_POOL)
    scheduler = Scheduler(
        database=database,
        lease_database=lease_database,
        catalogue=catalogue(settings),
        settings=settings,
        secrets=open_secret_box(settings),
        holder=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}",
    )
    server = HealthServer(settings.metrics_port, scheduler.health)
    gc.collect()
    gc.freeze()  # what is imported by now stays: collections need not walk it again and again
    log.info("scheduler is ready", database=database.safe_url, port=server.port)
    loop = threading.Thread(target=scheduler.run, name="scheduler", daemon=True)
    loop.start()
    while loop.is_alive() and not stopping.wait(1.0):
        pass
    is_fault = not loop.is_alive()
    scheduler.stop()
    loop.join()
    server.close()
    if is_fault or scheduler.has_left_threads:
        _leave_at_once(int(is_fault))
    lease_database.close()
    return 0


def _open_patiently(settings: Settings, stopping: StopSignals) -> Database | None:
    """The database, once it answers; None: a stop signal came first."""
    pause = 1.0
    while True:
        try:
            return open_database(settings)
        except DatabaseError as error:
            if not error.is_retryable:
                raise
            log.error("database does not answer yet", problem=error.problem, again_in=pause)
        if stopping.wait(pause):
            return None
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _leave_at_once(code: int) -> None:
    """End the process under threads that hang; what they still do is refused by the fence."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
