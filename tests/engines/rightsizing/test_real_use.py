"""Real use of real machines, as pods of one workload; the figures are worked out by pandas."""

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

import numpy as np
import pandas as pd
import pytest

from engines.contracts.results import DecisionType
from engines.contracts.state import compile_state
from engines.contracts.usage import ContainerKey, UsageTable
from engines.rightsizing import recommend_rightsizing
from engines.rightsizing.summaries import summarise
from tests.builders import a_document, a_node, a_pod, a_request, a_workload
from tests.engines.rightsizing.builders import MIB

pytestmark = pytest.mark.real_data

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def machines(shared_data):
    """40 virtual machines in July 2013, every five minutes; hours without power left out."""
    path = shared_data / "usage_timeseries" / "bitbrains_rnd_sample40_2013-07.csv.gz"
    rows = pd.read_csv(path)
    return rows[(rows.cpu_prov_mcores > 0) & (rows.mem_used_mib > 0)]


@pytest.fixture(scope="module")
def until(machines):
    return int(machines.ts.min()) + WEEK


@pytest.fixture(scope="module")
def table(machines):
    return UsageTable.from_columns(
        [ContainerKey("shop", f"vm-{vm}", "main") for vm in machines.vm],
        machines.ts.to_numpy(np.int64),
        (machines.cpu_used_mcores / 1000).to_numpy(np.float64),
        (machines.mem_used_mib * float(MIB)).to_numpy(np.float64),
    )


def test_summaries_are_those_of_pandas(machines, table, until):
    week = machines[machines.ts <= until].drop_duplicates(["vm", "ts"])
    expected = (
        week.assign(pod="vm-" + week.vm.astype(str))
        .groupby("pod")
        .agg(
            samples=("ts", "size"),
            p95=("cpu_used_mcores", lambda one: one.quantile(0.95)),
            peak=("mem_used_mib", "max"),
        )
    )

    summary = summarise(table, until)

    rows = [table.containers.index(ContainerKey("shop", pod, "main")) for pod in expected.index]
    assert len(rows) > 30
    assert summary.cpu.samples[rows].tolist() == expected.samples.tolist()
    assert summary.cpu.p95[rows] * 1000 == pytest.approx(expected.p95.to_numpy())
    assert (summary.memory.peak[rows] / MIB).tolist() == expected.peak.tolist()


def test_a_workload_of_all_machines_gets_the_largest_of_each(machines, table, until):
    week = machines[machines.ts <= until]
    p95 = week.groupby("vm").cpu_used_mcores.quantile(0.95).max()
    pods = [a_pod(f"vm-{vm}", on="node-a", owner=("StatefulSet", "vm")) for vm in week.vm.unique()]
    document = a_document(
        a_node(cpu=10_000, gib=10_000, max_pods=100), a_workload("vm", kind="StatefulSet"), *pods
    )
    request = a_request(
        replace(compile_state(document), usage=table),
        decision_type=DecisionType.RIGHTSIZE,
        now=datetime.fromtimestamp(until, UTC),
        requirements={"level": "workload"},
    )

    [recommendation] = recommend_rightsizing(request).recommendations

    peak = int(week.mem_used_mib.max()) * MIB
    assert recommendation.recommended["cpu_request_millicores"] == ceil(round(p95, 6))
    assert recommendation.recommended["memory_request_bytes"] == ceil(peak * 1.15 / MIB) * MIB
    assert recommendation.evidence["memory"]["pods"] == len(pods)
