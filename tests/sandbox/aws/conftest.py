"""A pretend AWS account on loopback, whose time moves only when a test says so."""

import socket

import boto3
import pytest
import urllib3
from botocore.config import Config

from sandbox.aws.cloud import Cloud
from sandbox.aws.scenario import (
    ADMIN_KEY,
    CUSTOMER_ACCOUNT,
    OPERATOR_ACCOUNT,
    OPERATOR_KEY,
    REGION,
    ROLE_ARN,
    SECRET_KEY,
    open_scenario,
)
from sandbox.aws.server import AwsServer
from sandbox.clock import Clock

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
ONE_ATTEMPT = Config(
    retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=5
)


class Clients:
    """Real boto3 clients of one address; each call is attempted once. Made once, used by all."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session()
        self._made = {}

    def make(self, service, *, key=ADMIN_KEY, region=REGION, secret=SECRET_KEY, token=None):
        names = (service, key, region, token)
        if names not in self._made:
            self._made[names] = self._session.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=ONE_ATTEMPT,
            )
        return self._made[names]

    def of_role(self, service: str, external_id: str, **more):
        """A client with a fresh session of the customer's role."""
        credentials = self.assume(external_id, **more)
        return self.with_credentials(service, credentials)

    def assume(self, external_id: str, **more):
        sts = self.make("sts", key=OPERATOR_KEY)
        answer = sts.assume_role(
            RoleArn=ROLE_ARN, RoleSessionName="test", ExternalId=external_id, **more
        )
        return answer["Credentials"]

    def with_credentials(self, service: str, credentials):
        return self.make(
            service,
            key=credentials["AccessKeyId"],
            secret=credentials["SecretAccessKey"],
            token=credentials["SessionToken"],
        )

    def close(self) -> None:
        for client in self._made.values():
            client.close()


@pytest.fixture(scope="session")
def port():
    """All tests serve at one port in turn, as a sandbox does that is started again."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def clients_of_port(port):
    made = Clients(f"http://127.0.0.1:{port}")
    yield made
    made.close()


@pytest.fixture
def cloud():
    """Nothing happens in it by itself."""
    accounts = (CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT)
    return Cloud(seed=7, account_ids=accounts, clock=Clock(NOW, speed=0))


@pytest.fixture
def scenario(cloud):
    return open_scenario(7, cloud=cloud)


@pytest.fixture
def server(scenario, port):
    with AwsServer(scenario.cloud, port=port) as running:
        yield running


@pytest.fixture
def clients(server, clients_of_port):
    return clients_of_port


@pytest.fixture
def ec2(clients):
    """EC2 as the customer's administrator."""
    return clients.make("ec2")


@pytest.fixture
def asg(clients):
    return clients.make("autoscaling")


@pytest.fixture
def sqs(clients):
    return clients.make("sqs")


@pytest.fixture
def queue(scenario, server):
    """The URL of the event queue."""
    return scenario.queue_url(server.url)


class Http:
    """The control endpoint and the public files, by plain HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, path, headers=None):
        return self._pool.request("GET", self.url + path, headers=headers)

    def try_post(self, what, body):
        answer = self._pool.request("POST", f"{self.url}/_sandbox/{what}", json=body)
        return answer.status, answer.json()

    def post(self, what, body):
        status, told = self.try_post(what, body)
        assert status == 200, told

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def http(server):
    caller = Http(server.url)
    yield caller
    caller.close()
