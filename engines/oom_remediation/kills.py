"""Every OOM kill that is known, once: from pod statuses, from events, from the ledger.

Only the reason OOMKilled tells of one; exit code 137 alone is any SIGKILL. A status holds the
present and the last end of a container, so most kills of a crash loop are in the ledger only. An
event within a minute of another kill of the container is that kill. Of a node's events only those
count as the node's own lack of memory that do not tell of a container's, which has a limit.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from engines.contracts.kubernetes import Event, OutOfMemory, Pod
from engines.contracts.snapshot import ClusterSnapshot
from engines.oom_remediation.parameters import RecordedKill
from engines.resource_policy.status_kills import OOM_KILLED, kills_in, statuses_of

WINDOW_SECONDS = 24 * 3600
CLOCK_SKEW_SECONDS = 300  # a node's clock may be ahead of ours
SAME_KILL_SECONDS = 60  # an event is written after the kill, and repeats are bundled

_EVENT_REASONS = (OOM_KILLED, "OOMKilling")
_NODE_EVENT_REASONS = ("SystemOOM", "OOMKilling", "EvictionThresholdMet")


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
    the kills that are known one by one. ``restarts``: how often a container that was killed
    restarted since its pod was made, where that was within the window. ``without_time``: containers
    whose status does not tell when, or a moment to come. ``older`` are kills before the window,
    ``not_oom`` counts the containers that ended with exit code 137 for another reason. ``unseen``:
    nodes on which a process was killed at a container's limit, and no container tells of it.
    """

    by_container: Mapping[PodContainer, tuple[Kill, ...]]
    repeats: Mapping[PodContainer, int]
    restarts: Mapping[PodContainer, int]
    without_time: tuple[PodContainer, ...]
    nodes_out_of_memory: tuple[str, ...]
    unseen: tuple[str, ...]
    older: Mapping[PodContainer, tuple[Kill, ...]]
    not_oom: int


def gather_kills(snapshot: ClusterSnapshot, ledger: Iterable[RecordedKill], now: datetime) -> Kills:
    """All kills of the last 24 hours. A kill exactly that old still counts."""
    moment = int(now.timestamp())
    book = _Book(moment - WINDOW_SECONDS, moment + CLOCK_SKEW_SECONDS)
    for one in ledger:
        key = PodContainer(one.namespace, one.pod, one.container)
        known = one.limit_bytes is not None
        book.add(key, Kill(int(one.time.timestamp()), one.limit_bytes, known, "ledger"))
    for pod in snapshot.pods.items:
        book.read_pod(pod)
    events = sorted(snapshot.events, key=lambda one: (one.metadata.namespace, one.metadata.name))
    for event in events:
        book.read_event(event)
    return book.closed(events, _under_pressure(snapshot))


