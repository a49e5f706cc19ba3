"""Watches: where they start, what they tell, how they end."""

import json
import threading
import time

import pytest

from tests.sandbox.kube.builders import MERGE, PODS, a_node, a_pod

GATED = {"schedulingGates": [{"name": "later"}]}


@pytest.fixture
def watched(admin, cluster):
    """Collects the events of watches that are opened by the call and ended by `advance`."""
    threads = []

    def open_watch(target):
        status, lines = admin("GET", target)
        assert status == 200
        events = []
        thread = threading.Thread(target=lambda: events.extend(map(json.loads, lines)))
        thread.start()
        threads.append(thread)
        return events

    def finish(seconds=60):
        cluster.world.clock.advance(seconds)
        for thread in threads:
            thread.join(timeout=10)
            assert not thread.is_alive()

    open_watch.finish = finish
    yield open_watch
    cluster.world.clock.stop()


def told(events):
    return [(one["type"], one["object"]["metadata"].get("name")) for one in events]


def test_without_a_version_the_present_objects_come_first(admin, watched):
    admin("POST", PODS, a_pod("old", **GATED))

    events = watched(f"{PODS}?watch=1&timeoutSeconds=5")
    admin("POST", PODS, a_pod("new", **GATED))
    watched.finish()

    assert told(events) == [("ADDED", "old"), ("ADDED", "new")]
    assert events[0]["object"]["kind"] == "Pod"


def test_from_a_version_on_only_what_is_new_is_told(admin, watched):
    admin("POST", PODS, a_pod("p", **GATED))
    version = admin.get(PODS)["metadata"]["resourceVersion"]

    events = watched(f"{PODS}?watch=true&resourceVersion={version}&timeoutSeconds=5")
    admin("PATCH", f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    admin("DELETE", f"{PODS}/p")
    watched.finish()

    assert told(events) == [("MODIFIED", "p"), ("DELETED", "p")]


def test_entering_a_selector_is_added_and_leaving_it_deleted(admin, watched):
    admin("POST", PODS, a_pod("p", **GATED))

    events = watched(f"{PODS}?watch=1&labelSelector=team=a&timeoutSeconds=5")
    for team in ("a", "a", "b"):
        labels = {"team": team, "round": team}
        admin("PATCH", f"{PODS}/p", {"metadata": {"labels": labels}}, MERGE)
    admin("PATCH", f"{PODS}/p", {"metadata": {"annotations": {"x": "y"}}}, MERGE)
    watched.finish()

    assert told(events) == [("ADDED", "p"), ("DELETED", "p")]


def test_a_bookmark_comes_two_seconds_before_the_end(cluster, watched):
    cluster.load([a_node("a")])

    target = "/api/v1/nodes?watch=1&allowWatchBookmarks=true&timeoutSeconds=10"
    events = watched(f"{target}&resourceVersion={cluster.world.store.revision}")
    cluster.world.clock.advance(7.9)
    before = [one["type"] for one in events]
    watched.finish()

    assert "BOOKMARK" not in before
    assert events[-1]["type"] == "BOOKMARK"
    assert events[-1]["object"]["metadata"].keys() == {"resourceVersion"}
    assert events[-1]["object"]["status"]["nodeInfo"]["machineID"] == ""


def test_a_version_that_is_too_old_is_one_error_event(admin, cluster, watched):
    admin("POST", PODS, a_pod("p", **GATED))
    cluster.compact()

    events = watched(f"{PODS}?watch=1&resourceVersion=1&timeoutSeconds=5")
    watched.finish()

    assert [one["type"] for one in events] == ["ERROR"]
    assert events[0]["object"]["code"] == 410
    assert events[0]["object"]["message"] == "too old resource version: 1 (5)"


def test_compaction_does_not_end_a_watch_that_is_up_to_date(admin, cluster, watched):
    events = watched(f"{PODS}?watch=1&timeoutSeconds=5")
    admin("POST", PODS, a_pod("p", **GATED))
    wait_until(lambda: len(events) == 1)
    cluster.compact()
    admin("POST", PODS, a_pod("q", **GATED))
    watched.finish()

    assert told(events) == [("ADDED", "p"), ("ADDED", "q")]


def wait_until(is_so):
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not become so within 5 s")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("resourceVersion=abc", 500),
        ("fieldSelector=spec.bad=1", 400),
        ("labelSelector=(((", 400),
        ("timeoutSeconds=x", 400),
    ],
)
def test_a_bad_watch_is_refused_before_the_stream(admin, query, status):
    assert admin("GET", f"{PODS}?watch=1&{query}")[0] == status
