"""What a node of an instance type will offer to pods, before such a node exists.

The model is Karpenter's for EKS nodes (kubelet reservations of the EKS AMI, hypervisor overhead
of 7.5 %): it reproduces Karpenter's published tables to the MiB. A node that exists reports its
own allocatable, and that report always wins over this estimate.
"""

from typing import NamedTuple

from engines.contracts.pricing import InstanceType

BYTES_PER_MIB = 1024 * 1024
DEFAULT_MAX_PODS = 110  # the kubelet's own default, for types whose ENI limits are not known
EVICTION_THRESHOLD_MIB = 100  # kubelet: evictionHard memory.available
ARM64_CMA_MIB = 64  # contiguous memory that Graviton instances keep for themselves
VM_OVERHEAD_PER_MILLE = 75  # 7.5 % of what the type promises goes to hypervisor and kernel

# Of each vCPU in a band the kubelet keeps this many microcores: 6 % of the first, 1 % of the
# second, 0.5 % of the third and fourth, 0.25 % of all others (EKS AMI, bootstrap script).
_CPU_BANDS_MICROCORES = ((1, 60_000), (1, 10_000), (2, 5_000))
_CPU_REST_MICROCORES = 2_500


class Allocatable(NamedTuple):
    """What pods can request on a node."""

    cpu_millicores: int
    memory_bytes: int
    pods: int


def estimate_allocatable(instance_type: InstanceType) -> Allocatable:
    """The allocatable that a node of this type is expected to report; never below zero."""
    pods = max_pods(instance_type)
    cpu_millicores = instance_type.vcpu * 1000 - reserved_cpu_millicores(instance_type.vcpu)
    memory_mib = (
        _memory_after_vm_overhead_mib(instance_type)
        - reserved_memory_mib(pods)
        - EVICTION_THRESHOLD_MIB
    )
    return Allocatable(max(0, cpu_millicores), max(0, memory_mib) * BYTES_PER_MIB, pods)


def max_pods(instance_type: InstanceType) -> int:
    """ENIs x (IPv4 addresses of each - 1) + 2: two host-network pods need no address of their own.

    (Amazon VPC CNI; 110 where the type's ENI limits are not known.)
    """
    if instance_type.max_pods is not None:
        return instance_type.max_pods
    if instance_type.max_enis is None or instance_type.ipv4_per_eni is None:
        return DEFAULT_MAX_PODS
    return instance_type.max_enis * (instance_type.ipv4_per_eni - 1) + 2


def reserved_cpu_millicores(vcpu: int) -> int:
    """What the kubelet keeps of the CPU (kube-reserved), rounded up to whole millicores."""
    microcores, left = 0, vcpu
    for width, kept in _CPU_BANDS_MICROCORES:
        microcores += min(left, width) * kept
        left -= min(left, width)
    microcores += left * _CPU_REST_MICROCORES
    return -(-microcores // 1000)


def reserved_memory_mib(pods: int) -> int:
    """What the kubelet keeps of the memory (kube-reserved): 11 MiB a pod and 255 MiB."""
    return 11 * pods + 255


def _memory_after_vm_overhead_mib(instance_type: InstanceType) -> int:
    """The memory that the operating system will see, rounded down to whole MiB."""
    memory_mib = instance_type.memory_mib
    if instance_type.architecture == "arm64":
        memory_mib -= ARM64_CMA_MIB
    return memory_mib - -(-memory_mib * VM_OVERHEAD_PER_MILLE // 1000)
