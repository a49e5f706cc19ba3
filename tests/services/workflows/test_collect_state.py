"""A live cluster is read over real HTTP; what cannot be read never takes the last good state."""

import json
from datetime import timedelta

import msgspec
import pytest
import structlog
from sqlalchemy import text

from db.records import ClusterStatus
from db.repositories import clusters, events
from engines.contracts.results import DecisionType
from engines.contracts.state import canonical_cluster_json, compile_state
from sandbox.aws.faults import Fault
from sandbox.kube.server import KubeServer
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.findings import FindingState
from services.kube.errors import KubernetesError, UnauthorizedError
from services.secrets import SealedSecretError, open_secret_box
from services.settings import Settings
from services.workflows.analyze import AnalysisFiles, read_state
from services.workflows.collect_state import collect_state
from services.workflows.export_snapshot import export_snapshot
from services.workflows.open_cluster import load_latest_document
from services.workflows.recommend import Question, recommend
from services.workflows.register_cluster import (
    BearerToken,
    ClusterChange,
    KubeAccess,
    edit_cluster,
    remove_cluster,
)
from tests.pretend_aws import fail
from tests.sandbox.kube.builders import DEPLOYMENTS, Caller, a_workload
from tests.services.workflows.live import AT, SECRETS, SETTINGS, TOKEN, register

LATER = AT + timedelta(minutes=1)
LATEST = AT + timedelta(minutes=2)


def collect(database, cluster_id="shop", at=AT, secrets=SECRETS, actor=LOCAL_ADMIN):
    return collect_state(
        database, cluster_id, secrets=secrets, settings=SETTINGS, actor=actor, at=at
    )


def cluster_of(database):
    with database.reader() as reader:
        return clusters.get(reader, "shop")


def document_of(database):
    with database.reader() as reader:
        return load_latest_document(reader, clusters.get(reader, "shop"))


def told(database):
    """The types of the events about clusters' states, oldest first."""
    with database.reader() as reader:
        found = events.list_events(reader)
    return [one.type for one in reversed(found) if one.type.startswith("cluster.state.")]


def test_kubernetes_and_aws_become_one_document(sandbox_database, live):
    register(sandbox_database, live)

    collected = collect(sandbox_database)

    document = document_of(sandbox_database)
    assert (collected.node_count, collected.pod_count, collected.is_changed) == (3, 4, True)
    assert len(document.nodes) == 3
    assert len(document.instances) == len(live.scenario.nodes()) + 9
    assert document.volumes
    assert document.snapshots
    assert {one.kind for one in document.sources} >= {"Node", "Pod", "instances", "volumes"}
    assert compile_state(document).cluster.nodes.instance_ids == tuple(
        sorted_by_name(live.scenario.nodes()[:3])
    )


def sorted_by_name(machines):
    return [one.instance_id for one in sorted(machines, key=lambda one: one.private_dns_name)]


def test_the_cluster_is_active_in_its_region_with_a_baseline(sandbox_database, live):
    register(sandbox_database, live)

    cluster = collect(sandbox_database).cluster

    assert (cluster.status, cluster.region) == (ClusterStatus.ACTIVE, "us-east-1")
    assert (cluster.last_read_at, cluster.latest_snapshot_at) == (AT, AT)
    assert cluster.baseline.frozen_at == AT


def test_the_baseline_stays_as_it_was_frozen(sandbox_database, live):
    register(sandbox_database, live)
    frozen = collect(sandbox_database).cluster.baseline

    again = collect(sandbox_database, at=LATER).cluster.baseline

    assert again == frozen


def test_a_cluster_that_is_the_same_is_not_told_to_have_changed(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)

    again = collect(sandbox_database, at=LATER)

    assert not again.is_changed
    assert told(sandbox_database) == ["cluster.state.changed"]
    assert again.cluster.latest_snapshot_at == LATER


