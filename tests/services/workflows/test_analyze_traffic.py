"""The offline look at traffic: a table, or a flow log joined with the pods of the dump."""

import json
from datetime import UTC, datetime

import pytest

from engines.contracts.results import DecisionType
from services.errors import InvalidInputError
from services.workflows.analyze import AnalysisFiles, analyze

NOON = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
START = int(NOON.timestamp()) - 86_400
RECORDS = [
    f"2 1 eni-a 10.0.0.5 10.0.1.6 1 2 6 9 250000000 {START + at} {START + at + 600} ACCEPT OK"
    for at in range(0, 86_400, 600)
]


def an_item(kind, name, **content):
    return {"kind": kind, "apiVersion": "v1", "metadata": {"name": name}, **content}


def a_pod(name, node, address):
    metadata = {"name": name, "namespace": "shop", "uid": name}
    status = {"phase": "Running", "podIP": address, "startTime": "2026-08-01T00:00:00Z"}
    spec = {"nodeName": node, "containers": [{"name": "main"}]}
    return an_item("Pod", name, spec=spec, status=status) | {"metadata": metadata}


def a_node(zone):
    labels = {"topology.kubernetes.io/zone": f"us-east-1{zone}"}
    node = an_item("Node", f"node-{zone}", status={"allocatable": {"cpu": "4", "memory": "8Gi"}})
    return node | {"metadata": {"name": f"node-{zone}", "labels": labels}}


@pytest.fixture
def dump(tmp_path):
    items = [
        a_node("a"),
        a_node("b"),
        a_pod("web-0", "node-a", "10.0.0.5"),
        a_pod("db-0", "node-b", "10.0.1.6"),
        an_item("Namespace", "shop", status={"phase": "Active"}),
    ]
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps({"kind": "List", "items": items}))
    return path


def look(dump, traffic):
    files = AnalysisFiles(dump=(dump,), traffic=traffic)
    found = analyze(files, [DecisionType.NETWORK_OPTIMIZE], {}, now=NOON, today=NOON)
    return found.decisions[0].evidence


def test_a_flow_log_is_joined_with_the_pods_of_the_dump(dump, tmp_path):
    """144 records of 250 MB are 36 GB a day."""
    log = tmp_path / "flow.log"
    log.write_text("\n".join(RECORDS))

    evidence = look(dump, log)

    assert evidence["cross_zone_bytes_per_day"] == 36 * 10**9
    assert evidence["unknown_bytes_per_day"] == 0
    assert evidence["traffic_as_of"] == NOON.isoformat()


def test_a_table_needs_no_addresses(dump, tmp_path):
    table = tmp_path / "traffic.csv"
    header = "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day"
    table.write_text(f"{header}\nshop,web-0,shop,db-0,7\n")

    assert look(dump, table)["cross_zone_bytes_per_day"] == 7


def test_a_bad_record_is_named_with_its_line(dump, tmp_path):
    log = tmp_path / "flow.log"
    log.write_text("\n".join([*RECORDS[:2], "2 1 eni-a"]))

    with pytest.raises(InvalidInputError) as caught:
        look(dump, log)

    assert caught.value.line == 3
