"""Which representation a client wants, and writing it."""

from dataclasses import dataclass

import msgspec
import yaml

from sandbox.kube.failures import ApiError
from sandbox.kube.objects import Obj

JSON, YAML, TEXT = "application/json", "application/yaml", "text/plain; charset=utf-8"
_OFFERED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
_PARTIAL = {
    "PartialObjectMetadata": "PartialObjectMetadata",
    "PartialObjectMetadataList": "PartialObjectMetadata",
}


@dataclass(frozen=True)
class Wanted:
    """The chosen representation: the media type, and whether only the metadata is wanted."""

    media_type: str
    metadata_only: bool = False


def negotiate(accept: str) -> Wanted:
    """The first acceptable clause by quality; ApiError 406 when there is none."""
    if not accept:
        return Wanted(JSON)
    clauses = [_parameters(clause) for clause in accept.split(",")]
    refused_transform = False
    for parameters in sorted(clauses, key=lambda one: -float(one.get("q", "1"))):
        media_type = parameters[""]
        if media_type not in (JSON, YAML, "*/*", "application/*"):
            continue
        chosen = YAML if media_type == YAML else JSON
        shape = parameters.get("as")
        if shape is None:
            return Wanted(chosen)
        if shape in _PARTIAL:
            return Wanted(chosen, metadata_only=True)
        refused_transform = True
    if refused_transform:
        told = f"only the following media types are accepted: {_OFFERED}"
        raise ApiError(406, "NotAcceptable", told)
    told = f"406: Not Acceptable\n\nAvailable representations: {_OFFERED}"
    raise ApiError(406, "NotAcceptable", told, {})


def _parameters(clause: str) -> dict[str, str]:
    media_type, *rest = (part.strip() for part in clause.split(";"))
    pairs = (part.partition("=") for part in rest)
    return {"": media_type, **{name: value for name, _, value in pairs}}


def metadata_of(obj: Obj) -> Obj:
    """An object, or a list, reduced to its metadata; an empty list has `items: null`."""
    if "items" not in obj:
        return {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": obj["metadata"],
        }
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
        "items": [metadata_of(one) for one in obj["items"]] or None,
    }


def encode(body: Obj | str, wanted: Wanted) -> tuple[bytes, str]:
    """(bytes, content type)"""
    if isinstance(body, str):
        return body.encode(), TEXT
    if wanted.metadata_only and body.get("kind") != "Status":
        body = metadata_of(body)
    if wanted.media_type == YAML:
        return yaml.safe_dump(body, sort_keys=True).encode(), YAML
    return msgspec.json.encode(body), JSON
