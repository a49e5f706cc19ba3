"""Nodes with owner, requests and measured use; sums are worked out by hand."""

from datetime import UTC, datetime

from services.access import LOCAL_ADMIN
from services.workflows.browse_clusters import load_cluster_view
from services.workflows.node_rows import node_rows
from services.workflows.open_cluster import open_cluster
from tests.builders import (
    a_document,
    a_node,
    a_pod,
    a_state,
    an_instance,
    an_object,
    instance_id_for,
)

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def a_measurement(node: str, cpu: str, memory: str):
    return an_object(
        "NodeMetrics",
        {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "NodeMetrics",
            "metadata": {"name": node},
            "usage": {"cpu": cpu, "memory": memory},
        },
    )


def the_row(*objects, **fields):
    return node_rows(a_state(*objects, **fields), AT)[0]


def test_use_is_measured_against_what_the_node_can_give():
    """1,000 of 4,000 millicores is a quarter, 4 of 16 GiB too."""
    row = the_row(a_node("node-a"), a_measurement("node-a", "1", "4Gi"))

    assert (row.cpu_use_share, row.memory_use_share) == (0.25, 0.25)


def test_a_node_that_was_not_measured_shows_no_use():
    row = the_row(a_node("node-a"), a_measurement("node-b", "1", "4Gi"))

    assert (row.cpu_use_share, row.memory_use_share) == (None, None)


def test_a_measurement_that_is_no_number_is_none():
    row = the_row(a_node("node-a"), a_measurement("node-a", "much", "4Gi"))

    assert (row.cpu_use_share, row.memory_use_share) == (None, 0.25)


def test_the_use_of_a_cluster_is_that_of_its_measured_nodes(database):
    """2 of 4 cores on the one node that was measured; the other counts on neither side."""
    document = a_document(a_node("a"), a_node("b"), a_measurement("a", "2", "4Gi"))
    open_cluster(database, name="prod", dump=document, actor=LOCAL_ADMIN, at=AT)

    view = load_cluster_view(database, "prod", at=AT)

    assert (view.cpu_use_share, view.memory_use_share) == (0.5, 0.25)


def test_a_node_without_running_pods_asks_for_nothing():
    row = the_row(a_node("node-a"), a_pod("done", on="node-a", status={"phase": "Succeeded"}))

    assert (row.pods, row.cpu_share) == (0, 0.0)


def test_a_label_tells_the_owner_where_the_instance_was_not_read():
    labelled = a_node("node-a", labels={"eks.amazonaws.com/nodegroup": "general"})

    row = the_row(labelled)

    assert (row.owner_kind, row.owner) == ("managed_node_group", "general")


def test_a_tag_of_the_instance_counts_before_a_label():
    labelled = a_node("node-a", labels={"eks.amazonaws.com/nodegroup": "general"})

    instance = an_instance(instance_id_for("node-a"), tags={"karpenter.sh/nodepool": "default"})

    row = the_row(labelled, instances=(instance,))

    assert (row.owner_kind, row.owner) == ("karpenter", "default")


def test_a_node_of_which_nothing_tells_the_owner_has_none():
    row = the_row(a_node("node-a"))

    assert (row.owner_kind, row.owner) == (None, "")
