"""What a database of an earlier version holds survives each migration, and its undoing."""

import pytest
from alembic import command
from sqlalchemy import text

from db import schema
from db.session import Database
from tests.conftest import POOL

OLD_ROWS = (
    "INSERT INTO customers (id, company, created_at) VALUES ('acme', 'Acme', '2026-08-03')",
    "INSERT INTO clusters (id, customer_id, name, source, status, mode, min_risk_score,"
    " min_availability_zones, max_pool_share, min_on_demand_share,"
    " allow_small_cluster_exception, created_at, updated_at)"
    " VALUES ('c1', 'acme', 'prod', 'dump', 'active', 'advise', 0.75, 3, 0.2, 0.15, false,"
    " '2026-08-03', '2026-08-03')",
)


@pytest.fixture
def old_database(empty_database_url):
    """A database of the first version with one customer and one cluster."""
    with Database(empty_database_url, POOL) as database:
        with database.transaction() as tx:
            command.upgrade(schema.config_for(tx.connection), "0001")
            for row in OLD_ROWS:
                tx.connection.execute(text(row))
        yield database


def test_the_second_version_keeps_the_rows_of_the_first(old_database):
    with old_database.transaction() as tx:
        command.upgrade(schema.config_for(tx.connection), "0002")

    with old_database.reader() as reader:
        query = "SELECT company, status, aws_region FROM customers"
        customer = reader.connection.execute(text(query)).one()
        query = "SELECT name, min_risk_score, endpoint, sealed_credential FROM clusters"
        cluster = reader.connection.execute(text(query)).one()
    assert tuple(customer) == ("Acme", "active", None)
    assert tuple(cluster) == ("prod", 0.75, None, None)


def test_going_back_to_the_first_version_keeps_its_rows(old_database):
    with old_database.transaction() as tx:
        config = schema.config_for(tx.connection)
        command.upgrade(config, "0002")
        command.downgrade(config, "0001")

    with old_database.reader() as reader:
        query = "SELECT clusters.name, company FROM clusters JOIN customers"
        joined = text(f"{query} ON customers.id = customer_id")
        assert tuple(reader.connection.execute(joined).one()) == ("prod", "Acme")
