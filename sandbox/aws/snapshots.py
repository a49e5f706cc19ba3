"""Snapshots take a while: pending first, completed later."""

from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from sandbox.aws.answers_xml import changed_xml, set_text, text_of
from sandbox.aws.calls import Answer, Call
from sandbox.aws.cloud import Cloud


def create_snapshot(cloud: Cloud, call: Call) -> Answer:
    """moto's, which would be completed at once."""
    found: list[str] = []

    def change(root: ET.Element) -> None:
        found.append(text_of(root, "snapshotId"))
        set_text(root, "status", "pending")
        set_text(root, "progress", "")

    answer = changed_xml(cloud.forward(call), change)
    snapshots = cloud.backend("ec2", call.account_id, call.region).snapshots
    for snapshot_id in found:
        snapshots[snapshot_id].status = "pending"
        cloud.clock.after(cloud.snapshot_seconds, partial(_complete, snapshots, snapshot_id))
    return answer


def _complete(snapshots: dict[str, Any], snapshot_id: str) -> None:
    """Unless it was deleted meanwhile."""
    if snapshot_id in snapshots:
        snapshots[snapshot_id].status = "completed"
