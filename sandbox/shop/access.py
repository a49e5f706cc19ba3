"""CloudOptim's own way in: the shipped manifest applied, and a token of its service account."""

from pathlib import Path

import yaml

from sandbox.kube import registry
from sandbox.kube.cluster import Cluster
from sandbox.kube.objects import Obj, name_of, namespace_of
from sandbox.kube.resources import RESOURCES, SERVICE_ACCOUNTS

MANIFEST = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "rbac.yaml"
TOKEN_SECONDS = 10 * 365 * 24 * 3600  # of a pretend cluster; it ends with the process anyway

_BY_KIND = {(one.api_version, one.kind): one for one in RESOURCES}


def apply(cluster: Cluster, objects: list[Obj]) -> None:
    """Create what manifests describe, in their order."""
    with cluster.world.clock.lock:
        for obj in objects:
            resource = _BY_KIND[obj["apiVersion"], obj["kind"]]
            body = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
            registry.create(cluster.world, resource, namespace_of(obj), body)


def grant_access(cluster: Cluster, token: str) -> None:
    """Apply the manifest that customers apply; ``token`` is its service account's from now on."""
    objects: list[Obj] = list(yaml.safe_load_all(MANIFEST.read_text()))
    apply(cluster, objects)
    account = next(one for one in objects if one["kind"] == "ServiceAccount")
    with cluster.world.clock.lock:
        stored = registry.find(
            cluster.world, SERVICE_ACCOUNTS, namespace_of(account), name_of(account)
        )
        cluster.gate.issue(namespace_of(account) or "", stored, TOKEN_SECONDS, token=token)
