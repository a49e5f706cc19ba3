"""Fewest dollars: 30,000 pods into about 1,000 nodes of whichever types are cheapest together.

The bound is that of the linear program over types (sums of CPU, memory and pods). Measured is what
the engine buys nodes with where it may launch them: node after node, each the one that is filled
best for its price; where pods are of few sizes, by patterns.

``pack_alibaba`` does the same with the CPU-only pods of Alibaba's cluster-trace-gpu-v2023, in nodes
of the trace's most common size, and counts nodes.
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np

from bench.harness import CLOCK, Row
from bench.pack_nodes import random_pods
from engines.bin_packing.assortment import Assortment, Nodes, by_sums
from engines.bin_packing.filling import classes_of
from engines.bin_packing.purchase import cheapest_nodes

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
    """Compile, then measure the generated pods, and the trace's where it is there."""
    cheapest_nodes(
        assortment_of(random_pods(np.random.default_rng(1))[:9], TYPES[:, :3], TYPES[:, 3])
    )
    requests = random_pods(np.random.default_rng(1_000))[:PODS]
    assortment = assortment_of(requests, TYPES[:, :3], TYPES[:, 3])
    start = CLOCK()
    plan = cheapest_nodes(assortment)
    time = CLOCK() - start
    assert_bought(requests, assortment, plan.nodes)
    cost = assortment.cost_of(plan.nodes) / 1e6
    bound = by_sums(assortment, assortment.counts, assortment.most).bound / 1e6
    dollars = Row(
        name="pack_dollars_1k",
        value=cost,
        unit="USD/hour",
        baseline_name="linear bound, USD/hour",
        baseline=bound,
        ratio=cost / bound,
        target=f"<= 1.025 of the bound ({len(plan.nodes)} nodes, {time:.1f} s)",
        met=cost <= 1.025 * bound,
    )
    return [dollars, *_alibaba()]


def assortment_of(requests: np.ndarray, rooms: np.ndarray, cost: np.ndarray) -> Assortment:
    """As many nodes of each size as there are pods, for pods that may run on any."""
    classes = classes_of(requests, np.zeros(len(requests), np.int64))
    return Assortment(
        sizes=classes.sizes,
        counts=classes.counts,
        rooms=np.ascontiguousarray(rooms),
        cost=np.ascontiguousarray(cost),
        most=np.full(len(rooms), len(requests), np.int64),
        open_to=np.ones((len(rooms), len(classes.sizes)), np.bool_),
    )


def assert_bought(requests: np.ndarray, assortment: Assortment, nodes: Nodes) -> None:
    """Every pod has a node, by size, and no node is overfull."""
    sizes, counts = np.unique(requests, axis=0, return_counts=True)
    assert (sizes == assortment.sizes).all()
    assert (np.array([taken for _, taken in nodes]).sum(axis=0) == counts).all()
    assert all((taken @ sizes <= assortment.rooms[size]).all() for size, taken in nodes)


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
    assortment = assortment_of(requests, ALIBABA_NODE[None, :], np.ones(1, np.int64))
    start = CLOCK()
    plan = cheapest_nodes(assortment)
    time = CLOCK() - start
    assert_bought(requests, assortment, plan.nodes)
    used = len(plan.nodes)
    bound = int(np.ceil((requests.sum(axis=0) / ALIBABA_NODE).max()))
    return [
        Row(
            name="pack_alibaba",
            value=used,
            unit="nodes",
            baseline_name="linear bound, nodes",
            baseline=bound,
            ratio=used / bound,
            target=f"<= 1.01 of the bound ({len(requests)} pods, {time:.1f} s;"
            f" no packing needs fewer than {plan.bound_micro_usd})",
            met=used <= 1.01 * bound,
        )
    ]
