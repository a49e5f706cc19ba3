"""What controllers that are not here would have written: of scalers, quotas and cron jobs."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from sandbox.kube import quantities, registry
from sandbox.kube.objects import Obj, namespace_of, rfc3339
from sandbox.kube.resources import BY_PLURAL, PODS
from sandbox.kube.world import Usage, World

_SCALED_AGO = timedelta(hours=9)


def write_statuses(world: World, usage: Usage) -> None:
    """Give each its status as of now."""
    writers: Mapping[str, Callable[[Obj], Obj]] = {
        "horizontalpodautoscalers": lambda one: _scaler(world, usage, one),
        "resourcequotas": lambda one: _quota(world, one),
        "cronjobs": lambda _: _cron_job(world),
    }
    for plural, status in writers.items():
        resource = BY_PLURAL[plural]
        for obj in list(world.store.all(resource)):
            registry.write_status(world, resource, obj, status(obj))


def _scaler(world: World, usage: Usage, scaler: Obj) -> Obj:
    name = scaler["spec"]["scaleTargetRef"]["name"]
    target = registry.find(world, BY_PLURAL["deployments"], namespace_of(scaler), name)
    selector = target["spec"]["selector"]["matchLabels"]
    pods = [
        pod
        for pod in world.store.all(PODS, namespace_of(scaler))
        if selector.items() <= pod["metadata"]["labels"].items()
    ]
    used = [usage(pod, pod["spec"]["containers"][0], world.now())[0] for pod in pods]
    requested = quantities.parse(pods[0]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
    average = sum(used) // len(used)
    current = {
        "averageUtilization": int(average / (requested * 1000) * 100),
        "averageValue": f"{average}m",
    }
    return {
        "observedGeneration": scaler["metadata"]["generation"],
        "currentReplicas": target["spec"]["replicas"],
        "desiredReplicas": target["spec"]["replicas"],
        "lastScaleTime": _ago(world, _SCALED_AGO),
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": current}}],
        "conditions": [
            _true(world, "AbleToScale", "ReadyForNewScale"),
            _true(world, "ScalingActive", "ValidMetricFound"),
        ],
    }


def _true(world: World, kind: str, reason: str) -> Obj:
    since = _ago(world, timedelta(days=30))
    return {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": since}


def _quota(world: World, quota: Obj) -> Obj:
    pods = list(world.store.all(PODS, namespace_of(quota)))
    requests = [
        container["resources"].get("requests") or {}
        for pod in pods
        for container in pod["spec"]["containers"]
    ]
    cpu = sum(quantities.parse(one.get("cpu", "0")) for one in requests)
    memory = sum(quantities.parse(one.get("memory", "0")) for one in requests)
    used = {
        "requests.cpu": f"{int(cpu * 1000)}m",
        "requests.memory": f"{int(memory) // 2**20}Mi",
        "pods": str(len(pods)),
    }
    return {"hard": quota["spec"]["hard"], "used": used}


def _cron_job(world: World) -> Obj:
    """The last run, at the full hour before: a little early or late is no matter here."""
    hour = datetime.fromtimestamp(world.now(), UTC).replace(minute=0, second=0, microsecond=0)
    at = hour.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"lastScheduleTime": at, "lastSuccessfulTime": at}


def _ago(world: World, age: timedelta) -> str:
    return rfc3339(world.now() - age.total_seconds())
