"""Clusters are registered with a sealed credential, changed as a whole, and removed for good."""

from datetime import timedelta

import pytest

from db.records import ClusterSource, ClusterStatus, LaunchSettings
from db.repositories import audit, clusters, decisions, events
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.workflows.open_cluster import open_cluster
from services.workflows.register_cluster import (
    BearerToken,
    ClusterChange,
    KubeAccess,
    NewCluster,
    add_cluster,
    edit_cluster,
    remove_cluster,
)
from services.workflows.register_customer import (
    NewCustomer,
    add_customer,
    remove_customer,
)
from tests.builders import a_document, a_node
from tests.db.builders import a_decision
from tests.services.workflows.live import AT, SECRETS

TOKEN = "the-token-of-the-service-account"
ENDPOINT = "https://k8s.example:6443"
LATER = AT + timedelta(hours=1)


def an_access(endpoint=ENDPOINT, token=TOKEN):
    return KubeAccess(endpoint=endpoint, credential=BearerToken(token=token))


def add(database, name="prod", actor=LOCAL_ADMIN, **changes):
    fields = {"name": name, "access": an_access(), **changes}
    return add_cluster(database, NewCluster(**fields), secrets=SECRETS, actor=actor, at=AT)


def edit(database, cluster_id, change, actor=LOCAL_ADMIN):
    return edit_cluster(database, cluster_id, change, secrets=SECRETS, actor=actor, at=LATER)


def remove(database, cluster_id, name, actor=LOCAL_ADMIN):
    remove_cluster(database, cluster_id, confirmed_name=name, actor=actor, at=LATER)


def access_of(database, cluster_id):
    with database.reader() as reader:
        return clusters.load_access(reader, cluster_id)


def records(database):
    with database.reader() as reader:
        return audit.list_entries(reader), events.list_events(reader)


def test_a_cluster_is_registered_with_a_sealed_token(database):
    cluster = add(database, launch=LaunchSettings(node_groups=("general",)))

    access = access_of(database, "prod")
    assert (cluster.id, cluster.source, cluster.status) == (
        "prod",
        ClusterSource.API,
        ClusterStatus.ACTIVE,
    )
    assert (cluster.endpoint, cluster.credential_kind) == (ENDPOINT, "token")
    assert cluster.launch.node_groups == ("general",)
    assert TOKEN in SECRETS.open(access.sealed_credential, what="it")


def test_the_token_is_shown_nowhere(database):
    cluster = add(database)
    edit(database, cluster.id, ClusterChange(access=an_access(token="a-newer-token")))

    told = repr((cluster, access_of(database, cluster.id), records(database), an_access()))

    assert TOKEN not in told
    assert "a-newer-token" not in told
    entry = records(database)[0][0]
    assert (entry.action, entry.before["credential"], entry.after["credential"]) == (
        "cluster.changed",
        "***",
        "*** (new)",
    )


@pytest.mark.parametrize("name", ["", "-prod", "a/b", "x" * 101])
def test_a_name_that_cannot_be_one_is_refused(database, name):
    with pytest.raises(InvalidInputError, match="cluster name"):
        add(database, name)


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"region": "frankfurt"}, "region"),
        ({"cluster_tag": ""}, "cluster tag"),
        ({"cluster_tag": "x" * 129}, "cluster tag"),
    ],
)
def test_a_detail_that_cannot_be_right_is_named(database, changes, blamed):
    with pytest.raises(InvalidInputError) as refusal:
        add(database, **changes)

    assert refusal.value.source == blamed


def test_plain_http_is_for_sandbox_databases(database, sandbox_database):
    local = an_access("http://127.0.0.1:8001")

    with pytest.raises(InvalidInputError, match="plain http"):
        add(database, access=local)
    assert add(sandbox_database, access=local).endpoint == "http://127.0.0.1:8001"


def test_a_tunnel_by_https_is_good_in_a_real_database(database):
    tunnel = an_access("https://localhost:6443/")

    assert add(database, access=tunnel).endpoint == "https://localhost:6443"


def test_a_sandbox_database_takes_no_cluster_of_the_world(sandbox_database):
    with pytest.raises(InvalidInputError, match="is a sandbox"):
        add(sandbox_database)


