"""Gives everything a past: what was made a moment ago becomes hours, days and months old.

Ages follow from names, so they are the same whenever the same world is made again. Nothing is
older than what it belongs to: a pod is younger than its node, its node as old as its instance.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.aws.cloud import Machine
from sandbox.kube.objects import (
    Obj,
    controller_of,
    name_of,
    namespace_of,
    rfc3339,
    unix_seconds,
)
from sandbox.kube.resources import (
    BY_PLURAL,
    EVENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    RESOURCES,
    Resource,
)
from sandbox.kube.store import Store

HOUR, DAY = 3600, 86_400
_JOIN_SECONDS = 40  # from an instance's launch to its node
_DAEMON_SECONDS = 25
_YOUNGEST_POD = 20 * 60
_TIMES = frozenset(
    (
        *("creationTimestamp", "lastTransitionTime", "lastUpdateTime", "lastProbeTime"),
        *("startTime", "startedAt", "timeAdded", "lastPhaseTransitionTime", "lastHeartbeatTime"),
    )
)


class Past:
    """Works out since when each object has been there, and rewrites its times."""

    def __init__(self, store: Store, machines: Sequence[Machine], anchor: float) -> None:
        """``anchor``: the Unix seconds from which ages are counted back."""
        self._store = store
        self._anchor = anchor
        self._launched: Mapping[str, float] = {
            one.private_dns_name: one.launched_at.timestamp() for one in machines
        }

    def write(self) -> None:
        """Give all objects their ages; what was told about making them is forgotten."""
        for event in list(self._store.all(EVENTS)):
            self._store.remove(EVENTS, event)
        for resource in RESOURCES:
            for obj in list(self._store.all(resource)):
                made = unix_seconds(obj["metadata"]["creationTimestamp"])
                shift = self._since(resource, obj) - made
                self._store.put(resource, _shifted(obj, shift))

    def _since(self, resource: Resource, obj: Obj) -> float:
        """When the object was made, in Unix seconds."""
        name = name_of(obj)
        if resource is NODES or resource is BY_PLURAL["csinodes"]:
            return self._launched[name] + _JOIN_SECONDS
        if resource is PODS:
            return self._pod_since(obj)
        if resource is REPLICA_SETS:
            return self._anchor - _drawn(obj, 2 * DAY, 60 * DAY)
        if resource is JOBS:
            return self._anchor - 2 * HOUR
        if resource.kind in ("PersistentVolume", "PersistentVolumeClaim"):
            return self._anchor - 120 * DAY
        return self._anchor - _drawn(obj, 150 * DAY, 400 * DAY)

    def _pod_since(self, pod: Obj) -> float:
        node_since = self._launched[pod["spec"]["nodeName"]] + _JOIN_SECONDS + _DAEMON_SECONDS
        owner = controller_of(pod) or {"kind": "", "name": ""}
        if owner["kind"] == "DaemonSet":
            return node_since + zlib.crc32(name_of(pod).encode()) % 10
        if owner["kind"] == "Job":
            return self._anchor - 2 * HOUR + 1
        latest = self._anchor - _YOUNGEST_POD
        earliest = min(max(node_since, self._owner_since(pod, owner)), latest)
        share = zlib.crc32(name_of(pod).encode()) / 0xFFFFFFFF
        return earliest + (latest - earliest) * share**4  # most came with the last rollout

    def _owner_since(self, pod: Obj, owner: Obj) -> float:
        if owner["kind"] != "ReplicaSet":
            return self._anchor - 60 * DAY
        found = self._store.get(REPLICA_SETS, namespace_of(pod), owner["name"])
        return self._anchor - _drawn(found, 2 * DAY, 60 * DAY) if found else self._anchor


def _drawn(obj: Obj, least: int, most: int) -> int:
    """Seconds of age that belong to the object's name."""
    number = zlib.crc32(f"{namespace_of(obj)}/{name_of(obj)}".encode())
    return least + number % (most - least)


def _shifted(value: Any, seconds: float) -> Any:
    """A copy in which all moments of the object's own life are earlier by as much."""
    if isinstance(value, list):
        return [_shifted(one, seconds) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: rfc3339(unix_seconds(one) + seconds)
        if key in _TIMES and isinstance(one, str)
        else _shifted(one, seconds)
        for key, one in value.items()
    }
