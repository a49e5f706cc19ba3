"""Tokens of EKS clusters that accept IAM identities: a presigned call that the cluster makes.

The API server sends the signed GetCallerIdentity to STS and learns who signed it. It takes a
token for 15 minutes after it was signed, whatever the address itself allows
(https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster).
"""

import base64
from datetime import timedelta

from botocore.signers import RequestSigner

from services.aws.errors import translated
from services.aws.session import AwsAccount

TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105 - the form's name, no secret
CLUSTER_HEADER = "x-k8s-aws-id"
ADDRESS_SECONDS = 60  # as `aws eks get-token` signs it
TOKEN_LIFETIME = timedelta(minutes=15)
RENEW_AFTER = timedelta(minutes=14)  # as `aws eks get-token` tells kubectl: a minute to spare


def eks_token(account: AwsAccount, cluster_name: str) -> str:
    """A bearer token for a cluster's API, good for 15 minutes from now.

    Nothing is sent to AWS but what assuming the role needs; whether the cluster accepts the
    identity shows when the token is used.
    """
    with translated(f"sign a token for the cluster {cluster_name}"):
        client = account.client("sts")
        session = account.signed_with()
        signer = RequestSigner(
            client.meta.service_model.service_id,
            account.region,
            "sts",
            "v4",
            session.get_credentials(),
            session.get_component("event_emitter"),
        )
        address = signer.generate_presigned_url(
            {
                "method": "GET",
                "url": f"{client.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
                "body": {},
                "headers": {CLUSTER_HEADER: cluster_name},
                "context": {},
            },
            region_name=account.region,
            expires_in=ADDRESS_SECONDS,
            operation_name="",
        )
    return TOKEN_PREFIX + base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
