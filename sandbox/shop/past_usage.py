"""What the pods used in the days before, as a monitoring system would export it in CSV."""

import csv
import io
from collections.abc import Iterator

from sandbox.kube.objects import Obj, is_condition_true, name_of, namespace_of, unix_seconds
from sandbox.kube.resources import PODS
from sandbox.kube.world import Usage, World

COLUMNS = ("namespace", "pod", "container", "timestamp", "cpu_cores", "memory_bytes")
DAYS = 8
STEP_SECONDS = 3600


def usage_csv(world: World, usage: Usage) -> bytes:
    """A row an hour for each container that runs now, since its pod was started."""
    with world.clock.lock:
        pods = [pod for pod in world.store.all(PODS) if is_condition_true(pod, "Ready")]
        now = int(world.now())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pod in pods:
        writer.writerows(_rows(pod, usage, now))
    return text.getvalue().encode()


def _rows(pod: Obj, usage: Usage, now: int) -> Iterator[tuple[str, str, str, int, str, int]]:
    full_hour = now - now % STEP_SECONDS
    started = unix_seconds(pod["status"]["startTime"])
    for at in range(full_hour - DAYS * 86_400, full_hour + 1, STEP_SECONDS):
        if at > started:
            for container in pod["spec"]["containers"]:
                millicores, memory = usage(pod, container, at)
                named = (str(namespace_of(pod)), name_of(pod), container["name"])
                yield (*named, at, f"{millicores / 1000:.3f}", memory)
