"""Traffic of a cluster is imported, stored, and what the network optimizer is asked with."""

import json
from datetime import timedelta

import pytest

from db.repositories import audit, clusters, decisions, events, snapshots, traffic
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.usage import to_traffic_rows
from sandbox.kube.resources import PODS
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.files.source import SourceFile
from services.workflows.collect_state import collect_state
from services.workflows.import_traffic import (
    TrafficFiles,
    addresses_in,
    addresses_of,
    import_traffic,
)
from services.workflows.open_cluster import decode_document, open_cluster
from services.workflows.recommend import Question, combine_engines, recommend, replay
from services.workflows.remote_access import RemoteOpener
from tests.builders import a_document, a_node, a_pod
from tests.services.workflows import live as pretend
from tests.services.workflows.live import SECRETS, SETTINGS, register
from tests.services.workflows.market import store_market
from tests.services.workflows.test_recommend import AT

GB = 10**9
CSV = "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day\n"
NODES = tuple(a_node(f"node-{zone}", zone=f"us-east-1{zone}") for zone in "ab")
PODS_OF_PROD = (a_pod("web-0", on="node-a"), a_pod("db-0", on="node-b"))
V5 = "pkt-srcaddr pkt-dstaddr bytes start end action log-status flow-direction"


def a_csv(*rows, name="traffic.csv"):
    return SourceFile.of_bytes(name, (CSV + "\n".join(rows)).encode())


def nowhere():
    raise AssertionError("a table of pairs names pods, so nobody is asked for addresses")


def load(database, *sources, addresses=nowhere, cluster="prod", actor=LOCAL_ADMIN, **fields):
    files = TrafficFiles(sources, addresses, fields.pop("as_of", None))
    return import_traffic(database, cluster, files, actor=actor, at=fields.pop("at", AT))


def stored(database, cluster="prod"):
    with database.reader() as reader:
        table = traffic.load(reader, cluster)
        return None if table is None else to_traffic_rows(table)


def ask(database, cluster="prod", at=AT):
    question = Question(cluster_id=cluster, decision_type=DecisionType.NETWORK_OPTIMIZE, as_of=at)
    decision_id = recommend(database, question, actor=LOCAL_ADMIN, at=at)
    with database.reader() as reader:
        return decision_id, decisions.get(reader, decision_id).response


@pytest.fixture
def prod(database):
    """A database with a cluster of two nodes in two zones, a pod on each."""
    store_market(database, AT)
    dump = a_document(*NODES, *PODS_OF_PROD, services=())
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=AT)
    return database


def test_without_an_import_the_engine_says_that_there_are_no_traffic_data(prod):
    _, response = ask(prod)

    assert (response.status, response.reason) == (DecisionStatus.REFUSED, "no_traffic_data")


def test_what_was_imported_is_what_the_engine_looks_at(prod):
    report = load(prod, a_csv("shop,web-0,shop,db-0,50000000000"))
    decision_id, response = ask(prod)

    assert (report.pods, report.unknown_pods, report.rows_read) == (2, 0, 1)
    assert report.record.as_of_basis == "the time of the import"
    assert response.status is DecisionStatus.OK
    assert response.evidence["cross_zone_bytes_per_day"] == 50 * GB
    assert response.evidence["traffic_as_of"] == AT.isoformat()
    assert replay(prod, decision_id).is_identical


def test_the_combined_plan_looks_at_it_too(prod):
    load(prod, a_csv("shop,web-0,shop,db-0,50000000000"))
    with prod.reader() as reader:
        digest = clusters.get(reader, "prod").latest_snapshot_digest

    plan = combine_engines(prod, "prod", digest, as_of=AT)

    [network] = [
        one for one in plan.other_bills if one.decision_type is DecisionType.NETWORK_OPTIMIZE
    ]
    assert network.response.evidence["cross_zone_bytes_per_day"] == 50 * GB


def test_other_engines_are_asked_without_it(prod):
    load(prod, a_csv("shop,web-0,shop,db-0,50000000000"))
    question = Question(cluster_id="prod", decision_type=DecisionType.BIN_PACK, as_of=AT)

    decision_id = recommend(prod, question, actor=LOCAL_ADMIN, at=AT)

    with prod.reader() as reader:
        digest = decisions.get(reader, decision_id).market_snapshot_digest
        market = decode_document(snapshots.load_document(reader, digest))
    assert market.prices
    assert market.traffic is None
    assert "traffic" not in {one.kind for one in market.sources}


def test_an_import_is_told_and_takes_the_place_of_the_one_before(prod):
    load(prod, a_csv("shop,web-0,shop,db-0,1", name="/tmp/old.csv"))
    load(prod, a_csv("shop,web-0,shop,gone-0,2", name="new.csv"), as_of=AT - timedelta(days=3))

    assert [row.to_pod for row in stored(prod)] == ["gone-0"]
    with prod.reader() as reader:
        record = traffic.find(reader, "prod")
        newest = audit.list_entries(reader)[0]
        event = events.list_events(reader)[0]
    assert (record.source_name, record.as_of) == ("new.csv", AT - timedelta(days=3))
    assert record.as_of_basis == "as it was given"
    assert (newest.action, newest.object_name) == ("traffic.imported", "prod")
    assert newest.before == {"source": "old.csv"}
    assert event.type == "traffic.imported"