class _Book:
    """``since`` and ``until`` (Unix seconds) are the window."""

    def __init__(self, since: int, until: int) -> None:
        self._since, self._until = since, until
        self._nodes: dict[tuple[str, str], str] = {}
        self._restarts: dict[PodContainer, int] = {}
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
        name = (metadata.namespace, metadata.name)
        self._containers[name] = [one.name for one in pod.spec.containers]
        self._nodes[name] = pod.spec.node_name
        made = metadata.creation_timestamp
        is_young = made is None or int(made.timestamp()) >= self._since
        for kill in kills_in(pod):
            key = PodContainer(*name, kill.container)
            if kill.at is None:
                self._without_time.add(key)
            else:
                at = int(kill.at.timestamp())
                self.add(key, Kill(at, kill.limit_bytes, kill.is_limit_known, "status"))
        for status in statuses_of(pod):
            key = PodContainer(*name, status.name)
            ends = [status.state.terminated, status.last_state.terminated]
            reasons = {one.reason for one in ends if one is not None and one.exit_code == 137}
            if reasons - {OOM_KILLED}:
                self._not_oom.add(key)
            if is_young and (key in self._kills or key in self._without_time):
                self._restarts[key] = status.restart_count

    def read_event(self, event: Event) -> None:
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
        if int(first.timestamp()) >= self._since:
            self._repeats[key] = max(count, self._repeats.get(key, 0))

    def closed(self, events: Iterable[Event], under_pressure: set[str]) -> Kills:
        """The kills of the window, and what the events of nodes tell beside them."""
        for key, at in sorted(self._events):
            if not self._near(self._kills[key], at):
                self.add(key, Kill(at, None, False, "event"))
        found: dict[PodContainer, tuple[Kill, ...]] = {}
        older: dict[PodContainer, tuple[Kill, ...]] = {}
        for key, kills in sorted(self._kills.items()):
            ordered = tuple(one for one in _each_once(kills.values()) if one.at <= self._until)
            if not ordered:
                self._without_time.add(key)
            before = sum(one.at < self._since for one in ordered)
            if before:
                older[key] = ordered[:before]
            if before < len(ordered):
                found[key] = ordered[before:]
        out_of_memory, unseen = self._of_nodes(events)
        return Kills(
            by_container=found,
            repeats=self._repeats,
            restarts=self._restarts,
            without_time=tuple(sorted(self._without_time - set(found) - set(older))),
            nodes_out_of_memory=tuple(sorted(out_of_memory | under_pressure)),
            unseen=tuple(sorted(unseen)),
            older=older,
            not_oom=len(self._not_oom),
        )

    def _of_nodes(self, events: Iterable[Event]) -> tuple[set[str], set[str]]:
        """Nodes that ran out of memory as a whole, and those with a kill that nobody tells of.

        A kill at a container's limit says so (node-problem-detector quotes the kernel); one that
        does not say is the container's own where one was killed there just then.
        """
        out_of_memory: set[str] = set()
        unseen: set[str] = set()
        killed_at = self._times_by_node()
        for event in events:
            seen, subject = event.last_seen_at, event.subject
            if subject is None or subject.kind != "Node" or seen is None:
                continue
            at, scope = int(seen.timestamp()), event.out_of_memory
            if event.reason not in _NODE_EVENT_REASONS or at < self._since:
                continue
            if event.reason == "SystemOOM" or scope is OutOfMemory.NODE:
                out_of_memory.add(subject.name)
            elif event.reason == "OOMKilling":
                times = (*killed_at[subject.name], *killed_at[""])
                if not self._near(times, at):
                    (unseen if scope else out_of_memory).add(subject.name)
        return out_of_memory, unseen

    def _times_by_node(self) -> Mapping[str, list[int]]:
        """When containers were killed on each node; "": on a node that nobody knows any more."""
        times: dict[str, list[int]] = defaultdict(list)
        for key, kills in self._kills.items():
            times[self._nodes.get((key.namespace, key.pod), "")] += kills
        return times

    @staticmethod
    def _near(kills: Iterable[int], at: int) -> bool:
        return any(abs(one - at) <= SAME_KILL_SECONDS for one in kills)


def _each_once(kills: Iterable[Kill]) -> Iterator[Kill]:
    """In the order of time, without those of unknown limit just beside one whose limit is known:
    an event that was noted before the status told of the kill."""
    ordered = sorted(kills)
    known = [one.at for one in ordered if one.is_limit_known]
    for one in ordered:
        place = bisect_left(known, one.at - SAME_KILL_SECONDS)
        is_near = place < len(known) and known[place] <= one.at + SAME_KILL_SECONDS
        if one.is_limit_known or not is_near:
            yield one


def _container_in(field_path: str) -> str:
    """The name in "spec.containers{web}"; "" where there is none."""
    return field_path.partition("{")[2].rstrip("}")


def _under_pressure(snapshot: ClusterSnapshot) -> set[str]:
    """Nodes that say of themselves that they lack memory."""
    return {
        node.metadata.name
        for node in snapshot.nodes.items
        if any(
            one.type == "MemoryPressure" and one.status == "True" for one in node.status.conditions
        )
    }
