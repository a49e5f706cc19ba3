"""What stands between CloudOptim and a cluster, each finding with its remedy. Changes nothing.

Asked are the server (reachable, TLS, credential, clock, version), each permission by an access
review, and the add-ons that some feature needs.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from services.findings import Finding, FindingState
from services.kube.access_reviews import is_allowed, user_name
from services.kube.clock_skew import skew_finding, skew_seconds
from services.kube.connection import KubeConnection, decoded
from services.kube.credential_end import end_finding
from services.kube.errors import (
    CertificateRefusedError,
    KubernetesError,
    NotServedError,
    UnauthorizedError,
)
from services.kube.permissions import (
    CHANGES,
    GETS,
    LISTS,
    SUPERFLUOUS,
    Permission,
    reading_permissions,
)
from services.kube.rbac import ACT_ROLE, READ_ROLE, grant_command
from services.kube.reading import absence_remedy, renewal_finding

OLDEST_MINOR_VERSION = 25
"""Kubernetes 1.25 is the oldest version whose API this was checked against."""

_ANONYMOUS = "system:anonymous"
_READING = "every reading"
_METRICS_OUT_OF_ORDER = (
    "look at its pods with `kubectl -n kube-system get pods -l k8s-app=metrics-server`, and at "
    "`kubectl describe apiservice v1beta1.metrics.k8s.io`"
)


class _Version(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    git_version: str


class _Rest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    remaining_item_count: int = 0


class _FirstNode(msgspec.Struct, frozen=True, kw_only=True):
    metadata: _Rest
    items: tuple[msgspec.Raw, ...]


def preflight_kubernetes(connection: KubeConnection, *, at: datetime) -> tuple[Finding, ...]:
    """All findings, the good ones too. ``at`` is now by this machine's clock.

    Never raises for what the cluster does: a check that cannot be made is a finding.
    """
    findings: list[Finding] = []
    for finding in _server(connection, at):
        findings.append(finding)
        if finding.state in (FindingState.FAILED, FindingState.MISSING):
            return tuple(findings)
    if connection.credential_ends_at is not None:
        findings.append(end_finding(connection.credential_ends_at, at=at))
    if connection.renewal_problem is not None:
        findings.append(renewal_finding(connection.renewal_problem))
    return (*findings, *_permissions(connection), *_add_ons(connection), _nodes(connection))


def _server(connection: KubeConnection, at: datetime) -> Iterator[Finding]:
    """What must hold before anything else can be asked."""
    began_at_seconds = connection.clock()
    try:
        answer = connection.get("/version")
        version = decoded(connection, answer, _Version).git_version
    except KubernetesError as error:
        yield _unreachable(error)
        return
    yield _reached(connection, version)
    yield _tls(connection)
    skew = skew_seconds(answer, at=at, began_at_seconds=began_at_seconds)
    if skew is not None:
        yield skew_finding(connection.endpoint, skew)
    yield _identity(connection)


def _unreachable(error: KubernetesError) -> Finding:
    """Why not even the version can be asked."""
    if isinstance(error, CertificateRefusedError):
        return _failed("kubernetes: TLS", error, _READING)
    if isinstance(error, UnauthorizedError):
        return _missing("kubernetes: credential accepted", error, _READING)
    return _failed("kubernetes: server reachable", error, _READING)


def _reached(connection: KubeConnection, version: str) -> Finding:
    minor = re.match(r"v?1\.(\d+)", version)
    is_old = minor is not None and int(minor[1]) < OLDEST_MINOR_VERSION
    return Finding(
        check="kubernetes: server reachable",
        state=FindingState.WARNING if is_old else FindingState.HELD,
        message=f"{connection.endpoint} answers as Kubernetes {version}",
        needed_for=_READING,
        remedy=f"upgrade the cluster to 1.{OLDEST_MINOR_VERSION} or later" if is_old else "",
    )


def _tls(connection: KubeConnection) -> Finding:
    if connection.endpoint.startswith("http:"):
        message = "plain HTTP, on this machine only"
    elif connection.is_pinned:
        message = "TLS, verified by the cluster's own certificate authority"
    else:
        message = "TLS, verified by this system's certificate authorities"
    return _held("kubernetes: TLS", message, _READING)


def _identity(connection: KubeConnection) -> Finding:
    """Whether the credential is accepted, and as whom."""
    check = "kubernetes: credential accepted"
    try:
        name = user_name(connection)
    except UnauthorizedError as error:
        return _missing(check, error, _READING)
    except KubernetesError as error:
        return _failed(check, error, _READING)
    if name == _ANONYMOUS:
        return Finding(
            check=check,
            state=FindingState.MISSING,
            message=f"{connection.endpoint} takes us for {_ANONYMOUS}: the credential is not used",
            needed_for=_READING,
            remedy="check that nothing between here and the server takes the Authorization header "
            "away, and that the server accepts this kind of credential",
        )
    return _held(check, f"accepted as {name}" if name else "accepted", _READING)


def _permissions(connection: KubeConnection) -> list[Finding]:
    """One finding for each needed permission, and one for each held that is never used."""
    findings = []
    try:
        for role, permissions in (
            (READ_ROLE, (*reading_permissions(), *GETS)),
            (ACT_ROLE, CHANGES),
        ):
            findings += [_needed(connection, one, role) for one in permissions]
        findings += [_unneeded(one) for one in SUPERFLUOUS if is_allowed(connection, one)]
    except KubernetesError as error:
        findings.append(_failed("kubernetes: permissions", error, "knowing what may be done"))
    return findings


def _needed(connection: KubeConnection, permission: Permission, role: str) -> Finding:
    check = f"kubernetes: {permission.text}"
    if is_allowed(connection, permission):
        return _held(check, "allowed", permission.needed_for)
    return Finding(
        check=check,
        state=FindingState.MISSING,
        message=f"{connection.endpoint} does not allow to {permission.text}",
        needed_for=permission.needed_for,
        remedy="run `kubectl apply -f deploy/kubernetes/rbac.yaml`, or add this one rule: "
        f"`{grant_command(role, permission)}`",
    )


def _unneeded(permission: Permission) -> Finding:
    return Finding(
        check=f"kubernetes: {permission.text}",
        state=FindingState.SUPERFLUOUS,
        message=f"allowed to {permission.text}, which is never used: {permission.needed_for}",
        remedy="give CloudOptim the service account of deploy/kubernetes/rbac.yaml, or take the "
        "rule out of the role that grants it (`kubectl get clusterrolebindings,rolebindings -A "
        "-o wide` shows which)",
    )


def _add_ons(connection: KubeConnection) -> Iterator[Finding]:
    """API groups beyond the core that some feature needs."""
    metrics = next(one for one in LISTS if one.kind.name == "PodMetrics")
    keda = next(one for one in LISTS if one.kind.name == "ScaledObject")
    yield _group(
        connection,
        "kubernetes: PodDisruptionBudget API",
        "/apis/policy/v1",
        "drains: which pods may leave",
        "use Kubernetes 1.21 or later; check with `kubectl api-resources --api-group=policy`",
    )
    finding = _group(
        connection,
        "kubernetes: metrics-server",
        f"/apis/{metrics.group}/{metrics.version}",
        metrics.needed_for,
        absence_remedy(metrics),
    )
    if finding.state is FindingState.FAILED:
        finding = msgspec.structs.replace(finding, remedy=_METRICS_OUT_OF_ORDER)
    yield finding
    check = "kubernetes: KEDA"
    try:
        connection.get(f"/apis/{keda.group}/{keda.version}")
    except NotServedError:
        yield _held(check, "not installed, so there is nothing to read of it", keda.needed_for)
    except KubernetesError as error:
        yield _failed(check, error, keda.needed_for)
    else:
        yield _held(check, "served", keda.needed_for)


def _group(
    connection: KubeConnection, check: str, path: str, needed_for: str, remedy: str
) -> Finding:
    try:
        connection.get(path)
    except NotServedError as error:
        finding = _missing(check, error, needed_for)
        return msgspec.structs.replace(finding, remedy=remedy)
    except KubernetesError as error:
        return _failed(check, error, needed_for)
    return _held(check, "served", needed_for)


def _nodes(connection: KubeConnection) -> Finding:
    check = "kubernetes: nodes"
    try:
        answer = connection.get("/api/v1/nodes", (("limit", "1"),))
        page = decoded(connection, answer, _FirstNode)
    except KubernetesError as error:
        return _failed(check, error, _READING)
    count = len(page.items) + page.metadata.remaining_item_count
    if count == 0:
        return Finding(
            check=check,
            state=FindingState.WARNING,
            message="the cluster has no nodes",
            needed_for=_READING,
            remedy="check that this is the cluster that you mean, and that its nodes have joined",
        )
    return _held(check, f"{count} nodes" if count > 1 else "1 node", _READING)


def _held(check: str, message: str, needed_for: str) -> Finding:
    return Finding(check=check, state=FindingState.HELD, message=message, needed_for=needed_for)


def _missing(check: str, error: KubernetesError, needed_for: str) -> Finding:
    return Finding(
        check=check,
        state=FindingState.MISSING,
        message=error.problem,
        needed_for=needed_for,
        remedy=error.next_step,
    )


def _failed(check: str, error: KubernetesError, needed_for: str) -> Finding:
    return msgspec.structs.replace(_missing(check, error, needed_for), state=FindingState.FAILED)
