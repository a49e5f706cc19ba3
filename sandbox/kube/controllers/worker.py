"""A controller's queue: keys that something happened to, looked at a moment later."""

from collections.abc import Callable

from sandbox.kube.world import World

_PAUSED_RETRY_SECONDS = 0.1


class Worker:
    """Calls `sync(key)` some time after `add(key)`; a key that waits is not queued twice.

    One that belongs to the controller manager waits while the manager is paused.
    """

    def __init__(
        self, world: World, sync: Callable[[str], None], *, delay_seconds: float, managed: bool
    ) -> None:
        self._world = world
        self._sync = sync
        self._delay = delay_seconds
        self._managed = managed
        self._waiting: set[str] = set()

    def add(self, key: str) -> None:
        if key not in self._waiting:
            self._waiting.add(key)
            self._world.clock.after(self._delay, lambda: self._run(key))

    def add_later(self, key: str, delay_seconds: float) -> None:
        """Looks again after `delay_seconds`, besides whatever happens before."""
        self._world.clock.after(delay_seconds, lambda: self.add(key))

    def _run(self, key: str) -> None:
        if self._managed and self._world.paused:
            self._world.clock.after(_PAUSED_RETRY_SECONDS, lambda: self._run(key))
            return
        self._waiting.discard(key)
        self._sync(key)


def split(key: str) -> tuple[str, str]:
    """`namespace/name` in its two parts."""
    namespace, _, name = key.partition("/")
    return namespace, name
