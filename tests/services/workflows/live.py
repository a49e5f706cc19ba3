"""A pretend cluster with the nodes of the pretend account, and how CloudOptim gets to both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet

from db.session import Database
from sandbox.aws.joining import new_node
from sandbox.aws.scenario import OPERATOR_KEY, REGION, ROLE_ARN, SECRET_KEY, Scenario
from sandbox.aws.server import AwsServer
from sandbox.kube.cluster import Cluster
from sandbox.kube.server import KubeServer
from sandbox.kube.world import Settings as WorldSettings
from services.access import LOCAL_ADMIN
from services.secrets import SecretBox, open_secret_box
from services.settings import Settings
from services.workflows.register_cluster import BearerToken, KubeAccess, NewCluster, add_cluster
from services.workflows.register_customer import NewCustomer, add_customer
from tests.pretend_aws import a_scenario
from tests.sandbox.kube.builders import DEPLOYMENTS, Caller, a_workload

TOKEN = "sandbox-admin"
AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)  # the pretend cluster's time
SETTINGS = Settings(
    encryption_key=Fernet.generate_key().decode(),
    k8s_api_retry_attempts=1,
    k8s_api_timeout_seconds=5,
    pricing_data_retry_attempts=1,
)
SECRETS: SecretBox = open_secret_box(SETTINGS)


@dataclass
class Live:
    """The pretend outside world."""

    scenario: Scenario
    aws_url: str
    cluster: Cluster
    kube: KubeServer


@contextmanager
def a_live_world(*, nodes: int = 3, pods: int = 4) -> Iterator[Live]:
    """The account's first nodes have joined the cluster, and some pods run on them."""
    scenario = a_scenario(AT)
    cluster = Cluster(WorldSettings(speed=0))
    for machine in scenario.nodes()[:nodes]:
        cluster.add_node(new_node(machine, ready_after_seconds=0))
    status, answer = Caller(cluster)(
        "POST", DEPLOYMENTS, a_workload("Deployment", "web", replicas=pods)
    )
    assert status == 201, answer
    cluster.world.clock.advance(60)
    with AwsServer(scenario.cloud) as aws, KubeServer(cluster) as kube:
        yield Live(scenario=scenario, aws_url=aws.url, cluster=cluster, kube=kube)


def a_new_customer(live: Live, **changes: Any) -> NewCustomer:
    """The customer whose account the world has."""
    fields: dict[str, Any] = {
        "company": "Acme",
        "role_arn": ROLE_ARN,
        "external_id": live.scenario.external_id,
        "aws_region": REGION,
        "aws_endpoint_url": live.aws_url,
        "aws_access_key_id": OPERATOR_KEY,
        "aws_secret_access_key": SECRET_KEY,
        "queue_url": live.scenario.queue_url(live.aws_url),
    }
    return NewCustomer(**{**fields, **changes})


def register(database: Database, live: Live, *, token: str = TOKEN, **customer: Any) -> str:
    """Register the customer and the cluster; the cluster's id, which is its name."""
    owner = add_customer(
        database, a_new_customer(live, **customer), secrets=SECRETS, actor=LOCAL_ADMIN, at=AT
    )
    access = KubeAccess(endpoint=live.kube.url, credential=BearerToken(token=token))
    new = NewCluster(name="shop", access=access, customer_id=owner.id)
    return add_cluster(database, new, secrets=SECRETS, actor=LOCAL_ADMIN, at=AT).id
