"""Leases: one holder at a time, a fence that grows, and clocks that jump."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from db.errors import DatabaseUnavailableError, LeaseLostError
from db.models.operations import Lease
from db.repositories import events, leases
from db.session import Database, PoolSettings
from tests.conftest import POOL
from tests.db.builders import NOW

TTL = timedelta(seconds=10)


def take(database, holder):
    with database.transaction() as tx:
        return leases.acquire(tx, "scheduler", holder, ttl=TTL)


def set_expiry(database, from_now):
    with database.transaction() as tx:
        at = leases.database_time(tx) + from_now
        tx.connection.execute(update(Lease).values(expires_at=at))


def is_free(database):
    with database.reader() as reader:
        return leases.is_free(reader, "scheduler", ttl=TTL)


def test_the_first_to_come_holds_it_and_the_second_waits(database):
    assert is_free(database)

    assert take(database, "a") == 1
    assert take(database, "b") is None

    assert not is_free(database)
    with database.reader() as reader:
        lease = leases.load(reader, "scheduler")
    assert (lease.holder, lease.fence) == ("a", 1)
    assert lease.expires_at - lease.acquired_at == TTL


def test_an_expired_lease_goes_to_the_next_with_a_higher_fence(database):
    take(database, "a")
    set_expiry(database, timedelta(0))

    assert is_free(database)
    assert take(database, "b") == 2


def test_a_lease_that_was_let_go_need_not_expire(database):
    fence = take(database, "a")
    with database.transaction() as tx:
        leases.release(tx, "scheduler", fence)

    assert take(database, "b") == 2


def test_letting_go_of_a_lost_lease_changes_nothing(database):
    take(database, "a")
    set_expiry(database, timedelta(0))
    take(database, "b")

    with database.transaction() as tx:
        leases.release(tx, "scheduler", 1)

    assert not is_free(database)


def test_who_renews_in_time_keeps_it(database):
    fence = take(database, "a")
    set_expiry(database, timedelta(seconds=1))

    with database.transaction() as tx:
        leases.renew(tx, "scheduler", fence, ttl=TTL)

    with database.reader() as reader:
        left = leases.load(reader, "scheduler").expires_at - leases.database_time(reader)
    assert left > timedelta(seconds=5)


def test_an_expired_lease_that_nobody_took_can_be_renewed(database):
    fence = take(database, "a")
    set_expiry(database, timedelta(seconds=-60))

    with database.transaction() as tx:
        leases.renew(tx, "scheduler", fence, ttl=TTL)

    assert not is_free(database)


def test_who_was_replaced_can_neither_renew_nor_write(database):
    fence = take(database, "a")
    guarded = database.guarded(lambda tx: leases.confirm(tx, "scheduler", fence))
    with guarded.transaction() as tx:
        events.append(tx, "held", subject="a", at=NOW)
    set_expiry(database, timedelta(0))
    take(database, "b")

    with pytest.raises(LeaseLostError), database.transaction() as tx:
        leases.renew(tx, "scheduler", fence, ttl=TTL)
    with pytest.raises(LeaseLostError, match="another process"), guarded.transaction() as tx:
        events.append(tx, "fenced off", subject="a", at=NOW)

    with database.reader() as reader:
        assert [one.type for one in events.list_events(reader)] == ["held"]


def test_a_transaction_that_began_before_the_loss_is_refused_at_its_end(postgresql_pair):
    """On PostgreSQL the lease may change hands while a transaction is open."""
    database, other = postgresql_pair
    fence = take(database, "a")
    guarded = database.guarded(lambda tx: leases.confirm(tx, "scheduler", fence))

    def write_while_another_takes_it():
        with guarded.transaction() as tx:
            events.append(tx, "too late", subject="a", at=NOW)
            set_expiry(other, timedelta(0))
            take(other, "b")

    with pytest.raises(LeaseLostError):
        write_while_another_takes_it()

    with database.reader() as reader:
        assert events.list_events(reader) == ()


@pytest.mark.parametrize(("ahead", "is_over"), [(19, False), (21, True)])
def test_an_expiry_further_ahead_than_two_lives_was_written_before_the_clock_went_back(
    database, ahead, is_over
):
    """The clock went back: a lease of 10 s seems to last for longer than any can."""
    take(database, "a")
    set_expiry(database, timedelta(seconds=ahead))

    assert is_free(database) is is_over
    assert take(database, "b") == (2 if is_over else None)


@pytest.fixture
def postgresql_pair(request):
    """Two handles on one PostgreSQL database."""
    server = request.getfixturevalue("postgresql_server")
    name = server.create_database(request.getfixturevalue("postgresql_template"))
    with Database(server.url(name), POOL) as one, Database(server.url(name), POOL) as two:
        yield one, two
    server.drop_database(name)


def test_a_client_that_hangs_in_a_transaction_loses_its_locks(postgresql_pair, request):
    """It was suspended in the middle of a renewal: nobody could take the lease otherwise."""
    _, other = postgresql_pair
    with other.reader() as reader:
        name = reader.connection.engine.url.database
    url = request.getfixturevalue("postgresql_server").url(name)
    hasty = PoolSettings(size=1, idle_transaction_seconds=0.3)

    def hang():
        with database.transaction() as tx:
            leases.renew(tx, "scheduler", 1, ttl=timedelta(0))
            assert take(other, "b") == 2  # waits until the lock is free
            leases.renew(tx, "scheduler", 1, ttl=TTL)

    with Database(url, hasty) as database:
        take(database, "a")
        set_expiry(database, timedelta(0))
        with pytest.raises(DatabaseUnavailableError):
            hang()
