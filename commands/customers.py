"""Customers: who owns clusters and an AWS account."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from commands.output import (
    FormatOption,
    OutputFormat,
    print_facts,
    print_json,
    print_table,
)
from commands.secret_input import read_secret
from services.access import LOCAL_ADMIN
from services.bootstrap import open_database
from services.secrets import open_secret_box
from services.settings import load_settings
from services.workflows.browse_customers import load_customers
from services.workflows.register_customer import NewCustomer, add_customer

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


@customers.command(
    "add",
    epilog="Example: python cli.py customer add 'Acme Ltd' "
    "--role-arn arn:aws:iam::123456789012:role/CloudOptim --region us-east-1",
)
def add(  # noqa: PLR0913, PLR0917 - one option a field
    company: Annotated[str, typer.Argument(metavar="COMPANY")],
    email: Annotated[str | None, typer.Option(help="Whom to write to.")] = None,
    role_arn: RoleArnOption = None,
    external_id: ExternalIdOption = None,
    region: RegionOption = None,
    queue_url: QueueUrlOption = None,
    endpoint_url: Annotated[
        str | None,
        typer.Option(help="Endpoint of all AWS services of this customer; default: AWS's own."),
    ] = None,
    access_key_id: Annotated[
        str | None, typer.Option(help="An access key; default: this machine's AWS settings.")
    ] = None,
    secret_key_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=f"Its secret: a file, - for standard input, or the variable {SECRET_VARIABLE}.",
        ),
    ] = None,
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
    if output is OutputFormat.JSON:
        print_json(customer)
        return
    facts = (
        ("id", customer.id),
        ("external id", customer.external_id),
        ("role", customer.role_arn),
        ("region", customer.aws_region),
    )
    print_facts(f"Registered {customer.company}", facts)


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