def test_a_cluster_that_changed_is_told_with_its_counts(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)
    Caller(live.cluster)("POST", DEPLOYMENTS, a_workload("Deployment", "api", replicas=2))
    live.cluster.world.clock.advance(10)

    collected = collect(sandbox_database, at=LATER)

    assert collected.is_changed
    with sandbox_database.reader() as reader:
        newest = events.list_events(reader, event_type="cluster.state.changed")[0]
    assert newest.payload == {"nodes": 3, "pods": 6, "source": "api"}


def test_a_reading_that_began_earlier_never_replaces_a_newer_state(sandbox_database, live):
    register(sandbox_database, live)
    newer = collect(sandbox_database, at=LATER).cluster

    collect(sandbox_database, at=AT)

    assert cluster_of(sandbox_database).latest_snapshot_digest == newer.latest_snapshot_digest
    assert cluster_of(sandbox_database).last_read_at == LATER


def test_a_server_that_is_gone_leaves_the_last_good_state(sandbox_database, live):
    register(sandbox_database, live)
    good = collect(sandbox_database).cluster
    live.kube.close()

    for at in (LATER, LATEST):
        with pytest.raises(KubernetesError):
            collect(sandbox_database, at=at)

    cluster = cluster_of(sandbox_database)
    assert cluster.status is ClusterStatus.UNREACHABLE
    assert live.kube.url in cluster.last_read_error
    assert (cluster.last_error_at, cluster.last_read_at) == (LATEST, AT)
    assert cluster.latest_snapshot_digest == good.latest_snapshot_digest
    assert cluster.latest_snapshot_at == AT
    assert told(sandbox_database) == ["cluster.state.changed", "cluster.state.failed"]


def test_a_server_that_is_back_is_told_once(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)
    port = int(live.kube.url.rpartition(":")[2])
    live.kube.close()
    with pytest.raises(KubernetesError):
        collect(sandbox_database, at=LATER)

    with KubeServer(live.cluster, port=port):
        cluster = collect(sandbox_database, at=LATEST).cluster

    assert (cluster.status, cluster.last_read_error) == (ClusterStatus.ACTIVE, None)
    assert told(sandbox_database) == [
        "cluster.state.changed",
        "cluster.state.failed",
        "cluster.state.recovered",
    ]


def test_a_wrong_token_is_recorded_and_a_right_one_mends_it(sandbox_database, live):
    register(sandbox_database, live, token="a-token-that-is-unknown")
    with pytest.raises(UnauthorizedError):
        collect(sandbox_database)
    failed = cluster_of(sandbox_database)

    access = KubeAccess(endpoint=live.kube.url, credential=BearerToken(token=TOKEN))
    edit_cluster(
        sandbox_database,
        "shop",
        ClusterChange(access=access),
        secrets=SECRETS,
        actor=LOCAL_ADMIN,
        at=LATER,
    )

    assert failed.status is ClusterStatus.UNREACHABLE
    assert collect(sandbox_database, at=LATER).cluster.status is ClusterStatus.ACTIVE


def test_no_secret_is_left_in_any_table_or_log_line(sandbox_database, live):
    unknown = "a-token-that-is-unknown"
    register(sandbox_database, live, token=unknown, external_id=None)
    with structlog.testing.capture_logs() as lines, pytest.raises(KubernetesError) as refusal:
        collect(sandbox_database)

    with sandbox_database.reader() as reader:
        stored = repr(
            [
                reader.connection.execute(text(f"SELECT * FROM {table}")).all()
                for table in ("customers", "clusters", "events", "audit_log", "snapshots")
            ]
        )
    for secret in (unknown, "sandbox-secret"):
        assert secret not in stored
        assert secret not in repr(lines)
        assert secret not in str(refusal.value)
        assert secret not in repr(refusal.value.__cause__)
    assert [one["event"] for one in lines] == ["cluster cannot be read"]


def test_a_cluster_without_nodes_is_not_taken_for_the_truth(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)
    for machine in live.scenario.nodes()[:3]:
        live.cluster.remove_node(machine.private_dns_name)

    with pytest.raises(InvalidInputError, match="no node that could be read"):
        collect(sandbox_database, at=LATER)

    assert len(document_of(sandbox_database).nodes) == 3
    assert cluster_of(sandbox_database).status is ClusterStatus.UNREACHABLE


