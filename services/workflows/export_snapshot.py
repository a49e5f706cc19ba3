"""Write a cluster's latest state to a file that ``analyze --dump`` reads.

It is a List as kubectl prints one, less the fields that are never stored, and beside its items
what ``aws ec2 describe-instances``, ``describe-volumes`` and their like would print. So other tools
read the Kubernetes part, and ``analyze`` finds the AWS part by itself.
"""

import gzip
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from db.repositories import clusters
from db.session import Database
from engines.contracts.kubernetes import KubernetesObject
from engines.contracts.kubernetes.kinds import KINDS, Kind
from engines.contracts.state import CurrentState
from services.errors import CloudOptimError
from services.files.aws_dump import AWS_PARTS_MARK
from services.files.complete import complete_file
from services.workflows.open_cluster import load_latest_document

_VERSIONS = {
    "autoscaling": "v2",
    "keda.sh": "v1alpha1",
    "metrics.k8s.io": "v1beta1",
}
"""Of the API groups that are not at v1."""

_KIND_BY_TYPE = {kind.type: kind for kind in KINDS.values()}
_KINDS_BY_FIELD = {
    field: tuple(kinds) for field, kinds in groupby(KINDS.values(), lambda kind: kind.field)
}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class SnapshotError(CloudOptimError):
    """The file could not be written."""


class SnapshotFile(msgspec.Struct, frozen=True, kw_only=True):
    """What was written where; ``as_of`` is when the state was read."""

    path: str
    cluster: str
    as_of: datetime | None
    nodes: int
    pods: int
    instances: int | None  # None: AWS was not read
    size_bytes: int


def export_snapshot(database: Database, cluster_id: str, path: Path) -> SnapshotFile:
    """Write the latest state of a cluster; packed where the name ends in .gz.

    Raises InvalidInputError where nothing was read of it yet, SnapshotError where the file cannot
    be written.
    """
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        document = load_latest_document(reader, cluster)
    content = _encode(_listed(document))
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    try:
        with complete_file(path, mode=0o640) as file:
            file.write(content)
    except OSError as error:
        raise SnapshotError(
            f"cannot write {path}: {error.strerror or error}",
            next_step="choose another folder or free some room",
        ) from error
    return SnapshotFile(
        path=str(path),
        cluster=cluster.name,
        as_of=cluster.latest_snapshot_at,
        nodes=len(document.nodes or ()),
        pods=len(document.pods or ()),
        instances=None if document.instances is None else len(document.instances),
        size_bytes=len(content),
    )


def _listed(document: CurrentState) -> dict[str, Any]:
    """The document as one List; parts of AWS that were not read are left out."""
    parts: dict[str, Any] = {}
    if document.instances is not None:
        parts["Reservations"] = [{"Instances": document.instances}]
    if document.volumes is not None:
        parts["Volumes"] = document.volumes
    if document.snapshots is not None:
        parts["Snapshots"] = document.snapshots
    if document.auto_scaling is not None:
        parts["AutoScalingInstances"] = document.auto_scaling
    if document.kms_keys is not None:
        parts["KeyMetadata"] = document.kms_keys
    return {
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {AWS_PARTS_MARK: sorted(parts)},  # before the items, to be found at once
        "items": list(_items(document)),
        **parts,
    }


def _items(document: CurrentState) -> Iterator[dict[str, Any]]:
    """All objects, and an empty list for each field of which there are none: that is known."""
    for field, kinds in _KINDS_BY_FIELD.items():
        objects: tuple[KubernetesObject, ...] | None = getattr(document, field)
        if objects == ():
            empty = kinds[0]
            yield {"apiVersion": _api_version(empty), "kind": empty.list_name, "items": []}
        for one in objects or ():
            kind = _KIND_BY_TYPE[type(one)]
            plain = msgspec.to_builtins(one, builtin_types=(Decimal,))
            yield {"apiVersion": _api_version(kind), "kind": kind.name, **plain}


def _api_version(kind: Kind) -> str:
    group = kind.groups[0]
    return f"{group}/{_VERSIONS.get(group, 'v1')}" if group else "v1"