def test_a_name_is_taken_once_by_a_customer_and_free_for_another(database):
    owner = add_customer(
        database, NewCustomer(company="Acme"), secrets=SECRETS, actor=LOCAL_ADMIN, at=AT
    )
    first = add(database)

    with pytest.raises(InvalidInputError, match="registered already"):
        add(database)
    second = add(database, customer_id=owner.id)

    assert first.id == "prod"
    assert second.id.startswith("prod-")
    assert second.name == "prod"


def test_a_cluster_needs_a_customer_that_is_there(database):
    owner = add_customer(
        database, NewCustomer(company="Acme"), secrets=SECRETS, actor=LOCAL_ADMIN, at=AT
    )
    remove_customer(database, owner.id, actor=LOCAL_ADMIN, at=AT)

    with pytest.raises(InvalidInputError, match="was removed"):
        add(database, customer_id=owner.id)


def test_a_customer_with_clusters_cannot_be_removed(database):
    owner = add_customer(
        database, NewCustomer(company="Acme"), secrets=SECRETS, actor=LOCAL_ADMIN, at=AT
    )
    add(database, customer_id=owner.id)

    with pytest.raises(InvalidInputError, match="owns the clusters prod"):
        remove_customer(database, owner.id, actor=LOCAL_ADMIN, at=AT)


def test_a_dump_becomes_a_live_cluster_with_its_history(database):
    dump = a_document(a_node("node-a"))
    opened = open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT).cluster

    live = add(database)

    assert (live.id, live.source) == (opened.id, ClusterSource.API)
    assert live.latest_snapshot_digest == opened.latest_snapshot_digest
    assert live.region == "us-east-1"


def test_a_dump_never_takes_the_place_of_a_live_cluster(database):
    add(database)

    with pytest.raises(InvalidInputError, match="read through its API"):
        open_cluster(database, name="prod", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=LATER)


def test_an_edit_without_access_keeps_the_credential(database):
    add(database, region="us-east-1")
    sealed = access_of(database, "prod")

    after = edit(database, "prod", ClusterChange(region="eu-west-1", cluster_tag="team"))

    assert (after.region, after.cluster_tag) == ("eu-west-1", "team")
    assert access_of(database, "prod") == sealed


def test_an_edit_that_changes_nothing_is_not_audited(database):
    add(database)

    edit(database, "prod", ClusterChange())

    assert [one.action for one in records(database)[0]] == ["cluster.registered"]


def test_a_removed_cluster_keeps_its_decisions_and_loses_its_credential(database):
    add(database)
    with database.transaction() as tx:
        decisions.log(tx, a_decision(cluster_id="prod"))

    remove(database, "prod", "prod")

    with database.reader() as reader:
        assert clusters.list_all(reader) == ()
        assert clusters.get(reader, "prod").status is ClusterStatus.ARCHIVED
        assert decisions.get(reader, 1).summary.cluster_id == "prod"
    assert access_of(database, "prod") is None
    assert records(database)[0][0].action == "cluster.removed"


def test_a_cluster_is_removed_by_its_exact_name_only(database):
    add(database)

    with pytest.raises(InvalidInputError, match="is not the name"):
        remove(database, "prod", "Prod")

    assert access_of(database, "prod") is not None


def test_a_removed_cluster_can_be_registered_again_and_not_be_changed(database):
    add(database)
    remove(database, "prod", "prod")

    with pytest.raises(InvalidInputError, match="was removed"):
        edit(database, "prod", ClusterChange())
    with pytest.raises(InvalidInputError, match="was removed"):
        remove(database, "prod", "prod")
    again = add(database)

    assert (again.id, again.status) == ("prod", ClusterStatus.ACTIVE)
    assert access_of(database, "prod") is not None


def test_a_removed_live_cluster_can_be_opened_from_a_dump(database):
    add(database)
    remove(database, "prod", "prod")

    opened = open_cluster(
        database, name="prod", dump=a_document(a_node()), actor=LOCAL_ADMIN, at=LATER
    ).cluster

    assert (opened.source, opened.status, opened.endpoint) == (
        ClusterSource.DUMP,
        ClusterStatus.ACTIVE,
        None,
    )


def test_a_viewer_changes_no_cluster(database):
    viewer = Actor(name="anna", role=Role.VIEWER)
    add(database)

    with pytest.raises(AccessDeniedError):
        add(database, "other", actor=viewer)
    with pytest.raises(AccessDeniedError):
        edit(database, "prod", ClusterChange(), actor=viewer)
    with pytest.raises(AccessDeniedError):
        remove(database, "prod", "prod", actor=viewer)
