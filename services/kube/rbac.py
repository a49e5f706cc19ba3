"""The Kubernetes role that CloudOptim asks for, as a manifest: exactly the table of permissions.

Two roles, so that a cluster can be read without allowing any change: leave out the binding of the
second one until plans are to be carried out.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from services.kube.permissions import CHANGES, GETS, Permission, reading_permissions

NAMESPACE = "cloudoptim"
ACCOUNT = "cloudoptim"
TOKEN_SECRET = "cloudoptim-token"  # noqa: S105 - the name of a Secret
READ_ROLE = "cloudoptim-read"
ACT_ROLE = "cloudoptim-act"

_HEADER = """\
# What CloudOptim may do in this cluster; docs/connecting.md explains each part.
# Apply with:          kubectl apply -f rbac.yaml
# Then get the token:
#   kubectl -n cloudoptim get secret cloudoptim-token -o jsonpath='{.data.token}' | base64 -d
# Advice only: leave out the ClusterRoleBinding "cloudoptim-act" at the end.
# Generated from services/kube/permissions.py; a test keeps the two equal.
"""
_RBAC = "rbac.authorization.k8s.io"


def manifest() -> str:
    """The YAML text of deploy/kubernetes/rbac.yaml."""
    parts = [yaml.safe_dump(one, sort_keys=False, width=100) for one in objects()]
    return _HEADER + "---\n".join(("", *parts))


def objects() -> tuple[dict[str, Any], ...]:
    """Namespace, ServiceAccount, token Secret, and both roles with their bindings."""
    account = {"name": ACCOUNT, "namespace": NAMESPACE}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(account)},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": TOKEN_SECRET,
                "namespace": NAMESPACE,
                "annotations": {"kubernetes.io/service-account.name": ACCOUNT},
            },
            "type": "kubernetes.io/service-account-token",
        },
        _role(READ_ROLE, (*reading_permissions(), *GETS)),
        _role(ACT_ROLE, CHANGES),
        _binding(READ_ROLE),
        _binding(ACT_ROLE),
    )


def _role(name: str, permissions: Iterable[Permission]) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules(permissions),
    }


def rules(permissions: Iterable[Permission]) -> list[dict[str, list[str]]]:
    """Rules that grant exactly these permissions, in the order of the table."""
    verbs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in permissions:
        verbs[one.group, one.resource].append(one.verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), granted in verbs.items():
        resources[group, tuple(sorted(granted))].append(resource)
    return [
        {"apiGroups": [group], "resources": names, "verbs": list(granted)}
        for (group, granted), names in resources.items()
    ]


def grant_command(role: str, permission: Permission) -> str:
    """The kubectl command that adds one permission to a role."""
    rule = msgspec.json.encode(rules([permission])[0]).decode()
    patch = f'[{{"op":"add","path":"/rules/-","value":{rule}}}]'
    return f"kubectl patch clusterrole {role} --type=json -p '{patch}'"


def _binding(role: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
