"""Watches: where they start, what they deliver, how they end."""

from collections.abc import Iterator

import msgspec

from sandbox.kube import paging, selectors
from sandbox.kube.defaults import EMPTY_NODE_STATUS
from sandbox.kube.failures import expired
from sandbox.kube.media import metadata_of
from sandbox.kube.objects import Obj
from sandbox.kube.paging import ListOptions
from sandbox.kube.resources import Resource
from sandbox.kube.store import Change, Compacted
from sandbox.kube.world import World

DEFAULT_SECONDS = 1800
"""How long a watch stays open that names no timeout (the real server draws 30 to 60 minutes)."""

_BOOKMARK_BEFORE_END_SECONDS = 2.0
_EMPTY: dict[str, Obj] = {
    "Node": {"spec": {}, "status": EMPTY_NODE_STATUS},
    "Pod": {"spec": {"containers": None}, "status": {}},
}


class Watch:
    """One open watch; `lines` blocks until there is something to send.

    What is wrong with the request is raised by the constructor, before the answer begins.
    """

    def __init__(
        self,
        world: World,
        resource: Resource,
        namespace: str | None,
        options: ListOptions,
        *,
        metadata_only: bool = False,
    ) -> None:
        self._world = world
        self._resource = resource
        self._namespace = namespace
        self._matches = selectors.query_match(resource, options.labels, options.fields)
        self._ends_at = world.now() + (options.timeout_seconds or DEFAULT_SECONDS)
        self._bookmarks = options.bookmarks
        self._metadata_only = metadata_only
        version = paging.parse_version(options.version) if options.version else 0
        self._seen = version or world.store.revision
        self._backlog = [] if version else self._present()

    def lines(self) -> Iterator[bytes]:
        """The events as JSON lines, until the time is over or the start has been compacted."""
        clock = self._world.clock
        yield from self._backlog
        while True:
            with clock.lock:
                try:
                    ready = self._new_lines()
                except Compacted as error:
                    yield self._expired(int(str(error)))
                    return
                is_over = clock.stopped or clock.now() >= self._ends_at
                bookmark = self._bookmark_if_due()
                if not (ready or bookmark or is_over):
                    clock.changed.wait(self._wait_seconds())
                    continue
            yield from ready
            if bookmark:
                yield bookmark
            if is_over:
                return

    def _present(self) -> list[bytes]:
        found = self._world.store.all(self._resource, self._namespace)
        chosen = [obj for obj in found if self._matches is None or self._matches(obj)]
        return [self._line("ADDED", obj) for obj in chosen]

    def _new_lines(self) -> list[bytes]:
        store = self._world.store
        changes = store.changes_since(self._resource, self._seen)
        self._seen = max(self._seen, store.revision)
        events = (self._event(change) for change in changes)
        return [event for event in events if event is not None]

    def _event(self, change: Change) -> bytes | None:
        """A change as seen through the selector: entering it is ADDED, leaving it DELETED."""
        if self._namespace and change.obj["metadata"].get("namespace") != self._namespace:
            return None
        if self._matches is None:
            return self._line(change.kind, change.obj)
        was_in = change.before is not None and self._matches(change.before)
        is_in = change.kind != "DELETED" and self._matches(change.obj)
        if is_in:
            return self._line("MODIFIED" if was_in else "ADDED", change.obj)
        return self._line("DELETED", change.obj) if was_in else None

    def _line(self, kind: str, obj: Obj) -> bytes:
        whole = {"kind": self._resource.kind, "apiVersion": self._resource.api_version, **obj}
        if self._metadata_only:
            whole = metadata_of(whole)
        return msgspec.json.encode({"type": kind, "object": whole}) + b"\n"

    def _expired(self, oldest: int) -> bytes:
        error = expired(f"too old resource version: {self._seen} ({oldest})")
        return msgspec.json.encode({"type": "ERROR", "object": error.body}) + b"\n"

    def _bookmark_if_due(self) -> bytes | None:
        due = self._ends_at - _BOOKMARK_BEFORE_END_SECONDS
        if not self._bookmarks or self._world.now() < due:
            return None
        self._bookmarks = False
        return self._line("BOOKMARK", self._bookmark())

    def _bookmark(self) -> Obj:
        """An object of the kind with nothing in it, as Go writes one."""
        empty = _EMPTY.get(self._resource.kind, {"spec": {}, "status": {}})
        return {"metadata": {"resourceVersion": str(self._seen)}, **empty}

    def _wait_seconds(self) -> float | None:
        moment = self._ends_at - (_BOOKMARK_BEFORE_END_SECONDS if self._bookmarks else 0)
        return self._world.clock.seconds_until(moment)
