"""Decoding what a client sends (objects, patches, delete options), refusing in Go's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from sandbox.kube import gojson, patches, schema
from sandbox.kube.exchange import Request
from sandbox.kube.failures import (
    ApiError,
    FieldError,
    bad_request,
    invalid_object,
    unsupported,
    unsupported_media_type,
)
from sandbox.kube.media import JSON, YAML
from sandbox.kube.objects import Obj

_UNKNOWN_FORMAT = (
    "the body of the request was in an unknown format - accepted media types include:"
    " application/json, application/yaml, application/vnd.kubernetes.protobuf"
)
_SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'
_VERSION_STRUCT = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\"";'
    ' Kind string "json:\\"kind,omitempty\\"" }'
)
_GENERIC = "map[string]interface {}"
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the body should be. `api_versions`: the accepted ones, the proper one first."""

    kind: str
    api_versions: tuple[str, ...]
    model: str
    strict_kind: bool = False
    """Whether another apiVersion is told as an unregistered kind (eviction) or as a mismatch."""

    @property
    def version(self) -> str:
        return self.api_versions[0].rpartition("/")[2]


@dataclass(frozen=True)
class WriteOptions:
    """The query of a write."""

    dry_run: bool
    validation: str


def write_options(request: Request, kind: str) -> WriteOptions:
    """dryRun and fieldValidation; ApiError 422 on `CreateOptions` and its like."""
    faults: list[FieldError] = []
    dry_run = request.query.get("dryRun", [])
    faults += [unsupported("dryRun", one, ("All",)) for one in dry_run if one != "All"]
    validation = request.parameters.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        faults.append(unsupported("fieldValidation", validation, _VALIDATIONS))
    if faults:
        raise invalid_object(kind, "", faults, group="meta.k8s.io")
    return WriteOptions(bool(dry_run), validation or "Warn")


def object_of(request: Request, expected: Expected, validation: str, warnings: list[str]) -> Obj:
    """The object of a POST or PUT; what the server would warn about goes into `warnings`."""
    raw = _parsed(request, expected)
    _check_kind(raw, expected)
    doubled = gojson.duplicate_keys(request.body) if request.content_type != YAML else []
    try:
        decoded = schema.decode(expected.model, raw)
        _report(decoded.unknown, doubled, validation, warnings)
    except schema.TypeFaultError as error:
        raise bad_request(f"{_cannot(raw, expected)}: {error}") from error
    obj = decoded.obj
    obj.pop("apiVersion", None)
    obj.pop("kind", None)
    return obj


def _parsed(request: Request, expected: Expected) -> Obj:
    if request.content_type not in ("", JSON, YAML):
        raise unsupported_media_type(_UNKNOWN_FORMAT)
    if request.content_type == YAML:
        found = yaml.safe_load(request.body)
        return found if isinstance(found, dict) else {}
    unrecognized = f"the object provided is unrecognized (must be of type {expected.kind})"
    shown = request.body.hex() or "<empty>"
    parse_error = f"{unrecognized}: couldn't get version/kind; json parse error"
    try:
        value = gojson.decode(request.body)
    except gojson.JsonError as error:
        raise bad_request(f"{parse_error}: {error} ({shown})") from error
    if not isinstance(value, dict):
        told = f"json: cannot unmarshal {gojson.type_name(value)} into Go value of type"
        raise bad_request(f"{parse_error}: {told} {_VERSION_STRUCT} ({shown})")
    return value


def _cannot(raw: Obj, expected: Expected) -> str:
    kind = raw.get("kind") or expected.kind
    version = (raw.get("apiVersion") or expected.version).rpartition("/")[2]
    return f'{kind} in version "{version}" cannot be handled as a {expected.kind}'


def _check_kind(raw: Obj, expected: Expected) -> None:
    version = raw.get("apiVersion") or expected.api_versions[0]
    kind = raw.get("kind") or expected.kind
    if version not in expected.api_versions and not expected.strict_kind:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version"
            f" ({expected.api_versions[0]})"
        )
    if version not in expected.api_versions or kind != expected.kind:
        told = f'no kind "{kind}" is registered for version "{version}" {_SCHEME}'
        raise bad_request(f"{_cannot(raw, expected)}: {told}")


