"""The recorded exchanges with a real API server: reading them, and what was true before each."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.kube.objects import Obj
from sandbox.kube.resources import RESOURCES

SCHEDULING_BEFORE: tuple[Obj, ...] = (
    *(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        }
        for name in ("sched", "other")
    ),
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "high", "uid": "high", "resourceVersion": "1"},
        "value": 1000,
    },
)
"""What each case of story 10 starts from; its nodes and pods are made by the case."""

KINDS = {one.kind: one for one in RESOURCES}


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer."""

    id: str
    story: str
    identity: str
    method: str
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: Any
    status: int
    response_headers: dict[str, str]
    response: Any
    note: str
    at: float

    @property
    def is_watch(self) -> bool:
        return isinstance(self.response, list)

    @property
    def namespace(self) -> str | None:
        parts = self.path.split("/")
        return parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else None

    @property
    def home(self) -> str | None:
        """The namespace of the ServiceAccount that asks."""
        parts = self.identity.split(":")
        return parts[2] if len(parts) == 4 else None


@dataclass(frozen=True)
class SubStory:
    """Exchanges in order, with the objects that were there when they began."""

    id: str
    title: str
    exchanges: tuple[Exchange, ...]
    before: tuple[Obj, ...]


def read(folder: Path) -> list[Exchange]:
    with gzip.open(folder / "k8s_recordings" / "exchanges.jsonl.gz", "rt") as lines:
        return [_exchange(json.loads(line)) for line in lines]


def _exchange(row: dict[str, Any]) -> Exchange:
    return Exchange(
        id=row["id"],
        story=row["story"],
        identity=row.get("as") or "",
        method=row["method"],
        path=row.get("path") or "",
        query=row.get("query") or {},
        headers=row.get("request_headers") or {},
        body=row.get("request_body"),
        status=row.get("status") or 0,
        response_headers=row.get("response_headers") or {},
        response=row.get("response_body"),
        note=row.get("note") or "",
        at=datetime.fromisoformat(row["at"]).timestamp() if row.get("at") else 0.0,
    )


def sub_stories(exchanges: list[Exchange]) -> list[SubStory]:
    """In the order of the recording; each knows what earlier ones and its first reads tell."""
    groups: dict[str, list[Exchange]] = {}
    for one in exchanges:
        if one.method == "-":
            continue
        groups.setdefault(one.id.rpartition(".")[0], []).append(one)
    known: dict[tuple[str, str, str], Obj] = {}
    _learn(known, next(one for one in exchanges if one.path == "/api/v1/nodes"))
    found = []
    for name, group in sorted(groups.items(), key=lambda item: item[1][0].at):
        reads = _leading_reads(group)
        here = dict(known)
        for one in reads:
            _learn(here, one)
        made = {one.body["metadata"]["name"] for one in group if _makes_namespace(one)}
        touched = {one.namespace for one in group} | {one.home for one in group}
        touched -= made
        before = tuple(obj for key, obj in here.items() if key[1] == "" or key[1] in touched)
        if name.startswith("10."):
            before = SCHEDULING_BEFORE
        found.append(SubStory(name, group[0].story, tuple(group), before))
        for one in group:
            _learn(known, one)
    return found


def _makes_namespace(one: Exchange) -> bool:
    return one.method == "POST" and one.path == "/api/v1/namespaces"


def _leading_reads(group: list[Exchange]) -> list[Exchange]:
    reads = []
    for one in group:
        if one.method != "GET" or one.is_watch:
            break
        reads.append(one)
    return reads


def _learn(known: dict[tuple[str, str, str], Obj], one: Exchange) -> None:
    body = one.response
    if not isinstance(body, dict) or one.query.get("dryRun") or one.status >= 300:
        return
    kind = str(body.get("kind", ""))
    if kind.endswith("List") and kind[:-4] in KINDS and not _is_partial(one):
        for key in [key for key in known if key[0] == kind[:-4] and _covers(one, key)]:
            del known[key]
        for item in body["items"]:
            whole = {"kind": kind[:-4], "apiVersion": body["apiVersion"], **item}
            known[_key(whole)] = whole
    elif kind in KINDS:
        if one.method == "DELETE":
            known.pop(_key(body), None)
        else:
            known[_key(body)] = body
    elif one.method == "DELETE" and kind == "Status":
        plural, name = body["details"]["kind"], body["details"]["name"]
        for key in [key for key in known if key[2] == name and KINDS[key[0]].plural == plural]:
            del known[key]


def _is_partial(one: Exchange) -> bool:
    return any(name in one.query for name in ("limit", "continue", "labelSelector"))


def _covers(one: Exchange, key: tuple[str, str, str]) -> bool:
    is_selected = "fieldSelector" in one.query
    return not is_selected and one.namespace in (None, key[1])


def _key(obj: Obj) -> tuple[str, str, str]:
    metadata = obj["metadata"]
    home = metadata.get("namespace", "")
    if obj["kind"] == "Namespace":
        home = metadata["name"]
    return obj["kind"], home, metadata["name"]


def objects_in(value: Any) -> Iterator[Obj]:
    """Every object with a name that appears anywhere in recorded answers."""
    if isinstance(value, dict):
        if isinstance(value.get("metadata"), dict) and "name" in value["metadata"]:
            yield value
        for item in value.values():
            yield from objects_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects_in(item)
