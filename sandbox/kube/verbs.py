"""What each verb does with a resource: get, list, create, update, patch, delete."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.kube import bodies, deletion, paging, patches, registry
from sandbox.kube.bodies import Expected
from sandbox.kube.exchange import Request
from sandbox.kube.failures import unsupported_media_type
from sandbox.kube.objects import Obj, name_of, namespace_of
from sandbox.kube.rbac import Attributes, User
from sandbox.kube.resources import Resource
from sandbox.kube.selectors import query_match
from sandbox.kube.world import World


@dataclass
class Call:
    """One request on its way through the server."""

    request: Request
    user: User
    wanted: Attributes
    warnings: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str | None:
        return self.wanted.namespace or None


@dataclass(frozen=True)
class Answer:
    """What a handler gives back before it is written in the client's representation."""

    status: int
    body: Obj | str


Handler = Callable[[World, Call, Resource], Answer]


def whole(resource: Resource, obj: Obj) -> Obj:
    """A stored object with its kind, as a single object is answered."""
    if obj.get("kind") == "Status":
        return obj
    return {"kind": resource.kind, "apiVersion": resource.api_version, **obj}


def expected_of(resource: Resource) -> Expected:
    return Expected(kind=resource.kind, api_versions=(resource.api_version,), model=resource.model)


def present(world: World, call: Call, resource: Resource) -> Obj:
    """The object that the request names; ApiError 404."""
    namespace = call.namespace if resource.namespaced else None
    return registry.find(world, resource, namespace, call.wanted.name)


def get(world: World, call: Call, resource: Resource) -> Answer:
    return Answer(200, whole(resource, present(world, call, resource)))


def listing(world: World, call: Call, resource: Resource) -> Answer:
    options = paging.parse_options(call.request.parameters, is_watch=False)
    page = paging.page(world.store, resource, call.namespace, options)
    return Answer(200, list_body(resource, page.metadata, page.items))


def list_body(resource: Resource, metadata: Obj, items: list[Obj]) -> Obj:
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": items,
    }


def create(world: World, call: Call, resource: Resource) -> Answer:
    options = bodies.write_options(call.request, "CreateOptions")
    expected = expected_of(resource)
    body = bodies.object_of(call.request, expected, options.validation, call.warnings)
    created = registry.create(world, resource, call.namespace, body, dry_run=options.dry_run)
    return Answer(201, whole(resource, created))


def update(world: World, call: Call, resource: Resource) -> Answer:
    options = bodies.write_options(call.request, "UpdateOptions")
    expected = expected_of(resource)
    body = bodies.object_of(call.request, expected, options.validation, call.warnings)
    old = present(world, call, resource)
    new = registry.update(
        world,
        resource,
        old,
        body,
        subresource=call.wanted.subresource,
        dry_run=options.dry_run,
    )
    return Answer(200, whole(resource, new))


def patch(world: World, call: Call, resource: Resource) -> Answer:
    require_patch_type(call.request)
    options = bodies.write_options(call.request, "PatchOptions")
    old = present(world, call, resource)
    body = bodies.patched(
        call.request, old, expected_of(resource), options.validation, call.warnings
    )
    new = registry.update(
        world,
        resource,
        old,
        body,
        subresource=call.wanted.subresource,
        dry_run=options.dry_run,
    )
    return Answer(200, whole(resource, new))


def require_patch_type(request: Request) -> None:
    """ApiError 415 for anything but the three patch types (apply patches are not served)."""
    if request.content_type not in (patches.JSON_PATCH, patches.MERGE, patches.STRATEGIC):
        raise unsupported_media_type("415: Unsupported Media Type", {})


def delete(world: World, call: Call, resource: Resource) -> Answer:
    options = deletion.checked(bodies.delete_options(call.request))
    found = present(world, call, resource)
    return Answer(200, whole(resource, deletion.delete(world, resource, found, options)))


def delete_collection(world: World, call: Call, resource: Resource) -> Answer:
    """Answers the list as it was."""
    options = deletion.checked(bodies.delete_options(call.request))
    query = paging.parse_options(call.request.parameters, is_watch=False)
    matches = query_match(resource, query.labels, query.fields)
    metadata = {"resourceVersion": str(world.store.revision)}
    found = [
        one for one in world.store.all(resource, call.namespace) if matches is None or matches(one)
    ]
    for one in found:
        fresh = world.store.get(resource, namespace_of(one), name_of(one))
        if fresh is not None:
            deletion.delete(world, resource, fresh, options)
    return Answer(200, list_body(resource, metadata, found))


HANDLERS: dict[str, Handler] = {
    "get": get,
    "list": listing,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
