"""Objects for the tests of the pretend API server, and a way to call it without HTTP."""

import json
from typing import Any
from urllib.parse import parse_qs

from sandbox.kube.cluster import Cluster
from sandbox.kube.exchange import Request
from sandbox.kube.objects import Obj

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PDBS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"


class Caller:
    """Sends requests to the API with one token and gives back (status, body)."""

    def __init__(self, cluster: Cluster, token: str = "sandbox-admin") -> None:
        self.cluster = cluster
        self.token = token
        self.headers: dict[str, str] = {}

    def __call__(
        self, method: str, target: str, body: Any = None, content_type: str = "", accept: str = ""
    ) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        headers = {"authorization": f"Bearer {self.token}", "accept": accept}
        if content_type:
            headers["content-type"] = content_type
        raw = body if isinstance(body, bytes) else b"" if body is None else encoded(body)
        response = self.cluster.api.handle(
            Request(
                method=method,
                path=path,
                query=parse_qs(query, keep_blank_values=True),
                headers=headers,
                body=raw,
            )
        )
        self.headers = {name.lower(): value for name, value in response.headers}
        if response.stream is not None:
            return response.status, response.stream
        is_json = response.content_type == "application/json"
        return response.status, json.loads(response.body) if is_json else response.body.decode()

    def get(self, target: str) -> Any:
        return self("GET", target)[1]

    def names(self, target: str) -> list[str]:
        return [one["metadata"]["name"] for one in self.get(target)["items"]]


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def a_node(name: str, *, zone: str = "z1", ready: str = "True", **spec: Any) -> Obj:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "60"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": zone,
                "topology.kubernetes.io/region": "r1",
            },
        },
        "spec": spec,
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def a_pod(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> Obj:
    container = {
        "name": "app",
        "image": "registry.local/app:1",
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {"app": name}},
        "spec": {"containers": [container], **spec},
    }


def a_template(app: str, cpu: str = "100m") -> Obj:
    template = a_pod(app)
    template["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu
    return {"metadata": {"labels": {"app": app}}, "spec": template["spec"]}


def a_workload(kind: str, name: str, *, replicas: int | None = 3, **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": name}},
            "template": a_template(name),
            **spec,
        },
    }


def a_budget(name: str, app: str | None = None, **spec: Any) -> Obj:
    selector = {} if app is None else {"selector": {"matchLabels": {"app": app}}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {**selector, **spec},
    }


def an_eviction(name: str, **options: Any) -> Obj:
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": "default"},
        **({"deleteOptions": options} if options else {}),
    }
