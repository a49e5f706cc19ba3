"""A scheduler as a process of its own: ``python -m tests.scheduler.process URL NAME``.

Its jobs write events whose subject is NAME: ``tick`` every second, and ``slow``, which runs by
command only, ``begun`` and two seconds later ``done``. It ends on SIGTERM like the product's own.
"""

import signal
import sys
import threading
import time
from datetime import timedelta

from db.session import Database, PoolSettings
from scheduler.work import Facts, Work
from services.logs import configure_logs
from tests.scheduler.builders import SETTINGS, a_job, a_scheduler, an_event

POOL = PoolSettings(size=3, max_overflow=3, idle_transaction_seconds=2)
STOP_SIGNALS = (signal.SIGTERM,)
SLOW_SECONDS = 2.0
NAME = sys.argv[2] if len(sys.argv) > 2 else ""


def tick(work: Work) -> Facts:
    """Be seen to be alive."""
    an_event(work, "tick", NAME)
    return {}


def slow(work: Work) -> Facts:
    """Write, take some time, and write again."""
    an_event(work, "begun", NAME)
    for _ in range(int(SLOW_SECONDS * 10)):
        work.report(0.5, {})
        time.sleep(0.1)
    an_event(work, "done", NAME)
    return {}


def main() -> None:
    """Say "ready", and run until SIGTERM. The log goes to standard error."""
    configure_logs(SETTINGS)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    jobs = [
        a_job(tick, "tick", every=timedelta(seconds=1)),
        a_job(slow, "slow", waits_for=lambda database, target: "a command"),
    ]
    with Database(sys.argv[1], POOL) as database:
        scheduler = a_scheduler(database, jobs, holder=NAME)
        thread = threading.Thread(target=scheduler.run)
        thread.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        signal.sigwait(STOP_SIGNALS)
        scheduler.stop()
        thread.join()


if __name__ == "__main__":
    main()
