"""Asking the API server who we are and what we may do. It creates nothing."""

import msgspec

from services.kube.connection import KubeConnection, decoded
from services.kube.errors import NotServedError
from services.kube.permissions import Permission

_MAY_WE = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO_ARE_WE = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class _Attributes(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    group: str
    resource: str
    subresource: str


class _Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    resource_attributes: _Attributes


class _AccessReview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    spec: _Spec
    api_version: str = "authorization.k8s.io/v1"
    kind: str = "SelfSubjectAccessReview"


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    allowed: bool


class _ReviewedAccess(msgspec.Struct, frozen=True, kw_only=True):
    status: _Verdict


class _SubjectReview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str = "authentication.k8s.io/v1"
    kind: str = "SelfSubjectReview"


class _UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    username: str


class _UserStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    user_info: _UserInfo


class _ReviewedSubject(msgspec.Struct, frozen=True, kw_only=True):
    status: _UserStatus


def is_allowed(connection: KubeConnection, permission: Permission) -> bool:
    """Whether we may, in all namespaces. Raises KubernetesError where that cannot be asked."""
    resource, _, subresource = permission.resource.partition("/")
    attributes = _Attributes(
        verb=permission.verb, group=permission.group, resource=resource, subresource=subresource
    )
    review = _AccessReview(spec=_Spec(resource_attributes=attributes))
    answer = connection.review(_MAY_WE, review)
    return decoded(connection, answer, _ReviewedAccess).status.allowed


def user_name(connection: KubeConnection) -> str:
    """Who the server takes us for; empty where it accepts us but cannot tell (before 1.28).

    Raises KubernetesError, UnauthorizedError for a credential that is not accepted.
    """
    try:
        answer = connection.review(_WHO_ARE_WE, _SubjectReview())
    except NotServedError:
        connection.get("/api")
        return ""
    return decoded(connection, answer, _ReviewedSubject).status.user_info.username
