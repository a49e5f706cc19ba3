"""What an account holds: instances, volumes, snapshots, zone ids, and who owns each instance.

The parts are asked for at the same time. A part that may not be read, or does not come in spite of
all attempts, is None with a finding that says why: an empty list would look like an account in
which there is nothing. What hinders every part (no role, no network) is raised.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from engines.contracts.aws import AwsStruct, Instance, Snapshot, Volume
from engines.contracts.decoding import without_nulls
from engines.contracts.state import CurrentState, DataSource
from services.aws.errors import (
    AwsError,
    BadAnswerError,
    PermissionDeniedError,
    ThrottledError,
    UnavailableError,
)
from services.aws.owners import GroupMembership, NodeOwner, owners_of
from services.aws.session import AwsAccount
from services.findings import Finding, FindingState

T = TypeVar("T")
A = TypeVar("A", bound=AwsStruct)

PAGE_ITEMS = 1000  # the most that EC2 gives in one answer
GROUPS_IN_A_PAGE = 100  # the most that DescribeAutoScalingGroups gives
OF_ONE_PART = (PermissionDeniedError, ThrottledError, UnavailableError, BadAnswerError)
"""Troubles of one call; all others are troubles of the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """What was read of an account in one region.

    ``document`` holds only ``instances``, ``volumes``, ``snapshots`` and ``sources``. ``owners`` is
    by instance id and empty where instances were not read; ``zone_ids`` maps a zone's name, which
    differs from account to account, to its id.
    """

    document: CurrentState
    owners: Mapping[str, NodeOwner]
    zone_ids: Mapping[str, str]
    problems: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing to read: what it is called, what it is for, and how."""

    name: str
    needed_for: str
    read: Callable[[AwsAccount], Any]


def read_account(account: AwsAccount, *, at: datetime) -> AccountReading:
    """Read the account in its own region. Raises an AwsError where nothing can be read at all."""
    with ThreadPoolExecutor(len(_PARTS)) as pool:
        results = list(pool.map(lambda part: _read_part(account, part), _PARTS))
    parts = {part.name: content for part, (content, _) in zip(_PARTS, results, strict=True)}
    instances = parts["instances"]
    return AccountReading(
        document=CurrentState(
            instances=instances,
            volumes=parts["volumes"],
            snapshots=parts["snapshots"],
            sources=tuple(_sources(account, parts, at)),
        ),
        owners=owners_of(instances or (), parts["auto scaling groups"]),
        zone_ids=parts["availability zones"] or {},
        problems=tuple(problem for _, problem in results if problem is not None),
    )


def read_instances(account: AwsAccount) -> tuple[Instance, ...]:
    """All instances, terminated ones too as long as EC2 shows them, sorted by id."""
    records = [
        record
        for page in account.pages("ec2", "describe_instances", MaxResults=PAGE_ITEMS)
        for reservation in page["Reservations"]
        for record in reservation["Instances"]
    ]
    return _items(records, Instance, "InstanceId")


def read_volumes(account: AwsAccount) -> tuple[Volume, ...]:
    """All volumes, sorted by id."""
    pages = account.pages("ec2", "describe_volumes", MaxResults=PAGE_ITEMS)
    return _items([one for page in pages for one in page["Volumes"]], Volume, "VolumeId")


def read_snapshots(account: AwsAccount) -> tuple[Snapshot, ...]:
    """The account's own snapshots, sorted by id."""
    pages = account.pages("ec2", "describe_snapshots", OwnerIds=["self"], MaxResults=PAGE_ITEMS)
    return _items([one for page in pages for one in page["Snapshots"]], Snapshot, "SnapshotId")


def read_zone_ids(account: AwsAccount, region: str | None = None) -> Mapping[str, str]:
    """The ids of a region's zones by the names that this account has for them."""
    answer = account.call("ec2", "describe_availability_zones", region=region)
    return {one["ZoneName"]: one["ZoneId"] for one in answer["AvailabilityZones"]}


def read_memberships(account: AwsAccount) -> Mapping[str, GroupMembership]:
    """Which instance is in which Auto Scaling group, by instance id."""
    pages = account.pages(
        "autoscaling", "describe_auto_scaling_groups", MaxRecords=GROUPS_IN_A_PAGE
    )
    return {
        one["InstanceId"]: GroupMembership(
            group=group["AutoScalingGroupName"],
            lifecycle_state=one.get("LifecycleState", ""),
            is_protected=bool(one.get("ProtectedFromScaleIn", False)),
        )
        for page in pages
        for group in page["AutoScalingGroups"]
        for one in group.get("Instances", ())
    }


_PARTS = (
    _Part("instances", "prices of nodes, ghosts, every decision", read_instances),
    _Part("volumes", "unused volumes", read_volumes),
    _Part("snapshots", "cost of snapshots, proof before a volume is deleted", read_snapshots),
    _Part("availability zones", "prices by zone id", read_zone_ids),
    _Part("auto scaling groups", "who replaces a node", read_memberships),
)


def _read_part(account: AwsAccount, part: _Part) -> tuple[Any, Finding | None]:
    try:
        return part.read(account), None
    except OF_ONE_PART as error:
        return None, _finding(part, error)


def _finding(part: _Part, error: AwsError) -> Finding:
    is_missing = isinstance(error, PermissionDeniedError)
    return Finding(
        check=f"aws: read {part.name}",
        state=FindingState.MISSING if is_missing else FindingState.FAILED,
        message=error.problem,
        needed_for=part.needed_for,
        remedy=error.next_step,
    )


def _items(records: list[dict[str, Any]], kind: type[A], identity: str) -> tuple[A, ...]:
    """Items as contract types, by id; a page boundary that moved may show one item twice."""
    found: dict[str, A] = {}
    for record in records:
        try:
            found[record[identity]] = msgspec.convert(without_nulls(record), kind)
        except (msgspec.ValidationError, KeyError) as error:
            raise BadAnswerError(
                f"cannot read {record.get(identity, 'an item')}: it is not as EC2 documents it "
                f"({error})",
                next_step="try again; if it comes again, report it with this message",
            ) from error
    return tuple(found[one] for one in sorted(found))


def _sources(account: AwsAccount, parts: Mapping[str, Any], at: datetime) -> Iterator[DataSource]:
    for kind in ("instances", "volumes", "snapshots"):
        if parts[kind] is not None:
            yield DataSource(
                kind=kind,
                name=f"EC2 in {account.region}",
                count=len(parts[kind]),
                as_of=at,
                as_of_basis="when it was read",
            )
