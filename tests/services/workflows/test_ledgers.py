"""What is remembered from reading to reading: idle resources, kills, schedules."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import update

from db.ledger_records import IdleKind, KillRecord
from db.models.clusters import Cluster as ClusterRow
from db.records import ClusterStatus
from db.repositories import clusters, decisions, idle_resources, oom_kills, schedules
from engines.contracts.results import DecisionType
from services.access import LOCAL_ADMIN
from services.workflows.ledgers import live_parameters, record_kills, scan_for_waste
from services.workflows.open_cluster import open_cluster
from services.workflows.recommend import Question, recommend
from tests.builders import (
    a_document,
    a_node,
    a_pod,
    a_volume,
    a_workload,
    an_instance,
    an_object,
    instance_id_for,
)

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GHOST = "i-0123456789abcdef0"
CUSTOMER = "local"


def read(database, name, *objects, at=AT, instances=(), volumes=()):
    """A cluster as the API told it at that time."""
    dump = msgspec.structs.replace(
        a_document(*objects), instances=tuple(instances), volumes=tuple(volumes), sources=None
    )
    set_source(database, name, source="dump", endpoint=None)
    open_cluster(database, name=name, dump=dump, actor=LOCAL_ADMIN, at=at)
    set_source(database, name, source="api", endpoint="https://k8s.example")
    with database.transaction() as tx:
        digest = clusters.get(tx, name).latest_snapshot_digest
        clusters.set_latest_snapshot(tx, name, digest, at=at)


def set_source(database, name, **values):
    with database.transaction() as tx:
        tx.connection.execute(update(ClusterRow).where(ClusterRow.id == name).values(**values))


def idle(database, kind=IdleKind.INSTANCE):
    with database.reader() as reader:
        return {one.resource_id: one for one in idle_resources.load(reader, CUSTOMER, kind)}


def parameters(database, name, decision_type, at=AT):
    with database.reader() as reader:
        return live_parameters(reader, clusters.get(reader, name), decision_type, at=at)


def test_an_instance_without_a_node_is_idle_since_the_first_scan_that_saw_it(database):
    node, ghost = an_instance(instance_id_for("node-a")), an_instance(GHOST)
    read(database, "shop", a_node("node-a"), instances=(node, ghost))
    scan_for_waste(database, CUSTOMER, at=AT)

    later = AT + timedelta(hours=1)
    read(database, "shop", a_node("node-a"), instances=(node, ghost), at=later)
    (scan,) = scan_for_waste(database, CUSTOMER, at=later)

    assert (scan.idle_instances, scan.not_scanned) == (1, "")
    assert (idle(database)[GHOST].first_seen_at, idle(database)[GHOST].scans) == (AT, 2)
    asked = parameters(database, "shop", DecisionType.GHOST_PROBE, later)
    assert asked["first_seen"] == {GHOST: AT.isoformat()}
    assert asked["scan_count"] == {GHOST: 2}


def test_what_is_used_again_loses_its_history(database):
    node = an_instance(instance_id_for("node-a"))
    read(database, "shop", a_node("node-a"), instances=(node, an_instance(GHOST)))
    scan_for_waste(database, CUSTOMER, at=AT)

    read(database, "shop", a_node("node-a"), instances=(node,), at=AT + timedelta(minutes=1))
    scan_for_waste(database, CUSTOMER, at=AT + timedelta(minutes=1))

    assert idle(database) == {}


@pytest.mark.parametrize(("state", "is_idle"), [("available", True), ("in-use", False)])
def test_only_available_volumes_are_idle(database, state, is_idle):
    read(database, "shop", a_node(), instances=(), volumes=(a_volume("vol-1", state=state),))

    scan_for_waste(database, CUSTOMER, at=AT)

    assert ("vol-1" in idle(database, IdleKind.VOLUME)) is is_idle


def test_a_stopped_instance_is_not_idle(database):
    read(database, "shop", a_node(), instances=(an_instance(GHOST, state="stopped"),))

    scan_for_waste(database, CUSTOMER, at=AT)

    assert idle(database) == {}


def test_a_region_with_a_cluster_that_cannot_be_read_is_not_scanned(database):
    read(database, "shop", a_node(), instances=(an_instance(GHOST),))
    with database.transaction() as tx:
        clusters.set_status(tx, "shop", ClusterStatus.UNREACHABLE, at=AT)

    (scan,) = scan_for_waste(database, CUSTOMER, at=AT)

    assert scan.not_scanned == "cluster shop cannot be read"
    assert idle(database) == {}


@pytest.mark.parametrize(("minutes", "is_scanned"), [(10, True), (11, False)])
def test_an_old_state_says_nothing_about_what_is_idle_now(database, minutes, is_scanned):
    read(database, "shop", a_node(), instances=(an_instance(GHOST),))

    (scan,) = scan_for_waste(database, CUSTOMER, at=AT + timedelta(minutes=minutes))

    assert (not scan.not_scanned) is is_scanned


@pytest.mark.parametrize("kind", [DecisionType.GHOST_PROBE, DecisionType.VOLUME_CLEANUP])
@pytest.mark.parametrize("name", ["shop", "stage"])
def test_a_cluster_that_cannot_be_read_is_told_to_the_engine_itself_included(database, kind, name):
    read(database, "shop", a_node("node-a"), instances=())
    read(database, "stage", a_node("node-b"), instances=())
    with database.transaction() as tx:
        clusters.set_status(tx, name, ClusterStatus.UNREACHABLE, at=AT)

    assert parameters(database, "shop", kind)["unreadable_clusters"] == [name]


@pytest.mark.parametrize(("minutes", "unreadable"), [(10, None), (11, ["shop", "stage"])])
def test_on_an_old_state_nothing_is_called_idle(database, minutes, unreadable):
    read(database, "shop", a_node("node-a"), instances=())
    read(database, "stage", a_node("node-b"), instances=())

    later = AT + timedelta(minutes=minutes)

    asked = parameters(database, "shop", DecisionType.GHOST_PROBE, at=later)
    assert asked.get("unreadable_clusters") == unreadable


def test_a_dump_is_judged_as_it_was_dumped(database):
    read(database, "shop", a_node("node-a"), instances=())
    set_source(database, "shop", source="dump", endpoint=None)

    asked = parameters(database, "shop", DecisionType.GHOST_PROBE, at=AT + timedelta(days=30))

    assert "unreadable_clusters" not in asked


def test_nodes_of_another_cluster_are_not_idle_and_are_told_to_the_engine(database):
    mine, theirs = instance_id_for("node-a"), instance_id_for("node-b")
    instances = (an_instance(mine), an_instance(theirs))
    read(database, "shop", a_node("node-a"), instances=instances)
    read(database, "stage", a_node("node-b"), instances=instances)

    scan_for_waste(database, CUSTOMER, at=AT)

    asked = parameters(database, "shop", DecisionType.GHOST_PROBE)
    assert idle(database) == {}
    assert asked["nodes_of_other_clusters"] == [theirs]
    assert asked["cluster_names"] == ["shop", "stage"]


def test_volumes_that_another_cluster_claims_are_told_to_the_engine(database):
    """A volume that is detached, and whose PersistentVolume the other cluster still has."""
    claimed = an_object(
        "PersistentVolume",
        {
            "metadata": {"name": "pv-1"},
            "spec": {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}},
            "status": {"phase": "Bound"},
        },
    )
    volumes = (a_volume("vol-1"), a_volume("vol-2"))
    read(database, "shop", a_node("node-a"), volumes=volumes)
    read(database, "stage", a_node("node-b"), claimed, volumes=volumes)

    asked = parameters(database, "shop", DecisionType.VOLUME_CLEANUP)

    assert asked["volumes_of_other_clusters"] == ["vol-1"]


def test_kills_are_remembered_when_the_status_has_forgotten_them(database):
    """A status holds one kill at a time: the second reading shows another one."""
    for minute in (0, 30):
        moment = AT + timedelta(minutes=minute)
        read(database, "shop", a_node(), killed_pod(moment), at=moment)
        record_kills(database, "shop", at=moment)
    again = record_kills(database, "shop", at=AT + timedelta(minutes=31))

    history = parameters(
        database, "shop", DecisionType.OOMKILLED_REMEDIATE, AT + timedelta(hours=1)
    )

    assert again == 0
    assert [one["time"] for one in history["oom_history"]] == [
        "2026-11-20T12:00:00Z",
        "2026-11-20T12:30:00Z",
    ]
    assert {one["limit_bytes"] for one in history["oom_history"]} == {256 * 1024**2}


def killed_pod(at):
    """A pod whose container was killed at that time, at a limit of 256 MiB."""
    resources = {"requests": {"memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    ended = {
        "terminated": {
            "reason": "OOMKilled",
            "exitCode": 137,
            "finishedAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    }
    return a_pod(
        on="node-a",
        spec={"containers": [{"name": "main", "resources": resources}]},
        status={
            "containerStatuses": [{"name": "main", "restartCount": 1, "lastState": ended}],
        },
    )


def remember(database, *kills):
    """Kills of the pod's container: minutes before ``AT``, and the limit in MiB."""
    records = [
        KillRecord(
            namespace="shop",
            pod="web-1",
            container="main",
            killed_at=AT - timedelta(minutes=minutes),
            limit_bytes=limit * 1024**2,
        )
        for minutes, limit in kills
    ]
    with database.transaction() as tx:
        oom_kills.add(tx, "shop", records)


