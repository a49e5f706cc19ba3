"""Customers, clusters and the documents that decisions refer to."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import select

from db.errors import DatabaseConstraintError, RecordNotFoundError
from db.models.clusters import Snapshot
from db.records import (
    Baseline,
    ClusterAccess,
    ClusterMode,
    ClusterSource,
    ClusterStatus,
    Customer,
    CustomerStatus,
    DataKind,
    DocumentKind,
    LaunchSettings,
)
from db.repositories import clusters, customers, data_versions, decisions, queues, snapshots
from engines.contracts.verdict import SafetyLimits
from services.findings import Finding, FindingState
from tests.db.builders import NOW, a_cluster, a_decision

LATER = NOW + timedelta(hours=1)
NO_VOLUMES = Finding(
    check="aws: read volumes", state=FindingState.MISSING, message="the role may not", remedy="let"
)


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


def an_access(sealed="sealed-text"):
    return ClusterAccess(
        endpoint="https://k8s.example",
        ca_pem="-----BEGIN CERTIFICATE-----",
        credential_kind="bearer",
        sealed_credential=sealed,
    )


@pytest.fixture
def with_api_cluster(with_cluster):
    """The same database with a second cluster, ``c2``, that is read through its API."""
    registered = msgspec.structs.replace(
        a_cluster("c2", name="live"),
        source=ClusterSource.API,
        endpoint="https://k8s.example",
        credential_kind="bearer",
        cluster_tag="team/cluster",
        launch=LaunchSettings(launch_template_id="lt-1", node_groups=("blue", "green")),
    )
    with with_cluster.transaction() as tx:
        clusters.add(tx, registered, an_access())
    return with_cluster


def test_a_cluster_of_an_api_comes_back_without_its_credential(with_api_cluster):
    with with_api_cluster.reader() as reader:
        cluster = clusters.get(reader, "c2")
        access = clusters.load_access(reader, "c2")
        without = clusters.load_access(reader, "c1")

    assert cluster.launch == LaunchSettings(
        launch_template_id="lt-1", node_groups=("blue", "green")
    )
    assert (cluster.endpoint, cluster.cluster_tag) == ("https://k8s.example", "team/cluster")
    assert "sealed-text" not in repr(cluster)
    assert access == an_access()
    assert without is None


def test_an_api_without_an_endpoint_is_refused(with_cluster):
    cluster = msgspec.structs.replace(a_cluster("c2", name="live"), source=ClusterSource.API)

    with pytest.raises(DatabaseConstraintError), with_cluster.transaction() as tx:
        clusters.add(tx, cluster)


def test_a_failed_reading_is_noted_and_the_state_before_it_stays(with_api_cluster):
    with with_api_cluster.transaction() as tx:
        digest = snapshots.save_document(tx, DocumentKind.CLUSTER, b"{}", at=NOW)
        clusters.set_latest_snapshot(tx, "c2", digest, at=NOW)
        clusters.note_reading(tx, "c2", at=NOW)
        clusters.note_read_failure(tx, "c2", "it does not answer", at=LATER)

    with with_api_cluster.reader() as reader:
        cluster = clusters.get(reader, "c2")
    assert cluster.status is ClusterStatus.UNREACHABLE
    assert (cluster.last_read_error, cluster.last_error_at) == ("it does not answer", LATER)
    assert (cluster.last_read_at, cluster.latest_snapshot_digest) == (NOW, digest)


def test_a_reading_that_succeeds_ends_the_error_and_keeps_its_time(with_api_cluster):
    with with_api_cluster.transaction() as tx:
        clusters.note_read_failure(tx, "c2", "it does not answer", at=NOW)
        clusters.note_reading(tx, "c2", (NO_VOLUMES,), at=LATER)

    with with_api_cluster.reader() as reader:
        cluster = clusters.get(reader, "c2")
    assert cluster.status is ClusterStatus.ACTIVE
    assert cluster.last_read_problems == (NO_VOLUMES,)
    assert (cluster.last_read_at, cluster.last_read_error) == (LATER, None)
    assert cluster.last_error_at == NOW


def test_an_archived_cluster_keeps_no_credential(with_api_cluster):
    with with_api_cluster.transaction() as tx:
        clusters.archive(tx, "c2", at=LATER)

    with with_api_cluster.reader() as reader:
        assert clusters.load_access(reader, "c2") is None
        assert clusters.get(reader, "c2").status is ClusterStatus.ARCHIVED
    with pytest.raises(DatabaseConstraintError), with_api_cluster.transaction() as tx:
        clusters.set_sealed_credential(tx, "c2", "sealed-again")


def test_an_archived_cluster_is_taken_up_again_with_a_new_access(with_api_cluster):
    with with_api_cluster.transaction() as tx:
        clusters.archive(tx, "c2", at=NOW)
        clusters.set_access(tx, "c2", an_access("sealed-2"), at=LATER)

    with with_api_cluster.reader() as reader:
        assert clusters.load_access(reader, "c2") == an_access("sealed-2")
        assert clusters.get(reader, "c2").status is ClusterStatus.ACTIVE


def test_a_cluster_that_is_dumped_from_now_on_keeps_no_credential(with_api_cluster):
    with with_api_cluster.transaction() as tx:
        clusters.set_dump_source(tx, "c2", at=LATER)

    with with_api_cluster.reader() as reader:
        cluster = clusters.get(reader, "c2")
        assert clusters.load_access(reader, "c2") is None
    assert (cluster.source, cluster.endpoint) == (ClusterSource.DUMP, None)


def test_a_baseline_is_kept_to_the_micro_dollar(with_api_cluster):
    baseline = Baseline(
        usd_per_vcpu_hour=Decimal("0.034567"),
        usd_per_gib_hour=Decimal("0.004801"),
        frozen_at=LATER,
    )

    with with_api_cluster.transaction() as tx:
        clusters.set_baseline(tx, "c2", baseline)

    with with_api_cluster.reader() as reader:
        assert clusters.get(reader, "c2").baseline == baseline
        assert clusters.get(reader, "c1").baseline is None


def test_a_changed_customer_keeps_its_secret_apart_from_the_record(database):
    customer = Customer(id="acme", company="Acme", aws_access_key_id="AKIA1", created_at=NOW)
    with database.transaction() as tx:
        customers.add(tx, customer, sealed_secret="sealed-1")
        renamed = msgspec.structs.replace(customer, company="Acme Ltd", aws_region="eu-west-1")
        customers.change(tx, renamed, sealed_secret="sealed-2")

    with database.reader() as reader:
        assert customers.find_by_company(reader, "Acme") is None
        assert customers.find_by_company(reader, "Acme Ltd") == renamed
        assert customers.load_sealed_secret(reader, "acme") == "sealed-2"
    assert "sealed" not in repr(renamed)


def test_an_access_key_needs_its_secret(database):
    customer = Customer(id="acme", company="Acme", aws_access_key_id="AKIA1", created_at=NOW)

    with pytest.raises(DatabaseConstraintError), database.transaction() as tx:
        customers.add(tx, customer)


def test_a_customer_that_is_not_there_cannot_be_changed(database):
    with pytest.raises(RecordNotFoundError, match="'acme'"), database.transaction() as tx:
        customers.change(
            tx, Customer(id="acme", company="Acme", created_at=NOW), sealed_secret=None
        )


def test_a_customer_has_one_queue_a_region(database):
    with database.transaction() as tx:
        customers.ensure_local(tx, at=NOW)
        queues.put(tx, "local", "us-east-1", "https://sqs/one", at=NOW)
        queues.put(tx, "local", "eu-west-1", "https://sqs/two", at=NOW)
        queues.put(tx, "local", "us-east-1", "https://sqs/three", at=LATER)

    with database.reader() as reader:
        stored = queues.list_all(reader)
    assert [(one.region, one.url) for one in stored] == [
        ("eu-west-1", "https://sqs/two"),
        ("us-east-1", "https://sqs/three"),
    ]


def test_queues_of_an_archived_customer_are_not_polled(database):
    with database.transaction() as tx:
        local = customers.ensure_local(tx, at=NOW)
        queues.put(tx, "local", "us-east-1", "https://sqs/one", at=NOW)
        archived = msgspec.structs.replace(local, status=CustomerStatus.ARCHIVED)
        customers.change(tx, archived, sealed_secret=None)

    with database.reader() as reader:
        assert queues.list_all(reader) == ()
        assert customers.list_all(reader) == ()
        assert customers.list_all(reader, include_archived=True) == (archived,)


def test_a_queue_is_forgotten_once(database):
    with database.transaction() as tx:
        customers.ensure_local(tx, at=NOW)
        queues.put(tx, "local", "us-east-1", "https://sqs/one", at=NOW)

        assert queues.remove(tx, "local", "us-east-1")
        assert not queues.remove(tx, "local", "us-east-1")
