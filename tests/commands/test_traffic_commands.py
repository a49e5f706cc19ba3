"""Traffic on the command line."""

import json

import pytest

from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.workflows.open_cluster import open_cluster
from tests.builders import NOW, a_document, a_node, a_pod

HEADER = "from_namespace,from_pod,to_namespace,to_pod,bytes_per_day\n"
RECORD = "2 1 eni-a 10.0.0.5 10.0.1.6 1 2 6 9 100 1785758400 1785759000 ACCEPT OK\n"
PODS = {
    "items": [
        {
            "metadata": {"namespace": "shop", "name": name},
            "status": {"podIP": address, "startTime": "2026-08-01T00:00:00Z"},
        }
        for name, address in (("web-0", "10.0.0.5"), ("db-0", "10.0.1.6"))
    ]
}


@pytest.fixture(autouse=True)
def cluster(terminal):
    dump = a_document(a_node(), a_pod("web-0", on="node-a"))
    with open_database() as database:
        open_cluster(database, name="shop", dump=dump, actor=LOCAL_ADMIN, at=NOW)


def write(path, text):
    path.write_text(text)
    return path


def test_a_table_is_imported_and_shown(terminal, tmp_path):
    table = write(tmp_path / "traffic.csv", HEADER + "shop,web-0,shop,db-0,70\n")

    imported = terminal("traffic", "import", table, "--cluster", "shop", "--as-of", "2026-08-01")
    shown = terminal("traffic", "show", "--cluster", "shop", "--format", "json")

    assert imported.code == 0
    assert "Traffic of shop is stored" in imported.stdout
    stored = json.loads(shown.stdout)
    assert (stored["source_name"], stored["pairs"]) == ("traffic.csv", 1)
    assert stored["bytes_per_day"] == 70
    assert "as it was given" in terminal("traffic", "show", "--cluster", "shop").stdout


def test_flow_logs_in_several_files_need_the_pods(terminal, tmp_path):
    """100 bytes in ten minutes, and 100 in the ten before: 200 in 1,200 seconds, 14,400 a day."""
    pods = write(tmp_path / "pods.json", json.dumps(PODS))
    earlier = RECORD.replace("1785759000", "1785758400").replace("100 1785758400", "100 1785757800")
    files = (write(tmp_path / "a.log", RECORD), write(tmp_path / "b.log", earlier))

    bare = terminal("traffic", "import", *files, "--cluster", "shop")
    given = terminal(
        "traffic", "import", *files, "--cluster", "shop", "--pods", pods, "--format", "json"
    )

    assert bare.code == 3
    assert "kubectl get pods" in bare.stderr
    report = json.loads(given.stdout)
    assert report["record"]["bytes_per_day"] == 14_400
    assert report["record"]["source_name"] == "a.log and 1 more"


def test_a_bad_line_is_3_and_named(terminal, tmp_path):
    table = write(tmp_path / "traffic.csv", HEADER + "shop,web-0,shop,db-0,much\n")

    answer = terminal("traffic", "import", table, "--cluster", "shop")

    assert answer.code == 3
    assert "line 2" in answer.stderr


def test_a_cluster_without_traffic_says_how_to_import_some(terminal):
    answer = terminal("traffic", "show", "--cluster", "shop")

    assert answer.code != 0
    assert "traffic import FILE --cluster shop" in answer.stderr
