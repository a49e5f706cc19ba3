"""status, scale, eviction, binding, token, resize."""

from collections.abc import Callable

from sandbox.kube import bodies, deletion, evictions, rbac, scaling, verbs
from sandbox.kube.bodies import Expected
from sandbox.kube.failures import (
    ApiError,
    bad_request,
    forbidden_field,
    invalid_object,
    method_not_allowed,
    no_such_resource,
)
from sandbox.kube.objects import Obj, name_of
from sandbox.kube.rbac import Gate
from sandbox.kube.resources import PODS, Resource
from sandbox.kube.verbs import Answer, Call
from sandbox.kube.world import World

Bind = Callable[[Obj, str], None]
"""Binds a pod to a node, as the scheduler does."""

_SCALE = Expected(kind="Scale", api_versions=(scaling.API_VERSION,), model=scaling.MODEL)
_EVICTION = Expected(
    kind="Eviction",
    api_versions=("policy/v1", "policy/v1beta1"),
    model="V1Eviction",
    strict_kind=True,
)
_BINDING = Expected(kind="Binding", api_versions=("v1",), model="V1Binding")
_TOKEN = Expected(
    kind="TokenRequest",
    api_versions=("authentication.k8s.io/v1",),
    model="AuthenticationV1TokenRequest",
)


def answer(world: World, gate: Gate, bind: Bind, call: Call, resource: Resource) -> Answer:
    """What a path with a subresource answers; ApiError 404 when the resource has no such one."""
    name = call.wanted.subresource
    if name not in resource.subresources:
        raise no_such_resource()
    if name == "status":
        return _status(world, call, resource)
    if name == "scale":
        return _scale(world, call, resource)
    if name == "resize":
        return _resize(world, call, resource)
    if call.wanted.verb != "create":
        raise method_not_allowed()
    if name == "eviction":
        return _evict(world, call)
    if name == "binding":
        return _bind(world, bind, call)
    return _token(world, gate, call, resource)


def _status(world: World, call: Call, resource: Resource) -> Answer:
    if call.wanted.verb not in ("get", "update", "patch"):
        raise method_not_allowed()
    return verbs.HANDLERS[call.wanted.verb](world, call, resource)


def _scale(world: World, call: Call, resource: Resource) -> Answer:
    verb = call.wanted.verb
    if verb not in ("get", "update", "patch"):
        raise method_not_allowed()
    if verb == "get":
        return Answer(200, scaling.scale_of(verbs.present(world, call, resource)))
    if verb == "update":
        options = bodies.write_options(call.request, "UpdateOptions")
        scale = bodies.object_of(call.request, _SCALE, options.validation, call.warnings)
        obj = verbs.present(world, call, resource)
    else:
        verbs.require_patch_type(call.request)
        options = bodies.write_options(call.request, "PatchOptions")
        obj = verbs.present(world, call, resource)
        before = scaling.scale_of(obj)
        scale = bodies.patched(call.request, before, _SCALE, options.validation, call.warnings)
        if scale["metadata"].get("resourceVersion") == obj["metadata"]["resourceVersion"]:
            del scale["metadata"]["resourceVersion"]
    return Answer(200, scaling.write(world, resource, obj, scale, dry_run=options.dry_run))


def _resize(world: World, call: Call, resource: Resource) -> Answer:
    if call.wanted.verb == "get":
        return verbs.get(world, call, resource)
    pod = verbs.present(world, call, resource)
    told = "Pod running on node without support for resize"
    raise invalid_object("Pod", name_of(pod), [forbidden_field("spec", told)])


def _evict(world: World, call: Call) -> Answer:
    options = bodies.write_options(call.request, "CreateOptions")
    body = bodies.object_of(call.request, _EVICTION, options.validation, call.warnings)
    metadata = body.get("metadata") or {}
    if metadata.get("namespace", call.wanted.namespace) != call.wanted.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.get("name") != call.wanted.name:
        raise bad_request("name in URL does not match name in Eviction object")
    wanted: Obj = dict(body.get("deleteOptions") or {})
    if options.dry_run:
        wanted["dryRun"] = ["All"]
    checked = deletion.checked(wanted)
    evictions.evict(world, verbs.present(world, call, PODS), checked)
    return Answer(201, success(201))


def _bind(world: World, bind: Bind, call: Call) -> Answer:
    options = bodies.write_options(call.request, "CreateOptions")
    body = bodies.object_of(call.request, _BINDING, options.validation, call.warnings)
    pod = verbs.present(world, call, PODS)
    node = pod["spec"].get("nodeName")
    if node:
        name = name_of(pod)
        message = (
            f'Operation cannot be fulfilled on pods/binding "{name}": pod {name} is already'
            f' assigned to node "{node}"'
        )
        raise ApiError(409, "Conflict", message, {"name": name, "kind": "pods/binding"})
    if not options.dry_run:
        bind(pod, body["target"]["name"])
    return Answer(201, success(201))


def _token(world: World, gate: Gate, call: Call, resource: Resource) -> Answer:
    options = bodies.write_options(call.request, "CreateOptions")
    body = bodies.object_of(call.request, _TOKEN, options.validation, call.warnings)
    account = verbs.present(world, call, resource)
    return Answer(201, gate.token_request(call.wanted.namespace, account, body))


def success(code: int) -> Obj:
    """A Status that says no more than that it worked."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "code": code,
    }


def review(gate: Gate, call: Call) -> Answer:
    """What a caller may do and who it is: the self-subject reviews."""
    if call.wanted.verb != "create":
        raise method_not_allowed()
    plural = call.wanted.resource
    if plural == "selfsubjectaccessreviews":
        body = _review_body(call, "SelfSubjectAccessReview", "V1SelfSubjectAccessReview")
        return Answer(201, rbac.review_access(gate, call.user, body))
    if plural == "selfsubjectrulesreviews":
        body = _review_body(call, "SelfSubjectRulesReview", "V1SelfSubjectRulesReview")
        return Answer(201, rbac.review_rules(gate, call.user, body))
    raise no_such_resource()


def _review_body(call: Call, kind: str, model: str) -> Obj:
    options = bodies.write_options(call.request, "CreateOptions")
    expected = Expected(kind=kind, api_versions=("authorization.k8s.io/v1",), model=model)
    return bodies.object_of(call.request, expected, options.validation, call.warnings)
