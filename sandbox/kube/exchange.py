"""One request and its answer, and what a path means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.kube.paging import is_true
from sandbox.kube.rbac import Attributes

_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {
    "GET": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
    "POST": "create",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request; header names in lower case, of a repeated parameter the first value."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in self.query.items()}

    @property
    def content_type(self) -> str:
        """Without parameters such as charset."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


@dataclass(frozen=True, kw_only=True)
class Response:
    """What goes back: a body, or a stream that is sent as it comes."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    stream: Iterator[bytes] | None = None


def attributes_of(request: Request) -> Attributes:
    """What the request wants to do, in the words of the authorizer (RequestInfo)."""
    parts = [part for part in request.path.split("/") if part]
    prefix = 2 if parts[:1] == ["api"] else 3
    if parts[:1] not in (["api"], ["apis"]) or len(parts) <= prefix:
        return Attributes(verb=request.method.lower(), path=request.path)
    group = "" if prefix == 2 else parts[1]
    rest = parts[prefix:]
    is_watch = is_true(request.parameters.get("watch", ""))
    if rest[0] == "watch" and len(rest) > 1:
        rest, is_watch = rest[1:], True
    namespace, rest = _namespace(rest)
    resource, name, subresource = (*rest, "", "")[:3]
    verb = (_OBJECT_VERBS if name else _COLLECTION_VERBS).get(request.method, "")
    if verb == "list" and is_watch:
        verb = "watch"
    return Attributes(
        verb=verb or request.method.lower(),
        group=group,
        resource=resource,
        subresource=subresource,
        name=name,
        namespace=namespace,
    )


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """Splits `namespaces/NS/pods/...`; a namespace itself is asked about inside itself."""
    if rest[0] != "namespaces" or len(rest) < 2:
        return "", rest
    if len(rest) == 2 or rest[2] in ("status", "finalize"):
        return rest[1], rest
    return rest[1], rest[2:]
