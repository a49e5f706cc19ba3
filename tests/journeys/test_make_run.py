"""``make run`` as a newcomer sees it: one command, one address, a pretend cluster behind it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import closing

import psutil
import pytest

from db.repositories import audit
from db.session import Database, PoolSettings
from services.workflows.browse_clusters import load_clusters
from services.workflows.browse_customers import load_customers
from tests.web_server import ROOT, free_port

PATIENCE_SECONDS = 90
STOP_SECONDS = 10
READY = r"make run .* ready after"

pytestmark = pytest.mark.slow


class Run:
    """``python run.py`` with ports and a folder of its own; its output by line."""

    def __init__(self, var, ports):
        self.var = var
        self.port, self.metrics_port, self.aws_port, self.kube_port = ports
        self.lines = []
        self._news = threading.Condition()
        self.process = self.start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self):
        command = [sys.executable, "run.py", "--var", str(self.var)]
        command += ["--aws-port", str(self.aws_port), "--kube-port", str(self.kube_port)]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def interrupt(self):
        """Ctrl-C, unless it has ended already; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=STOP_SECONDS)

    def close(self):
        """Whatever a test left running."""
        leftovers = self.children() if self.process.poll() is None else []
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
        self._reader.join()
        self.process.stdout.close()

    def environment(self):
        own = {"PORT": str(self.port), "METRICS_PORT": str(self.metrics_port)}
        unset = {"DATABASE_URL": "", "DB_HOST": "", "ENCRYPTION_KEY": "", "DATABASE_KIND": "real"}
        return os.environ | own | unset  # what a .env beside the checkout says does not count

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip())
                self._news.notify_all()

    def wait_for(self, pattern, *, times=1):
        """The newest line of output that matches, once as many have come."""

        def found():
            return [line for line in self.lines if re.search(pattern, line)]

        with self._news:
            is_there = self._news.wait_for(lambda: len(found()) >= times, PATIENCE_SECONDS)
        assert is_there, "\n".join(self.lines[-30:])
        return found()[-1]

    def database(self):
        pool = PoolSettings(size=1, max_overflow=0)
        return Database(f"sqlite:///{self.var / 'sandbox.sqlite3'}", pool)

    def children(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def get(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return json.load(answer)


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
    assert sorted(made) == ["cluster.registered", "customer.registered"]
