"""Threads for work, shared so that nobody is kept waiting by somebody else's work.

Each customer has a lane. A lane runs at most ``per_lane`` tasks at once, and lanes take turns, so a
customer with many slow or hanging clusters uses up its own share and no more. Of one key (a job on
one target) at most one task runs at a time, and of several keys that share a lock at most one.

Threads cannot be killed. A task that is given up frees its place in the lane, so that others go on,
but its lock stays taken until the thread has really ended: a target is never worked on twice.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

Key = tuple[str, str]


class Task(NamedTuple):
    """Something to run. One that ``may_repeat`` waits its turn behind a task of the same key."""

    key: Key
    lane: str
    lock: Key
    function: Callable[[], None]
    may_repeat: bool = False


class Lanes:
    """See the module. All methods may be called from any thread."""

    def __init__(self, *, total: int = 16, per_lane: int = 4) -> None:
        self._total = total
        self._per_lane = per_lane
        self._lock = threading.Condition()
        self._waiting: OrderedDict[str, deque[Task]] = OrderedDict()
        self._used: Counter[str] = Counter()  # places, by lane
        self._running: dict[Key, Task] = {}
        self._given_up: set[Key] = set()
        self._is_open = True

    def submit(self, task: Task) -> bool:
        """Run it as soon as there is a place; False: it waits or runs already, or we stopped."""
        with self._lock:
            queue = self._waiting.setdefault(task.lane, deque())
            is_known = task.key in self._running or any(one.key == task.key for one in queue)
            if not self._is_open or (is_known and not task.may_repeat):
                return False
            queue.append(task)
            self._start_what_can()
            return True

    def give_up(self, key: Key) -> None:
        """Free the place of a running task; its lock stays taken until its thread has ended."""
        with self._lock:
            if key in self._running and key not in self._given_up:
                self._given_up.add(key)
                self._used[self._running[key].lane] -= 1
                self._start_what_can()

    def drop_waiting(self) -> None:
        """Forget what has not begun yet."""
        with self._lock:
            self._waiting.clear()

    def close(self, *, timeout_seconds: float) -> bool:
        """Start nothing more and wait for what runs; True: all of it has ended."""
        deadline = monotonic() + timeout_seconds
        with self._lock:
            self._is_open = False
            self._waiting.clear()
            while self._running.keys() - self._given_up:
                if not self._lock.wait(max(deadline - monotonic(), 0)):
                    break
            return not self._running

    def _start_what_can(self) -> None:
        """Lanes take turns: one that was served goes to the end."""
        while self._used.total() < self._total and (task := self._next()) is not None:
            self._waiting.move_to_end(task.lane)
            self._used[task.lane] += 1
            self._running[task.key] = task
            name = ":".join(part for part in task.key if part)
            threading.Thread(target=self._run, args=(task,), name=name, daemon=True).start()

    def _next(self) -> Task | None:
        locked = {task.lock for task in self._running.values()}
        for lane, queue in self._waiting.items():
            if self._used[lane] >= self._per_lane:
                continue
            for task in queue:
                if task.lock not in locked:
                    queue.remove(task)
                    return task
        return None

    def _run(self, task: Task) -> None:
        try:
            task.function()
        finally:
            with self._lock:
                if task.key in self._given_up:
                    self._given_up.discard(task.key)
                else:
                    self._used[task.lane] -= 1
                del self._running[task.key]
                self._start_what_can()
                self._lock.notify_all()
