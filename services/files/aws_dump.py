"""Read what ``aws ec2 describe-instances``, ``describe-volumes`` and their like print.

Whole output, several pages one after the other, or a plain list of items as ``--query`` makes it.
(Output of ``describe-instance-types`` is read by ``instance_types``.)
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec

from engines.contracts.aws import (
    AutoScalingInstance,
    AwsStruct,
    Instance,
    KmsKey,
    Snapshot,
    Volume,
)
from engines.contracts.decoding import without_nulls
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile, looks_like_json
from services.files.table import CORRECT_THE_ROW

A = TypeVar("A", bound=AwsStruct)

REASON_REPEATED = "the item repeats another one exactly"

AWS_PARTS_MARK = "cloudoptim/aws-parts"
"""In the metadata of a List: the names of the describe outputs that stand beside its items."""

_PARTS_INSIDE = re.compile(rb'"' + AWS_PARTS_MARK.encode() + rb'"\s*:\s*\[([^\]]*)\]')


class _Output(NamedTuple):
    """One describe command: its name, the id of its items, and the lists that may hold them."""

    command: str
    identity: str
    lists: tuple[str, ...]


_INSTANCES = _Output("aws ec2 describe-instances", "InstanceId", ("Reservations", "Instances"))
_VOLUMES = _Output("aws ec2 describe-volumes", "VolumeId", ("Volumes",))
_SNAPSHOTS = _Output("aws ec2 describe-snapshots", "SnapshotId", ("Snapshots",))
_AUTO_SCALING = _Output(
    "aws autoscaling describe-auto-scaling-instances", "InstanceId", ("AutoScalingInstances",)
)
_KMS_KEYS = _Output("aws kms describe-key", "Arn", ("KeyMetadata",))


def aws_parts_inside(source: SourceFile) -> tuple[str, ...]:
    """Which outputs a snapshot of CloudOptim's own holds: "Reservations", "Volumes" ..."""
    found = _PARTS_INSIDE.search(source.head())
    return () if found is None else tuple(re.findall(r"\w+", found[1].decode(errors="replace")))


def read_instances(source: SourceFile) -> FileReading[tuple[Instance, ...]]:
    """EC2 instances, sorted by id; raises ``InvalidInputError`` for anything else."""
    return _read(source, _INSTANCES, Instance)


def read_volumes(source: SourceFile) -> FileReading[tuple[Volume, ...]]:
    """EBS volumes, sorted by id; raises ``InvalidInputError`` for anything else."""
    return _read(source, _VOLUMES, Volume)


def read_snapshots(source: SourceFile) -> FileReading[tuple[Snapshot, ...]]:
    """EBS snapshots, sorted by id; raises ``InvalidInputError`` for anything else."""
    return _read(source, _SNAPSHOTS, Snapshot)


def read_auto_scaling(source: SourceFile) -> FileReading[tuple[AutoScalingInstance, ...]]:
    """Members of Auto Scaling groups, by instance; raises ``InvalidInputError`` for others."""
    return _read(source, _AUTO_SCALING, AutoScalingInstance)


def read_kms_keys(source: SourceFile) -> FileReading[tuple[KmsKey, ...]]:
    """Keys and their states, sorted by ARN; raises ``InvalidInputError`` for anything else."""
    return _read(source, _KMS_KEYS, KmsKey)


def _read(source: SourceFile, output: _Output, item_type: type[A]) -> FileReading[tuple[A, ...]]:
    head = source.head()
    if head.strip() and not looks_like_json(head):
        raise _refuse(source, output, "is not JSON")
    found: dict[str, A] = {}
    drops = DropCounter()
    records = [
        record
        for document in source.json_documents()
        for record in _records(source, output, document)
    ]
    for number, record in enumerate(records, start=1):
        item = _item(source, output, item_type, record, number)
        identity = record[output.identity]
        if identity not in found:
            found[identity] = item
        elif found[identity] == item:
            drops.add(REASON_REPEATED, number)
        else:
            raise source.refuse(
                f"item {number}: an earlier item says otherwise of {identity}",
                next_step="describe everything at one time",
            )
    return FileReading(
        data=tuple(found[identity] for identity in sorted(found)),
        rows_read=len(records),
        dropped=drops.dropped(),
    )


def _records(source: SourceFile, output: _Output, document: Any) -> Iterator[dict[str, Any]]:
    """The items in a document, at whatever depth the command or its --query put them."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict) and output.identity in value:
            yield value
        elif isinstance(value, dict) and any(name in value for name in output.lists):
            waiting += [value[name] for name in output.lists if name in value]
        else:
            raise _refuse(source, output, "holds something else")


def _item(
    source: SourceFile, output: _Output, item_type: type[A], record: dict[str, Any], number: int
) -> A:
    try:
        return msgspec.convert(without_nulls(record), item_type)
    except (msgspec.ValidationError, RecursionError) as error:
        raise source.refuse(
            f"item {number} is not as {output.command} prints it: {error}",
            next_step=CORRECT_THE_ROW,
        ) from error


def _refuse(source: SourceFile, output: _Output, reason: str) -> Exception:
    return source.refuse(reason, next_step=f"give what `{output.command}` printed")
