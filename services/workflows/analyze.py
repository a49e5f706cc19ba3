"""The offline look: decisions from files alone, no cluster access and no database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engines.contracts.market_rows import to_on_demand_rows, to_price_rows
from engines.contracts.pricing import LINUX_PRODUCT, InstanceType, OnDemandPrice, OperatingSystem
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import ClusterState, CurrentState, DataSource, compile_state
from engines.contracts.usage import TrafficTable, to_traffic_rows, to_usage_rows
from engines.contracts.verdict import SafetyLimits
from engines.cost import ClusterSummary, summarise_cluster
from engines.planning import CombinedPlan
from services.errors import InvalidInputError
from services.files.aws_dump import (
    aws_parts_inside,
    read_auto_scaling,
    read_instances,
    read_kms_keys,
    read_snapshots,
    read_volumes,
)
from services.files.flow_log import is_flow_log, read_flow_logs
from services.files.instance_types import read_instance_types
from services.files.kubernetes_dump import FROM_CONTENT, FROM_FILE_TIME, read_dump
from services.files.on_demand import read_on_demand_prices
from services.files.price_band import bundled_on_demand
from services.files.reading import FileReading
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.files.spot_prices import read_spot_prices
from services.files.traffic_csv import read_traffic
from services.files.usage_csv import read_usage
from services.pod_addresses import read_pod_page
from services.workflows.decide import ENGINES, decide, decide_combined, engine_for
from services.workflows.market_data import (
    INSTANCE_TYPES,
    ON_DEMAND_PRICES,
    PRICE_WINDOW,
    SPOT_ADVISOR,
    SPOT_PRICES,
    bundled_beside,
)

# The small-cluster rule is an engine's parameter here: there is no cluster with limits of its own.
LIMITS = frozenset(SafetyLimits.__struct_fields__) - {"allow_small_cluster_exception"}
PRODUCTS = (LINUX_PRODUCT, "Windows")  # what a node's operating system label can tell apart


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFiles:
    """What there is to look at; only the dump is needed."""

    dump: tuple[Path, ...]
    prices: Path | None = None
    on_demand: Path | None = None
    advisor: Path | None = None
    usage: Path | None = None
    traffic: Path | None = None
    instances: Path | None = None
    volumes: Path | None = None
    instance_types: Path | None = None


class AnalysisInput(msgspec.Struct, frozen=True, kw_only=True):
    """One input of an analysis; ``age`` is in seconds at the moment judged, None: not known."""

    path: str
    kind: str
    count: int
    age: float | None
    is_ignored: bool


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``analyze``. ``combined`` is there where all engines were asked."""

    generated_at: datetime
    inputs: tuple[AnalysisInput, ...]
    cluster: ClusterSummary
    decisions: tuple[DecisionResponse, ...]
    combined: CombinedPlan | None = None


def analyze(
    files: AnalysisFiles,
    decision_types: Sequence[DecisionType],
    parameters: Mapping[str, Any],
    *,
    now: datetime,
    today: datetime,
) -> Analysis:
    """Read the files and ask each engine. ``now`` is the moment that is judged, ``today`` the
    wall clock. ``parameters`` are the engines' own and the safety limits, by their names.

    Raises InvalidInputError for a file or a parameter that cannot be used.
    """
    state = read_state(files, parameters, now=now, today=today)
    constraints = {name: value for name, value in parameters.items() if name in LIMITS}
    _refuse_unknown(parameters, decision_types)
    requests = {
        decision_type: DecisionRequest(
            request_id=f"analyze-{decision_type}",
            cluster_id=files.dump[0].name,
            decision_type=decision_type,
            now=now,
            current_state=state,
            requirements=_own_parameters(parameters, decision_type),
            constraints=constraints,
        )
        for decision_type in decision_types
    }
    decisions = tuple(decide(request) for request in requests.values())
    return Analysis(
        generated_at=now,
        inputs=tuple(_input(source, now) for source in state.sources),
        cluster=summarise_cluster(state, now),
        decisions=decisions,
        combined=_combined(requests, decisions),
    )


def _combined(
    requests: Mapping[DecisionType, DecisionRequest], decisions: Sequence[DecisionResponse]
) -> CombinedPlan | None:
    """The engines as one plan, where all of them were asked."""
    if set(requests) != set(ENGINES) or len(ENGINES) < 2:
        return None
    asked = {decision_type: one.requirements for decision_type, one in requests.items()}
    first = next(iter(requests.values()))
    return decide_combined(
        msgspec.structs.replace(first, request_id="analyze-combined"), asked, decisions
    )


def _own_parameters(parameters: Mapping[str, Any], decision_type: DecisionType) -> dict[str, Any]:
    """Those that this engine knows: several engines may be asked at once."""
    known = engine_for(decision_type).parameters.__struct_fields__
    return {name: value for name, value in parameters.items() if name in known}


def _refuse_unknown(parameters: Mapping[str, Any], decision_types: Sequence[DecisionType]) -> None:
    """A parameter that no engine asked knows would be ignored in silence."""
    known = LIMITS.union(*(engine_for(one).parameters.__struct_fields__ for one in decision_types))
    for name in parameters:
        if name not in known:
            raise InvalidInputError(
                f"$.requirements.{name}",
                "no engine that was asked has a parameter of this name",
                next_step=f"the names are {', '.join(sorted(known))}",
            )


