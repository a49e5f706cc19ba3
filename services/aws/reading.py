"""What an account holds: instances, volumes, snapshots, zone ids, who owns each instance, and
whether the keys of unused volumes still work.

The parts are asked for at the same time. A part that may not be read, or does not come in spite of
all attempts, is None with a finding that says why: an empty list would look like an account in
which there is nothing. What hinders every part (no role, no network) is raised.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from engines.contracts.aws import (
    NO_SUCH_KEY,
    AutoScalingInstance,
    AwsStruct,
    Instance,
    KmsKey,
    Snapshot,
    Volume,
)
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
MEMBERS_IN_A_PAGE = 50  # the most that DescribeAutoScalingInstances gives
OF_ONE_PART = (PermissionDeniedError, ThrottledError, UnavailableError, BadAnswerError)
"""Troubles of one call; all others are troubles of the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReading:
    """What was read of an account in one region.

    ``document`` holds only ``instances``, ``volumes``, ``snapshots``, ``auto_scaling``,
    ``kms_keys`` (of those keys that could be asked for) and ``sources``. ``owners`` is by instance
    id and empty where instances were not read; ``zone_ids`` maps a zone's name, which
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
    instances, members = parts["instances"], parts["auto scaling instances"]
    keys, key_problems = read_keys(account, parts["volumes"] or ())
    return AccountReading(
        document=CurrentState(
            instances=instances,
            volumes=parts["volumes"],
            snapshots=parts["snapshots"],
            auto_scaling=members,
            kms_keys=None if parts["volumes"] is None else keys,
            sources=tuple(_sources(account, parts, at)),
        ),
        owners=owners_of(instances or (), None if members is None else _memberships(members)),
        zone_ids=parts["availability zones"] or {},
        problems=(*(one for _, one in results if one is not None), *key_problems),
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


def read_members(account: AwsAccount) -> tuple[AutoScalingInstance, ...]:
    """The instances of all Auto Scaling groups, those in warm pools too, sorted by id."""
    pages = account.pages(
        "autoscaling", "describe_auto_scaling_instances", MaxRecords=MEMBERS_IN_A_PAGE
    )
    records = [one for page in pages for one in page["AutoScalingInstances"]]
    return _items(records, AutoScalingInstance, "InstanceId")


def read_key(account: AwsAccount, arn: str) -> KmsKey:
    """The state of a key; that there is none is an answer, too."""
    try:
        answer = account.call("kms", "describe_key", KeyId=arn)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
        return KmsKey(arn=arn, key_state=NO_SUCH_KEY)
    state = answer.get("KeyMetadata", {}).get("KeyState")
    if not state:
        raise BadAnswerError(
            f"cannot read key {arn}: KMS does not tell its state",
            next_step="try again; if it comes again, report it with this message",
        )
    return KmsKey(arn=arn, key_state=state)


def read_keys(
    account: AwsAccount, volumes: Iterable[Volume]
) -> tuple[tuple[KmsKey, ...], tuple[Finding, ...]]:
    """The keys of volumes that nothing is attached to, each asked for once, by ARN.

    A key that may not be asked for is left out, and a finding says why.
    """
    wanted = {one.kms_key_id for one in volumes if one.state == "available" and one.kms_key_id}
    found: list[KmsKey] = []
    problems: list[Finding] = []
    for arn in sorted(wanted):
        try:
            found.append(read_key(account, arn))
        except AwsError as error:
            problems.append(_finding(f"key {arn}", "deleting unused volumes", error))
    return tuple(found), tuple(problems)


def _memberships(members: Iterable[AutoScalingInstance]) -> Mapping[str, GroupMembership]:
    return {
        one.instance_id: GroupMembership(
            group=one.auto_scaling_group_name,
            lifecycle_state=one.lifecycle_state,
            is_protected=one.protected_from_scale_in,
        )
        for one in members
    }


_PARTS = (
    _Part("instances", "prices of nodes, ghosts, every decision", read_instances),
    _Part("volumes", "unused volumes", read_volumes),
    _Part("snapshots", "cost of snapshots, proof before a volume is deleted", read_snapshots),
    _Part("availability zones", "prices by zone id", read_zone_ids),
    _Part("auto scaling instances", "who replaces a node; ghosts", read_members),
)


def _read_part(account: AwsAccount, part: _Part) -> tuple[Any, Finding | None]:
    try:
        return part.read(account), None
    except OF_ONE_PART as error:
        return None, _finding(part.name, part.needed_for, error)


def _finding(name: str, needed_for: str, error: AwsError) -> Finding:
    is_missing = isinstance(error, PermissionDeniedError)
    return Finding(
        check=f"aws: read {name}",
        state=FindingState.MISSING if is_missing else FindingState.FAILED,
        message=error.problem,
        needed_for=needed_for,
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
