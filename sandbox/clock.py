"""The time that the pretend world lives in: real, sped up, or moved by hand.

Controllers and kubelets put their next step on the clock (`after`). With `speed` 0 nothing
happens until `advance` is called, and then everything happens in order of its due time: tests
neither sleep nor race. One lock guards clock and store; who waits for a change waits on `changed`.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

Action = Callable[[], None]


class Clock:
    """Unix seconds that start at `start` and pass `speed` times as fast as the real ones."""

    def __init__(self, start: float, *, speed: float) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._speed = speed
        self._base = start
        self._origin = time.monotonic()
        self._due: list[tuple[float, int, Action]] = []
        self._sequence = itertools.count()
        self._stopped = False
        self._running: float | None = None

    def now(self) -> float:
        """Unix seconds; while an action runs, the time at which it was due."""
        if self._running is not None:
            return self._running
        return self._base + (time.monotonic() - self._origin) * self._speed

    def after(self, delay_seconds: float, action: Action) -> None:
        """Runs `action` in `delay_seconds`, with the lock held."""
        with self.lock:
            due = self.now() + delay_seconds
            heapq.heappush(self._due, (due, next(self._sequence), action))
            self.changed.notify_all()

    def advance(self, seconds: float) -> None:
        """Lets `seconds` pass at once and runs what falls due, in order."""
        with self.lock:
            self._base += seconds
            self._run_due()
            self.changed.notify_all()

    def set_speed(self, speed: float) -> None:
        """From now on, `speed` seconds pass in a real one."""
        with self.lock:
            self._base, self._origin = self.now(), time.monotonic()
            self._speed = speed
            self.changed.notify_all()

    def seconds_until(self, moment: float) -> float | None:
        """How long to wait in reality until `moment`; None if only `advance` brings it."""
        if self._speed == 0:
            return None
        return max(0.0, (moment - self.now()) / self._speed)

    def run(self) -> None:
        """Runs actions as they fall due until `stop`; the server gives it a thread."""
        with self.lock:
            while not self._stopped:
                if self._speed:
                    self._run_due()
                wait = self.seconds_until(self._due[0][0]) if self._due else None
                self.changed.wait(wait)

    def stop(self) -> None:
        with self.lock:
            self._stopped = True
            self.changed.notify_all()

    @property
    def stopped(self) -> bool:
        return self._stopped

    def _run_due(self) -> None:
        limit = self.now()
        while self._due and self._due[0][0] <= limit:
            self._running, _, action = heapq.heappop(self._due)
            try:
                action()
            finally:
                self._running = None
