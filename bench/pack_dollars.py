"""Fewest dollars: 30,000 pods into about 1,000 nodes of whichever types are cheapest together.

The bound is that of the linear program over types (sums of CPU, memory and pods). The packer's own
way: that program says how many of each type, nodes are filled one after the other, types in turn,
and each node becomes the cheapest type that holds what it got. The baseline is first-fit
decreasing into the type that is cheapest for all pods alone.

``pack_alibaba`` does the same with the CPU-only pods of Alibaba's cluster-trace-gpu-v2023, in nodes
of the trace's most common size, and counts nodes.
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

from bench.harness import Row
from bench.pack_nodes import assert_packed, fewest_nodes, random_pods
from engines.bin_packing.filling import fill_in_turn

ROWS = ("pack_dollars_1k", "pack_alibaba")

PODS = 30_000
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cluster_packing"
ALIBABA_NODE = np.array([96_000, 393_216, 1_000], np.int64)

# allocatable millicores, MiB and pods; micro-dollars an hour
TYPES = np.array(
    [
        (3_920, 14_162, 58, 192_000),
        (7_910, 29_317, 58, 384_000),
        (15_890, 57_691, 234, 768_000),
        (7_910, 14_162, 58, 340_000),
        (15_890, 27_386, 234, 680_000),
        (3_920, 29_317, 58, 252_000),
        (7_910, 59_630, 58, 504_000),
        (15_890, 118_300, 234, 1_008_000),
    ],
    np.int64,
)


def run() -> list[Row]:
    """Measure the generated pods, and the trace's where it is there."""
    requests = random_pods(np.random.default_rng(1_000))[:PODS]
    target, kinds = cheapest_nodes(requests)
    rooms = TYPES[kinds, :3]
    used = np.zeros_like(rooms)
    np.add.at(used, target, requests)
    assert (target >= 0).all()
    assert (used <= rooms).all()
    cost = float(TYPES[kinds, 3].sum()) / 1e6
    bound = float(TYPES[:, 3] @ _amounts(requests)) / 1e6
    dollars = Row(
        name="pack_dollars_1k",
        value=cost,
        unit="USD/hour",
        baseline_name="linear bound, USD/hour",
        baseline=bound,
        ratio=cost / bound,
        target=f"<= 1.025 of the bound ({len(kinds)} nodes)",
        met=cost <= 1.025 * bound,
    )
    return [dollars, *_alibaba()]


def cheapest_nodes(requests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The node of each pod, and the type of each node. Pods that fit into none of the types that
    are bought for the others get nodes of their own, which the others fill up."""
    total = requests.sum(axis=0)
    bought_types = TYPES[_amounts(requests) > 1e-6, :3]
    fits = np.less_equal(requests[:, None, :], bought_types[None]).all(axis=2)
    giants = requests[~fits.any(axis=1)]
    first = _nodes_for(giants) if len(giants) else np.zeros(0, np.int64)
    rest = np.maximum(total - TYPES[first, :3].sum(axis=0), 0)
    kinds = np.concatenate((first, _in_turn(_amounts(rest[None, :]))))
    length = len(kinds)
    room = TYPES[kinds, :3].copy()
    everywhere = np.ones((1, length), np.bool_)
    kind = np.zeros(len(requests), np.int64)
    target = fill_in_turn(requests, kind, everywhere, room, np.arange(length))
    used = TYPES[kinds, :3] - room
    nodes = np.flatnonzero(used.any(axis=1))
    position = np.full(length, -1, np.int64)
    position[nodes] = np.arange(len(nodes))
    holds = (used[nodes][:, None, :] <= TYPES[None, :, :3]).all(axis=2)
    cheapest = np.argmin(np.where(holds, TYPES[:, 3], np.iinfo(np.int64).max), axis=1)
    return position[target], cheapest


def _nodes_for(giants: np.ndarray) -> np.ndarray:
    """Nodes of the cheapest type that takes any of these pods, as many as they fill."""
    fits = (giants.max(axis=0) <= TYPES[:, :3]).all(axis=1)
    kind = int(np.argmin(np.where(fits, TYPES[:, 3], np.iinfo(np.int64).max)))
    target = fewest_nodes(giants, TYPES[kind, :3], len(giants))
    return np.full(int(target.max()) + 1, kind, np.int64)


def _in_turn(amounts: np.ndarray) -> np.ndarray:
    """A sequence of types in which each comes as often as it is bought, and a few more."""
    length = int(amounts.sum() * 1.1) + 10
    due = np.outer(np.arange(1, length + 1), amounts / amounts.sum())
    kinds = np.zeros(length, np.int64)
    bought = np.zeros(len(TYPES))
    for turn in range(length):
        kinds[turn] = int(np.argmax(due[turn] - bought))
        bought[kinds[turn]] += 1
    return kinds


def _amounts(requests: np.ndarray) -> np.ndarray:
    """How many of each type the linear program buys."""
    total = requests.sum(axis=0)
    result = linprog(
        TYPES[:, 3] / 1e6,
        A_ub=-(TYPES[:, :3] / np.maximum(total, 1)).T,
        b_ub=-(total / np.maximum(total, 1)),
    )
    return np.asarray(result.x)


def _alibaba() -> list[Row]:
    """Pods of the trace that ask for no GPU; (millicores, MiB, one pod)."""
    path = SHARED_DATA / "openb_pods_default.csv.gz"
    if not path.exists():
        print("pack_alibaba: skipped, the trace is not there", file=sys.stderr)
        return []
    with gzip.open(path, "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["num_gpu"]) == 0]
    requests = np.array(
        [(int(row["cpu_milli"]), int(row["memory_mib"]), 1) for row in rows], np.int64
    )
    target = fewest_nodes(requests, ALIBABA_NODE, len(requests))
    used = assert_packed(requests, target, ALIBABA_NODE)
    bound = int(np.ceil((requests.sum(axis=0) / ALIBABA_NODE).max()))
    return [
        Row(
            name="pack_alibaba",
            value=used,
            unit="nodes",
            baseline_name="linear bound, nodes",
            baseline=bound,
            ratio=used / bound,
            target=f"<= 1.01 of the bound, in whole nodes ({len(requests)} pods)",
            met=used <= max(1.01 * bound, bound),
        )
    ]
