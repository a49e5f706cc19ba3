"""``python -m bench.rightsizing_backtest``: what rightsizing would have done to real machines.

Sizes are recommended from the first seven days of each machine (by the engine's own rule, not a
copy of it) and judged by what the machine used on all the days after. Beside it stand two plain
rules with the same floors: the 95th percentile for both resources, and peak + 15 % for both. The
last rows revise the engine's sizes each day from the seven days before, as the product does,
without and with the floors that OOM remediation sets after an overrun.

Reads the public data sets beside the checkout: Bitbrains virtual machines (July and August 2013,
CPU and memory), EC2 and RDS instances (NAB, 2014, CPU only), pods of two Kubernetes demonstration
applications (Nezha, hours only: halves of a run instead of weeks). They are not pods of your
cluster: the figures show what each rule trades, not what anybody would save. This is a
demonstration, not a row of the bench.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engines.contracts.usage import ContainerKey, UsageTable
from engines.contracts.usage_summary import UsageSummary
from engines.oom_remediation.parameters import OomParameters
from engines.resource_policy.floors import FLOOR_HOLDS
from engines.resource_policy.settings import MIB, Pair, Setting
from engines.rightsizing.containers import Situation, propose
from engines.rightsizing.histories import ContainerHistory, History
from engines.rightsizing.parameters import RightsizingParameters
from engines.rightsizing.summaries import WINDOW_SECONDS, summarise

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "usage_timeseries"
DAY_SECONDS = 24 * 3600
PARAMETERS = RightsizingParameters()
FLOORS = (PARAMETERS.cpu_floor_m / 1000, float(PARAMETERS.memory_floor_mib * MIB))

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Machines:
    """Readings of machines, in the order of machine and time. Memory is NaN where nobody tells.

    ``given_*`` is what each machine has. ``learn_until`` and ``ends``, by machine: until when sizes
    are learnt, and the last reading (Unix seconds).
    """

    name: str
    table: UsageTable
    given_cores: Floats
    given_bytes: Floats
    learn_until: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def owner(self) -> NDArray[np.int64]:
        """The machine of each reading."""
        return np.repeat(np.arange(len(self.given_cores)), np.diff(self.table.starts))


class Sizes(NamedTuple):
    """What a rule gives each machine, and the least that a CPU limit is: the peak seen."""

    cores: Floats
    bytes: Floats
    peak_cores: Floats


class Period(NamedTuple):
    """Sizes, and by machine the time from which (not included) and until which they hold."""

    sizes: Sizes
    since: NDArray[np.int64]
    until: NDArray[np.int64]


class Outcome(NamedTuple):
    """What came of some sizes; shares are of machines' time, or of what they were given."""

    kept_cpu: float
    time_above_cpu: float
    time_above_peak: float
    kept_memory: float
    machines_overrun: float
    overruns: int
    days: float


Rule = Callable[[UsageSummary, Machines], Sizes]


