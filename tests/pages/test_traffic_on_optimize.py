"""The network optimizer's page says where its traffic comes from, and imports it."""

import pytest

from services.access import LOCAL_ADMIN
from services.workflows.open_cluster import open_cluster
from tests.believable_market import import_market
from tests.builders import NOW, a_document, a_node, a_pod
from tests.pages.conftest import html_of

HEADER = b"from_namespace,from_pod,to_namespace,to_pod,bytes_per_day\n"
NODES = tuple(a_node(f"node-{zone}", zone=f"us-east-1{zone}") for zone in "ab")


@pytest.fixture(autouse=True)
def prod(database):
    import_market(database)
    pods = (a_pod("web-0", on="node-a"), a_pod("db-0", on="node-b"))
    dump = a_document(*NODES, *pods, services=())
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=NOW)


def upload(at, content, name="traffic.csv"):
    at.file_uploader(key="traffic-files").upload(name, content)
    at.button(key="traffic-import-now").click().run()
    assert not at.exception


def test_without_traffic_the_page_says_what_to_do(open_page):
    at = open_page("optimize", optimize_engine="Network optimizer")

    assert "No traffic between pods was imported" in at.info[0].value


def test_other_engines_do_not_speak_of_traffic(open_page):
    at = open_page("optimize", optimize_engine="Bin packing")

    assert not [one for one in at.info if "traffic" in one.value]


def test_traffic_is_imported_shown_with_its_age_and_used(open_page):
    at = open_page("optimize", optimize_engine="Network optimizer")

    upload(at, HEADER + b"shop,web-0,shop,db-0,50000000000\nshop,web-0,shop,gone-0,5\n")
    assert "2 pairs of pods are stored; 2 rows were read, 0 left out" in at.success[0].value
    assert any("1 of 3 pods are not in" in one.value for one in at.caption)
    at.button(key="optimize-run").click().run()

    assert not at.exception
    assert any("2 pairs of pods from traffic.csv, just now" in one.value for one in at.caption)
    assert "Decision 1: Network optimizer" in html_of(at)
    assert not [one for one in at.info if "No traffic" in one.value]


def test_a_hostile_file_is_refused_with_its_line(open_page):
    at = open_page("optimize", optimize_engine="Network optimizer")

    upload(at, HEADER + b"shop,web-0,shop,db-0,-5\n")

    assert "line 2" in at.error[0].value
    assert "negative" in at.error[0].value
    assert any("Nothing was stored" in one.value for one in at.caption)


def test_flow_logs_of_a_dumped_cluster_need_the_pods(open_page):
    at = open_page("optimize", optimize_engine="Network optimizer")
    record = b"2 1 eni-a 10.0.0.5 10.0.1.6 1 2 6 9 100 1785758400 1785759000 ACCEPT OK\n"

    upload(at, record, name="flow.log")

    assert "kubectl get pods" in at.error[0].value


def test_an_import_without_a_file_asks_for_one(open_page):
    at = open_page("optimize", optimize_engine="Network optimizer")

    at.button(key="traffic-import-now").click().run()

    assert "Choose one or more files first." in at.warning[0].value
