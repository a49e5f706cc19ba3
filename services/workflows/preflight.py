"""Everything that stands between CloudOptim and a cluster, each finding with its remedy.

Nothing is changed anywhere: the Kubernetes API is asked what we may do, AWS by dry runs.
"""

from datetime import datetime

from db.records import Cluster
from db.repositories import queues
from db.session import Database, DatabaseKind
from services.access import Actor, Role, authorise
from services.errors import CloudOptimError
from services.findings import Finding, FindingState
from services.kube.preflight import preflight_kubernetes
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows.remote_access import RemoteCluster, RemoteOpener

__all__ = ["Finding", "FindingState", "preflight_cluster"]

_CREDENTIAL = "cloudoptim: open the credential"
_EVERY_READING = "every reading"
_AWS = "owners and prices of instances, ghosts, volumes"


def preflight_cluster(
    database: Database,
    cluster_id: str,
    *,
    secrets: SecretBox,
    settings: Settings,
    actor: Actor,
    at: datetime,
) -> tuple[Finding, ...]:
    """All findings: the registration's own, those of Kubernetes, and those of AWS.

    A side that cannot be asked at all is a failed finding, not an error: the other is still shown.
    """
    authorise(actor, Role.OPERATOR, "run a preflight")
    opener = RemoteOpener(database, secrets, settings)
    try:
        remote = opener.cluster(cluster_id)
    except CloudOptimError as error:
        return (_failed(_CREDENTIAL, error, _EVERY_READING),)
    return (
        _opened(remote.cluster, database.check().kind),
        *_kubernetes(opener, remote, at),
        *_aws(opener, remote, at),
    )


def _opened(cluster: Cluster, kind: DatabaseKind) -> Finding:
    """That the credential opens, and into which kind of database it is registered."""
    return Finding(
        check=_CREDENTIAL,
        state=FindingState.HELD,
        message=f"the credential ({cluster.credential_kind}) of {cluster.name} opens; "
        f"this is a {kind} database",
        needed_for=_EVERY_READING,
    )


def _kubernetes(opener: RemoteOpener, remote: RemoteCluster, at: datetime) -> tuple[Finding, ...]:
    try:
        with opener.kubernetes(remote) as connection:
            return preflight_kubernetes(connection, at=at)
    except CloudOptimError as error:
        return (_failed("kubernetes: connect", error, _EVERY_READING),)


def _aws(opener: RemoteOpener, remote: RemoteCluster, at: datetime) -> tuple[Finding, ...]:
    from services.aws.preflight import preflight_aws

    customer_id = remote.customer.id
    try:
        with opener.account(customer_id, remote.cluster.region) as account:
            with opener.database.reader() as reader:
                known = queues.list_all(reader, customer_id=customer_id)
            url = next((one.url for one in known if one.region == account.region), None)
            return preflight_aws(account, queue_url=url, at=at)
    except CloudOptimError as error:
        return (_failed("aws: connect", error, _AWS),)


def _failed(check: str, error: CloudOptimError, needed_for: str) -> Finding:
    return Finding(
        check=check,
        state=FindingState.FAILED,
        message=error.problem,
        needed_for=needed_for,
        remedy=error.next_step,
    )
