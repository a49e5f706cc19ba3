"""Which calls the sandbox answers itself or changes; all others are moto's alone."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.aws import autoscaling, describing, instances, price_history, snapshots
from sandbox.aws.calls import Answer, Call
from sandbox.aws.cloud import Cloud
from sandbox.aws.identity import caller_identity
from sandbox.aws.machines import observe

Handler = Callable[[Cloud, Call], Answer]

HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("ec2", "RunInstances"): instances.run_instances,
    ("ec2", "DescribeInstances"): describing.describe_instances,
    ("ec2", "DescribeSpotPriceHistory"): price_history.describe_spot_price_history,
    ("ec2", "DescribeInstanceTypes"): describing.describe_instance_types,
    ("ec2", "DescribeInstanceTypeOfferings"): describing.describe_offerings,
    ("ec2", "CreateSnapshot"): snapshots.create_snapshot,
    ("autoscaling", "DetachInstances"): autoscaling.detach_instances,
    ("autoscaling", "TerminateInstanceInAutoScalingGroup"): autoscaling.terminate_instance,
    ("autoscaling", "PutLifecycleHook"): autoscaling.put_lifecycle_hook,
    ("autoscaling", "CompleteLifecycleAction"): autoscaling.complete_lifecycle_action,
    ("autoscaling", "RecordLifecycleActionHeartbeat"): autoscaling.record_heartbeat,
    **{("ec2", action): describing.describe_in_pages for action in describing.PAGED_SETS},
    ("ec2", "DescribeSnapshots"): describing.describe_snapshots,
}

CHECK_BEFORE_DRY_RUN = {"RunInstances"}
"""Calls whose parameters are looked at before a dry run is said to succeed."""

_UNLOCKED = {("ec2", "DescribeSpotPriceHistory")}
_READS = ("Describe", "Get", "List")


def carry_out(cloud: Cloud, call: Call) -> Answer:
    """The answer to a signed call; raises ``ApiError`` for an error answer."""
    principal = cloud.identity.principal_of(call)
    cloud.identity.check(call, principal)
    call = replace(call, account_id=principal.account_id)
    if (call.service, call.action) == ("sts", "AssumeRole"):
        return cloud.answer(call, cloud.identity.assume_role(call, principal))
    if (call.service, call.action) == ("sts", "GetCallerIdentity"):
        return cloud.answer(call, dict(caller_identity(principal)))
    is_dry_run = call.service == "ec2" and call.is_true("DryRun")
    if is_dry_run and call.action not in CHECK_BEFORE_DRY_RUN:
        raise instances.dry_run_succeeded()
    handler = HANDLERS.get((call.service, call.action), Cloud.forward)
    if call.service == "sqs" or (call.service, call.action) in _UNLOCKED:
        return handler(cloud, call)  # long polls and long answers hold nobody up
    with cloud.clock.lock:
        answer = handler(cloud, call)
        _look_through(cloud, call)
    return answer


def _look_through(cloud: Cloud, call: Call) -> None:
    is_read = call.action.startswith(_READS)
    if call.service in ("ec2", "autoscaling") and not is_read:
        observe(cloud, call.account_id, call.region)
