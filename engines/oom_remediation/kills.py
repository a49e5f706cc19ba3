"""Every OOM kill that is known, once: from pod statuses, from events, from the ledger.

Only the reason OOMKilled tells of one; exit code 137 alone is any SIGKILL. A status holds the
present and the last end of a container, so most kills of a crash loop are in the ledger only. An
event within a minute of another kill of the container is that kill.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from engines.contracts.errors import InvalidInputError
from engines.contracts.kubernetes import (
    Container,
    ContainerStatus,
    Event,
    Pod,
    ResourceRequirements,
)
from engines.contracts.snapshot import ClusterSnapshot
from engines.oom_remediation.parameters import RecordedKill
from engines.resource_policy.settings import containers_of, setting_of_resources

WINDOW_SECONDS = 24 * 3600
CLOCK_SKEW_SECONDS = 300  # a node's clock may be ahead of ours
SAME_KILL_SECONDS = 60  # an event is written after the kill, and repeats are bundled

OOM_KILLED = "OOMKilled"
_EVENT_REASONS = ("OOMKilled", "OOMKilling")
_NODE_EVENT_REASONS = ("SystemOOM", "OOMKilling")


class PodContainer(NamedTuple):
    """One container of one pod."""

    namespace: str
    pod: str
    container: str


class Kill(NamedTuple):
    """One kill. ``limit_bytes`` is the limit in force at it; ``is_limit_known`` False: nobody
    tells; known and None: there was none."""

    at: int  # Unix seconds
    limit_bytes: int | None
    is_limit_known: bool
    source: str  # "status", "event" or "ledger"


class Kills(NamedTuple):
    """The kills of the window by container, in the order of time.

    ``repeats``: how often an event says that the container was killed, where that is more than
    the kills that are known one by one. ``without_time``: containers whose status does not tell
    when. ``older`` counts the kills before the window, ``not_oom`` the containers that ended with
    exit code 137 for another reason.
    """

    by_container: Mapping[PodContainer, tuple[Kill, ...]]
    repeats: Mapping[PodContainer, int]
    without_time: tuple[PodContainer, ...]
    nodes_out_of_memory: tuple[str, ...]
    older: int
    not_oom: int


def gather_kills(snapshot: ClusterSnapshot, ledger: Iterable[RecordedKill], now: datetime) -> Kills:
    """All kills of the last 24 hours. A kill exactly that old still counts."""
    moment = int(now.timestamp())
    book = _Book()
    for one in ledger:
        key = PodContainer(one.namespace, one.pod, one.container)
        known = one.limit_bytes is not None
        book.add(key, Kill(int(one.time.timestamp()), one.limit_bytes, known, "ledger"))
    for pod in snapshot.pods.items:
        book.read_pod(pod)
    events = sorted(snapshot.events, key=lambda one: (one.metadata.namespace, one.metadata.name))
    for event in events:
        book.read_event(event, moment - WINDOW_SECONDS)
    return book.within(moment, _nodes_out_of_memory(snapshot, moment))


class _Book:
    def __init__(self) -> None:
        self._kills: dict[PodContainer, dict[int, Kill]] = defaultdict(dict)
        self._events: list[tuple[PodContainer, int]] = []
        self._repeats: dict[PodContainer, int] = {}
        self._without_time: set[PodContainer] = set()
        self._not_oom: set[PodContainer] = set()
        self._containers: dict[tuple[str, str], list[str]] = {}

    def add(self, key: PodContainer, kill: Kill) -> None:
        """Keep one kill a second; of two that know the limit the ledger's counts, which was
        written first."""
        held = self._kills[key].get(kill.at)
        if held is None or (kill.is_limit_known and not held.is_limit_known):
            self._kills[key][kill.at] = kill

    def read_pod(self, pod: Pod) -> None:
        metadata = pod.metadata
        statuses = (*pod.status.container_statuses, *pod.status.init_container_statuses)
        self._containers[metadata.namespace, metadata.name] = [
            one.name for one in pod.spec.containers
        ]
        for status in statuses:
            key = PodContainer(metadata.namespace, metadata.name, status.name)
            for ended in (status.state.terminated, status.last_state.terminated):
                if ended is None:
                    continue
                if ended.reason != OOM_KILLED:
                    if ended.exit_code == 137:
                        self._not_oom.add(key)
                elif ended.finished_at is None:
                    self._without_time.add(key)
                else:
                    at = int(ended.finished_at.timestamp())
                    self.add(key, _with_limit(at, _limit_of(pod, status)))

    def read_event(self, event: Event, since: int) -> None:
        subject, seen = event.subject, event.last_seen_at
        if subject is None or subject.kind != "Pod" or seen is None:
            return
        name = _container_in(subject.field_path)
        own = self._containers.get((subject.namespace, subject.name), [])
        if event.reason not in _EVENT_REASONS or not (name or len(own) == 1):
            return
        key = PodContainer(subject.namespace, subject.name, name or own[0])
        first = event.first_timestamp or seen
        for moment in {first, seen}:
            self._events.append((key, int(moment.timestamp())))
        count = max(event.count, event.series.count if event.series else 0)
        if int(first.timestamp()) >= since:
            self._repeats[key] = max(count, self._repeats.get(key, 0))

    def within(self, moment: int, nodes: tuple[str, ...]) -> Kills:
        """The kills of the window that ends at ``moment``."""
        for key, at in sorted(self._events):
            near = [one for one in self._kills[key] if abs(one - at) <= SAME_KILL_SECONDS]
            if not near:
                self.add(key, Kill(at, None, False, "event"))
        since, until = moment - WINDOW_SECONDS, moment + CLOCK_SKEW_SECONDS
        found = {
            key: tuple(kills[at] for at in sorted(kills) if since <= at <= until)
            for key, kills in sorted(self._kills.items())
        }
        total = sum(len(kills) for kills in self._kills.values())
        return Kills(
            by_container={key: kills for key, kills in found.items() if kills},
            repeats=self._repeats,
            without_time=tuple(sorted(self._without_time - set(self._kills))),
            nodes_out_of_memory=nodes,
            older=total - sum(len(kills) for kills in found.values()),
            not_oom=len(self._not_oom),
        )


def _with_limit(at: int, limit: tuple[int | None, bool]) -> Kill:
    return Kill(at, *limit, "status")


def _limit_of(pod: Pod, status: ContainerStatus) -> tuple[int | None, bool]:
    """The memory limit that the pod gives the container, and whether that is known.

    What is in force beats what the spec asks for: a resize may be under way.
    """
    resources = status.resources or _resources_in(pod, status.name)
    if resources is None:
        return None, False
    try:
        return setting_of_resources(resources).memory.limit, True
    except InvalidInputError:
        return None, False


def _resources_in(pod: Pod, name: str) -> ResourceRequirements | None:
    named: Iterator[Container] = (one for one in containers_of(pod.spec) if one.name == name)
    return next((one.resources for one in named), None)


def _container_in(field_path: str) -> str:
    """The name in "spec.containers{web}"; "" where there is none."""
    return field_path.partition("{")[2].rstrip("}")


def _nodes_out_of_memory(snapshot: ClusterSnapshot, moment: int) -> tuple[str, ...]:
    """Nodes that ran out of memory as a whole: by their events of the window, or as they say."""
    names = {
        event.subject.name
        for event in snapshot.events
        if event.reason in _NODE_EVENT_REASONS
        and event.subject is not None
        and event.subject.kind == "Node"
        and event.last_seen_at is not None
        and int(event.last_seen_at.timestamp()) >= moment - WINDOW_SECONDS
    }
    for node in snapshot.nodes.items:
        conditions = node.status.conditions
        if any(one.type == "MemoryPressure" and one.status == "True" for one in conditions):
            names.add(node.metadata.name)
    return tuple(sorted(names))