def read_state(
    files: AnalysisFiles, requirements: Mapping[str, Any], *, now: datetime, today: datetime
) -> ClusterState:
    """All files as one state. The bundled catalogue fills in what no file tells, as its own
    source; no file may speak of times after ``today``."""
    dump = read_dump(files.dump)
    parts = _Parts(fields={}, sources=list(dump.sources or ()))
    inside = _aws_parts_of(files.dump)
    if path := files.instances or inside.get("Reservations"):
        parts.add("instances", "instances", path, read_instances(SourceFile.at(path)))
    if path := files.volumes or inside.get("Volumes"):
        parts.add("volumes", "volumes", path, read_volumes(SourceFile.at(path)))
    if path := inside.get("Snapshots"):
        parts.add("snapshots", "snapshots", path, read_snapshots(SourceFile.at(path)))
    if path := inside.get("AutoScalingInstances"):
        parts.add("auto_scaling", "auto_scaling", path, read_auto_scaling(SourceFile.at(path)))
    if path := inside.get("KeyMetadata"):
        parts.add("kms_keys", "kms_keys", path, read_kms_keys(SourceFile.at(path)))
    if files.usage:
        usage = read_usage(SourceFile.at(files.usage))
        parts.add("usage", "usage", files.usage, usage, to_usage_rows(usage.data))
    if files.traffic:
        traffic = _read_traffic(SourceFile.at(files.traffic), files.dump)
        parts.add("traffic", "traffic", files.traffic, traffic, to_traffic_rows(traffic.data))
    _add_market(parts, files, _regions_of(dump, requirements), now=now, today=today)
    return compile_state(
        msgspec.structs.replace(dump, **parts.fields, sources=tuple(parts.sources))
    )


def _read_traffic(source: SourceFile, dump: Sequence[Path]) -> FileReading[TrafficTable]:
    """A table of pairs, or a VPC flow log, whose addresses are those of the pods in the dump."""
    if not is_flow_log(source.head()):
        return read_traffic(source)
    lists = [SourceFile.at(path) for path in dump if path.is_file()]
    pages = [read_pod_page(one.name, one.text().encode()) for one in lists]
    return read_flow_logs([source], [one for page in pages for one in page.addresses]).reading


def _aws_parts_of(dump: Sequence[Path]) -> dict[str, Path]:
    """What AWS told, by the name of its list, in those files that ``cli.py snapshot`` wrote."""
    return {
        part: path
        for path in dump
        if path.is_file()
        for part in aws_parts_inside(SourceFile.at(path))
    }


@dataclass(slots=True)
class _Parts:
    """Fields of the document, and where each came from."""

    fields: dict[str, Any]
    sources: list[DataSource]

    def add(
        self, kind: str, field: str, path: Path, reading: FileReading[Any], rows: Any = None
    ) -> None:
        """Take over what was read; ``rows`` where the document wants another form of it."""
        written_at = SourceFile.at(path).modified_at()
        self.fields[field] = reading.data if rows is None else rows
        self.sources.append(
            DataSource(
                kind=kind,
                name=str(path),
                count=reading.rows_read - reading.rows_dropped,
                as_of=reading.as_of or written_at,
                as_of_basis=FROM_CONTENT if reading.as_of else FROM_FILE_TIME,
            )
        )


def _add_market(
    parts: _Parts, files: AnalysisFiles, regions: Collection[str], *, now: datetime, today: datetime
) -> None:
    """Prices, rates and types of the regions that matter, within the window that matters."""
    on_demand = _read_on_demand(parts, files, regions, today)
    types = _read_instance_types(parts, files)
    bundled = bundled_beside(regions, tuple(OperatingSystem), on_demand, types)
    parts.sources.extend(bundled.sources)
    parts.fields["on_demand"] = to_on_demand_rows((*on_demand, *bundled.on_demand))
    parts.fields["instance_types"] = (*types.values(), *bundled.instance_types.values())
    if files.prices:
        known = {
            **bundled_on_demand(),
            **{one.instance_type: one.hourly_price for one in on_demand},
        }
        reading = read_spot_prices(SourceFile.at(files.prices), now=today, on_demand=known)
        window = reading.data.within(
            regions=regions,
            products=PRODUCTS,
            since=int((now - PRICE_WINDOW).timestamp()),
            until=int(now.timestamp()),
        )
        parts.add(SPOT_PRICES, "prices", files.prices, reading, to_price_rows(window))
    if files.advisor:
        rates = read_spot_advisor(SourceFile.at(files.advisor))
        rows = tuple(rate for rate in rates.data.rates if rate.region in regions)
        parts.add(SPOT_ADVISOR, "advisor", files.advisor, rates, rows)


def _read_on_demand(
    parts: _Parts, files: AnalysisFiles, regions: Collection[str], today: datetime
) -> tuple[OnDemandPrice, ...]:
    if not files.on_demand:
        return ()
    reading = read_on_demand_prices(SourceFile.at(files.on_demand), now=today)
    parts.add(ON_DEMAND_PRICES, "on_demand", files.on_demand, reading)
    return tuple(price for price in reading.data if price.region in regions)


def _read_instance_types(parts: _Parts, files: AnalysisFiles) -> Mapping[str, InstanceType]:
    if not files.instance_types:
        return {}
    reading = read_instance_types(SourceFile.at(files.instance_types))
    parts.add(INSTANCE_TYPES, "instance_types", files.instance_types, reading)
    return {one.instance_type: one for one in reading.data}


def _regions_of(dump: CurrentState, requirements: Mapping[str, Any]) -> frozenset[str]:
    """The regions that the nodes stand in, and the one that was asked for."""
    nodes = compile_state(CurrentState(nodes=dump.nodes)).cluster.nodes
    asked = requirements.get("region")
    return frozenset(one for one in (*nodes.regions, asked) if isinstance(one, str))


def _input(source: DataSource, now: datetime) -> AnalysisInput:
    return AnalysisInput(
        path=source.name,
        kind=source.kind,
        count=source.count,
        age=None if source.as_of is None else (now - source.as_of).total_seconds(),
        is_ignored=source.is_ignored,
    )
