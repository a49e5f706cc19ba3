"""Replays a recorded sub-story against the pretend server over HTTP.

What a real server draws at random (pod names, template hashes) or decides by a score (the node)
is taken from the recording; uids, resourceVersions and continue tokens are translated.
"""

import http.client
import itertools
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sandbox.kube import paging
from sandbox.kube.cluster import Cluster
from sandbox.kube.identity import Identity
from sandbox.kube.objects import Obj, labels_of, name_of, namespace_of, unix_seconds
from sandbox.kube.placement import place_by_rules
from sandbox.kube.resources import NODES, SERVICE_ACCOUNTS, Resource
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from sandbox.kube.world import Placement, Settings, World
from tests.sandbox.kube.comparison import (
    UUID,
    Difference,
    compare,
    is_told_in_other_steps,
)
from tests.sandbox.kube.recordings import Exchange, SubStory, objects_in

ZONE = "topology.kubernetes.io/zone"
LEAD_SECONDS = 8.4
"""How long the cluster has run before the first exchange. The node monitor looks every 5 s; with
this lead its rounds fall where the recording of story 02.11 shows them."""


class RecordedIdentity(Identity):
    """Names and hashes in the order in which the recording shows them."""

    def __init__(self, answers: list[Any], now: Callable[[], float]) -> None:
        super().__init__(seed=1)
        self._now = now
        self._names: dict[tuple[str, str], list[tuple[float, str]]] = {}
        self._hashes: dict[tuple[str, str], list[str]] = {}
        self._drawn: dict[str, str] = {}
        self._touched = _healthy_budgets(answers)
        self._turn = itertools.count()
        seen = sorted(objects_in(answers), key=_born)
        for obj in seen:
            self._learn_name(obj)
            self._learn_hash(obj)

    def name(self, namespace: str, prefix: str) -> str:
        waiting = self._names.get((namespace, prefix), [])
        for index, (born, name) in enumerate(waiting):
            if born <= self._now() + 1:
                del waiting[index]
                return name
        return super().name(namespace, prefix)

    def choose(self, names: list[str]) -> str:
        """The budgets that the recording shows as recomputed take turns."""
        touched = [name for name in names if name in self._touched] or names
        return touched[next(self._turn) % len(touched)]

    def template_hash(self, namespace: str, owner: str, template: Obj) -> str:
        key = json.dumps([namespace, owner, template], sort_keys=True)
        if key not in self._drawn:
            waiting = self._hashes.get((namespace, owner), [])
            drawn = waiting.pop(0) if waiting else super().template_hash(namespace, owner, template)
            self._drawn[key] = drawn
        return self._drawn[key]

    def _learn_name(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        prefix = metadata.get("generateName")
        if prefix is None or "creationTimestamp" not in metadata:
            return
        waiting = self._names.setdefault((metadata.get("namespace", ""), prefix), [])
        if metadata["name"] not in [name for _, name in waiting]:
            waiting.append((_born(obj), metadata["name"]))

    def _learn_hash(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        for one in (obj.get("status") or {}).get("conditions") or ():
            told = re.search(rf'ReplicaSet "{metadata["name"]}-(\w+)"', one.get("message", ""))
            if told:
                self._add_hash(metadata, metadata["name"], told[1])
        labels = metadata.get("labels") or {}
        digest = labels.get("pod-template-hash")
        for reference in metadata.get("ownerReferences") or ():
            if reference["kind"] == "ReplicaSet" and digest:
                self._add_hash(metadata, reference["name"].removesuffix(f"-{digest}"), digest)
            elif reference["kind"] == "Deployment" and digest:
                self._add_hash(metadata, reference["name"], digest)
            elif reference["kind"] == "StatefulSet" and "controller-revision-hash" in labels:
                revision = labels["controller-revision-hash"].rpartition("-")[2]
                self._add_hash(metadata, reference["name"], revision)

    def _add_hash(self, metadata: Obj, owner: str, digest: str) -> None:
        waiting = self._hashes.setdefault((metadata["namespace"], owner), [])
        if digest not in waiting:
            waiting.append(digest)

    def forget_loaded(self, objects: list[Obj]) -> None:
        """Objects that are there already do not take their names a second time."""
        for obj in objects:
            metadata = obj["metadata"]
            key = (metadata.get("namespace", ""), metadata.get("generateName", ""))
            waiting = self._names.get(key, [])
            self._names[key] = [one for one in waiting if one[1] != metadata["name"]]
            if obj["kind"] == "ReplicaSet":
                digest = metadata["labels"].get("pod-template-hash")
                owner = metadata["name"].removesuffix(f"-{digest}")
                left = self._hashes.get((metadata["namespace"], owner), [])
                self._hashes[metadata["namespace"], owner] = [x for x in left if x != digest]


def _healthy_budgets(answers: list[Any]) -> set[str]:
    return {
        f"{namespace_of(obj)}/{name_of(obj)}"
        for obj in objects_in(answers)
        if isinstance(obj.get("status"), dict) and obj["status"].get("currentHealthy")
    }


def _born(obj: Obj) -> float:
    text = obj["metadata"].get("creationTimestamp")
    return unix_seconds(text) if text else 0.0


class RecordedPlaces:
    """Puts a pod where the recording has it; others where it does not matter."""

    def __init__(self, answers: list[Any]) -> None:
        self._nodes: dict[tuple[str | None, str], str] = {}
        self._refused: dict[tuple[str | None, str], str] = {}
        self._zones: dict[tuple[str | None, str], str] = {}
        for obj in objects_in(answers):
            if ZONE in labels_of(obj) and "namespace" in obj["metadata"]:
                self._zones[namespace_of(obj), name_of(obj)] = labels_of(obj)[ZONE]
            spec = obj.get("spec") or {}
            if isinstance(spec, dict) and "containers" in spec and "namespace" in obj["metadata"]:
                key = (namespace_of(obj), name_of(obj))
                if "nodeName" in spec:
                    self._nodes[key] = spec["nodeName"]
                for one in (obj.get("status") or {}).get("conditions") or ():
                    if one["type"] == "PodScheduled" and one["status"] == "False":
                        self._refused[key] = one["message"]

    def __call__(self, pods: list[Obj], store: Store) -> list[Placement]:
        by_rules = place_by_rules(pods, store)
        return [self._one(pod, store, rule) for pod, rule in zip(pods, by_rules, strict=True)]

    def _one(self, pod: Obj, store: Store, by_rules: Placement) -> Placement:
        key = (namespace_of(pod), name_of(pod))
        if key in self._nodes:
            return Placement(self._nodes[key])
        if key in self._refused:
            return Placement(None, self._refused[key])
        if key in self._zones:
            nodes = [
                one for one in store.all(NODES) if labels_of(one).get(ZONE) == self._zones[key]
            ]
            return Placement(name_of(nodes[0]))
        return by_rules


@dataclass
class Translation:
    """Recorded uids, revisions and tokens, and what they are here."""

    uids: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def learn(self, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for name in recorded.keys() & ours.keys():
                if name == "uid" and isinstance(ours[name], str):
                    self.uids[recorded[name]] = ours[name]
                elif name == "resourceVersion" and isinstance(ours[name], str):
                    self.versions[recorded[name]] = ours[name]
                else:
                    self.learn(recorded[name], ours[name])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for left, right in zip(recorded, ours, strict=False):
                self.learn(left, right)

    def value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, name) for item in value]
        if name == "resourceVersion":
            return self.versions.get(value, value)
        if name == "continue":
            return self.token(value)
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        return UUID.sub(lambda found: self.uids.get(found[0], found[0]), text)

    def token(self, token: str) -> str:
        try:
            revision, start = paging.decode_token(token)
        except Exception:  # noqa: BLE001 - recorded garbage is sent as it is
            return token
        return paging.encode_token(int(self.versions.get(str(revision), revision)), start)


@dataclass
class Outcome:
    """What came of one exchange."""

    exchange: Exchange
    differences: list[Difference]
    in_other_steps: bool
    """A watch whose runs of MODIFIED of one object were compared by their last."""


class Replay:
    """One sub-story on one server of its own."""

    def __init__(self, story: SubStory) -> None:
        self.story = story
        is_scheduling = story.id.startswith("10.")
        self.start = story.exchanges[0].at
        answers: list[Any] = [one.response for one in story.exchanges]
        answers += list(story.before)
        self.identity = RecordedIdentity(answers, self._now)
        self.cluster = Cluster(
            Settings(
                start_unix_seconds=self.start - LEAD_SECONDS,
                speed=0,
                compaction_seconds=60,
                pod_start_seconds=0.02 if is_scheduling else 0.6,
                pod_stop_seconds=1.0 if is_scheduling else 3.0,
            ),
            identity=self.identity,
            place=place_by_rules if is_scheduling else RecordedPlaces(answers),
        )
        self.translation = Translation()
        self._tokens: dict[str, str] = {}
        self._open: list[tuple[Exchange, threading.Thread, list[Obj], int, dict[str, str]]] = []

    def _now(self) -> float:
        return self.world.now()

    @property
    def world(self) -> World:
        return self.cluster.world

    def find(self, resource: Resource, namespace: str | None, name: str) -> Obj:
        found = self.world.store.get(resource, namespace, name)
        assert found is not None, name
        return found

    def answer(self, identifier: str) -> Any:
        """What the recording answered to another exchange of this sub-story."""
        return next(one.response for one in self.story.exchanges if one.id == identifier)

    def run(self, before_each: Callable[["Replay", Exchange], None]) -> list[Outcome]:
        with KubeServer(self.cluster) as server:
            self._port = int(server.url.rpartition(":")[2])
            self._prepare()
            outcomes = []
            for one in self.story.exchanges:
                self._advance_to(one.at)
                with self.world.clock.lock:
                    before_each(self, one)
                outcome = self._exchange(one)
                if outcome is not None:
                    outcomes.append(outcome)
            self.cluster.world.clock.advance(60)
            outcomes += [self._finished(*watch) for watch in self._open]
        return sorted(outcomes, key=lambda outcome: outcome.exchange.id)

    def _prepare(self) -> None:
        nodes = [obj for obj in self.story.before if obj["kind"] == "Node"]
        others = [obj for obj in self.story.before if obj["kind"] != "Node"]
        self.cluster.load(sorted(nodes, key=_version))
        self._advance_to(self.start - 1)
        self.cluster.load(sorted(others, key=_version))
        self.identity.forget_loaded(others)
        self.cluster.compact()
        for obj in self.story.before:
            uid = obj["metadata"]["uid"]
            self.translation.uids[uid] = uid

    def _advance_to(self, moment: float) -> None:
        self.cluster.world.clock.advance(max(0.0, moment - self.cluster.world.now()))

    def _exchange(self, one: Exchange) -> Outcome | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        connection.request(one.method, self._target(one), self._body(one), self._headers(one))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if one.is_watch and response.status == 200:
            events: list[Obj] = []
            reader = threading.Thread(
                target=_read_events, args=(connection, response, events), daemon=True
            )
            reader.start()
            self._open.append((one, reader, events, response.status, headers))
            return None
        raw = response.read()
        connection.close()
        return self._compared(one, response.status, headers, _decoded(raw, headers))

    def _finished(
        self,
        one: Exchange,
        reader: threading.Thread,
        events: list[Obj],
        status: int,
        headers: dict[str, str],
    ) -> Outcome:
        reader.join(timeout=20)
        assert not reader.is_alive(), f"watch {one.id} did not end"
        return self._compared(one, status, headers, events)

    def _compared(self, one: Exchange, status: int, headers: dict[str, str], body: Any) -> Outcome:
        self.translation.learn(one.response, body)
        differences = compare(one, status, headers, body)
        return Outcome(one, differences, is_told_in_other_steps(one, body))

    def _target(self, one: Exchange) -> str:
        if not one.query:
            return one.path
        return f"{one.path}?{urlencode(self.translation.value(one.query), doseq=True)}"

    def _body(self, one: Exchange) -> bytes | None:
        if one.body is None:
            return None
        if isinstance(one.body, str):
            return one.body.encode()
        return json.dumps(self.translation.value(one.body)).encode()

    def _headers(self, one: Exchange) -> dict[str, str]:
        headers = dict(one.headers)
        if one.identity == "admin":
            headers["Authorization"] = f"Bearer {self.cluster.world.settings.admin_token}"
        elif one.identity == "bad token":
            headers["Authorization"] = "Bearer nonsense"
        elif one.identity != "anonymous":
            headers["Authorization"] = f"Bearer {self._account_token(one.identity)}"
        return headers

    def _account_token(self, identity: str) -> str:
        if identity not in self._tokens:
            _, _, namespace, name = identity.split(":")
            with self.cluster.world.clock.lock:
                account = self.cluster.world.store.get(SERVICE_ACCOUNTS, namespace, name)
                assert account is not None, f"{identity} is not there"
                self._tokens[identity] = self.cluster.gate.issue(namespace, account, 28800)[0]
        return self._tokens[identity]


def _version(obj: Obj) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _decoded(raw: bytes, headers: dict[str, str]) -> Any:
    if headers.get("content-type") == "application/json":
        return json.loads(raw)
    return raw.decode()


def _read_events(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse, events: list[Obj]
) -> None:
    events.extend(map(json.loads, response))
    connection.close()
