"""Register customers, their AWS access and the queues of their interruption warnings.

Secrets are sealed before they are stored, and shown nowhere: the audit log names them by ``***``.
"""

import re
import secrets as random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from db.records import Customer, CustomerStatus
from db.repositories import clusters, customers, queues
from db.session import Database, DatabaseKind, Transaction
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError
from services.secrets import MASK, SecretBox
from services.workflows.endpoints import check_aws_url
from services.workflows.record_change import record_change

__all__ = [
    "Customer",
    "NewCustomer",
    "add_customer",
    "check_region",
    "edit_customer",
    "remove_customer",
    "set_queue",
]

_EXTERNAL_ID_BYTES = 16
_COMPANY_LENGTH = 100
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_SECRET = re.compile(r"[!-~]{1,256}")
_GIVE_A_REGION = "give its code, such as eu-central-1"

# Field, its name in errors, its form (that of IAM and STS), and what to do where it is not that.
_FORMS = (
    ("email", "email", re.compile(r"[^@\s]+@[^@\s]+"), "give one such as ops@example.com"),
    (
        "role_arn",
        "role ARN",
        re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII),
        "give it as arn:aws:iam::123456789012:role/NAME",
    ),
    (
        "external_id",
        "external id",
        re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
        "use 2 to 1,224 letters, digits and _+=,.@:/-, or leave it out to have one made",
    ),
    ("aws_region", "region", _REGION, _GIVE_A_REGION),
    (
        "aws_access_key_id",
        "access key id",
        re.compile(r"\w{16,128}", re.ASCII),
        "give it as IAM shows it, such as AKIA...",
    ),
)


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as a person enters it. What is None is left to this machine's AWS settings.

    ``external_id`` None: one is made. ``queue_url`` is the queue of ``aws_region``; queues of
    further regions are set with ``set_queue``.
    """

    company: str
    email: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    aws_region: str | None = None
    aws_endpoint_url: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    queue_url: str | None = None

    def __repr__(self) -> str:
        return f"NewCustomer(company={self.company!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """What rich shows, which asks for the fields itself otherwise."""
        return [("company", self.company)]


def add_customer(
    database: Database, new: NewCustomer, *, secrets: SecretBox, actor: Actor, at: datetime
) -> Customer:
    """Register a customer; one that was removed under this name before is taken up again.

    Raises InvalidInputError for a field that cannot be right and for a name that is taken.
    """
    authorise(actor, Role.ADMIN, "register a customer")
    checked = _checked(new, database.check().kind)
    with database.transaction() as tx:
        known = customers.find_by_company(tx, checked.company)
        if known is not None and known.status is CustomerStatus.ACTIVE:
            raise _taken(checked.company)
        customer = Customer(
            id=known.id if known else _free_id(tx, checked.company),
            created_at=known.created_at if known else at,
            **_fields(checked, None),
        )
        sealed = _sealed(checked, secrets)
        if known is None:
            customers.add(tx, customer, sealed_secret=sealed)
        else:
            customers.change(tx, customer, sealed_secret=sealed)
        _store_queue(tx, customer, checked, at)
        record_change(
            tx, "customer.registered", customer.company, actor=actor, at=at, after=_shown(customer)
        )
    return customer


def edit_customer(
    database: Database,
    customer_id: str,
    new: NewCustomer,
    *,
    secrets: SecretBox,
    actor: Actor,
    at: datetime,
) -> Customer:
    """Store what was entered in place of what is known.

    An external id or secret that is not given stays, the secret only while its key id does.
    """
    authorise(actor, Role.ADMIN, "change a customer")
    kind = database.check().kind
    with database.transaction() as tx:
        before = customers.get(tx, customer_id)
        kept = _kept_secret(tx, before, new)
        checked = _checked(new, kind, has_secret=kept is not None)
        other = customers.find_by_company(tx, checked.company)
        if other is not None and other.id != customer_id:
            raise _taken(checked.company)
        after = msgspec.structs.replace(before, **_fields(checked, before))
        customers.change(tx, after, sealed_secret=_sealed(checked, secrets) or kept)
        _store_queue(tx, after, checked, at)
        is_new_secret = checked.aws_secret_access_key is not None
        if after != before or is_new_secret:
            shown = _shown(after, is_new_secret=is_new_secret)
            record_change(
                tx,
                "customer.changed",
                after.company,
                actor=actor,
                at=at,
                before=_shown(before),
                after=shown,
            )
    return after


def remove_customer(database: Database, customer_id: str, *, actor: Actor, at: datetime) -> None:
    """Archive a customer: its secret and its queues are deleted, its name stays in the records.

    Raises InvalidInputError while it has clusters.
    """
    authorise(actor, Role.ADMIN, "remove a customer")
    if customer_id == customers.LOCAL_ID:
        raise InvalidInputError(
            "customer",
            "this one stands for clusters of which no customer was named",
            next_step="leave it as it is",
        )
    with database.transaction() as tx:
        customer = customers.get(tx, customer_id)
        owned = [one.name for one in clusters.list_all(tx) if one.customer_id == customer_id]
        if owned:
            raise InvalidInputError(
                f"customer {customer.company!r}",
                f"owns the clusters {', '.join(owned)}",
                next_step="remove these first",
            )
        archived = msgspec.structs.replace(
            customer, status=CustomerStatus.ARCHIVED, aws_access_key_id=None
        )
        customers.change(tx, archived, sealed_secret=None)
        for queue in queues.list_all(tx, customer_id=customer_id):
            queues.remove(tx, customer_id, queue.region)
        record_change(
            tx, "customer.removed", customer.company, actor=actor, at=at, before=_shown(customer)
        )


def set_queue(
    database: Database,
    customer_id: str,
    *,
    region: str,
    url: str | None,
    actor: Actor,
    at: datetime,
) -> None:
    """Set the queue of a customer's interruption warnings of one region; None: there is none."""
    authorise(actor, Role.ADMIN, "change a customer's queue")
    check_region(region)
    address = None if url is None else check_aws_url("queue URL", url, database.check().kind)
    with database.transaction() as tx:
        customer = customers.get(tx, customer_id)
        known = {one.region: one.url for one in queues.list_all(tx, customer_id=customer_id)}
        if address is None:
            queues.remove(tx, customer_id, region)
        else:
            queues.put(tx, customer_id, region, address, at=at)
        if known.get(region) != address:
            before, after = {region: known.get(region)}, {region: address}
            record_change(
                tx,
                "customer.queue.changed",
                customer.company,
                actor=actor,
                at=at,
                before=before,
                after=after,
            )