def test_kills_older_than_a_fortnight_are_not_told(database):
    read(database, "shop", a_node(), killed_pod(AT))
    record_kills(database, "shop", at=AT)

    def known(at):
        return parameters(database, "shop", DecisionType.OOMKILLED_REMEDIATE, at)

    assert known(AT + timedelta(days=14)) != {}
    assert known(AT + timedelta(days=14, seconds=1)) == {}
    with database.transaction() as tx:
        assert oom_kills.purge(tx, before=AT + timedelta(seconds=1)) == 1


def test_of_kills_before_the_last_day_the_last_at_each_limit_is_told(database):
    """Three in the last day, the first just at its edge; before, two at 256 and one at 128."""
    day = 24 * 60
    read(database, "shop", a_node())
    kills = ((1, 256), (2, 256), (day, 256), (day + 1, 256), (day + 2, 256), (day + 3, 128))
    remember(database, *kills)

    history = parameters(database, "shop", DecisionType.OOMKILLED_REMEDIATE)["oom_history"]

    told = [(AT - datetime.fromisoformat(one["time"])) / timedelta(minutes=1) for one in history]
    assert told == [day + 3, day + 1, day, 2, 1]


def workload_of(memory):
    resources = {"requests": {"memory": memory}, "limits": {"memory": memory}}
    replica_set = a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web"))
    spec = {"containers": [{"name": "main", "resources": resources}]}
    return (a_workload("web", pod_spec=spec), replica_set, a_pod(on="node-a", spec=spec))


