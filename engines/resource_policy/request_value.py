"""What requests are worth: a node's price, split over the CPU and memory that it offers.

A vCPU-hour weighs 0.031611 and a GiB-hour 0.004237: the default prices of OpenCost, whose ratio is
near that of EC2's families (c, m and r differ by memory alone). The weights only split a price,
they never make one.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.snapshot import ClusterSnapshot

WEIGHT_OF_MILLICORE = 31.611e-6
WEIGHT_OF_BYTE = 4.237e-3 / 1024**3

Rates = NDArray[np.float64]


def weight(cpu_millicores: float, memory_bytes: float) -> float:
    """How much an amount of CPU and memory weighs; negative amounts weigh negative."""
    return cpu_millicores * WEIGHT_OF_MILLICORE + memory_bytes * WEIGHT_OF_BYTE


def usd_per_month(cpu_millicores: int, memory_bytes: int, rate: float) -> Decimal:
    """What an amount of each pod is worth per month, at the rate of its workload."""
    micro_usd_per_hour = weight(cpu_millicores, memory_bytes) * rate
    return to_usd(round(micro_usd_per_hour * int(HOURS_PER_MONTH)))


def workload_rates(snapshot: ClusterSnapshot, micro_usd_per_hour: NDArray[np.int64]) -> Rates:
    """Micro-dollars per hour and unit of weight that the running pods of each workload cost.

    Summed over the pods, each at the price of its node by the node's allocatable; pods of nodes
    whose price is not known (negative) count nothing. Times a change of one pod's weight it is the
    change of the whole workload's cost.
    """
    nodes, pods = snapshot.nodes, snapshot.pods
    offered = (
        nodes.allocatable_cpu_millicores * WEIGHT_OF_MILLICORE
        + nodes.allocatable_memory_bytes * WEIGHT_OF_BYTE
    )
    is_priced = (micro_usd_per_hour >= 0) & (offered > 0)
    rate = np.zeros(len(nodes))
    rate[is_priced] = micro_usd_per_hour[is_priced] / offered[is_priced]
    runs = (pods.node >= 0) & (pods.workload >= 0) & ~pods.is_finished & ~pods.is_terminating
    rates = np.zeros(len(snapshot.workloads))
    np.add.at(rates, pods.workload[runs], rate[pods.node[runs]])
    return rates