def _report(
    unknown: Sequence[str], doubled: Sequence[str], validation: str, warnings: list[str]
) -> None:
    told = [f'duplicate field "{one}"' for one in doubled]
    told += [f'unknown field "{one}"' for one in unknown]
    if told and validation == "Strict":
        raise schema.TypeFaultError("strict decoding error: " + ", ".join(told))
    if validation == "Warn":
        warnings += told


def patched(
    request: Request, target: Obj, expected: Expected, validation: str, warnings: list[str]
) -> Obj:
    """`target` with the patch of the body applied, decoded again; ApiError 400, 422 or 500."""
    patch = _patch_of(request)
    whole = {"apiVersion": expected.api_versions[0], "kind": expected.kind, **target}
    merged = patches.apply(request.content_type, expected.model, whole, patch)
    try:
        _check_patched_kind(merged, expected)
        decoded = schema.decode(expected.model, merged)
        _report(decoded.unknown, gojson.duplicate_keys(request.body), validation, warnings)
    except schema.TypeFaultError as error:
        is_strategic = request.content_type == patches.STRATEGIC
        shown = patches.go_text(patch) if is_strategic else msgspec.json.encode(merged).decode()
        raise _bad_patch(shown, str(error)) from error
    obj = decoded.obj
    obj.pop("apiVersion", None)
    obj.pop("kind", None)
    return obj


def _patch_of(request: Request) -> Any:
    is_strategic = request.content_type == patches.STRATEGIC
    prefix = "" if is_strategic else "error decoding patch: "
    try:
        patch = gojson.decode(request.body)
    except gojson.JsonError as error:
        raise bad_request(f"{prefix}{error}") from error
    if request.content_type == patches.JSON_PATCH:
        return patch
    if patch is None and not is_strategic:
        raise bad_request("Invalid JSON Patch")
    if patch is not None and not isinstance(patch, dict):
        found = gojson.type_name(patch)
        raise bad_request(
            f"{prefix}json: cannot unmarshal {found} into Go value of type {_GENERIC}"
        )
    return patch


def _check_patched_kind(merged: Obj, expected: Expected) -> None:
    kind, version = merged.get("kind"), merged.get("apiVersion")
    if version != expected.api_versions[0]:
        raise schema.TypeFaultError(
            f'no kind "{kind}" is registered for version "{version}" {_SCHEME}'
        )
    if kind != expected.kind:
        wanted = f"({_go_package(expected)}.{expected.kind})"
        raise schema.TypeFaultError(
            f"converting ({expected.version}.{kind}) to {wanted}: unknown conversion"
        )


def _go_package(expected: Expected) -> str:
    group = expected.api_versions[0].rpartition("/")[0]
    return group.partition(".")[0] or "core"


def _bad_patch(shown: str, told: str) -> ApiError:
    quoted = msgspec.json.encode(shown).decode()
    fault = FieldError("patch", "FieldValueInvalid", f"Invalid value: {quoted}: {told}")
    return invalid_object("", "", [fault])


def delete_options(request: Request) -> Obj:
    """The DeleteOptions of a body or a query; ApiError 400."""
    options: Obj = {}
    if request.body:
        try:
            options = gojson.decode(request.body)
            options = schema.decode("V1DeleteOptions", options).obj
        except gojson.JsonError as error:
            told = f"couldn't get version/kind; json parse error: {error}"
            raise bad_request(told) from error
        except schema.TypeFaultError as error:
            told = f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: {error}'
            raise bad_request(told) from error
    query = request.parameters
    if "gracePeriodSeconds" in query:
        options["gracePeriodSeconds"] = _integer(query["gracePeriodSeconds"])
    if "propagationPolicy" in query:
        options["propagationPolicy"] = query["propagationPolicy"]
    if "dryRun" in request.query:
        options["dryRun"] = request.query["dryRun"]
    return options


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
