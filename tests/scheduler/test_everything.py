"""The product's own jobs against the pretend account and cluster, over real HTTP."""

from datetime import UTC, datetime

import pytest

from db.job_records import RunStatus
from db.measurement_records import MetricType
from db.records import DecisionFilter
from db.repositories import container_usage, decisions, metrics_summary, nodes
from db.session import Database
from sandbox.shop.serving import ShopServer
from scheduler.jobs import catalogue
from scheduler.process import Scheduler
from services.access import LOCAL_ADMIN
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows import job_control
from services.workflows.register_cluster import BearerToken, KubeAccess, NewCluster, add_cluster
from services.workflows.register_customer import NewCustomer, add_customer
from tests.conftest import POOL
from tests.scheduler.builders import KEY, running, until

pytestmark = pytest.mark.slow
SECRETS = SecretBox([KEY])
DAY_START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def sandbox_database(empty_database_url):
    with Database(empty_database_url, POOL) as database:
        database.upgrade("sandbox")
        yield database


def register(database, connection, *, company, cluster, endpoint):
    """A customer with the pretend account, and one cluster of it."""
    aws, now = connection["aws"], datetime.now(UTC)
    customer = add_customer(
        database,
        NewCustomer(
            company=company,
            role_arn=aws["role_arn"],
            external_id=aws["external_id"],
            aws_region=aws["region"],
            aws_endpoint_url=aws["endpoint_url"],
            aws_access_key_id=aws["access_key_id"],
            aws_secret_access_key=aws["secret_access_key"],
        ),
        secrets=SECRETS,
        actor=LOCAL_ADMIN,
        at=now,
    )
    credential = BearerToken(token=connection["kubernetes"]["token"])
    access = KubeAccess(endpoint=endpoint, credential=credential)
    new = NewCluster(name=cluster, access=access, customer_id=customer.id)
    return add_cluster(database, new, secrets=SECRETS, actor=LOCAL_ADMIN, at=now).id


def the_scheduler(database, connection):
    settings = Settings(
        encryption_key=KEY,
        spot_advisor_url=connection["spot_advisor_url"],
        price_list_url=connection["price_list_url"],
        k8s_api_retry_attempts=1,
    )
    return Scheduler(
        database=database,
        lease_database=database,
        catalogue=catalogue(settings),
        settings=settings,
        secrets=SECRETS,
        holder="test",
    )


def rows(database):
    return {(row.name, row.target): row for row in job_control.list_jobs(database)}


def succeeded(database, job, target):
    row = rows(database).get((job, target))
    return row is not None and row.last_success_at is not None


def test_a_fresh_start_leads_to_advice_within_a_minute_and_a_broken_cluster_delays_nobody(
    sandbox_database,
):
    database = sandbox_database
    with ShopServer(1, datetime.now(UTC)) as world:
        connection = world.connection()
        endpoint = connection["kubernetes"]["endpoint"]
        broken = register(
            database, connection, company="Broken", cluster="b", endpoint="http://127.0.0.1:9"
        )
        prod = register(database, connection, company="Shop", cluster="prod", endpoint=endpoint)

        with running(the_scheduler(database, connection)):
            until(lambda: succeeded(database, "optimise", prod), seconds=180)
            until(lambda: succeeded(database, "summarise_metrics", prod), seconds=180)
            seen = rows(database)

    assert seen["collect_state", prod].last_status is RunStatus.SUCCEEDED
    failed = seen["collect_state", broken]
    assert failed.failures >= 1
    assert "127.0.0.1:9" in failed.last_error
    assert seen["optimise", broken].waits_for == "the first state of the cluster"
    now = datetime.now(UTC)
    with database.reader() as reader:
        page = decisions.list_page(reader, DecisionFilter(cluster_id=prod))
        hours = container_usage.load(reader, prod, since=DAY_START, until=now)
        values = metrics_summary.latest(reader, since=DAY_START)[prod]
        assert len(nodes.load(reader, prod)) == 40
    assert {str(one.decision_type) for one in page.items} >= {"spot_optimize", "ghost_probe"}
    assert {one.triggered_by for one in page.items} == {"scheduler"}
    assert len(hours) > 400
    assert (values[MetricType.NODES], values[MetricType.NODES_UNPRICED]) == (40, 0)
    assert values[MetricType.COST_SPOT] > 0
    assert 0 < values[MetricType.CPU_USED] < values[MetricType.CPU_ALLOCATABLE]
