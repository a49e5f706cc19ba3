"""Serves the pretend company's world on loopback, and tells how to connect to it."""

import contextlib
import os
import socket
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sandbox.aws.offers import ADVISOR_PATH
from sandbox.aws.scenario import CLUSTER, OPERATOR_KEY, REGION, ROLE_ARN, SECRET_KEY
from sandbox.aws.server import LOOPBACK, AwsServer
from sandbox.kube.server import KubeServer
from sandbox.shop.opening import Shop, open_shop
from sandbox.shop.past_usage import usage_csv
from sandbox.shop.traffic import traffic_csv
from sandbox.shop.usage import usage_of
from sandbox.shop.workloads import WORKLOADS


class PortTakenError(Exception):
    """Somebody else listens on a port; the message names the option that chooses another."""


class ShopServer:
    """Both servers of one world, until it is closed; a context manager.

    Port 0 is any free one; PortTakenError where another is taken.
    """

    def __init__(self, seed: int, now: datetime, *, aws_port: int = 0, kube_port: int = 0) -> None:
        check_free(aws_port, "--aws-port")  # before the seconds that the making takes
        check_free(kube_port, "--kube-port")
        self.seed = seed
        self.shop: Shop = open_shop(seed, now)
        world = self.shop.cluster.world
        usage = usage_of(WORKLOADS)
        reports = {
            "traffic": lambda: traffic_csv(world),
            "usage": lambda: usage_csv(world, usage),
        }
        self.shop.cluster.reports.update(reports)
        with contextlib.ExitStack() as stack:
            self.kube = stack.enter_context(KubeServer(self.shop.cluster, port=kube_port))
            cloud = self.shop.account.cloud
            self.aws = stack.enter_context(AwsServer(cloud, port=aws_port, drives_clock=False))
            self._stack = stack.pop_all()

    def connection(self) -> dict[str, Any]:
        """All that CloudOptim has to be told, as ``write_connection`` writes it."""
        return {
            "aws": {
                "endpoint_url": self.aws.url,
                "region": REGION,
                "access_key_id": OPERATOR_KEY,
                "secret_access_key": SECRET_KEY,
                "role_arn": ROLE_ARN,
                "external_id": self.shop.account.external_id,
                "queue_url": self.shop.account.queue_url(self.aws.url),
            },
            "kubernetes": {
                "endpoint": self.kube.url,
                "token": self.shop.token,
                "ca_pem": None,
                "cluster_name": CLUSTER,
            },
            "spot_advisor_url": f"{self.aws.url}{ADVISOR_PATH}",
            "price_list_url": self.aws.url,
            "seed": self.seed,
        }

    def close(self) -> None:
        """Stop both servers."""
        self._stack.close()

    def __enter__(self) -> "ShopServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def check_free(port: int, option: str) -> None:
    """Raise PortTakenError where somebody listens on the port."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        raise PortTakenError(
            f"port {port} of {LOOPBACK} cannot be used ({error.strerror}); "
            f"choose another one with {option}"
        ) from error


def write_connection(connection: dict[str, Any], path: Path) -> None:
    """Write it as JSON that only its owner may read; whoever finds the file finds all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(connection)))
    Path(temporary).replace(path)


def summary(connection: dict[str, Any]) -> str:
    """The same for people."""
    aws, kubernetes = connection["aws"], connection["kubernetes"]
    return (
        f"sandbox, seed {connection['seed']}: a pretend AWS account and Kubernetes cluster\n"
        f"  AWS          {aws['endpoint_url']}  region {aws['region']}\n"
        f"  role         {aws['role_arn']}  external id {aws['external_id']}\n"
        f"  access key   {aws['access_key_id']}  secret {aws['secret_access_key']}\n"
        f"  queue        {aws['queue_url']}\n"
        f"  Kubernetes   {kubernetes['endpoint']}  cluster {kubernetes['cluster_name']}\n"
        f"  token        {kubernetes['token']}\n"
        f"  control      {aws['endpoint_url']}/_sandbox/  {kubernetes['endpoint']}/_sandbox/\n"
    )
