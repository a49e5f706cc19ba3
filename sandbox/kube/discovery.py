"""/version, /healthz and what the server says about its own groups and resources."""

from sandbox.kube import metrics
from sandbox.kube.failures import ApiError, no_such_resource, page_not_found
from sandbox.kube.objects import Obj
from sandbox.kube.resources import ALL_VERBS, RESOURCES, VERSIONS, Resource
from sandbox.kube.world import World

VERSION: Obj = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406",
    "gitTreeState": "clean",
    "buildDate": "2026-08-21T00:00:00Z",
    "goVersion": "go1.26.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_CHECKS = ("ping", "log", "etcd")
_PROBES = ("healthz", "livez", "readyz")
_REVIEW_GROUPS = {"authentication.k8s.io": "v1", "authorization.k8s.io": "v1"}


def document(world: World, path: str, *, verbose: bool = False) -> Obj | str | None:
    """What a path outside of the resources answers; None when `path` is not one of them."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return {"paths": _paths()}
    if parts == ["version"]:
        return VERSION
    if parts[0] in _PROBES:
        return _probe(parts, verbose=verbose)
    if parts == ["api"]:
        return _core_versions()
    if parts == ["apis"]:
        return _groups(world)
    if parts == ["api", "v1"]:
        return _resources("", "v1")
    if parts[0] == "apis" and len(parts) in (2, 3):
        return _group(world, parts[1], parts[2] if len(parts) == 3 else None)
    return None


def _probe(parts: list[str], *, verbose: bool) -> str:
    if len(parts) == 1 and verbose:
        checks = "".join(f"[+]{one} ok\n" for one in _CHECKS)
        return f"{checks}{parts[0]} check passed\n"
    if len(parts) == 1 or (len(parts) == 2 and parts[1] in _CHECKS):
        return "ok"
    raise page_not_found()


def _paths() -> list[str]:
    groups = sorted(group for group in VERSIONS if group)
    apis = [path for group in groups for path in (f"/apis/{group}", _version_path(group))]
    return [
        "/api",
        "/api/v1",
        "/apis",
        "/apis/",
        *apis,
        *(f"/{one}" for one in _PROBES),
        "/version",
    ]


def _version_path(group: str) -> str:
    return f"/apis/{group}/{VERSIONS[group]}"


def _core_versions() -> Obj:
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def _group_entry(group: str, version: str) -> Obj:
    only = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [only], "preferredVersion": only}


def _served_groups(world: World) -> dict[str, str]:
    served = {group: version for group, version in VERSIONS.items() if group}
    served |= _REVIEW_GROUPS
    if world.metrics != "absent":
        served[metrics.GROUP] = metrics.VERSION
    return served


def _groups(world: World) -> Obj:
    groups = [_group_entry(*item) for item in _served_groups(world).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(world: World, group: str, version: str | None) -> Obj:
    served = _served_groups(world)
    if group not in served or version not in (None, served[group]):
        raise page_not_found()
    if version is None:
        if group == metrics.GROUP:
            return metrics.group_document()
        return {"kind": "APIGroup", "apiVersion": "v1", **_group_entry(group, served[group])}
    if group == metrics.GROUP:
        metrics.check_backend(world)
        return metrics.resources_document()
    return {**_resources(group, version), "apiVersion": "v1"}


def _resources(group: str, version: str) -> Obj:
    rows = [
        row
        for resource in RESOURCES
        if (resource.group, resource.version) == (group, version)
        for row in _rows(resource)
    ]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": rows}


def _rows(resource: Resource) -> list[Obj]:
    verbs = [one for one in ALL_VERBS if one != "deletecollection" or resource.kind != "Namespace"]
    own: Obj = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs,
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
    }
    return [own, *(_subresource(resource, name) for name in resource.subresources)]


def _subresource(resource: Resource, name: str) -> Obj:
    row: Obj = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["get", "patch", "update"],
    }
    foreign = {
        "scale": ("autoscaling", "v1", "Scale", ["get", "patch", "update"]),
        "eviction": ("policy", "v1", "Eviction", ["create"]),
        "token": ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
    }
    if name in foreign:
        group, version, kind, verbs = foreign[name]
        return {**row, "group": group, "version": version, "kind": kind, "verbs": verbs}
    return {**row, "kind": "Binding", "verbs": ["create"]} if name == "binding" else row


def unknown_resource(world: World, group: str, version: str) -> ApiError:
    """404: as JSON inside a group that exists, as text outside."""
    is_known = VERSIONS.get(group) == version or _served_groups(world).get(group) == version
    return no_such_resource() if is_known else page_not_found()
