"""The store: revisions, snapshots, history, compaction."""

import pytest

from sandbox.kube.resources import NODES, PODS
from sandbox.kube.store import Compacted, Store


def put(store, name, namespace="default", **fields):
    return store.put(PODS, {"metadata": {"name": name, "namespace": namespace}, **fields})


def names(objects):
    return [one["metadata"]["name"] for one in objects]


def test_every_write_takes_the_next_revision():
    store = Store()

    first, second = put(store, "a"), put(store, "b")

    assert (first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]) == (
        "1",
        "2",
    )
    assert store.revision == 2


def test_lists_are_in_order_of_namespace_and_name():
    store = Store()
    for name, namespace in (("b", "x"), ("a", "y"), ("a", "x"), ("c", "x-1")):
        put(store, name, namespace)

    assert names(store.all(PODS)) == ["c", "a", "b", "a"]
    assert names(store.all(PODS, "x")) == ["a", "b"]
    assert names(store.all(NODES)) == []


def test_a_snapshot_shows_what_was_there_at_its_revision():
    store = Store()
    put(store, "a", value=1)
    gone = put(store, "b")
    store.remove(PODS, gone)
    put(store, "a", value=2)
    put(store, "c")

    then, now = store.snapshot(PODS, 2), store.snapshot(PODS, store.revision)

    assert names(then.objects) == ["a", "b"]
    assert then.objects[0]["value"] == 1
    assert names(now.objects) == ["a", "c"]


def test_changes_say_what_they_replaced():
    store = Store()
    first = put(store, "a", value=1)
    put(store, "a", value=2)
    store.remove(PODS, store.get(PODS, "default", "a"))

    changes = store.changes_since(PODS, 1)

    assert [(one.kind, one.revision) for one in changes] == [("MODIFIED", 2), ("DELETED", 3)]
    assert changes[0].before is first
    assert changes[1].obj["metadata"]["resourceVersion"] == "3"


def test_compaction_forgets_what_was_replaced_and_keeps_what_is_there():
    store = Store()
    put(store, "a", value=1)
    put(store, "a", value=2)
    store.remove(PODS, put(store, "b"))
    store.compact(store.revision)

    with pytest.raises(Compacted):
        store.snapshot(PODS, 1)
    with pytest.raises(Compacted):
        store.changes_since(PODS, 3)
    assert names(store.all(PODS)) == ["a"]
    assert store.changes_since(PODS, store.revision) == []


def test_a_revision_that_was_not_compacted_stays_readable():
    store = Store()
    put(store, "a")
    put(store, "b")
    store.compact(1)
    put(store, "c")

    assert names(store.snapshot(PODS, 1).objects) == ["a"]
    assert names(store.snapshot(PODS, 2).objects) == ["a", "b"]


def test_a_name_may_come_back_after_it_was_compacted_away():
    store = Store()
    store.remove(PODS, put(store, "a"))
    store.compact(store.revision)

    put(store, "a")

    assert names(store.all(PODS)) == ["a"]
    assert [one.kind for one in store.changes_since(PODS, 2)] == ["ADDED"]
