"""Open what a registered cluster is read through: its Kubernetes API and its customer's account.

The rule of the database's kind is applied again at each use: a sandbox database never asks the real
AWS, not even with this machine's own settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from db.records import Cluster, ClusterStatus, Customer
from db.repositories import clusters, customers
from db.session import Database
from services.aws.access import AwsAccess
from services.aws.session import AwsAccount, AwsOptions, open_account
from services.errors import ConfigurationError, InvalidInputError
from services.kube.access import Credential, KubeAccess, RenewedToken
from services.kube.connection import KubeConnection, KubeOptions, open_connection
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows.endpoints import check_aws_url, check_kubernetes_endpoint
from services.workflows.register_cluster import seal_credential

_credential: msgspec.json.Decoder[Credential] = msgspec.json.Decoder(Credential)


class RemoteCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A registered cluster with its customer, and how its API is reached."""

    cluster: Cluster
    customer: Customer
    kube: KubeAccess


@dataclass(frozen=True, slots=True)
class RemoteOpener:
    """Opens APIs and accounts with what is stored of them. All that it opens may read only."""

    database: Database
    secrets: SecretBox
    settings: Settings

    def cluster(self, cluster_id: str) -> RemoteCluster:
        """A cluster that is read through its API, with its credential opened.

        Raises InvalidInputError for a cluster that is not (any more), SealedSecretError where the
        key of its credential is gone.
        """
        with self.database.reader() as reader:
            cluster = clusters.get(reader, cluster_id)
            customer = customers.get(reader, cluster.customer_id)
            access = clusters.load_access(reader, cluster_id)
        if cluster.status is ClusterStatus.ARCHIVED or access is None:
            raise InvalidInputError(
                f"cluster {cluster.name!r}",
                "is not read through an API",
                next_step="register it with its endpoint and a token first",
            )
        opened = self.secrets.open(
            access.sealed_credential, what=f"the credential of cluster {cluster.name!r}"
        )
        kube = KubeAccess(
            endpoint=check_kubernetes_endpoint(access.endpoint, self.database.check().kind),
            credential=_credential.decode(opened),
            ca_pem=access.ca_pem,
        )
        return RemoteCluster(cluster=cluster, customer=customer, kube=kube)

    def aws_access(self, customer_id: str, region: str | None) -> AwsAccess:
        """How a customer's account is entered; ``region`` None: the customer's own or AWS_REGION.

        Raises ConfigurationError in a sandbox database for a customer without an endpoint.
        """
        with self.database.reader() as reader:
            customer = customers.get(reader, customer_id)
            sealed = customers.load_sealed_secret(reader, customer_id)
        self._check_kind(customer)
        what = f"the AWS secret access key of customer {customer.company!r}"
        return AwsAccess(
            region=region or customer.aws_region or self.settings.aws_region,
            role_arn=customer.role_arn,
            external_id=customer.external_id if customer.role_arn else None,
            endpoint_url=customer.aws_endpoint_url,
            access_key_id=customer.aws_access_key_id,
            secret_access_key=None if sealed is None else self.secrets.open(sealed, what=what),
        )

    @contextmanager
    def account(self, customer_id: str, region: str | None) -> Iterator[AwsAccount]:
        """A customer's account in a region; nothing is asked of it yet."""
        access = self.aws_access(customer_id, region)
        with open_account(access, AwsOptions.of(self.settings)) as account:
            yield account

    @contextmanager
    def kubernetes(self, remote: RemoteCluster) -> Iterator[KubeConnection]:
        """The API of a cluster; nothing is asked of it yet. Renewed tokens are kept."""

        def make_eks_token(cluster_name: str) -> str:
            from services.aws.eks import eks_token

            with self.account(remote.customer.id, remote.cluster.region) as account:
                return eks_token(account, cluster_name)

        with open_connection(
            remote.kube,
            KubeOptions.of(self.settings),
            eks_token=make_eks_token,
            on_renewed=lambda token: self._keep(remote.cluster.id, token),
        ) as connection:
            yield connection

    def _check_kind(self, customer: Customer) -> None:
        kind = self.database.check().kind
        if customer.aws_endpoint_url is not None:
            check_aws_url("AWS endpoint URL", customer.aws_endpoint_url, kind)
        elif kind == "sandbox":
            raise ConfigurationError(
                f"customer {customer.company!r} has no AWS endpoint of its own, and a sandbox "
                "database never asks the real AWS",
                next_step="give the customer the endpoint of the sandbox's AWS",
            )

    def _keep(self, cluster_id: str, token: RenewedToken) -> None:
        """Store a renewed token in place of the one before, unless the cluster was removed."""
        with self.database.transaction() as tx:
            if clusters.load_access(tx, cluster_id) is not None:
                sealed = seal_credential(token, self.secrets)
                clusters.set_sealed_credential(tx, cluster_id, sealed)