def test_pods_that_the_cluster_does_not_have_are_counted(prod):
    report = load(prod, a_csv("shop,web-0,shop,gone-0,2"))

    assert report.unknown_pods == 1


@pytest.mark.parametrize(
    ("sources", "fields", "complaint"),
    [
        ((), {}, "no file was given"),
        ((a_csv("shop,web-0,shop,db-0,-1"),), {}, "is negative"),
        ((a_csv("shop,web-0,shop,db-0,1"), a_csv()), {}, "only flow logs"),
        ((a_csv("a,b,c,d,1"),), {"as_of": AT + timedelta(hours=1)}, "in the future"),
        ((SourceFile.of_bytes("x", b"\x00\x01"),), {}, "not a table of"),
    ],
)
def test_a_bad_file_changes_nothing(prod, sources, fields, complaint):
    load(prod, a_csv("shop,web-0,shop,db-0,7"))

    with pytest.raises(InvalidInputError, match=complaint):
        load(prod, *sources, **fields)

    assert [row.bytes_per_day for row in stored(prod)] == [7]


def test_a_viewer_imports_nothing(prod):
    with pytest.raises(AccessDeniedError):
        load(prod, a_csv("shop,web-0,shop,db-0,7"), actor=Actor(name="vi", role=Role.VIEWER))

    assert stored(prod) is None


def flow_log(*records):
    return SourceFile.of_bytes("flow.log", "\n".join((V5, *records)).encode())


def pods_json(**addresses):
    items = [
        {
            "metadata": {"namespace": "shop", "name": name.replace("_", "-")},
            "status": {"podIP": address, "startTime": "2026-07-30T00:00:00Z"},
        }
        for name, address in addresses.items()
    ]
    return addresses_in(SourceFile.of_bytes("pods.json", json.dumps({"items": items}).encode()))


def test_flow_logs_are_joined_with_pods_of_a_file(prod):
    """1,000 bytes in ten minutes are 144,000 a day."""
    end = int(AT.timestamp())
    record = f"10.0.0.5 10.0.1.6 1000 {end - 600} {end} ACCEPT OK egress"

    report = load(prod, flow_log(record), addresses=pods_json(web_0="10.0.0.5", db_0="10.0.1.6"))

    assert [row.bytes_per_day for row in stored(prod)] == [144_000]
    assert (report.record.as_of, report.record.covered_seconds) == (AT, 600)
    assert report.unknown_pods == 0


def test_flow_logs_that_show_no_pod_are_refused_with_the_reason(prod):
    end = int(AT.timestamp())
    record = f"10.0.0.5 10.9.9.9 1000 {end - 600} {end} ACCEPT OK egress"

    with pytest.raises(InvalidInputError, match="because an address is of no pod"):
        load(prod, flow_log(record), addresses=pods_json(web_0="10.0.0.5"))


def test_records_of_the_future_are_refused(prod):
    end = int(AT.timestamp()) + 7_200
    record = f"10.0.0.5 10.0.1.6 1000 {end - 600} {end} ACCEPT OK egress"

    with pytest.raises(InvalidInputError, match="in the future"):
        load(prod, flow_log(record), addresses=pods_json(web_0="10.0.0.5", db_0="10.0.1.6"))


def test_a_dumped_cluster_tells_no_addresses(prod):
    with prod.reader() as reader:
        cluster = clusters.get(reader, "prod")
    end = int(AT.timestamp())
    record = f"10.0.0.5 10.0.1.6 1000 {end - 600} {end} ACCEPT OK egress"

    with pytest.raises(InvalidInputError, match="kubectl get pods"):
        load(
            prod,
            flow_log(record),
            addresses=addresses_of(lambda: RemoteOpener(prod, SECRETS, SETTINGS), cluster),
        )


def test_a_registered_cluster_is_asked_for_the_addresses_of_its_pods(sandbox_database, live):
    name = register(sandbox_database, live)
    collect_state(
        sandbox_database, name, secrets=SECRETS, settings=SETTINGS, actor=LOCAL_ADMIN, at=pretend.AT
    )
    with sandbox_database.reader() as reader:
        cluster = clusters.get(reader, name)
    running = [one for one in live.cluster.world.store.all(PODS) if "podIP" in one["status"]]
    one, other = (pod["status"]["podIP"] for pod in running[:2])
    start = int(pretend.AT.timestamp()) + 3_600
    record = f"{one} {other} 1000 {start} {start + 600} ACCEPT OK egress"

    report = load(
        sandbox_database,
        flow_log(record),
        cluster=name,
        addresses=addresses_of(lambda: RemoteOpener(sandbox_database, SECRETS, SETTINGS), cluster),
        at=pretend.AT + timedelta(hours=2),
    )

    assert (report.pods, report.unknown_pods) == (2, 0)
    assert [row.bytes_per_day for row in stored(sandbox_database, name)] == [144_000]
