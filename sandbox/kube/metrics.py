"""metrics.k8s.io as the aggregator shows it: absent, broken, or served from a usage model."""

import zlib

from sandbox.kube import quantities, registry
from sandbox.kube.failures import ApiError, PlainError, no_such_resource, page_not_found
from sandbox.kube.objects import (
    Obj,
    clone,
    is_terminating,
    name_of,
    namespace_of,
    rfc3339,
    with_condition,
)
from sandbox.kube.resources import API_SERVICES, NODES, PODS, Resource
from sandbox.kube.selectors import query_match
from sandbox.kube.world import Usage, World

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
MODES = ("absent", "unavailable", "died", "served")
_WINDOW_SECONDS = 30
_NOTICED_SECONDS = 18.0
_BACKEND = "https://localhost:14443/apis/metrics.k8s.io/v1beta1"
_NO_DISCOVERY = (
    f'failing or missing response from {_BACKEND}: Get "{_BACKEND}": dial tcp 127.0.0.1:14443:'
    " connect: connection refused"
)
_DIED = "error trying to reach service: dial tcp 127.0.0.1:14443: connect: connection refused\n"


def set_mode(world: World, mode: str) -> None:
    """Registers the group, breaks or repairs its backend; ValueError for an unknown mode.

    A backend that has just died is noticed some seconds later and then counts as unavailable.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    with world.clock.lock:
        world.metrics = mode
        if mode == "died":
            world.clock.after(_NOTICED_SECONDS, lambda: _notice_death(world))
        else:
            _register(world)


def _notice_death(world: World) -> None:
    if world.metrics == "died":
        set_mode(world, "unavailable")


def _register(world: World) -> None:
    """Writes the APIService with its condition, or takes it away."""
    name = f"{VERSION}.{GROUP}"
    present = world.store.get(API_SERVICES, None, name)
    if world.metrics == "absent":
        if present is not None:
            world.store.remove(API_SERVICES, present)
        return
    service: Obj = clone(present or registry.create(world, API_SERVICES, None, _api_service(name)))
    is_up = world.metrics == "served"
    state = {
        "type": "Available",
        "status": "True" if is_up else "False",
        "reason": "Passed" if is_up else "FailedDiscoveryCheck",
        "message": "all checks passed" if is_up else _NO_DISCOVERY,
    }
    world.store.put(API_SERVICES, with_condition(service, state, world.now()))


def _api_service(name: str) -> Obj:
    return {
        "metadata": {"name": name},
        "spec": {
            "service": {"namespace": "kube-system", "name": "metrics-server", "port": 14443},
            "group": GROUP,
            "version": VERSION,
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }


def group_document() -> Obj:
    """What GET /apis/metrics.k8s.io answers as soon as the group is registered."""
    version = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": GROUP,
        "versions": [version],
        "preferredVersion": version,
    }


def resources_document() -> Obj:
    """What GET /apis/metrics.k8s.io/v1beta1 answers while the backend lives."""
    rows = (("nodes", False, "NodeMetrics"), ("pods", True, "PodMetrics"))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{VERSION}",
        "resources": [
            {
                "name": name,
                "singularName": "",
                "namespaced": namespaced,
                "kind": kind,
                "verbs": ["get", "list"],
            }
            for name, namespaced, kind in rows
        ],
    }


def check_backend(world: World) -> None:
    """Raises what the aggregator answers while there is nothing behind the group."""
    if world.metrics == "absent":
        raise page_not_found()
    if world.metrics == "unavailable":
        raise PlainError(503, "service unavailable\n")
    if world.metrics == "died":
        raise PlainError(503, _DIED)


def answer(
    world: World, usage: Usage, plural: str, namespace: str | None, name: str, selectors: Obj
) -> Obj:
    """One NodeMetrics or PodMetrics, or the list of them."""
    check_backend(world)
    if plural not in ("nodes", "pods"):
        raise no_such_resource()
    resource = NODES if plural == "nodes" else PODS
    measured = _nodes(world, usage) if resource is NODES else _pods(world, usage, namespace)
    if name:
        found = next((one for one in measured if name_of(one) == name), None)
        if found is None:
            raise _unknown(resource, namespace, name)
        return found
    matches = query_match(resource, selectors.get("labels", ""), selectors.get("fields", ""))
    return {
        "kind": f"{resource.kind}MetricsList",
        "apiVersion": f"{GROUP}/{VERSION}",
        "metadata": {},
        "items": [one for one in measured if matches is None or matches(one)],
    }


def steady_usage(pod: Obj, container: Obj, now: float) -> tuple[int, int]:
    """A usage model without noise: 20 to 90 % of the requests, fixed per container.

    Containers that request nothing use 10 m and 32 MiB.
    """
    share = 20 + zlib.crc32(f"{name_of(pod)}/{container['name']}".encode()) % 71
    requests = (container.get("resources") or {}).get("requests") or {}
    cpu = quantities.parse(requests.get("cpu", "10m")) * 1000
    memory = quantities.parse(requests.get("memory", "32Mi"))
    return int(cpu * share / 100), int(memory * share / 100)


def _is_measured(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running" and not is_terminating(pod)


def _unknown(resource: Resource, namespace: str | None, name: str) -> ApiError:
    shown = f"{namespace}/{name}" if resource is PODS else name
    message = f'{resource.plural}.{GROUP} "{shown}" not found'
    details = {"name": shown, "group": GROUP, "kind": resource.plural}
    return ApiError(404, "NotFound", message, details)


def _head(world: World, kind: str, obj: Obj) -> Obj:
    metadata = {
        "name": name_of(obj),
        **({"namespace": namespace_of(obj)} if namespace_of(obj) else {}),
        "creationTimestamp": world.now_text(),
        **({"labels": obj["metadata"]["labels"]} if "labels" in obj["metadata"] else {}),
    }
    return {
        "kind": kind,
        "apiVersion": f"{GROUP}/{VERSION}",
        "metadata": metadata,
        "timestamp": rfc3339(world.now() // 15 * 15),
        "window": f"{_WINDOW_SECONDS}s",
    }


def _pods(world: World, usage: Usage, namespace: str | None) -> list[Obj]:
    return [
        {
            **_head(world, "PodMetrics", pod),
            "containers": [
                {"name": one["name"], "usage": _shown(*usage(pod, one, world.now()))}
                for one in pod["spec"]["containers"]
            ],
        }
        for pod in world.store.all(PODS, namespace)
        if _is_measured(pod)
    ]


def _nodes(world: World, usage: Usage) -> list[Obj]:
    totals: dict[str, tuple[int, int]] = {}
    for pod in world.store.all(PODS):
        if _is_measured(pod):
            for container in pod["spec"]["containers"]:
                cpu, memory = usage(pod, container, world.now())
                before = totals.get(pod["spec"]["nodeName"], (0, 0))
                totals[pod["spec"]["nodeName"]] = (before[0] + cpu, before[1] + memory)
    return [
        {
            **_head(world, "NodeMetrics", node),
            "usage": _shown(*totals.get(name_of(node), (0, 0))),
        }
        for node in world.store.all(NODES)
    ]


def _shown(cpu_millicores: int, memory_bytes: int) -> Obj:
    """As metrics-server writes them: nanocores and kibibytes."""
    return {"cpu": f"{cpu_millicores * 1_000_000}n", "memory": f"{memory_bytes // 1024}Ki"}
