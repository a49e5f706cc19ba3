"""Runs a program in this process, tied to the one that started it: when that goes, so does it.

``python -m starter.tied app.py`` or ``python -m starter.tied -m scheduler``. The standard input
is a pipe that nobody writes to; its end tells that the starter is gone, however it went.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 8.0
"""From the signal to a hard end."""


def main() -> None:
    """Run what the arguments name, with the rest of them as its own."""
    threading.Thread(target=_follow_the_starter, name="tied", daemon=True).start()
    del sys.argv[0]
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def _follow_the_starter() -> None:
    """Wait for the end of the standard input, then end this process."""
    # The program may wait for signals in a thread of its own: this one must not catch them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