def main() -> None:
    """Print a table for each data set."""
    for machines in (bitbrains(), nab(), nezha()):
        print(f"\n{machines.name}: {len(machines.given_cores)} machines\n")
        print(
            "| rule | CPU kept | time above CPU request | time above CPU limit | memory kept"
            " | machines with an overrun | overruns in 100 machine-days |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, outcome in outcomes(machines):
            print(f"| {name} | {' | '.join(_texts(outcome))} |")


def outcomes(machines: Machines) -> Iterator[tuple[str, Outcome]]:
    """The outcome of each rule."""
    learnt = _learnt(machines, machines.learn_until)
    for name, rule in RULES.items():
        sizes = rule(learnt, machines)
        yield name, judge(machines, [Period(sizes, machines.learn_until, machines.ends)])
    if (machines.ends - machines.learn_until).max() > DAY_SECONDS:
        yield "engine, revised daily", judge(machines, _revised_daily(machines, has_floors=False))
        yield "the same and OOM floors", judge(machines, _revised_daily(machines, has_floors=True))


def _revised_daily(machines: Machines, *, has_floors: bool) -> list[Period]:
    """The engine's sizes of each day. With floors a machine that ran over gets 1.5 times its size
    from the next day on, for 14 days, as OOM remediation would have it."""
    days = int((machines.ends - machines.learn_until).max()) // DAY_SECONDS + 1
    floors = np.zeros((days, len(machines.ends)))  # each row one day's, held for a fortnight
    periods = []
    for day in range(days):
        since = machines.learn_until + day * DAY_SECONDS
        sizes = engine_rule(_learnt(machines, since), machines)
        if has_floors:
            held = floors[max(0, day - FLOOR_HOLDS.days) : day].max(axis=0, initial=0)
            sizes = sizes._replace(bytes=np.maximum(sizes.bytes, held))
        periods.append(Period(sizes, since, np.minimum(since + DAY_SECONDS, machines.ends)))
        over = np.unique(machines.owner[_overruns(machines, periods[-1:])])
        floors[day, over] = sizes.bytes[over] * OomParameters().memory_factor
    return periods


def _learnt(machines: Machines, until: NDArray[np.int64]) -> UsageSummary:
    """The summary of each machine's own seven days: its clock is shifted to a common end."""
    table, shift = machines.table, int(until.max()) - until
    shifted = UsageTable(
        table.containers,
        table.starts,
        table.timestamps + shift[machines.owner],
        table.cpu_cores,
        table.memory_bytes,
    )
    return summarise(shifted, int(until.max()))


def engine_rule(
    summary: UsageSummary, machines: Machines, parameters: RightsizingParameters = PARAMETERS
) -> Sizes:
    """The engine's own sizes; machines without enough data keep what they have."""
    cores, memory = machines.given_cores.copy(), machines.given_bytes.copy()
    for row in range(len(cores)):
        given = Setting(Pair(round(cores[row] * 1000)), Pair(round(memory[row])))
        situation = Situation(
            in_force=given, history=_history(summary, row), bounds={}, scaled_on={}
        )
        new = propose(situation, parameters).applied_to(given)
        cores[row] = (new.cpu.request or 0) / 1000
        memory[row] = new.memory.request or 0
    return Sizes(cores, memory, _known(summary.cpu.peak, machines.given_cores))


def roomy_rule(summary: UsageSummary, machines: Machines) -> Sizes:
    """The engine's sizes with more room for memory."""
    return engine_rule(summary, machines, RightsizingParameters(memory_headroom_percent=50.0))


def _history(summary: UsageSummary, row: int) -> ContainerHistory:
    def one(resource: str) -> History:
        columns = getattr(summary, resource)
        samples = int(columns.samples[row])
        if not samples:
            return History()
        return History(
            pods=1,
            samples=samples,
            span_seconds=int(columns.last[row] - columns.first[row]),
            p95=float(columns.p95[row]),
            peak=float(columns.peak[row]),
        )

    return ContainerHistory(one("cpu"), one("memory"))


def percentile_rule(summary: UsageSummary, machines: Machines) -> Sizes:
    """The 95th percentile of both."""
    return _plain(summary, machines, summary.cpu.p95, summary.memory.p95)


def peak_rule(summary: UsageSummary, machines: Machines) -> Sizes:
    """Peak and 15 % of both."""
    return _plain(summary, machines, summary.cpu.peak * 1.15, summary.memory.peak * 1.15)


def given_rule(summary: UsageSummary, machines: Machines) -> Sizes:
    """What the machines have."""
    given = machines.given_cores
    return Sizes(given, machines.given_bytes, np.maximum(given, _known(summary.cpu.peak, given)))


RULES: dict[str, Rule] = {
    "as provisioned": given_rule,
    "P95 for both": percentile_rule,
    "peak + 15 % for both": peak_rule,
    "engine: P95 and peak + 15 %": engine_rule,
    "engine with memory_headroom_percent 50": roomy_rule,
}


def _plain(summary: UsageSummary, machines: Machines, cores: Floats, memory: Floats) -> Sizes:
    return Sizes(
        np.maximum(_known(cores, machines.given_cores), FLOORS[0]),
        np.maximum(_known(memory, machines.given_bytes), FLOORS[1]),
        _known(summary.cpu.peak, machines.given_cores),
    )


def _known(values: Floats, otherwise: Floats) -> Floats:
    return np.where(np.isnan(values), otherwise, values)


def judge(machines: Machines, periods: Sequence[Period]) -> Outcome:
    """Compare sizes, each over its period, with what was used then. A run of readings above the
    memory size is one overrun: a would-be OOM kill."""
    owner, table = machines.owner, machines.table
    size = _in_force(machines, periods)
    judged = ~np.isnan(size.cores)
    above = _overruns(machines, periods)
    begins = above & ~np.concatenate(([False], above[:-1] & (owner[1:] == owner[:-1])))
    cpu, limit = table.cpu_cores, np.maximum(size.peak_cores, size.cores)
    seen = np.unique(owner[judged])
    return Outcome(
        kept_cpu=_share(size.cores, machines.given_cores[owner], judged),
        time_above_cpu=float(np.mean(cpu[judged] > size.cores[judged])),
        time_above_peak=float(np.mean(cpu[judged] > limit[judged])),
        kept_memory=_share(
            size.bytes, machines.given_bytes[owner], judged & ~np.isnan(table.memory_bytes)
        ),
        machines_overrun=len(np.unique(owner[above])) / len(seen),
        overruns=int(begins.sum()),
        days=float((machines.ends - machines.learn_until)[seen].sum()) / DAY_SECONDS,
    )


def _overruns(machines: Machines, periods: Sequence[Period]) -> Flags:
    """The readings above the memory size in force."""
    size, memory = _in_force(machines, periods).bytes, machines.table.memory_bytes
    above: Flags = ~np.isnan(size) & ~np.isnan(memory) & (memory > size)
    return above


def _in_force(machines: Machines, periods: Sequence[Period]) -> Sizes:
    """The sizes that held at each reading; NaN where none did."""
    owner, times = machines.owner, machines.table.timestamps
    held = [np.full(len(owner), np.nan) for _ in Sizes._fields]
    for period in periods:
        rows = (times > period.since[owner]) & (times <= period.until[owner])
        for column, values in zip(held, period.sizes, strict=True):
            column[rows] = values[owner[rows]]
    return Sizes(*held)


def _share(part: Floats, whole: Floats, rows: Flags) -> float:
    total = float(whole[rows].sum())
    return float(part[rows].sum()) / total if total else float("nan")


def _texts(one: Outcome) -> Iterator[str]:
    has_memory = not np.isnan(one.kept_memory)
    yield f"{one.kept_cpu:.1%}"
    yield f"{one.time_above_cpu:.2%}"
    yield f"{one.time_above_peak:.2%}"
    yield f"{one.kept_memory:.1%}" if has_memory else "-"
    yield f"{one.machines_overrun:.1%}" if has_memory else "-"
    yield f"{100 * one.overruns / one.days:.2f}" if has_memory else "-"


def bitbrains() -> Machines:
    """Virtual machines of a data centre, every five minutes; months apart, because identifiers were
    given anew. Readings while a machine was off are left out."""
    rows = pd.read_parquet(DATA / "bitbrains_rnd_dev_even-vms_2013-07_08.parquet")
    rows = rows[(rows.cpu_prov_mcores > 0) & (rows.mem_used_mib > 0)]
    month = pd.to_datetime(rows.ts, unit="s").dt.month
    return machines_of(
        "Bitbrains",
        pd.DataFrame(
            {
                "machine": rows.vm.astype(str) + "-" + month.astype(str),
                "ts": rows.ts.astype(np.int64),
                "cores": rows.cpu_used_mcores / 1000,
                "bytes": rows.mem_used_mib * float(MIB),
                "given_cores": rows.cpu_prov_mcores / 1000,
                "given_bytes": rows.mem_prov_mib * float(MIB),
            }
        ),
        learn_seconds=WINDOW_SECONDS,
    )


def nab() -> Machines:
    """EC2 and RDS instances, every five minutes, CPU in percent of the machine."""
    rows = pd.read_csv(DATA / "nab_aws_cloudwatch.csv.gz")
    rows = rows[rows.series.str.contains("cpu_utilization")]
    return machines_of(
        "EC2 and RDS (NAB)",
        pd.DataFrame(
            {
                "machine": rows.series,
                "ts": pd.to_datetime(rows.timestamp).astype("datetime64[s]").astype(np.int64),
                "cores": rows.value / 100,
                "bytes": np.nan,
                "given_cores": 1.0,
                "given_bytes": 0.0,
            }
        ),
        learn_seconds=WINDOW_SECONDS,
    )


def nezha() -> Machines:
    """Pods of demonstration applications with injected faults, every minute; limits from the
    percentages of them."""
    rows = pd.read_csv(DATA / "nezha_pod_cpu_mem.csv.gz")
    rows = rows[(rows.mem_mib > 0) & (rows.mem_pct_of_limit > 0) & (rows.cpu_pct_of_limit > 0)]
    return machines_of(
        "Pods (Nezha), first and second half of each run",
        pd.DataFrame(
            {
                "machine": rows.pod,
                "ts": rows.ts.astype(np.int64),
                "cores": rows.cpu_mcores / 1000,
                "bytes": rows.mem_mib * MIB,
                "given_cores": rows.cpu_mcores / rows.cpu_pct_of_limit * 100 / 1000,
                "given_bytes": rows.mem_mib / rows.mem_pct_of_limit * 100 * MIB,
            }
        ),
        learn_seconds=None,
    )


def machines_of(name: str, rows: pd.DataFrame, *, learn_seconds: int | None) -> Machines:
    """Machines with readings on both sides of the end of learning; None: the middle of a run."""
    rows = rows.sort_values(["machine", "ts"]).drop_duplicates(["machine", "ts"])
    times = rows.groupby("machine").ts
    first, last = times.transform("min"), times.transform("max")
    until = first + ((last - first) // 2 if learn_seconds is None else learn_seconds)
    rows = rows.assign(until=until, last=last)[last > until]
    table = UsageTable.from_columns(
        [ContainerKey("", machine, "") for machine in rows.machine],
        rows.ts.to_numpy(np.int64),
        rows.cores.to_numpy(np.float64),
        rows.bytes.to_numpy(np.float64),
    )
    by_machine = rows.groupby("machine", sort=True)
    return Machines(
        name=name,
        table=table,
        given_cores=by_machine.given_cores.median().to_numpy(np.float64),
        given_bytes=by_machine.given_bytes.median().to_numpy(np.float64),
        learn_until=by_machine.until.first().to_numpy(np.int64),
        ends=by_machine["last"].first().to_numpy(np.int64),
    )


if __name__ == "__main__":
    main()
