"""What ``make run`` starts is killed, cut off and refused: nothing is lost, nothing is doubled.

One run for the whole file: each test leaves it working, which is the recovery that it shows.
"""

import json
import urllib.request
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import psutil
import pytest

from db.job_records import RunStatus
from db.records import DecisionFilter
from db.repositories import clusters, decisions
from services.access import LOCAL_ADMIN
from services.workflows.job_control import list_jobs, run_now
from tests.journeys.running import READY, Run
from tests.scheduler.builders import until
from tests.web_server import free_port

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 90


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Everything runs, and the first decisions are there."""
    ports = tuple(free_port() for _ in range(4))
    with closing(Run(tmp_path_factory.mktemp("chaos"), ports)) as started:
        started.wait_for(READY)
        with started.database() as database:
            wait(lambda: row(database, "optimise").last_success_at)
        yield started


@pytest.fixture
def database(run):
    with run.database() as opened:
        yield opened


def wait(is_so):
    until(is_so, seconds=PATIENCE_SECONDS)


def row(database, job):
    """How the job stands on its only target."""
    found = [one for one in list_jobs(database) if one.name == job]
    return found[0] if found else _NoRow


class _NoRow:
    last_success_at = None


def child(run, word):
    """The process of one part."""
    [found] = [one for one in run.children() if word in one.cmdline()]
    return found


def control(run, part, port, rules):
    """Tell the pretend account or cluster what to do wrong from now on."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_sandbox/{part}", json.dumps(rules).encode(), method="POST"
    )
    urllib.request.urlopen(request, timeout=10).close()


def read_now(database):
    """Read the cluster once more; how that ended."""
    before = row(database, "collect_state").last_started_at
    target = row(database, "collect_state").target
    run_now(database, "collect_state", target=target, actor=LOCAL_ADMIN, at=datetime.now(UTC))
    wait(lambda: row(database, "collect_state").last_started_at > before)
    wait(lambda: row(database, "collect_state").last_status is not RunStatus.RUNNING)
    return row(database, "collect_state")


def logged(database):
    with database.reader() as reader:
        return decisions.list_page(reader, DecisionFilter(), limit=500).items


def the_cluster(database):
    with database.reader() as reader:
        return clusters.list_all(reader)[0]


def test_scheduler_and_web_app_killed_together_come_back_and_repeat_no_decision(run, database):
    before = logged(database)
    scheduler, web = child(run, "scheduler"), child(run, "app.py")

    scheduler.kill()
    web.kill()

    psutil.wait_procs([scheduler, web], timeout=10)
    wait(lambda: "app.py" in str([one.cmdline() for one in run.children()]))
    run.wait_for(r"web .*web app is ready", times=2)
    assert read_now(database).last_status is RunStatus.SUCCEEDED
    assert run.get(run.port, "/healthz")["status"] == "ok"
    after = logged(database)
    assert [one.id for one in after] == [one.id for one in before]
    assert max(Counter(one.decision_type for one in after).values()) == 1


def test_a_cluster_that_does_not_answer_keeps_its_last_good_state_and_recovers(run, database):
    good = the_cluster(database)

    control(run, "faults", run.kube_port, [{"path_prefix": "/api", "status": 401, "times": 1000}])
    refused = read_now(database)
    kept = the_cluster(database)
    control(run, "faults", run.kube_port, [])

    assert refused.last_status is RunStatus.FAILED
    assert refused.last_error
    assert kept.last_read_error
    assert kept.latest_snapshot_digest is not None
    assert kept.latest_snapshot_at >= good.latest_snapshot_at
    wait(lambda: row(database, "collect_state").last_status is RunStatus.SUCCEEDED)
    assert not the_cluster(database).last_read_error


def test_aws_that_throttles_costs_its_own_part_only(run, database):
    storm = {"service": "ec2", "action": "DescribeInstances", "code": "RequestLimitExceeded"}

    control(run, "faults", run.aws_port, [storm | {"times": 1000}])
    throttled = read_now(database)
    control(run, "faults", run.aws_port, [])

    assert throttled.last_status is RunStatus.SUCCEEDED
    assert throttled.last_facts["nodes"] == 40
    assert throttled.last_facts["problems"] >= 1
    assert read_now(database).last_facts["problems"] == 0


def test_sessions_of_the_role_that_expired_are_opened_anew(run, database):
    control(run, "sessions", run.aws_port, {"expired": True})

    again = read_now(database)

    assert again.last_status is RunStatus.SUCCEEDED
    assert again.last_facts["problems"] == 0
