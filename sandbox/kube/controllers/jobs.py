"""Jobs, as far as parallelism and suspension go: pods end when somebody says that they did."""

from sandbox.kube import registry
from sandbox.kube.controllers.replicasets import (
    create_pod,
    delete_pod,
    is_active,
    listener,
    pod_of_template,
    pods_of,
    surplus,
)
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import (
    Obj,
    clone,
    is_condition_true,
    is_finished,
    is_terminating,
    name_of,
    rfc3339,
)
from sandbox.kube.resources import JOBS, PODS
from sandbox.kube.world import World

_DELAY_SECONDS = 0.008
_FINALIZER = "batch.kubernetes.io/job-tracking"


class JobController:
    """Creates and deletes the pods of Jobs and counts them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(listener(JOBS, self._worker))

    def _sync(self, key: str) -> None:
        job = self._world.store.get(JOBS, *split(key))
        if job is None:
            return
        pods = pods_of(self._world, job)
        if not is_terminating(job):
            self._meet(job, [pod for pod in pods if is_active(pod)], pods)
        for pod in pods_of(self._world, job):
            if is_terminating(pod) or is_finished(pod):
                self._release(pod)
        self._write_status(job)

    def _meet(self, job: Obj, active: list[Obj], pods: list[Obj]) -> None:
        spec = job["spec"]
        done = sum(pod["status"].get("phase") == "Succeeded" for pod in pods)
        wanted = 0 if spec["suspend"] else int(spec["parallelism"])
        if "completions" in spec:
            wanted = min(wanted, max(0, spec["completions"] - done))
        elif done:
            wanted = 0
        for _ in range(wanted - len(active)):
            pod = pod_of_template(job)
            pod["metadata"]["generateName"] = f"{name_of(job)}-"
            pod["metadata"]["finalizers"] = [_FINALIZER]
            create_pod(self._world, JOBS, job, pod)
        excess = max(0, len(active) - wanted)
        for pod in surplus(active, excess, active, self._world.now()):
            delete_pod(self._world, JOBS, job, pod)

    def _release(self, pod: Obj) -> None:
        if _FINALIZER in (pod["metadata"].get("finalizers") or ()):
            released: Obj = clone(pod)
            left = [one for one in pod["metadata"]["finalizers"] if one != _FINALIZER]
            released["metadata"]["finalizers"] = left
            if not left:
                del released["metadata"]["finalizers"]
            registry.settle(self._world, PODS, released)

    def _write_status(self, job: Obj) -> None:
        pods = pods_of(self._world, job)
        active = [pod for pod in pods if is_active(pod)]
        before = job.get("status") or {}
        suspended = bool(job["spec"]["suspend"])
        started = before.get("startTime") or rfc3339(self._world.now())
        conditions = _conditions(before, suspended=suspended, now=self._world.now())
        status: Obj = {
            **({"conditions": conditions} if conditions else {}),
            **({} if suspended else {"startTime": started}),
            **({"active": len(active)} if active else {}),
            "terminating": sum(is_terminating(pod) for pod in pods),
            "uncountedTerminatedPods": {},
            "ready": sum(is_condition_true(pod, "Ready") for pod in active),
        }
        registry.write_status(self._world, JOBS, job, status)


def _conditions(before: Obj, *, suspended: bool, now: float) -> list[Obj]:
    """The condition Suspended, once the Job has been suspended or resumed."""
    old: list[Obj] = before.get("conditions") or []
    value = "True" if suspended else "False"
    if any(one["status"] == value for one in old) or not (old or suspended):
        return old
    return [
        {
            "type": "Suspended",
            "status": value,
            "lastProbeTime": rfc3339(now),
            "lastTransitionTime": rfc3339(now),
            "reason": "JobSuspended" if suspended else "JobResumed",
            "message": f"Job {'suspended' if suspended else 'resumed'}",
        }
    ]
