"""A dump becomes a cluster that can be worked on; opening it again changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from db.repositories import audit, clusters, events
from engines.contracts.state import DataSource, compile_state
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.workflows.open_cluster import load_latest_document, open_cluster
from tests.builders import a_document, a_node, a_pod

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
DUMPED_AT = AT - timedelta(hours=2)
FILE = DataSource(kind="Node", name="dump.json", count=1, as_of=DUMPED_AT, as_of_basis="file time")


def test_a_dump_is_stored_as_the_latest_state_of_the_cluster(database):
    dump = a_document(a_node("node-a"), a_pod("web-1"), sources=(FILE,))

    opened = open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)

    assert (opened.node_count, opened.pod_count, opened.is_unchanged) == (1, 1, False)
    assert (opened.cluster.region, opened.cluster.latest_snapshot_at) == ("us-east-1", DUMPED_AT)
    with database.reader() as reader:
        stored = load_latest_document(reader, clusters.get(reader, "prod"))
        [event] = events.list_events(reader)
        [entry] = audit.list_entries(reader)
    assert compile_state(stored).cluster.nodes.names == ("node-a",)
    assert stored.sources == (FILE,)
    assert (event.type, event.payload) == ("cluster.state.changed", {"nodes": 1, "pods": 1})
    assert (entry.action, entry.object_name) == ("cluster.opened", "prod")


def test_opening_the_same_dump_again_changes_nothing(database):
    dump = a_document(a_node("node-a"), a_node("node-b"), a_pod("web-1"))
    shuffled = a_document(a_pod("web-1"), a_node("node-b"), a_node("node-a"))
    first = open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)

    again = open_cluster(
        database, name="prod", dump=shuffled, actor=LOCAL_ADMIN, at=AT + timedelta(hours=1)
    )

    assert again.is_unchanged
    assert again.cluster.latest_snapshot_digest == first.cluster.latest_snapshot_digest
    with database.reader() as reader:
        assert len(events.list_events(reader)) == 1
        assert len(clusters.list_all(reader)) == 1


def test_a_newer_dump_replaces_the_state_of_the_cluster(database):
    open_cluster(database, name="prod", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=AT)

    newer = open_cluster(
        database,
        name="prod",
        dump=a_document(a_node("node-a"), a_node("node-b")),
        actor=LOCAL_ADMIN,
        at=AT + timedelta(hours=1),
    )

    assert (newer.node_count, newer.is_unchanged) == (2, False)


def test_nodes_of_two_regions_leave_the_region_open(database):
    other = a_node(
        "node-b",
        zone="eu-west-1a",
        labels={
            "topology.kubernetes.io/region": "eu-west-1",
        },
    )

    opened = open_cluster(
        database, name="prod", dump=a_document(a_node(), other), actor=LOCAL_ADMIN, at=AT
    )

    assert opened.cluster.region is None


@pytest.mark.parametrize("name", ["", "-prod", "a b", "prod/eu", "x" * 101, "prod\n"])
def test_a_name_that_cannot_be_one_is_refused(database, name):
    with pytest.raises(InvalidInputError, match="cannot be a cluster's name"):
        open_cluster(database, name=name, dump=a_document(a_node()), actor=LOCAL_ADMIN, at=AT)


def test_a_dump_without_nodes_is_refused_and_nothing_is_stored(database):
    with pytest.raises(InvalidInputError, match="it holds no node"):
        open_cluster(database, name="prod", dump=a_document(a_pod()), actor=LOCAL_ADMIN, at=AT)

    with database.reader() as reader:
        assert clusters.list_all(reader) == ()


def test_a_viewer_may_not_open_clusters(database):
    viewer = Actor(name="eve", role=Role.VIEWER)

    with pytest.raises(AccessDeniedError, match="eve may not open a cluster"):
        open_cluster(database, name="prod", dump=a_document(a_node()), actor=viewer, at=AT)
