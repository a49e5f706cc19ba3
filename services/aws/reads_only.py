"""A guard at the transport: what would change the account is stopped before it leaves.

Let through are Describe*, Get* and List*, the two calls of STS that make and name a session, EC2's
calls with DryRun=True, and the probes below: calls that a service refuses whatever the caller may
do, because what they name cannot exist. Their refusal tells whether the permission is held, and
nothing is taken or changed. ReceiveMessage asks for 0 messages, which SQS refuses.
"""

from collections.abc import Mapping
from typing import Any

from services.aws.errors import ChangeRefusedError

READS = ("Describe", "Get", "List")
NO_INSTANCE = "i-00000000000000000"
NO_GROUP = "cloudoptim-preflight-names-no-group"
NO_RECEIPT = "cloudoptim-preflight-names-no-message"

PROBES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("sqs", "ReceiveMessage"): {"MaxNumberOfMessages": 0},
    ("sqs", "DeleteMessage"): {"ReceiptHandle": NO_RECEIPT},
    ("sqs", "ChangeMessageVisibility"): {"ReceiptHandle": NO_RECEIPT},
    ("autoscaling", "DetachInstances"): {"AutoScalingGroupName": NO_GROUP},
    ("autoscaling", "TerminateInstanceInAutoScalingGroup"): {"InstanceId": NO_INSTANCE},
    ("autoscaling", "CompleteLifecycleAction"): {"AutoScalingGroupName": NO_GROUP},
    ("autoscaling", "RecordLifecycleActionHeartbeat"): {"AutoScalingGroupName": NO_GROUP},
}
"""By service and operation: the parameters that make a call one which must be refused."""

_SESSION_CALLS = (("sts", "AssumeRole"), ("sts", "GetCallerIdentity"))


def allow_reads_only(events: Any) -> None:
    """Register the guard with a client's or a session's events (botocore's emitter)."""
    events.register("before-parameter-build.*.*", _stop_changes)


def changes_nothing(service: str, operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a call leaves the account as it is."""
    if operation.startswith(READS) or (service, operation) in _SESSION_CALLS:
        return True
    if service == "ec2":
        return parameters.get("DryRun") is True
    probe = PROBES.get((service, operation))
    return probe is not None and all(parameters.get(name) == one for name, one in probe.items())


def _stop_changes(params: Mapping[str, Any], model: Any, **_: Any) -> None:
    service, operation = model.service_model.service_name, model.name
    if not changes_nothing(service, operation, params):
        raise ChangeRefusedError(
            f"{service}:{operation} was stopped before it left: only reads and dry runs are "
            "allowed here",
            next_step="open the account for changes where this call is meant to change something",
        )
