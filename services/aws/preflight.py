"""What stands between CloudOptim and an AWS account, each finding with its remedy.

Nothing is changed and no message is taken. Reads are made; EC2's changes are asked for with
DryRun=True, which tells whether they would be allowed. SQS and Auto Scaling know no dry run: they
are asked for what cannot be (a group, an instance or a receipt that does not exist, 0 messages).
Permissions are looked at before the request, so a refusal of the request itself shows that the
permission is held.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from services.aws.errors import (
    MOST_CLOCK_SKEW,
    POLICY_FILE,
    SYNCHRONISE,
    AwsError,
    ClockSkewError,
    PermissionDeniedError,
    RequestRefusedError,
    RoleRefusedError,
    clock_skew,
)
from services.aws.permissions import PERMISSIONS, Permission
from services.aws.reads_only import NO_GROUP, NO_INSTANCE, NO_RECEIPT
from services.aws.session import AwsAccount
from services.findings import Finding, FindingState

AT_ONCE = 4
NOTICEABLE_SKEW = timedelta(minutes=1)
NO_IMAGE = "ami-00000000000000000"
NO_VOLUME = "vol-00000000000000000"
EBS_KEY = "alias/aws/ebs"  # what AWS itself encrypts volumes with
NO_PROFILE = "cloudoptim-preflight-names-no-profile"
QUEUE_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
WOULD_SUCCEED = "DryRunOperation"
WAS_LOOKED_AT = (
    "ValidationError",
    "InvalidParameterValue",
    "ReadCountOutOfRange",
    "ReceiptHandleIsInvalid",
)
"""How a permitted probe is refused: the service looked at the request, so IAM let it through."""

_EVERYTHING = "everything"

Probe = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examples:
    """Resources of the account for dry runs; ids of nothing where it has none."""

    instance_id: str = NO_INSTANCE
    instance_type: str = "t3.micro"
    image_id: str = NO_IMAGE
    subnet_id: str = ""
    profile: str = ""
    volume_id: str = NO_VOLUME


def preflight_aws(
    account: AwsAccount, *, queue_url: str | None, at: datetime
) -> tuple[Finding, ...]:
    """All findings, the good ones too. ``at`` is now by this machine's clock.

    ``queue_url`` None: no queue of interruption warnings is registered. Where the account cannot
    be entered at all, that is the only finding.
    """
    try:
        identity = account.call("sts", "get_caller_identity")
    except AwsError as error:
        return (_entry_refused(error),)
    examples = _examples(account)
    probes = _probes(account, examples, queue_url)
    checks = [one for one in PERMISSIONS if one.action in probes]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda one: _permission(one, probes[one.action]), checks))
        too_much = list(pool.map(partial(_superfluous, account, examples), _NEVER_CALLED))
    return (
        _entered(identity),
        _clock(identity, at),
        *(() if queue_url else (_no_queue(),)),
        *found,
        *(one for one in too_much if one is not None),
    )


def _entry_refused(error: AwsError) -> Finding:
    is_missing = isinstance(error, RoleRefusedError)
    check = "aws: clock" if isinstance(error, ClockSkewError) else "aws: enter the account"
    return Finding(
        check=check,
        state=FindingState.MISSING if is_missing else FindingState.FAILED,
        message=error.problem,
        needed_for=_EVERYTHING,
        remedy=error.next_step,
    )


def _entered(identity: Mapping[str, Any]) -> Finding:
    return Finding(
        check="aws: enter the account",
        state=FindingState.HELD,
        message=f"works as {identity['Arn']}",
        needed_for=_EVERYTHING,
    )


def _clock(identity: Mapping[str, Any], at: datetime) -> Finding:
    skew = clock_skew(identity["ResponseMetadata"]["HTTPHeaders"], at)
    check, needed_for = "aws: clock", "signatures, ages of data"
    if skew is None:
        return Finding(
            check=check,
            state=FindingState.WARNING,
            message="AWS's answer does not tell the time",
            needed_for=needed_for,
            remedy="look for a proxy that removes the Date header",
        )
    seconds = abs(skew).total_seconds()
    if abs(skew) < NOTICEABLE_SKEW:
        told = f"agrees with AWS's within {seconds:.0f} s"
        return Finding(check=check, state=FindingState.HELD, message=told, needed_for=needed_for)
    side = "ahead of" if skew > timedelta(0) else "behind"
    return Finding(
        check=check,
        state=FindingState.WARNING if abs(skew) < MOST_CLOCK_SKEW else FindingState.FAILED,
        message=f"this machine's clock is {seconds:.0f} s {side} AWS's",
        needed_for=needed_for,
        remedy=SYNCHRONISE,
    )


def _no_queue() -> Finding:
    return Finding(
        check="aws: queue of warnings",
        state=FindingState.WARNING,
        message="no queue is registered for this region",
        needed_for="Spot interruption warnings",
        remedy="create a queue named cloudoptim-... with EventBridge rules, and register its URL",
    )


def _examples(account: AwsAccount) -> _Examples:
    """Something of each kind to dry-run on; what may not be read shows in its own check."""
    instance = _first_instance(account)
    volumes = _first_page(account, "describe_volumes").get("Volumes", ())
    return _Examples(
        instance_id=instance.get("InstanceId", NO_INSTANCE),
        instance_type=instance.get("InstanceType", "t3.micro"),
        image_id=instance.get("ImageId", NO_IMAGE),
        subnet_id=instance.get("SubnetId", ""),
        profile=instance.get("IamInstanceProfile", {}).get("Arn", ""),
        volume_id=volumes[0]["VolumeId"] if volumes else NO_VOLUME,
    )


def _first_instance(account: AwsAccount) -> Mapping[str, Any]:
    page = _first_page(account, "describe_instances")
    for reservation in page.get("Reservations", ()):
        for instance in reservation["Instances"]:
            is_ours = not instance.get("Operator", {}).get("Managed", False)
            if is_ours and instance["State"]["Name"] in ("running", "stopped"):
                found: Mapping[str, Any] = instance
                return found
    return {}


def _first_page(account: AwsAccount, operation: str) -> Mapping[str, Any]:
    try:
        return account.call("ec2", operation, MaxResults=100)
    except (PermissionDeniedError, RequestRefusedError):
        return {}


def _probes(account: AwsAccount, examples: _Examples, queue_url: str | None) -> Mapping[str, Probe]:
    """How each action is tried; those of a queue only where there is one."""
    return {
        **_reads(account),
        **_dry_runs(account, examples),
        **_scaling_probes(account),
        **(_queue_probes(account, queue_url) if queue_url else {}),
    }


def _reads(account: AwsAccount) -> Mapping[str, Probe]:
    call = partial(partial, account.call)
    return {
        "ec2:DescribeInstances": call("ec2", "describe_instances", MaxResults=5),
        "ec2:DescribeVolumes": call("ec2", "describe_volumes", MaxResults=5),
        "ec2:DescribeSnapshots": call("ec2", "describe_snapshots", OwnerIds=["self"], MaxResults=5),
        "ec2:DescribeSpotPriceHistory": call("ec2", "describe_spot_price_history", MaxResults=1),
        "ec2:DescribeInstanceTypes": call("ec2", "describe_instance_types", MaxResults=5),
        "ec2:DescribeAvailabilityZones": call("ec2", "describe_availability_zones"),
        "autoscaling:DescribeAutoScalingInstances": call(
            "autoscaling", "describe_auto_scaling_instances", MaxRecords=1
        ),
        "kms:DescribeKey": call("kms", "describe_key", KeyId=EBS_KEY),
    }


def _dry_runs(account: AwsAccount, examples: _Examples) -> Mapping[str, Probe]:
    call = partial(partial, account.call, "ec2", DryRun=True)
    launch = {
        "ImageId": examples.image_id,
        "InstanceType": examples.instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        **({"SubnetId": examples.subnet_id} if examples.subnet_id else {}),
    }
    profile = {"Arn": examples.profile} if examples.profile else {"Name": NO_PROFILE}
    return {
        "ec2:RunInstances": call("run_instances", **launch),
        "iam:PassRole": call("run_instances", **launch, IamInstanceProfile=profile),
        "ec2:TerminateInstances": call("terminate_instances", InstanceIds=[examples.instance_id]),
        "ec2:CreateTags": call(
            "create_tags",
            Resources=[examples.instance_id],
            Tags=[{"Key": "cloudoptim", "Value": "preflight"}],
        ),
        "ec2:CreateSnapshot": call("create_snapshot", VolumeId=examples.volume_id),
        "ec2:DeleteVolume": call("delete_volume", VolumeId=examples.volume_id),
    }


def _scaling_probes(account: AwsAccount) -> Mapping[str, Probe]:
    call = partial(partial, account.call, "autoscaling")
    hook = {"LifecycleHookName": NO_GROUP, "AutoScalingGroupName": NO_GROUP}
    of_nobody = {"InstanceId": NO_INSTANCE}
    return {
        "autoscaling:DetachInstances": call(
            "detach_instances",
            AutoScalingGroupName=NO_GROUP,
            InstanceIds=[NO_INSTANCE],
            ShouldDecrementDesiredCapacity=False,
        ),
        "autoscaling:TerminateInstanceInAutoScalingGroup": call(
            "terminate_instance_in_auto_scaling_group",
            ShouldDecrementDesiredCapacity=False,
            **of_nobody,
        ),
        "autoscaling:CompleteLifecycleAction": call(
            "complete_lifecycle_action", LifecycleActionResult="CONTINUE", **hook, **of_nobody
        ),
        "autoscaling:RecordLifecycleActionHeartbeat": call(
            "record_lifecycle_action_heartbeat", **hook, **of_nobody
        ),
    }


def _queue_probes(account: AwsAccount, queue_url: str) -> Mapping[str, Probe]:
    call = partial(partial, account.call, "sqs", QueueUrl=queue_url)
    return {
        "sqs:GetQueueAttributes": call("get_queue_attributes", AttributeNames=["QueueArn"]),
        "sqs:ReceiveMessage": call("receive_message", MaxNumberOfMessages=0),
        "sqs:DeleteMessage": call("delete_message", ReceiptHandle=NO_RECEIPT),
        "sqs:ChangeMessageVisibility": call(
            "change_message_visibility", ReceiptHandle=NO_RECEIPT, VisibilityTimeout=0
        ),
    }


def _permission(permission: Permission, probe: Probe) -> Finding:
    state, message, remedy = _outcome(permission.action, probe)
    return Finding(
        check=f"aws: {permission.action}",
        state=state,
        message=message,
        needed_for=permission.needed_for,
        remedy=remedy,
    )


def _outcome(action: str, probe: Probe) -> tuple[FindingState, str, str]:
    """State, message and remedy."""
    try:
        probe()
    except PermissionDeniedError as error:
        remedy = f"attach the policy in {POLICY_FILE} to the role, which grants {action}"
        if error.action == "ec2:RunInstances" != action:
            told = "cannot be told while the role lacks ec2:RunInstances"
            return FindingState.WARNING, told, remedy
        return FindingState.MISSING, f"the role lacks {action}", remedy
    except RequestRefusedError as error:
        return _of_refusal(action, error)
    except AwsError as error:
        return FindingState.FAILED, error.problem, error.next_step
    return FindingState.HELD, "was read", ""


def _of_refusal(action: str, error: RequestRefusedError) -> tuple[FindingState, str, str]:
    if error.code == WOULD_SUCCEED:
        return FindingState.HELD, "a dry run would have succeeded", ""
    if error.code in QUEUE_GONE:
        remedy = "create the queue, or register the URL of the one that the rules feed"
        return FindingState.MISSING, "the queue does not exist", remedy
    is_probe = action.startswith(("autoscaling:", "sqs:"))
    if is_probe and error.code in WAS_LOOKED_AT:
        return FindingState.HELD, "permitted: a request for nothing was looked at and refused", ""
    remedy = f"grant {action} as in {POLICY_FILE}, and run the preflight again once there is one"
    if error.code.endswith(".NotFound") or action == "iam:PassRole":
        told = f"cannot be told while the account has nothing to try it on ({error.code})"
        return FindingState.WARNING, told, remedy
    return FindingState.FAILED, error.problem, error.next_step


_NEVER_CALLED = ("ec2:StopInstances", "ec2:CreateVpc")
"""Stand for all that the product never does: who holds them has a far wider policy."""


def _superfluous(account: AwsAccount, examples: _Examples, action: str) -> Finding | None:
    probes: Mapping[str, Probe] = {
        "ec2:StopInstances": partial(
            account.call, "ec2", "stop_instances", DryRun=True, InstanceIds=[examples.instance_id]
        ),
        "ec2:CreateVpc": partial(
            account.call, "ec2", "create_vpc", DryRun=True, CidrBlock="10.0.0.0/16"
        ),
    }
    try:
        probes[action]()
    except AwsError as error:
        if error.code != WOULD_SUCCEED:
            return None
    return Finding(
        check=f"aws: {action}",
        state=FindingState.SUPERFLUOUS,
        message=f"the role holds {action}, which CloudOptim never calls",
        remedy=f"replace the role's policy by the one in {POLICY_FILE}",
    )
