"""From a request to an answer: who asks, may they, what is meant, do it."""

from dataclasses import dataclass

from sandbox.kube import discovery, media, metrics, paging, rbac, subresources, verbs
from sandbox.kube.exchange import Request, Response, attributes_of
from sandbox.kube.failures import ApiError, method_not_allowed, no_such_resource, page_not_found
from sandbox.kube.media import Wanted
from sandbox.kube.objects import Obj
from sandbox.kube.rbac import Attributes, Gate
from sandbox.kube.resources import BY_PATH, Resource
from sandbox.kube.subresources import Bind
from sandbox.kube.verbs import Answer, Call
from sandbox.kube.watching import Watch
from sandbox.kube.world import Usage, World

_APPLY = "application/apply-patch+yaml"


@dataclass
class Api:
    """The paths of a Kubernetes API server over one `World`."""

    world: World
    gate: Gate
    bind: Bind
    usage: Usage = metrics.steady_usage

    def handle(self, request: Request) -> Response:
        """Never raises for what a client did wrong: that is an answer, too."""
        call = Call(request, rbac.ANONYMOUS, attributes_of(request))
        try:
            with self.world.clock.lock:
                call.user = self.gate.authenticate(request.headers.get("authorization", ""))
                self._authorize(call)
                chosen = media.negotiate(request.headers.get("accept", ""))
                if call.wanted.verb == "watch":
                    return self._watch(call, chosen)
                answer = self._dispatch(call)
        except ApiError as error:
            return _written(error.code, error.body, Wanted(media.JSON), call, error.headers)
        return _written(answer.status, answer.body, chosen, call, {})

    def _authorize(self, call: Call) -> None:
        """401 came before; an apply patch of a missing object also needs the right to create."""
        wanted = call.wanted
        self.gate.authorize(call.user, wanted)
        if wanted.verb != "patch" or call.request.content_type != _APPLY:
            return
        resource = _resource_of(call)
        home = wanted.namespace or None
        if resource and self.world.store.get(resource, home, wanted.name) is None:
            as_create = Attributes(
                verb="create",
                group=wanted.group,
                resource=wanted.resource,
                name=wanted.name,
                namespace=wanted.namespace,
            )
            self.gate.authorize(call.user, as_create)

    def _dispatch(self, call: Call) -> Answer:
        if call.wanted.path:
            return self._document(call)
        if call.wanted.group in ("authorization.k8s.io", "authentication.k8s.io"):
            return subresources.review(self.gate, call)
        if call.wanted.group == metrics.GROUP:
            return self._metrics(call)
        resource = self._known(call)
        if call.wanted.subresource:
            return subresources.answer(self.world, self.gate, self.bind, call, resource)
        if call.wanted.verb not in verbs.HANDLERS or _is_misplaced(call):
            raise method_not_allowed()
        return verbs.HANDLERS[call.wanted.verb](self.world, call, resource)

    def _known(self, call: Call) -> Resource:
        resource = _resource_of(call)
        if resource is None:
            version = _version_of(call.request.path)
            raise discovery.unknown_resource(self.world, call.wanted.group, version)
        if resource.namespaced and call.wanted.name and not call.wanted.namespace:
            raise no_such_resource()
        return resource

    def _document(self, call: Call) -> Answer:
        verbose = "verbose" in call.request.query
        found = discovery.document(self.world, call.wanted.path, verbose=verbose)
        if found is None:
            raise page_not_found()
        return Answer(200, found)

    def _metrics(self, call: Call) -> Answer:
        wanted, query = call.wanted, call.request.parameters
        chosen: Obj = {
            "labels": query.get("labelSelector", ""),
            "fields": query.get("fieldSelector", ""),
        }
        body = metrics.answer(
            self.world, self.usage, wanted.resource, call.namespace, wanted.name, chosen
        )
        return Answer(200, body)

    def _watch(self, call: Call, chosen: Wanted) -> Response:
        resource = self._known(call)
        options = paging.parse_options(call.request.parameters, is_watch=True)
        only = chosen.metadata_only
        opened = Watch(self.world, resource, call.namespace, options, metadata_only=only)
        return Response(status=200, stream=opened.lines())


def _resource_of(call: Call) -> Resource | None:
    version = _version_of(call.request.path)
    return BY_PATH.get((call.wanted.group, version, call.wanted.resource))


def _version_of(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    return parts[1] if parts[0] == "api" else parts[2]


def _is_misplaced(call: Call) -> bool:
    """POST on a single object, PATCH on a collection."""
    if call.wanted.name:
        return call.wanted.verb == "create"
    return call.wanted.verb in ("get", "update", "patch", "delete")


def _written(
    status: int, body: Obj | str, chosen: Wanted, call: Call, headers: dict[str, str]
) -> Response:
    raw, content_type = media.encode(body, chosen)
    warnings = [("Warning", f"299 - {_quoted(one)}") for one in call.warnings]
    return Response(
        status=status,
        body=raw,
        content_type=content_type,
        headers=(*headers.items(), *warnings),
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
