"""Launched instances become nodes of the pretend Kubernetes, and go from it when they are gone.

Capacity and allocatable are what EKS gives a node of the type: the hypervisor keeps 7.5 % of the
memory, the kubelet reserves CPU by bands and memory by the number of pods.
"""

from sandbox.aws.catalogue import OfferedType, offered_types
from sandbox.aws.cloud import Cloud, Machine, Watchers
from sandbox.aws.zones import zone_ids
from sandbox.kube.cluster import Cluster, NewNode

VM_OVERHEAD = 0.075  # of the memory, which the hypervisor keeps
RESERVED_MIB, RESERVED_MIB_PER_POD, EVICTION_MIB = 255, 11, 100
_CPU_BANDS = ((1, 60), (1, 10), (2, 5), (1_000, 2.5))  # vCPUs, millicores reserved of each

READY_AFTER_SECONDS = 30.0


def join(
    cloud: Cloud,
    cluster: Cluster,
    cluster_name: str,
    *,
    ready_after_seconds: float = READY_AFTER_SECONDS,
) -> None:
    """From now on, instances with the cluster's ownership tag join and leave it by themselves."""

    def running(machine: Machine) -> None:
        if machine.tags.get(f"kubernetes.io/cluster/{cluster_name}") == "owned":
            cluster.add_node(new_node(machine, ready_after_seconds=ready_after_seconds))

    def gone(machine: Machine) -> None:
        cluster.remove_node(machine.private_dns_name)

    cloud.watchers.append(Watchers(running=running, gone=gone))


def new_node(machine: Machine, *, ready_after_seconds: float = READY_AFTER_SECONDS) -> NewNode:
    """The node that an instance registers as."""
    offered = offered_types()[machine.instance_type]
    return NewNode(
        name=machine.private_dns_name,
        zone=machine.zone,
        region=machine.region,
        instance_type=machine.instance_type,
        provider_id=f"aws:///{machine.zone}/{machine.instance_id}",
        capacity={
            "cpu": str(offered.vcpu),
            "memory": f"{_memory_mib(offered)}Mi",
            "pods": str(offered.max_pods),
        },
        allocatable={
            "cpu": f"{allocatable_millicores(offered)}m",
            "memory": f"{allocatable_mib(offered)}Mi",
            "pods": str(offered.max_pods),
        },
        architecture=machine.architecture,
        labels=_labels(machine),
        internal_ip=machine.private_ip,
        ready_after_seconds=ready_after_seconds,
    )


def allocatable_millicores(offered: OfferedType) -> int:
    """Less 6 % of the first core, 1 % of the second, 0.5 % of two more and 0.25 % of the rest."""
    left, reserved = offered.vcpu, 0.0
    for cores, millicores in _CPU_BANDS:
        reserved += min(left, cores) * millicores
        left -= min(left, cores)
    return round(offered.vcpu * 1000 - reserved)


def allocatable_mib(offered: OfferedType) -> int:
    """What is left for pods: m5.large 8192 x 0.925 - 255 - 29 x 11 - 100 = 6903."""
    reserved = RESERVED_MIB + RESERVED_MIB_PER_POD * offered.max_pods + EVICTION_MIB
    return _memory_mib(offered) - reserved


def _memory_mib(offered: OfferedType) -> int:
    return int(offered.memory_mib * (1 - VM_OVERHEAD))


def _labels(machine: Machine) -> dict[str, str]:
    capacity_type = "SPOT" if machine.capacity_type == "spot" else "ON_DEMAND"
    labels = {
        "eks.amazonaws.com/capacityType": capacity_type,
        "topology.k8s.aws/zone-id": zone_ids(machine.region)[machine.zone],
    }
    group = machine.tags.get("eks:nodegroup-name")
    return labels | ({"eks.amazonaws.com/nodegroup": group} if group else {})