def test_an_account_that_cannot_be_entered_costs_its_own_part_only(sandbox_database, live):
    register(sandbox_database, live, external_id="another-one")

    collected = collect(sandbox_database)

    document = document_of(sandbox_database)
    assert collected.cluster.status is ClusterStatus.ACTIVE
    assert (document.instances, document.volumes) == (None, None)
    assert len(document.nodes) == 3
    problem = next(one for one in collected.problems if one.check == "aws: read the account")
    assert problem.state is FindingState.FAILED
    assert "role" in problem.remedy
    assert problem in collected.cluster.last_read_problems


def test_one_refused_call_costs_its_own_list_only(sandbox_database, live):
    register(sandbox_database, live)
    fail(
        live.scenario,
        Fault(action="DescribeVolumes", code="UnauthorizedOperation", message="no", status=403),
    )

    collected = collect(sandbox_database)

    document = document_of(sandbox_database)
    assert document.volumes is None
    assert document.instances
    assert [one.check for one in collected.problems if one.check.startswith("aws")] == [
        "aws: read volumes"
    ]


def test_a_sandbox_never_asks_the_real_aws(sandbox_database, live):
    register(sandbox_database, live, aws_endpoint_url=None)

    collected = collect(sandbox_database)

    problem = next(one for one in collected.problems if one.check.startswith("aws"))
    assert "never asks the real AWS" in problem.message
    assert document_of(sandbox_database).instances is None


def test_a_credential_whose_key_is_gone_is_said_so(sandbox_database, live):
    register(sandbox_database, live)
    other = open_secret_box(Settings(encryption_key="A" * 43 + "="))

    with pytest.raises(SealedSecretError, match="cluster 'shop'"):
        collect(sandbox_database, secrets=other)

    assert "bring the old key back" in cluster_of(sandbox_database).last_read_error


def test_a_cluster_removed_while_it_was_read_stays_removed(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)
    remove_cluster(sandbox_database, "shop", confirmed_name="shop", actor=LOCAL_ADMIN, at=LATER)

    with pytest.raises(InvalidInputError, match="not read through an API"):
        collect(sandbox_database, at=LATEST)

    cluster = cluster_of(sandbox_database)
    assert (cluster.status, cluster.last_read_error) == (ClusterStatus.ARCHIVED, None)
    assert told(sandbox_database) == ["cluster.state.changed"]


def test_a_viewer_has_nothing_read(sandbox_database, live):
    register(sandbox_database, live)

    with pytest.raises(AccessDeniedError):
        collect(sandbox_database, actor=Actor(name="anna", role=Role.VIEWER))


def test_what_was_collected_can_be_decided_on(sandbox_database, live):
    register(sandbox_database, live)
    collect(sandbox_database)
    question = Question(cluster_id="shop", decision_type=DecisionType.SPOT_OPTIMIZE, as_of=AT)

    assert recommend(sandbox_database, question, actor=LOCAL_ADMIN, at=AT) == 1


@pytest.mark.parametrize("name", ["shop.json", "shop.json.gz"])
def test_an_exported_state_compiles_to_the_state_that_was_read(
    sandbox_database, live, tmp_path, name
):
    """But for the names of kinds that were not read, which a file does not carry."""
    register(sandbox_database, live)
    collect(sandbox_database)

    written = export_snapshot(sandbox_database, "shop", tmp_path / name)

    stored = msgspec.structs.replace(document_of(sandbox_database), unread=None)
    from_file = read_state(AnalysisFiles(dump=(tmp_path / name,)), {}, now=LATER, today=LATER)
    assert canonical_cluster_json(from_file) == canonical_cluster_json(compile_state(stored))
    assert (written.nodes, written.pods, written.as_of) == (3, 4, AT)
    assert written.size_bytes == (tmp_path / name).stat().st_size
    if name.endswith(".json"):
        assert json.loads((tmp_path / name).read_text())["kind"] == "List"
