"""Makes the pretend customer and its cluster known to the product, once, like any other."""

from datetime import datetime
from typing import Any

from db.session import Database
from services.access import Actor, Role
from services.secrets import SecretBox
from services.workflows.browse_clusters import load_clusters
from services.workflows.browse_customers import CustomerView, load_customers
from services.workflows.register_cluster import (
    BearerToken,
    Cluster,
    ClusterChange,
    KubeAccess,
    NewCluster,
    add_cluster,
    edit_cluster,
)
from services.workflows.register_customer import (
    Customer,
    NewCustomer,
    add_customer,
    edit_customer,
)

COMPANY = "Sandbox"
STARTER = Actor(name="make run", role=Role.ADMIN)

Connection = dict[str, Any]
"""What ``python -m sandbox --connection FILE`` writes."""


def register_sandbox(
    database: Database, connection: Connection, *, secrets: SecretBox, at: datetime
) -> Cluster:
    """Register both, or bring them up to date; nothing is written where nothing has changed."""
    wanted = _customer(connection)
    known = next((one for one in load_customers(database) if one.customer.company == COMPANY), None)
    is_same = known is not None and _is_as_known(known, wanted)
    if known is None:
        customer = add_customer(database, wanted, secrets=secrets, actor=STARTER, at=at)
    elif is_same:
        customer = known.customer
    else:
        customer = edit_customer(
            database, known.customer.id, wanted, secrets=secrets, actor=STARTER, at=at
        )
    return _register_cluster(database, connection, customer, is_same, secrets, at)


def _register_cluster(
    database: Database,
    connection: Connection,
    customer: Customer,
    is_same_customer: bool,
    secrets: SecretBox,
    at: datetime,
) -> Cluster:
    kubernetes = connection["kubernetes"]
    access = KubeAccess(
        endpoint=kubernetes["endpoint"],
        credential=BearerToken(token=kubernetes["token"]),
        ca_pem=kubernetes["ca_pem"],
    )
    region = connection["aws"]["region"]
    known = _find_cluster(database, customer, kubernetes["cluster_name"])
    if known is None:
        new = NewCluster(
            name=kubernetes["cluster_name"], access=access, customer_id=customer.id, region=region
        )
        return add_cluster(database, new, secrets=secrets, actor=STARTER, at=at)
    if known.endpoint != access.endpoint or not is_same_customer:
        change = ClusterChange(
            access=access, region=region, cluster_tag=known.cluster_tag, launch=known.launch
        )
        return edit_cluster(database, known.id, change, secrets=secrets, actor=STARTER, at=at)
    return known


def _find_cluster(database: Database, customer: Customer, name: str) -> Cluster | None:
    for cluster in load_clusters(database):
        if (cluster.customer_id, cluster.name) == (customer.id, name):
            return cluster
    return None


def _customer(connection: Connection) -> NewCustomer:
    aws = connection["aws"]
    return NewCustomer(
        company=COMPANY,
        role_arn=aws["role_arn"],
        external_id=aws["external_id"],
        aws_region=aws["region"],
        aws_endpoint_url=aws["endpoint_url"],
        aws_access_key_id=aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
        queue_url=aws["queue_url"],
    )


def _is_as_known(known: CustomerView, wanted: NewCustomer) -> bool:
    """The seed is in the external id, so a world of another seed is another customer's."""
    fields = ("role_arn", "external_id", "aws_region", "aws_endpoint_url", "aws_access_key_id")
    queues = {one.region: one.url for one in known.queues}
    return queues.get(wanted.aws_region or "") == wanted.queue_url and all(
        getattr(known.customer, field) == getattr(wanted, field) for field in fields
    )
