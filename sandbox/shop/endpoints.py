"""The endpoint slice controller: which pods stand behind a Service, and in which zone each is."""

from sandbox.kube import registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    is_condition_true,
    is_finished,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
)
from sandbox.kube.resources import BY_PLURAL, PODS
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import World

SERVICES = BY_PLURAL["services"]
SLICES = BY_PLURAL["endpointslices"]

_DELAY_SECONDS = 0.05
_ZONE = "topology.kubernetes.io/zone"


class EndpointSliceController:
    """Keeps one slice for each Service with a selector."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.resource is SERVICES and change.kind != "DELETED":
            self._worker.add(key_of(change.obj))
        elif change.resource is PODS:
            for service in self._world.store.all(SERVICES, namespace_of(change.obj)):
                if _selects(service, change.obj):
                    self._worker.add(key_of(service))

    def _sync(self, key: str) -> None:
        store = self._world.store
        service = store.get(SERVICES, *split(key))
        if service is None or is_terminating(service):
            return
        pods = [
            pod
            for pod in store.all(PODS, namespace_of(service))
            if _selects(service, pod) and "podIP" in pod["status"] and not is_finished(pod)
        ]
        endpoints = [_endpoint(pod) for pod in pods]
        present = next(
            (one for one in store.all(SLICES, namespace_of(service)) if _belongs(one, service)),
            None,
        )
        if present is None:
            body = _slice(service, endpoints)
            registry.create(self._world, SLICES, namespace_of(service), body)
        elif present["endpoints"] != endpoints:
            store.put(
                SLICES, {**present, "metadata": {**present["metadata"]}} | {"endpoints": endpoints}
            )


def _selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= labels_of(pod).items()


def _belongs(found: Obj, service: Obj) -> bool:
    return labels_of(found).get("kubernetes.io/service-name") == name_of(service)


def _slice(service: Obj, endpoints: list[Obj]) -> Obj:
    owner = owner_reference(service, "v1", "Service")
    return {
        "metadata": {
            "generateName": f"{name_of(service)}-",
            "labels": {
                "kubernetes.io/service-name": name_of(service),
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            "ownerReferences": [owner],
        },
        "addressType": "IPv4",
        "ports": [
            {"name": one.get("name", ""), "port": one["port"], "protocol": one["protocol"]}
            for one in service["spec"].get("ports", ())
        ],
        "endpoints": endpoints,
    }


def _endpoint(pod: Obj) -> Obj:
    is_ready = is_condition_true(pod, "Ready") and not is_terminating(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": is_ready,
            "serving": is_condition_true(pod, "Ready"),
            "terminating": is_terminating(pod),
        },
        "nodeName": pod["spec"]["nodeName"],
        "zone": labels_of(pod).get(_ZONE, ""),
        "targetRef": {
            "kind": "Pod",
            "namespace": namespace_of(pod),
            "name": name_of(pod),
            "uid": pod["metadata"]["uid"],
        },
    }
