"""``make run`` as a newcomer sees it: one command, one address, a pretend cluster behind it."""

from contextlib import closing

import psutil
import pytest

from db.repositories import audit
from services.workflows.browse_clusters import load_clusters
from services.workflows.browse_customers import load_customers
from tests.journeys.running import PATIENCE_SECONDS, READY, STOP_SECONDS, Run
from tests.web_server import free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder and four ports, for one start after the other."""
    return tmp_path_factory.mktemp("run"), tuple(free_port() for _ in range(4))


@pytest.fixture(scope="module")
def run(place):
    with closing(Run(*place)) as started:
        started.wait_for(READY)
        yield started


def test_one_address_is_told_and_it_answers(run):
    told = run.wait_for(r"open http://")

    assert told.endswith(f"open http://127.0.0.1:{run.port}")
    assert run.get(run.port, "/healthz")["status"] == "ok"
    assert run.get(run.metrics_port, "/healthz")["scheduler"] in ("leader", "standby")


def test_it_says_that_cluster_and_account_are_pretended(run):
    assert run.wait_for(r"pretended, and marked as sandbox")


def test_the_sandbox_is_registered_like_any_customer(run):
    with run.database() as database:
        customers, clusters = load_customers(database), load_clusters(database)
        kind = database.check().kind

    assert kind == "sandbox"
    assert [one.customer.company for one in customers] == ["Sandbox"]
    assert customers[0].customer.aws_endpoint_url == f"http://127.0.0.1:{run.aws_port}"
    assert [(one.name, one.endpoint) for one in clusters] == [
        ("shop-prod", f"http://127.0.0.1:{run.kube_port}")
    ]


def test_the_scheduler_reads_the_pretend_cluster(run):
    line = run.wait_for(r"scheduler .*cluster read")

    assert "nodes=40" in line
    assert "problems=0" in line


def test_a_web_app_that_was_killed_is_started_again(run):
    (web,) = [one for one in run.children() if "app.py" in one.cmdline()]

    web.kill()

    assert "starts again" in run.wait_for(r"web .*ended with exit code -9")
    run.wait_for(r"web .*web app is ready", times=2)
    assert run.get(run.port, "/healthz")["status"] == "ok"


def test_a_second_start_says_which_port_is_taken_and_how_to_choose_another(run):
    second = run.start()
    told, _ = second.communicate(timeout=PATIENCE_SECONDS)

    assert second.returncode == 1
    assert f"port {run.port} of 127.0.0.1 cannot be used" in told
    assert "set PORT to another one" in told


def test_an_interrupt_ends_all_of_it_and_leaves_nothing(run):
    children = run.children()

    code = run.interrupt()

    _, alive = psutil.wait_procs(children, timeout=0.5)
    assert code == 0
    assert len(children) >= 3
    assert alive == []


def test_a_second_run_registers_nothing_again_and_leaves_no_orphans_when_killed(run, place):
    run.interrupt()
    with closing(Run(*place)) as again:
        again.wait_for(READY)
        children = again.children()

        again.process.kill()

        again.process.wait(timeout=STOP_SECONDS)
        _, alive = psutil.wait_procs(children, timeout=STOP_SECONDS)
        assert len(children) >= 3
        assert alive == []
        with again.database() as database, database.reader() as reader:
            entries = audit.list_entries(reader, limit=1000)
    made = [one.action for one in entries if one.actor == "make run"]
    assert sorted(made) == [
        "cluster.registered",
        "customer.registered",
        "traffic.imported",
        "traffic.imported",  # of the pods that each start found
    ]