def check_region(region: str) -> None:
    """Raise InvalidInputError for what is no code of a region."""
    _check_form("region", region, _REGION, _GIVE_A_REGION)


def _checked(new: NewCustomer, kind: DatabaseKind, *, has_secret: bool = False) -> NewCustomer:
    """What was entered without blanks, or an InvalidInputError for the first field in error."""
    given: dict[str, Any] = {
        name: (value.strip() or None) if isinstance(value, str) else value
        for name, value in msgspec.structs.asdict(new).items()
    }
    company = given["company"]
    if company is None or len(company) > _COMPANY_LENGTH or not company.isprintable():
        raise InvalidInputError(
            "company",
            f"{new.company!r} cannot be a customer's name",
            next_step=f"give 1 to {_COMPANY_LENGTH} printable characters",
        )
    for field, source, form, next_step in _FORMS:
        _check_form(source, given[field], form, next_step)
    _check_key(given, has_secret)
    for field, source in (("aws_endpoint_url", "AWS endpoint URL"), ("queue_url", "queue URL")):
        if given[field] is not None:
            given[field] = check_aws_url(source, given[field], kind)
    if given["queue_url"] is not None and given["aws_region"] is None:
        raise InvalidInputError("queue URL", "belongs to a region", next_step="give the region too")
    return NewCustomer(**given)


def _check_key(given: Mapping[str, Any], has_secret: bool) -> None:
    """The access key must be whole. Its secret is never part of an error."""
    key_id, secret = given["aws_access_key_id"], given["aws_secret_access_key"]
    if (key_id is None) != (secret is None and not has_secret):
        raise InvalidInputError(
            "access key",
            "its id and its secret belong together, one of them is missing",
            next_step="give both, or neither for this machine's own AWS settings",
        )
    if secret is not None and not _SECRET.fullmatch(secret):
        raise InvalidInputError(
            "secret access key",
            "holds blanks or characters that no key has",
            next_step="give it as IAM showed it when the key was made",
        )


def _check_form(source: str, value: str | None, form: re.Pattern[str], next_step: str) -> None:
    if value is not None and not form.fullmatch(value):
        raise InvalidInputError(source, f"{value!r} is none", next_step=next_step)


def _fields(checked: NewCustomer, before: Customer | None) -> dict[str, Any]:
    """The fields of a customer that a person enters."""
    known_id = None if before is None else before.external_id
    return {
        "company": checked.company,
        "email": checked.email,
        "role_arn": checked.role_arn,
        "external_id": checked.external_id or known_id or random.token_hex(_EXTERNAL_ID_BYTES),
        "aws_region": checked.aws_region,
        "aws_endpoint_url": checked.aws_endpoint_url,
        "aws_access_key_id": checked.aws_access_key_id,
    }


def _kept_secret(tx: Transaction, before: Customer, new: NewCustomer) -> str | None:
    """The stored secret, where none is given and the key id is still the one it belongs to."""
    key_id = (new.aws_access_key_id or "").strip() or None
    if new.aws_secret_access_key or key_id is None or key_id != before.aws_access_key_id:
        return None
    return customers.load_sealed_secret(tx, before.id)


def _sealed(checked: NewCustomer, secrets: SecretBox) -> str | None:
    secret = checked.aws_secret_access_key
    return None if secret is None else secrets.seal(secret)


def _free_id(tx: Transaction, company: str) -> str:
    """A readable id: the name in small letters, with a random end where that is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", company.lower()).strip("-") or "customer"
    taken = {one.id for one in customers.list_all(tx, include_archived=True)}
    taken.add(customers.LOCAL_ID)
    return slug if slug not in taken else f"{slug}-{random.token_hex(3)}"


def _store_queue(tx: Transaction, customer: Customer, checked: NewCustomer, at: datetime) -> None:
    if checked.queue_url is not None and checked.aws_region is not None:
        queues.put(tx, customer.id, checked.aws_region, checked.queue_url, at=at)


def _shown(customer: Customer, *, is_new_secret: bool = False) -> dict[str, Any]:
    """A customer as the audit log shows it. The external id is no secret to its own log."""
    shown = msgspec.structs.asdict(customer)
    if customer.aws_access_key_id is not None:
        shown["aws_secret_access_key"] = f"{MASK} (new)" if is_new_secret else MASK
    return shown


def _taken(company: str) -> InvalidInputError:
    return InvalidInputError(
        "company",
        f"{company!r} is registered already",
        next_step="edit that customer, or choose another name",
    )
