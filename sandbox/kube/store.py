"""The objects of the cluster with their history, as etcd keeps them.

Every write takes the next revision. Old versions stay until they are compacted, so that pages of
one list and restarted watches see one consistent state.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.kube.objects import Obj, name_of, namespace_of
from sandbox.kube.resources import Resource

_SNAPSHOTS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One write: ADDED, MODIFIED or DELETED; `before` is the version that it replaced."""

    revision: int
    kind: str
    resource: Resource
    obj: Obj
    before: Obj | None


class Compacted(Exception):  # noqa: N818 - it says what has happened to the revision
    """The revision asked for has been compacted away."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of one resource at one revision, in order of their keys."""

    keys: list[str]
    objects: list[Obj]

    def span(self, prefix: str, start: str = "") -> tuple[int, int]:
        """The index range of the keys that begin with `prefix` and are not below `start`."""
        return _span(self.keys, prefix, start)


def _span(keys: list[str], prefix: str, start: str = "") -> tuple[int, int]:
    low = bisect_left(keys, max(prefix, start))
    high = bisect_left(keys, prefix + "\U0010ffff") if prefix else len(keys)
    return low, max(low, high)


class _Table:
    def __init__(self) -> None:
        self.keys: list[str] = []
        self.versions: dict[str, list[tuple[int, Obj | None]]] = {}
        self.log: list[Change] = []
        self.changed_at = 0
        self.snapshots: OrderedDict[int, Snapshot] = OrderedDict()

    def snapshot(self, revision: int) -> Snapshot:
        at = min(revision, self.changed_at)
        if at not in self.snapshots:
            pairs = ((key, _version_at(self.versions[key], at)) for key in self.keys)
            alive = [(key, obj) for key, obj in pairs if obj is not None]
            self.snapshots[at] = Snapshot([key for key, _ in alive], [obj for _, obj in alive])
            while len(self.snapshots) > _SNAPSHOTS_KEPT:
                self.snapshots.popitem(last=False)
        self.snapshots.move_to_end(at)
        return self.snapshots[at]

    def compact(self, revision: int) -> None:
        cut = bisect_right(self.log, revision, key=lambda change: change.revision)
        for change in self.log[:cut]:
            self._drop_before(key_of(change.obj), revision)
        self.log = self.log[cut:]

    def _drop_before(self, key: str, revision: int) -> None:
        versions = self.versions.get(key, [])
        keep = max(bisect_right(versions, revision, key=lambda version: version[0]) - 1, 0)
        del versions[:keep]
        if len(versions) == 1 and versions[0][1] is None and versions[0][0] <= revision:
            del self.versions[key]
            del self.keys[bisect_left(self.keys, key)]


def _version_at(versions: list[tuple[int, Obj | None]], revision: int) -> Obj | None:
    if versions[-1][0] <= revision:
        return versions[-1][1]
    index = bisect_right(versions, revision, key=lambda version: version[0])
    return versions[index - 1][1] if index else None


def key_of(obj: Obj) -> str:
    """`namespace/name`, or `name` of a cluster-wide object: the order of every list."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def key(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


class Store:
    """All tables and the revision they share. The caller holds the clock's lock."""

    def __init__(self) -> None:
        self.revision = 0
        self.compacted_at = 0
        self.listeners: list[Callable[[Change], None]] = []
        self._tables: defaultdict[Resource, _Table] = defaultdict(_Table)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Obj | None:
        versions = self._table(resource).versions.get(key(namespace, name))
        return versions[-1][1] if versions else None

    def all(self, resource: Resource, namespace: str | None = None) -> Iterator[Obj]:
        """The present objects of a resource in one namespace, or in all, in order."""
        table = self._table(resource)
        low, high = _span(table.keys, f"{namespace}/" if namespace else "")
        present = (table.versions[one][-1][1] for one in table.keys[low:high])
        return (obj for obj in present if obj is not None)

    def snapshot(self, resource: Resource, revision: int) -> Snapshot:
        """The objects as they were at `revision`; `Compacted` when that is no longer known."""
        if revision < self.compacted_at:
            raise Compacted(str(self.compacted_at))
        return self._table(resource).snapshot(revision)

    def put(self, resource: Resource, obj: Obj, *, revision: int | None = None) -> Obj:
        """Writes `obj` (the store owns it from now on) with the next or the given revision."""
        self.revision = max(self.revision + 1, revision or 0)
        obj["metadata"]["resourceVersion"] = str(revision or self.revision)
        return self._write(resource, obj, deleted=False)

    def remove(self, resource: Resource, obj: Obj) -> Obj:
        """Deletes; the last version carries the revision of the deletion."""
        self.revision += 1
        last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        return self._write(resource, last, deleted=True)

    def changes_since(self, resource: Resource, revision: int) -> list[Change]:
        """What was written after `revision`; `Compacted` when that is no longer known."""
        if revision < self.compacted_at:
            raise Compacted(str(self.compacted_at))
        table = self._table(resource)
        start = bisect_right(table.log, revision, key=lambda change: change.revision)
        return table.log[start:]

    def compact(self, revision: int) -> None:
        """Forgets what was replaced at or before `revision`."""
        self.compacted_at = revision
        for table in self._tables.values():
            table.compact(revision)

    def _table(self, resource: Resource) -> _Table:
        return self._tables[resource]

    def _write(self, resource: Resource, obj: Obj, *, deleted: bool) -> Obj:
        table = self._table(resource)
        own_key = key_of(obj)
        if own_key not in table.versions:
            table.versions[own_key] = []
            insort(table.keys, own_key)
        versions = table.versions[own_key]
        before = versions[-1][1] if versions else None
        kind = "DELETED" if deleted else "MODIFIED" if before else "ADDED"
        versions.append((self.revision, None if deleted else obj))
        table.changed_at = self.revision
        change = Change(self.revision, kind, resource, obj, before)
        table.log.append(change)
        for listener in self.listeners:
            listener(change)
        return obj