def test_rightsizing_is_told_which_memory_must_not_be_taken_back(database):
    """Killed at 256 MiB ten days ago and raised to 1 GiB since: 256 x 1.5 = 384 stay."""
    read(database, "shop", a_node(), *workload_of("1Gi"))
    remember(database, (10 * 24 * 60, 256))

    [floor] = parameters(database, "shop", DecisionType.RIGHTSIZE)["memory_floors"]

    assert floor == {
        "namespace": "shop",
        "kind": "Deployment",
        "name": "web",
        "container": "main",
        "bytes": 384 * 1024**2,
        "since": "2026-11-10T12:00:00Z",
    }


def test_a_floor_of_the_ledger_ends_after_a_fortnight(database):
    read(database, "shop", a_node(), *workload_of("1Gi"))
    remember(database, (0, 256))

    def told(after):
        return parameters(database, "shop", DecisionType.RIGHTSIZE, AT + after)

    assert told(timedelta(days=14) - timedelta(seconds=1)) != {}
    assert told(timedelta(days=14)) == {}


def test_without_kills_rightsizing_is_told_nothing(database):
    read(database, "shop", a_node(), *workload_of("1Gi"))

    assert parameters(database, "shop", DecisionType.RIGHTSIZE) == {}


def test_office_hours_are_told_and_can_be_taken_away(database):
    read(database, "shop", a_node())
    hours = {"environment": "dev", "timezone": "UTC"}
    with database.transaction() as tx:
        schedules.save(tx, "shop", "dev", {"environment": "dev"}, at=AT)
        schedules.save(tx, "shop", "dev", hours, at=AT)

    assert parameters(database, "shop", DecisionType.SCHEDULE) == {"schedules": [hours]}
    with database.transaction() as tx:
        assert schedules.remove(tx, "shop", "dev") is True
        assert schedules.remove(tx, "shop", "dev") is False
    assert parameters(database, "shop", DecisionType.SCHEDULE) == {}


def test_a_decision_is_logged_with_what_the_ledgers_told_it(database):
    read(database, "shop", a_node("node-a"), instances=(an_instance(GHOST),))
    scan_for_waste(database, CUSTOMER, at=AT)
    question = Question(cluster_id="shop", decision_type=DecisionType.GHOST_PROBE, as_of=AT)

    decision_id = recommend(database, question, actor=LOCAL_ADMIN, at=AT)

    with database.reader() as reader:
        asked = decisions.get(reader, decision_id).requirements
    assert asked["first_seen"] == {GHOST: AT.isoformat()}


def test_what_a_person_asks_beats_the_ledger(database):
    read(database, "shop", a_node("node-a"), instances=(an_instance(GHOST),))
    scan_for_waste(database, CUSTOMER, at=AT)
    question = Question(
        cluster_id="shop",
        decision_type=DecisionType.GHOST_PROBE,
        as_of=AT,
        requirements={"scan_count": {GHOST: 9}},
    )

    decision_id = recommend(database, question, actor=LOCAL_ADMIN, at=AT)

    with database.reader() as reader:
        assert decisions.get(reader, decision_id).requirements["scan_count"] == {GHOST: 9}
