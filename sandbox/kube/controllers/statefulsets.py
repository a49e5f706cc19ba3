"""StatefulSets: numbered pods, made in order and taken away from the end."""

from sandbox.kube import registry
from sandbox.kube.controllers.replicasets import (
    create_pod,
    delete_pod,
    is_active,
    listener,
    pod_of_template,
    pods_of,
)
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    is_condition_true,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
)
from sandbox.kube.resources import STATEFUL_SETS
from sandbox.kube.world import World

_DELAY_SECONDS = 0.008
_REVISION = "controller-revision-hash"


class StatefulSetController:
    """One step at a time: the next pod waits until the one before it is ready."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        self._revisions: dict[tuple[str, str], str] = {}
        world.store.listeners.append(listener(STATEFUL_SETS, self._worker))

    def _sync(self, key: str) -> None:
        owner = self._world.store.get(STATEFUL_SETS, *split(key))
        if owner is None:
            return
        if not is_terminating(owner):
            self._step(owner)
        self._write_status(owner)

    def _step(self, owner: Obj) -> None:
        pods = {_ordinal(pod): pod for pod in pods_of(self._world, owner)}
        wanted = owner["spec"]["replicas"]
        is_parallel = owner["spec"]["podManagementPolicy"] == "Parallel"
        for ordinal in range(wanted):
            if ordinal not in pods:
                self._create(owner, ordinal)
                if not is_parallel:
                    return
            elif not (is_parallel or _is_ready(pods[ordinal])):
                return
        condemned = sorted((one for one in pods if one >= wanted), reverse=True)
        for ordinal in condemned:
            if not is_terminating(pods[ordinal]):
                delete_pod(self._world, STATEFUL_SETS, owner, pods[ordinal])
            if not is_parallel:
                return
        self._replace_outdated(owner, pods)

    def _replace_outdated(self, owner: Obj, pods: dict[int, Obj]) -> None:
        strategy = owner["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        first = strategy["rollingUpdate"]["partition"]
        revision = self._revision(owner)
        for ordinal in sorted((one for one in pods if one >= first), reverse=True):
            pod = pods[ordinal]
            if labels_of(pod).get(_REVISION) != revision and not is_terminating(pod):
                delete_pod(self._world, STATEFUL_SETS, owner, pod)
                return
            if not _is_ready(pod):
                return

    def _create(self, owner: Obj, ordinal: int) -> None:
        pod = pod_of_template(owner)
        name = f"{name_of(owner)}-{ordinal}"
        pod["metadata"]["name"] = name
        pod["metadata"]["generateName"] = f"{name_of(owner)}-"
        pod["metadata"]["labels"] = {
            **labels_of(pod),
            "apps.kubernetes.io/pod-index": str(ordinal),
            _REVISION: self._revision(owner),
            "statefulset.kubernetes.io/pod-name": name,
        }
        pod["spec"]["hostname"] = name
        if "serviceName" in owner["spec"]:
            pod["spec"]["subdomain"] = owner["spec"]["serviceName"]
        for template in owner["spec"].get("volumeClaimTemplates") or ():
            volume = name_of(template)  # the claim is a volume of the pod under the same name
            claimed = {"claimName": f"{volume}-{name}"}
            mounted = {"name": volume, "persistentVolumeClaim": claimed}
            pod["spec"].setdefault("volumes", []).append(mounted)
        create_pod(self._world, STATEFUL_SETS, owner, pod)

    def _revision(self, owner: Obj) -> str:
        """The name of the template's revision, drawn once for each template."""
        template = owner["spec"]["template"]
        key = (owner["metadata"]["uid"], repr(template))
        if key not in self._revisions:
            namespace = namespace_of(owner) or ""
            digest = self._world.identity.template_hash(namespace, name_of(owner), template)
            self._revisions[key] = f"{name_of(owner)}-{digest}"
        return self._revisions[key]

    def _write_status(self, owner: Obj) -> None:
        pods = pods_of(self._world, owner)
        revision = self._revision(owner)
        ready = sum(_is_ready(pod) for pod in pods)
        updated = sum(labels_of(pod).get(_REVISION) == revision for pod in pods if is_active(pod))
        before = (owner.get("status") or {}).get("currentRevision", revision)
        is_rolled = updated == len(pods) == owner["spec"]["replicas"] == ready
        current = revision if is_rolled else before
        on_current = sum(labels_of(pod).get(_REVISION) == current for pod in pods if is_active(pod))
        counts = {
            "readyReplicas": ready,
            "currentReplicas": on_current,
            "updatedReplicas": updated,
        }
        status: Obj = {
            "observedGeneration": owner["metadata"]["generation"],
            "replicas": len(pods),
            **{name: count for name, count in counts.items() if count},
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
            "availableReplicas": ready,
        }
        registry.write_status(self._world, STATEFUL_SETS, owner, status)


def _ordinal(pod: Obj) -> int:
    return int(name_of(pod).rpartition("-")[2])


def _is_ready(pod: Obj) -> bool:
    return is_condition_true(pod, "Ready") and not is_terminating(pod)
