"""Customers: who owns clusters and an AWS account."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from commands.confirmation import confirmed_name
from commands.output import (
    FormatOption,
    OutputFormat,
    note,
    print_facts,
    print_json,
    print_table,
)
from commands.secret_input import read_secret
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.errors import InvalidInputError
from services.secrets import open_secret_box
from services.settings import load_settings
from services.workflows.browse_customers import Customer, find_customer, load_customers
from services.workflows.browse_system import Database
from services.workflows.register_customer import (
    NewCustomer,
    add_customer,
    edit_customer,
    remove_customer,
    set_queue,
)

SECRET_VARIABLE = "CUSTOMER_AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable

customers = typer.Typer(
    help="Customers: who owns clusters and an AWS account.",
    epilog="Example: python cli.py customer list",
    no_args_is_help=True,
)

RoleArnOption = Annotated[
    str | None, typer.Option(help="The role that CloudOptim assumes in the customer's account.")
]
ExternalIdOption = Annotated[
    str | None, typer.Option(help="The external id of the role; without it one is made.")
]
QueueUrlOption = Annotated[
    str | None, typer.Option(help="The SQS queue of interruption warnings of the region.")
]
RegionOption = Annotated[str | None, typer.Option(help="The region, such as us-east-1.")]
EmailOption = Annotated[str | None, typer.Option(help="Whom to write to.")]
EndpointOption = Annotated[
    str | None,
    typer.Option(help="Endpoint of all AWS services of this customer; default: AWS's own."),
]
AccessKeyOption = Annotated[
    str | None, typer.Option(help="An access key; default: this machine's AWS settings.")
]
SecretKeyOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help=f"Its secret: a file, - for standard input, or the variable {SECRET_VARIABLE}.",
    ),
]
CustomerArgument = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="The company, or the customer's id.")
]


@customers.command(
    "add",
    epilog="Example: python cli.py customer add 'Acme Ltd' "
    "--role-arn arn:aws:iam::123456789012:role/CloudOptim --region us-east-1",
)
def add(  # noqa: PLR0913, PLR0917 - one option a field
    company: Annotated[str, typer.Argument(metavar="COMPANY")],
    email: EmailOption = None,
    role_arn: RoleArnOption = None,
    external_id: ExternalIdOption = None,
    region: RegionOption = None,
    queue_url: QueueUrlOption = None,
    endpoint_url: EndpointOption = None,
    access_key_id: AccessKeyOption = None,
    secret_key_file: SecretKeyOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Register a customer. The external id that is printed belongs into the role's trust policy."""
    secret = read_secret("secret access key", secret_key_file, SECRET_VARIABLE)
    new = NewCustomer(
        company=company,
        email=email,
        role_arn=role_arn,
        external_id=external_id,
        aws_region=region,
        aws_endpoint_url=endpoint_url,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret if access_key_id else None,
        queue_url=queue_url,
    )
    box = open_secret_box(load_settings())
    with open_database() as database:
        customer = add_customer(database, new, secrets=box, actor=LOCAL_ADMIN, at=datetime.now(UTC))
    _show("Registered", customer, output)


@customers.command(
    "edit",
    epilog="Example: python cli.py customer edit 'Acme Ltd' "
    "--role-arn arn:aws:iam::123456789012:role/CloudOptim",
)
def edit(  # noqa: PLR0913, PLR0917 - one option a field
    customer: CustomerArgument,
    company: Annotated[str | None, typer.Option(help="A new name.")] = None,
    email: EmailOption = None,
    role_arn: RoleArnOption = None,
    external_id: ExternalIdOption = None,
    region: RegionOption = None,
    queue_url: QueueUrlOption = None,
    endpoint_url: EndpointOption = None,
    access_key_id: AccessKeyOption = None,
    secret_key_file: SecretKeyOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """Change a customer: what is given replaces what is known, "" takes it away, the rest stays."""
    given = {
        "company": company,
        "email": email,
        "role_arn": role_arn,
        "external_id": external_id,
        "aws_region": region,
        "aws_endpoint_url": endpoint_url,
        "aws_access_key_id": access_key_id,
        "queue_url": queue_url,
        "aws_secret_access_key": read_secret("secret access key", secret_key_file, SECRET_VARIABLE)
        if secret_key_file or access_key_id
        else None,
    }
    box = open_secret_box(load_settings())
    with open_database() as database:
        known = find_customer(database, customer)
        changed = edit_customer(
            database,
            known.id,
            _changed(known, given),
            secrets=box,
            actor=LOCAL_ADMIN,
            at=datetime.now(UTC),
        )
        if queue_url == "":
            _forget_queue(database, changed)
    _show("Changed", changed, output)


@customers.command(
    "remove", epilog="Example: python cli.py customer remove 'Acme Ltd' --yes 'Acme Ltd'"
)
def remove(
    customer: CustomerArgument,
    yes: Annotated[
        str | None, typer.Option(metavar="NAME", help="The company once more, to confirm.")
    ] = None,
) -> None:
    """Remove a customer without clusters: its secret and its queues are deleted.

    Without --yes the company is asked for on a terminal.
    """
    with open_database() as database:
        known = find_customer(database, customer)
        if confirmed_name(known.company, yes) != known.company:
            raise InvalidInputError(
                "confirmation",
                f"{yes!r} is not the name of the customer",
                next_step=f"type {known.company} to remove it",
            )
        remove_customer(database, known.id, actor=LOCAL_ADMIN, at=datetime.now(UTC))
    note(f"removed {known.company}; its secret and its queues are deleted, its name stays")


@customers.command("list", epilog="Example: python cli.py customer list --format json")
def list_customers(output: FormatOption = OutputFormat.TABLE) -> None:
    """List the customers with their clusters and queues."""
    with open_database() as database:
        found = load_customers(database)
    if output is OutputFormat.JSON:
        print_json({"customers": found})
        return
    rows = [
        (
            one.customer.company,
            one.customer.id,
            one.customer.role_arn,
            one.customer.external_id,
            one.customer.aws_region,
            ", ".join(one.clusters) or None,
            len(one.queues),
        )
        for one in found
    ]
    columns = ("company", "id", "role", "external id", "region", "clusters", "queues")
    print_table("Customers", columns, rows)


def _changed(known: Customer, given: Mapping[str, str | None]) -> NewCustomer:
    """The customer as it is known, with what was given in its place. Its secret stays unread."""
    fields = {
        name: getattr(known, name, None) if given[name] is None else given[name]
        for name in NewCustomer.__struct_fields__
    }
    return msgspec.convert(fields, NewCustomer)


def _forget_queue(database: Database, customer: Customer) -> None:
    region = customer.aws_region or ""
    set_queue(
        database, customer.id, region=region, url=None, actor=LOCAL_ADMIN, at=datetime.now(UTC)
    )


def _show(what: str, customer: Customer, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(customer)
        return
    facts = (
        ("id", customer.id),
        ("external id", customer.external_id),
        ("role", customer.role_arn),
        ("region", customer.aws_region),
    )
    print_facts(f"{what} {customer.company}", facts)
