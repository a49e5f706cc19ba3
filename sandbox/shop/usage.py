"""What the pods use: a share of what they ask for, more by day than by night, never quite alike.

The same pod uses the same at the same time, whoever asks and however often.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sandbox.kube import quantities
from sandbox.kube.objects import Obj, labels_of, name_of, namespace_of, unix_seconds
from sandbox.shop.workloads import NAMESPACES, Workload

LEAK_SECONDS = 14_400.0
"""From the start of a leaking container until its memory is full."""

BUSIEST_HOUR_UTC = 19  # 14:00 at the East coast, where the customers are
_NIGHT_SHARE, _WEEKEND_SHARE = 0.35, 0.75
_TRIAL_REST = 0.05  # of staging and dev, outside office hours
_SIDECAR = (0.3, 0.5)
_FIRST_LEAK_SHARE = 0.45


def usage_of(workloads: Sequence[Workload]) -> Callable[[Obj, Obj, float], tuple[int, int]]:
    """(pod, container, Unix seconds) -> (millicores, bytes), for the pods of these workloads."""
    known = {(one.namespace, one.name): one for one in workloads}

    def usage(pod: Obj, container: Obj, now: float) -> tuple[int, int]:
        name = labels_of(pod).get("app.kubernetes.io/name", "")
        workload = known.get((namespace_of(pod) or "", name))
        is_main = workload is not None and container["name"] == workload.name
        cpu_share, memory_share = _SIDECAR
        if workload is not None and is_main:
            cpu_share, memory_share = workload.cpu_used, workload.memory_used
        cpu, memory = _requests(container)
        busy = _rhythm(namespace_of(pod) or "", now) * _own(pod, 0.85, 1.15) * _noise(pod, now)
        if workload is not None and is_main and workload.leaks:
            memory_share = _leaked(pod, now)
        else:
            memory_share *= _own(pod, 0.95, 1.05) * (0.94 + 0.06 * min(1.0, busy))
        return round(cpu * cpu_share * busy), int(memory * min(1.0, memory_share))

    return usage


def _requests(container: Obj) -> tuple[float, float]:
    """Millicores and bytes."""
    requests = (container.get("resources") or {}).get("requests") or {}
    cpu = float(quantities.parse(requests.get("cpu", "10m"))) * 1000
    return cpu, float(quantities.parse(requests.get("memory", "32Mi")))


def _rhythm(namespace: str, now: float) -> float:
    """Of the busiest time: a cosine over the day; trials rest outside office hours."""
    at = datetime.fromtimestamp(now, UTC)
    hour = at.hour + at.minute / 60
    is_weekend = at.weekday() >= 5
    if NAMESPACES.get(namespace, "production") != "production":
        return _TRIAL_REST if is_weekend or not 13 <= hour < 23 else 1.0
    wave = (1 + math.cos((hour - BUSIEST_HOUR_UTC) / 24 * 2 * math.pi)) / 2
    return (_NIGHT_SHARE + (1 - _NIGHT_SHARE) * wave) * (_WEEKEND_SHARE if is_weekend else 1.0)


def _own(pod: Obj, least: float, most: float) -> float:
    """A factor that belongs to the pod."""
    return least + (most - least) * zlib.crc32(name_of(pod).encode()) / 0xFFFFFFFF


def _noise(pod: Obj, now: float) -> float:
    """0.9 to 1.1, another one each minute."""
    drawn = zlib.crc32(f"{name_of(pod)}/{int(now // 60)}".encode())
    return 0.9 + 0.2 * drawn / 0xFFFFFFFF


def _leaked(pod: Obj, now: float) -> float:
    """Of the memory limit: it grows from the container's start until it is full.

    Before that start it was the same with the containers that were killed.
    """
    statuses = pod["status"].get("containerStatuses") or [{}]
    started = (statuses[0].get("state") or {}).get("running", {}).get("startedAt")
    if started is None:
        return _FIRST_LEAK_SHARE
    grown = (now - unix_seconds(started)) / LEAK_SECONDS
    level = grown % 1.0 if grown < 0 else min(1.0, grown)
    return _FIRST_LEAK_SHARE + (1 - _FIRST_LEAK_SHARE) * level
