"""Customers, clusters and the documents that decisions refer to."""

import hashlib
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from db.errors import DatabaseConstraintError, RecordNotFoundError
from db.models.clusters import Snapshot
from db.records import (
    ClusterMode,
    ClusterStatus,
    Customer,
    DataKind,
    DocumentKind,
)
from db.repositories import clusters, customers, data_versions, decisions, snapshots
from engines.contracts.verdict import SafetyLimits
from tests.db.builders import NOW, a_cluster, a_decision

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def with_cluster(database):
    """A database with the local customer and one cluster."""
    with database.transaction() as tx:
        customers.ensure_local(tx, at=NOW)
        clusters.add(tx, a_cluster())
    return database


def test_the_local_customer_is_made_once(database):
    with database.transaction() as tx:
        first = customers.ensure_local(tx, at=NOW)
        second = customers.ensure_local(tx, at=LATER)

    with database.reader() as reader:
        assert customers.list_all(reader) == (first,)
        assert customers.get(reader, "local") == first == second
    assert first.created_at == NOW


def test_a_customer_that_is_not_registered_is_not_found(database):
    with database.reader() as reader, pytest.raises(RecordNotFoundError, match="'acme'"):
        customers.get(reader, "acme")


def test_two_customers_may_not_share_a_company(database):
    def add(customer_id):
        with database.transaction() as tx:
            customers.add(tx, Customer(id=customer_id, company="Acme", created_at=NOW))

    add("one")
    with pytest.raises(DatabaseConstraintError):
        add("two")


def test_a_cluster_comes_back_as_it_was_registered(with_cluster):
    with with_cluster.reader() as reader:
        assert clusters.get(reader, "c1") == a_cluster()
        assert clusters.find_by_name(reader, "local", "prod") == a_cluster()
        assert clusters.find_by_name(reader, "local", "dev") is None
        assert clusters.list_all(reader) == (a_cluster(),)


def test_a_name_belongs_to_one_cluster_of_a_customer(with_cluster):
    with (
        pytest.raises(DatabaseConstraintError),
        with_cluster.transaction() as tx,
    ):
        clusters.add(tx, a_cluster("c2", name="prod"))


def test_a_cluster_needs_its_customer(database):
    with pytest.raises(DatabaseConstraintError), database.transaction() as tx:
        clusters.add(tx, a_cluster())


def test_what_is_set_is_kept_and_the_rest_stays(with_cluster):
    limits = SafetyLimits(max_pool_share=0.1, allow_small_cluster_exception=True)
    with with_cluster.transaction() as tx:
        digest = snapshots.save_document(tx, DocumentKind.CLUSTER, b"{}", at=LATER)
        clusters.set_limits(tx, "c1", limits, at=LATER)
        clusters.set_mode(tx, "c1", ClusterMode.APPROVE, at=LATER)
        clusters.set_region(tx, "c1", None, at=LATER)
        clusters.set_latest_snapshot(tx, "c1", digest, at=LATER)

    with with_cluster.reader() as reader:
        cluster = clusters.get(reader, "c1")
    assert cluster.limits == limits
    assert cluster.mode is ClusterMode.APPROVE
    assert cluster.region is None
    assert (cluster.latest_snapshot_digest, cluster.latest_snapshot_at) == (digest, LATER)
    assert (cluster.name, cluster.created_at, cluster.updated_at) == ("prod", NOW, LATER)


def test_an_archived_cluster_is_listed_on_request_only(with_cluster):
    with with_cluster.transaction() as tx:
        clusters.set_status(tx, "c1", ClusterStatus.ARCHIVED, at=LATER)

    with with_cluster.reader() as reader:
        assert clusters.list_all(reader) == ()
        assert [one.id for one in clusters.list_all(reader, include_archived=True)] == ["c1"]


def test_changing_a_cluster_that_is_not_there_is_an_error(database):
    with (
        pytest.raises(RecordNotFoundError, match="'nobody'") as refusal,
        database.transaction() as tx,
    ):
        clusters.set_mode(tx, "nobody", ClusterMode.ADVISE, at=NOW)

    assert "register it first" in refusal.value.next_step
    with database.reader() as reader:
        assert data_versions.current(reader)[DataKind.CLUSTERS] == 0


def test_a_snapshot_that_is_not_stored_cannot_be_the_latest(with_cluster):
    with pytest.raises(DatabaseConstraintError), with_cluster.transaction() as tx:
        clusters.set_latest_snapshot(tx, "c1", "0" * 64, at=NOW)


def test_a_document_is_stored_once_and_compressed(database):
    document = b'{"pods": []}' * 1000

    with database.transaction() as tx:
        first = snapshots.save_document(tx, DocumentKind.CLUSTER, document, at=NOW)
        second = snapshots.save_document(tx, DocumentKind.CLUSTER, document, at=LATER)

    with database.reader() as reader:
        assert snapshots.load_document(reader, first) == document
        (row,) = reader.connection.execute(select(Snapshot.__table__)).all()
    assert first == second == hashlib.sha256(document).hexdigest()
    assert row.size_bytes == 12_000
    assert len(row.payload) < 1_000
    assert (row.created_at, row.last_used_at) == (NOW, LATER)


def test_a_document_that_is_not_kept_any_more_is_said_so(database):
    with database.reader() as reader, pytest.raises(RecordNotFoundError, match="any more"):
        snapshots.load_document(reader, "0" * 64)


def test_purging_keeps_recent_documents_and_what_is_still_referred_to(with_cluster):
    def save(tx, content, at=NOW):
        return snapshots.save_document(tx, DocumentKind.CLUSTER, content, at=at)

    with with_cluster.transaction() as tx:
        save(tx, b"new", LATER)
        clusters.set_latest_snapshot(tx, "c1", save(tx, b"shown"), at=NOW)
        recent = msgspec.structs.replace(
            a_decision("r2", at=LATER),
            cluster_snapshot_digest=save(tx, b"judged"),
            market_snapshot_digest=save(tx, b"prices"),
        )
        decisions.log(tx, recent)
        old = msgspec.structs.replace(a_decision(), cluster_snapshot_digest=save(tx, b"old"))
        decisions.log(tx, old)

        deleted = snapshots.purge(tx, unused_since=LATER)

    with with_cluster.reader() as reader:
        kept = {
            snapshots.load_document(reader, digest)
            for digest in reader.connection.execute(select(Snapshot.digest)).scalars()
        }
    assert kept == {b"new", b"shown", b"judged", b"prices"}
    assert deleted == 1
