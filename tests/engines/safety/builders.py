"""Small clusters for the safety layers.

Unless a test says otherwise a node is an m5.xlarge with exactly what the model expects of one
(4 vCPU - 80 m = 3,920 m; 16,384 - 1,229 - 893 - 100 = 14,162 MiB), so that nodes and launched
instances weigh the same and shares are plain counts.
"""

from dataclasses import dataclass

import numpy as np

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    TerminateInstance,
    UncordonNode,
    WaitForNode,
)
from engines.contracts.pricing import CapacityType, InstanceType, SpotPriceHistory
from engines.contracts.snapshot import ClusterSnapshot, Groups, NodeTable, PodTable
from engines.contracts.state import ClusterState
from tests.builders import a_node

MIB = 1024 * 1024
CPU = 3920
MEMORY_MIB = 14162
SPOT, ON_DEMAND = CapacityType.SPOT, CapacityType.ON_DEMAND
A, B, C = "us-east-1a", "us-east-1b", "us-east-1c"
SAME_SIZE = ("m5.xlarge", "m5a.xlarge", "m5n.xlarge", "m6i.xlarge", "m7i.xlarge")


def a_type(name, vcpu=4, memory_mib=16384):
    return InstanceType(
        instance_type=name,
        vcpu=vcpu,
        memory_mib=memory_mib,
        architecture="amd64",
        family=name.split(".", maxsplit=1)[0],
        generation=5,
        max_pods=58,
    )


TYPES = {
    **{name: a_type(name) for name in SAME_SIZE},
    "m5.2xlarge": a_type("m5.2xlarge", 8, 32768),  # 7,910 m; 32,768 - 2,458 - 993 = 29,317 MiB
    "r5.xlarge": a_type("r5.xlarge", 4, 32768),  # 3,920 m; 29,317 MiB
}
ALL_SAFE = {(name, zone): 1.0 for name in TYPES for zone in (A, B, C)}


@dataclass(frozen=True, kw_only=True)
class Node:
    """One row of the node table."""

    name: str
    capacity_type: CapacityType | None = ON_DEMAND
    instance_type: str | None = "m5.xlarge"
    zone: str | None = A
    cpu: int = CPU
    memory_mib: int = MEMORY_MIB
    ready: bool = True
    deleting: bool = False
    schedulable: bool = True
    instance_id: str | None = ""


def on_demand(name, zone=A, **more):
    return Node(name=name, zone=zone, **more)


def spot(name, zone=A, instance_type="m5.xlarge", **more):
    return Node(name=name, capacity_type=SPOT, zone=zone, instance_type=instance_type, **more)


def a_state(*nodes, types=TYPES):
    """A cluster of these nodes; an instance id not given is "i-" and the node's name."""
    rows = sorted(nodes, key=lambda node: node.name)
    pods = PodTable(
        items=(),
        node=_none(np.int32),
        request_cpu_millicores=_none(np.int64),
        request_memory_bytes=_none(np.int64),
        request_ephemeral_storage_bytes=_none(np.int64),
        extended={},
        workload=_none(np.int32),
        **{
            name: _none(np.bool_)
            for name in (
                "has_controller",
                "is_orphan",
                "is_daemonset",
                "is_mirror",
                "is_terminating",
                "is_finished",
            )
        },
        by_node=Groups.of(_none(np.int32), len(rows)),
        by_workload=Groups.of(_none(np.int32), 0),
    )
    return ClusterState(
        cluster=ClusterSnapshot(nodes=_node_table(rows), pods=pods),
        spot_prices=SpotPriceHistory.empty(),
        instance_types=types,
    )


def _node_table(rows):
    memory = np.array([row.memory_mib * MIB for row in rows], np.int64)
    cpu = np.array([row.cpu for row in rows], np.int64)
    zeros = np.zeros(len(rows), np.int64)
    return NodeTable(
        items=tuple(a_node(row.name, spec={"providerID": _provider_id(row)}) for row in rows),
        names=tuple(row.name for row in rows),
        index={row.name: position for position, row in enumerate(rows)},
        instance_types=tuple(row.instance_type for row in rows),
        zones=tuple(row.zone for row in rows),
        regions=tuple("us-east-1" for _ in rows),
        capacity_types=tuple(row.capacity_type for row in rows),
        instance_ids=tuple(_instance_id(row) for row in rows),
        architectures=tuple("amd64" for _ in rows),
        operating_systems=tuple("linux" for _ in rows),
        ready=np.array([row.ready for row in rows], np.bool_),
        schedulable=np.array([row.schedulable for row in rows], np.bool_),
        deleting=np.array([row.deleting for row in rows], np.bool_),
        fully_read=np.ones(len(rows), np.bool_),
        allocatable_cpu_millicores=cpu,
        allocatable_memory_bytes=memory,
        allocatable_ephemeral_storage_bytes=zeros,
        allocatable_pods=zeros,
        capacity_cpu_millicores=cpu,
        capacity_memory_bytes=memory,
        extended={},
    )


def _instance_id(row):
    return f"i-{row.name}" if row.instance_id == "" else row.instance_id


def _provider_id(row):
    known = _instance_id(row)
    return "" if known is None else f"aws:///{row.zone}/{known}"


def _none(dtype):
    return np.zeros(0, dtype)


def twenty_nodes(*, on_demand_nodes=3, largest_pool=4, other_pools=4):
    """20 equal nodes: 3 on-demand (15 %), pools of 4 (20 %) or fewer, all three zones.

    od-0 ... stand in zones a, b, c in turn; large-0 ... are the pool m5.xlarge/a; spot-00 ... fill
    one pool of zones b and c after the other with ``other_pools`` nodes each.
    """
    nodes = [on_demand(f"od-{n}", zone=(A, B, C)[n % 3]) for n in range(on_demand_nodes)]
    nodes += [spot(f"large-{n}", zone=A) for n in range(largest_pool)]
    others = [(name, zone) for name in SAME_SIZE[1:] for zone in (B, C)]
    for n in range(20 - len(nodes)):
        instance_type, zone = others[n // other_pools]
        nodes.append(spot(f"spot-{n:02}", zone=zone, instance_type=instance_type))
    return nodes


def launch(step, zone=A, instance_type="m5.xlarge", capacity_type=SPOT):
    return LaunchInstance(
        id=step,
        instance_type=instance_type,
        availability_zone=zone,
        capacity_type=capacity_type,
    )


def launch_on_demand(step, zone=A, instance_type="m5.xlarge"):
    return launch(step, zone, instance_type, ON_DEMAND)


def wait(launch_step):
    return WaitForNode(id=f"wait-{launch_step}", launch_step=launch_step)


def cordon(node):
    return CordonNode(id=f"cordon-{node}", node=node)


def uncordon(node):
    return UncordonNode(id=f"uncordon-{node}", node=node)


def drain(node):
    return DrainNode(id=f"drain-{node}", node=node)


def terminate(node, instance_id=None):
    return TerminateInstance(
        id=f"terminate-{node}", instance_id=instance_id or f"i-{node}", node=node
    )


def terminate_instance(instance_id):
    return TerminateInstance(id=f"terminate-{instance_id}", instance_id=instance_id)
