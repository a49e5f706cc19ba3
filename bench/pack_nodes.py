"""Fewest nodes: 150,000 pods into nodes of one size, of which 5,000 are to be had.

The bound is the linear one: of each resource the sum over the sum of a node, the largest of these.
The baseline is first-fit decreasing in plain Python, written as one would: pods sorted by their
larger share, each put into the first node with room. Both placements are checked sum by sum.
"""

import numpy as np

from bench.harness import CLOCK, Row
from engines.bin_packing.filling import fill_in_turn

ROWS = ("pack_nodes_5k", "pack_nodes_5k_time")

PODS, NODES = 150_000, 5_000
NODE = np.array([15_890, 57_691, 234], np.int64)  # m5.4xlarge: millicores, MiB, pods


def run() -> list[Row]:
    """Pack once to compile, then measure both ways."""
    requests = random_pods(np.random.default_rng(5_000))
    fewest_nodes(requests[:500], NODE, NODES)
    start = CLOCK()
    placed = fewest_nodes(requests, NODE, NODES)
    quick = CLOCK() - start
    start = CLOCK()
    naive = first_fit_decreasing(requests)
    slow = CLOCK() - start
    used, naive_used = assert_packed(requests, placed), assert_packed(requests, naive)
    bound = int(np.ceil((requests.sum(axis=0) / NODE).max()))
    assert used <= NODES
    return [
        Row(
            name="pack_nodes_5k",
            value=used,
            unit="nodes",
            baseline_name="linear bound, nodes",
            baseline=bound,
            ratio=used / bound,
            target=f"<= 1.01 of the bound (first-fit decreasing: {naive_used})",
            met=used <= 1.01 * bound,
        ),
        Row(
            name="pack_nodes_5k_time",
            value=quick,
            unit="s",
            baseline_name="first-fit decreasing, s",
            baseline=slow,
            ratio=quick / slow,
            target="<= 0.25 of its time",
            met=quick <= slow / 4,
        ),
    ]


def fewest_nodes(requests: np.ndarray, node: np.ndarray, most: int) -> np.ndarray:
    """The node of each pod, by the packer's filling of one node after the other."""
    room = np.tile(node, (most, 1))
    kind, everywhere = np.zeros(len(requests), np.int64), np.ones((1, most), np.bool_)
    return np.asarray(fill_in_turn(requests, kind, everywhere, room, np.arange(most)))


def random_pods(rng: np.random.Generator) -> np.ndarray:
    """Pods of common sizes: 50 m to 4 vCPU, 1 to 8 MiB a millicore."""
    sizes = np.array([50, 100, 150, 200, 250, 300, 400, 500, 750, 1_000, 1_500, 2_000, 4_000])
    shares = np.array([14, 18, 10, 12, 10, 6, 6, 8, 5, 6, 2, 2, 1.0])
    millicores = rng.choice(sizes, PODS, p=shares / shares.sum())
    ratio = rng.choice([1, 2, 2, 4, 4, 8], PODS) * rng.choice([0.75, 1.0, 1.25], PODS)
    mib = np.maximum(16, millicores * ratio).astype(np.int64)
    return np.stack((millicores, mib, np.ones(PODS, np.int64)), axis=1)


def first_fit_decreasing(requests: np.ndarray) -> np.ndarray:
    """The node of each pod: the first with room, pods by their larger share of a node."""
    target = np.zeros(len(requests), np.int64)
    order = np.argsort(-(requests / NODE).max(axis=1), kind="stable").tolist()
    pods = requests.tolist()
    rooms: list[list[int]] = []
    for pod in order:
        cpu, memory, one = pods[pod]
        node = 0
        while node < len(rooms):
            room = rooms[node]
            if room[0] >= cpu and room[1] >= memory and room[2] >= one:
                break
            node += 1
        else:
            room = NODE.tolist()
            rooms.append(room)
        room[0] -= cpu
        room[1] -= memory
        room[2] -= one
        target[pod] = node
    return target


def assert_packed(requests: np.ndarray, target: np.ndarray, node: np.ndarray = NODE) -> int:
    """The number of nodes used; every pod is placed and no node overfull."""
    assert len(target) == len(requests)
    assert (target >= 0).all()
    used = np.zeros((int(target.max()) + 1, 3), np.int64)
    np.add.at(used, target, requests)
    assert (used <= node).all()
    return len(np.unique(target))
