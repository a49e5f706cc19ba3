"""The pretend customer and cluster are registered once, and brought up to date when they change."""

from datetime import UTC, datetime

import pytest

from db.repositories import audit, clusters
from db.session import Database, PoolSettings
from services.secrets import SecretBox
from services.workflows.browse_clusters import load_clusters
from services.workflows.browse_customers import load_customers
from starter.registration import register_sandbox
from tests.starter.builders import a_connection

AT = datetime(2027, 1, 15, tzinfo=UTC)
SECRETS = SecretBox(["x1NCNBkFHnEvPTfGtqW2nTyuYvRLu8bMCvRQwNKCdnY="])


@pytest.fixture
def database(tmp_path):
    """A sandbox database: a real one would refuse these endpoints."""
    pool = PoolSettings(size=1, max_overflow=0)
    with Database(f"sqlite:///{tmp_path / 'sandbox.sqlite3'}", pool) as opened:
        opened.upgrade("sandbox")
        yield opened


def register(database, connection):
    register_sandbox(database, connection, secrets=SECRETS, at=AT)


def acts(database):
    with database.reader() as reader:
        return [one.action for one in reversed(audit.list_entries(reader, actor="make run"))]


def test_customer_cluster_and_queue_are_registered(database):
    register(database, a_connection())

    (view,) = load_customers(database)
    (cluster,) = load_clusters(database)
    assert view.customer.company == "Sandbox"
    assert view.customer.external_id == "cloudoptim-sandbox-1"
    assert [one.url for one in view.queues] == [
        "http://127.0.0.1:5566/123456789012/cloudoptim-events"
    ]
    assert (cluster.name, cluster.customer_id) == ("shop-prod", view.customer.id)
    assert cluster.endpoint == "http://127.0.0.1:5567"


def test_a_second_time_nothing_is_written(database):
    register(database, a_connection())
    register(database, a_connection())

    assert acts(database) == ["customer.registered", "cluster.registered"]


def test_another_port_is_taken_over(database):
    register(database, a_connection())
    register(database, a_connection(aws_port=7000))

    (view,) = load_customers(database)
    assert view.customer.aws_endpoint_url == "http://127.0.0.1:7000"
    assert [one.url for one in view.queues] == [
        "http://127.0.0.1:7000/123456789012/cloudoptim-events"
    ]
    assert len(load_clusters(database)) == 1


def test_another_seed_brings_another_token(database):
    register(database, a_connection(seed=1))
    register(database, a_connection(seed=2))

    with database.reader() as reader:
        (cluster,) = clusters.list_all(reader)
        sealed = clusters.load_access(reader, cluster.id).sealed_credential
    assert "sandbox-cloudoptim-2" in SECRETS.open(sealed, what="the token")
