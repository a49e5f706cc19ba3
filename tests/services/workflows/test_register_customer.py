"""Customers are checked, their secrets sealed, and every change is audited without them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from db.records import CustomerStatus
from db.repositories import audit, customers, events, queues
from services.access import LOCAL_ADMIN, Actor, Role
from services.errors import AccessDeniedError, InvalidInputError
from services.workflows.browse_customers import find_customer, load_customers
from services.workflows.register_customer import (
    NewCustomer,
    add_customer,
    edit_customer,
    remove_customer,
    set_queue,
)
from tests.services.workflows.live import SECRETS

AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
SECRET = "the-secret-of-the-key"
KEY_ID = "AKIAEXAMPLEEXAMPLE00"
ROLE = "arn:aws:iam::123456789012:role/CloudOptim"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/events"


def a_customer(**changes):
    fields = {"company": "Acme Ltd", "role_arn": ROLE, "aws_region": "us-east-1"}
    return NewCustomer(**{**fields, **changes})


def add(database, new=None, actor=LOCAL_ADMIN, at=AT):
    return add_customer(database, new or a_customer(), secrets=SECRETS, actor=actor, at=at)


def edit(database, customer_id, new, actor=LOCAL_ADMIN):
    return edit_customer(database, customer_id, new, secrets=SECRETS, actor=actor, at=LATER)


def sealed_secret(database, customer_id):
    with database.reader() as reader:
        return customers.load_sealed_secret(reader, customer_id)


def audited(database):
    with database.reader() as reader:
        return audit.list_entries(reader)


def test_a_customer_gets_a_readable_id_and_an_external_id_of_its_own(database):
    first = add(database)
    second = add(database, a_customer(company="Acme Ltd."))

    assert (first.id, first.status) == ("acme-ltd", CustomerStatus.ACTIVE)
    assert second.id.startswith("acme-ltd-")
    assert len(first.external_id) == len(second.external_id) == 32
    assert first.external_id != second.external_id
    assert find_customer(database, "Acme Ltd") == find_customer(database, "acme-ltd") == first


def test_an_external_id_that_exists_is_taken_over(database):
    assert add(database, a_customer(external_id=" given-before ")).external_id == "given-before"


def test_the_secret_is_sealed_and_shown_nowhere(database):
    new = a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)

    customer = add(database, new)

    sealed = sealed_secret(database, customer.id)
    assert SECRETS.open(sealed, what="it") == SECRET
    [entry] = audited(database)
    with database.reader() as reader:
        told = repr((customer, entry, events.list_events(reader), new, load_customers(database)))
    assert SECRET not in told
    assert SECRET not in sealed
    assert (entry.action, entry.object_name) == ("customer.registered", "Acme Ltd")
    assert entry.after["aws_secret_access_key"] == "***"


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"company": " "}, "company"),
        ({"company": "x" * 101}, "company"),
        ({"company": "a\nb"}, "company"),
        ({"email": "nobody"}, "email"),
        ({"role_arn": "arn:aws:iam::12345:role/x"}, "role ARN"),
        ({"role_arn": "arn:aws:iam::123456789012:user/x"}, "role ARN"),
        ({"external_id": "x"}, "external id"),
        ({"aws_region": "frankfurt"}, "region"),
        ({"aws_access_key_id": KEY_ID}, "access key"),
        ({"aws_secret_access_key": SECRET}, "access key"),
        ({"aws_access_key_id": "short", "aws_secret_access_key": SECRET}, "access key id"),
        ({"aws_access_key_id": KEY_ID, "aws_secret_access_key": "a b"}, "secret access key"),
        ({"queue_url": QUEUE, "aws_region": None}, "queue URL"),
        ({"queue_url": "ftp://sqs/x"}, "queue URL"),
        ({"aws_endpoint_url": "http://169.254.169.254"}, "AWS endpoint URL"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(database, changes, blamed):
    with pytest.raises(InvalidInputError) as refusal:
        add(database, a_customer(**changes))

    assert refusal.value.source == blamed
    assert refusal.value.next_step
    assert SECRET not in str(refusal.value)
    assert load_customers(database) == ()


@pytest.mark.parametrize(("length", "is_refused"), [(100, False), (101, True)])
def test_a_name_has_at_most_a_hundred_characters(database, length, is_refused):
    new = a_customer(company="x" * length)

    if is_refused:
        with pytest.raises(InvalidInputError):
            add(database, new)
    else:
        assert add(database, new).company == "x" * length


def test_a_name_is_taken_once(database):
    add(database)

    with pytest.raises(InvalidInputError, match="registered already"):
        add(database)


@pytest.mark.parametrize("field", ["aws_endpoint_url", "queue_url"])
def test_a_real_database_takes_no_address_of_this_machine(database, field):
    with pytest.raises(InvalidInputError, match="this machine") as refusal:
        add(database, a_customer(**{field: "http://127.0.0.1:5000"}))

    assert "sandbox database" in refusal.value.next_step


@pytest.mark.parametrize("field", ["aws_endpoint_url", "queue_url"])
def test_a_sandbox_database_takes_addresses_of_this_machine_only(sandbox_database, field):
    with pytest.raises(InvalidInputError, match="is a sandbox"):
        add(sandbox_database, a_customer(**{field: "https://sqs.us-east-1.amazonaws.com/1/x"}))

    customer = add(sandbox_database, a_customer(**{field: "http://localhost:5000/"}))
    assert customer.company == "Acme Ltd"


def test_what_is_edited_replaces_what_was_known_and_an_unnamed_secret_stays(database):
    new = a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
    before = add(database, new)
    sealed = sealed_secret(database, before.id)

    after = edit(database, before.id, a_customer(company="Acme GmbH", aws_access_key_id=KEY_ID))

    assert (after.id, after.company, after.external_id) == (
        before.id,
        "Acme GmbH",
        before.external_id,
    )
    assert sealed_secret(database, before.id) == sealed
    entry = audited(database)[0]
    assert (entry.action, entry.before["company"], entry.after["company"]) == (
        "customer.changed",
        "Acme Ltd",
        "Acme GmbH",
    )


def test_another_key_needs_its_own_secret(database):
    customer = add(database, a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET))
    other = a_customer(aws_access_key_id="AKIAOTHEROTHEROTHER0")

    with pytest.raises(InvalidInputError, match="one of them is missing"):
        edit(database, customer.id, other)


def test_a_new_secret_is_told_without_its_text(database):
    customer = add(database, a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET))
    newer = a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key="another-secret")

    edit(database, customer.id, newer)

    entry = audited(database)[0]
    assert entry.after["aws_secret_access_key"] == "*** (new)"
    assert "another-secret" not in repr(entry)
    assert SECRETS.open(sealed_secret(database, customer.id), what="it") == "another-secret"


def test_an_edit_that_changes_nothing_is_not_audited(database):
    customer = add(database)

    edit(database, customer.id, a_customer())

    assert len(audited(database)) == 1


def test_a_removed_customer_keeps_no_secret_and_no_queue(database):
    new = a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET, queue_url=QUEUE)
    customer = add(database, new)

    remove_customer(database, customer.id, actor=LOCAL_ADMIN, at=LATER)

    assert load_customers(database) == ()
    assert sealed_secret(database, customer.id) is None
    with database.reader() as reader:
        assert queues.list_all(reader) == ()


def test_the_owner_of_dumps_cannot_be_removed(database):
    with database.transaction() as tx:
        customers.ensure_local(tx, at=AT)

    with pytest.raises(InvalidInputError, match="no customer was named"):
        remove_customer(database, "local", actor=LOCAL_ADMIN, at=LATER)


def test_a_removed_customer_is_taken_up_again_under_its_old_id(database):
    customer = add(database)
    remove_customer(database, customer.id, actor=LOCAL_ADMIN, at=AT)

    again = add(database, a_customer(email="ops@acme.example"), at=LATER)

    assert (again.id, again.created_at, again.email) == (customer.id, AT, "ops@acme.example")
    assert [one.customer for one in load_customers(database)] == [again]


def test_queues_are_set_and_forgotten_by_region(database):
    customer = add(database, a_customer(queue_url=QUEUE))
    other = QUEUE.replace("us-east-1", "eu-west-1")

    def change(region, url):
        set_queue(database, customer.id, region=region, url=url, actor=LOCAL_ADMIN, at=LATER)

    change("eu-west-1", other)
    change("us-east-1", None)

    with database.reader() as reader:
        assert [(one.region, one.url) for one in queues.list_all(reader)] == [("eu-west-1", other)]
    assert [one.action for one in audited(database)[:2]] == ["customer.queue.changed"] * 2


def test_only_an_admin_changes_customers(database):
    operator = Actor(name="ops", role=Role.OPERATOR)
    customer = add(database)

    with pytest.raises(AccessDeniedError):
        add(database, a_customer(company="Other"), actor=operator)
    with pytest.raises(AccessDeniedError):
        edit(database, customer.id, a_customer(), actor=operator)
    with pytest.raises(AccessDeniedError):
        remove_customer(database, customer.id, actor=operator, at=LATER)
    with pytest.raises(AccessDeniedError):
        set_queue(database, customer.id, region="us-east-1", url=None, actor=operator, at=LATER)


def test_what_is_entered_hides_its_secret_from_every_printer():
    new = a_customer(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)

    assert SECRET not in repr(new)
    assert SECRET not in repr(list(new.__rich_repr__()))
    assert SECRET in msgspec.json.encode(new).decode()  # only who means to write it out does
