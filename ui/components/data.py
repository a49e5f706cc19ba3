"""Cached reads: the only place of the screens that keeps data between runs.

What is kept is keyed by the function's name, its arguments as text and the version of the data it
reads, which the database counts up with every write: so a page sees what another process wrote
within ``VERSION_TTL_SECONDS``. While the database cannot be reached, the last known version
stands, and with it the last good data.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import streamlit as st
from prometheus_client import Counter

from engines.contracts.errors import CloudOptimError
from services.workflows import (
    browse_clusters,
    browse_customers,
    browse_decisions,
    browse_market,
    browse_office_hours,
    browse_overview,
    browse_safety,
    browse_system,
    browse_traffic,
    browse_trend,
    browse_waste,
    job_control,
    market_coverage,
    recommend,
)
from services.workflows.browse_system import Database, DataKind
from ui import session

P = ParamSpec("P")
T = TypeVar("T")

VERSION_TTL_SECONDS = 1.5
READS = Counter("page_reads_total", "Reads of data by pages")
MISSES = Counter("page_read_misses_total", "Reads of data by pages that went to the database")


def cached(function: Callable[Concatenate[Database, P], T], *kinds: DataKind) -> Callable[P, T]:
    """A read function as pages call it: without the database, and answered from memory while
    the data of ``kinds`` are the same."""
    name = f"{function.__module__}.{function.__qualname__}"

    def read(*args: P.args, **kwargs: P.kwargs) -> T:
        versions = data_versions()
        version = " ".join(f"{kind}={versions.get(kind, 0)}" for kind in kinds)
        READS.inc()

        def ask() -> T:
            return function(session.database(), *args, **kwargs)

        arguments = repr((args, sorted(kwargs.items())))
        url = session.settings().sqlalchemy_url()
        return cast("T", _kept(name, url, version, arguments, _ask=ask))

    return read


def data_versions() -> Mapping[DataKind, int]:
    """The version of each kind of data; the last known ones while the database is away.

    Raises the database's error where nothing was ever read.
    """
    url = session.settings().sqlalchemy_url()
    last = _last_known(url)
    try:
        last["versions"] = _versions(url, _database=session.database())
        last["seen_at"] = session.now()
        last["trouble"] = None
    except CloudOptimError as error:
        if not error.is_retryable or "versions" not in last:
            raise
        last["trouble"] = error
    return cast("Mapping[DataKind, int]", last["versions"])


def forget_versions() -> None:
    """See at once what this process has just written."""
    _versions.clear()


def trouble() -> tuple[CloudOptimError, datetime] | None:
    """Why the database cannot be asked at present, and since when the data on screen stand."""
    last = _last_known(session.settings().sqlalchemy_url())
    if last.get("trouble") is None:
        return None
    return last["trouble"], last["seen_at"]


def hit_rate() -> float | None:
    """The share of reads since the start that were answered from memory; None: none yet."""
    reads, misses = _value(READS), _value(MISSES)
    return None if reads == 0 else 1 - misses / reads


@st.cache_resource(ttl=3600, max_entries=400, show_spinner=False)
def _kept(name: str, url: str, version: str, arguments: str, _ask: Callable[[], Any]) -> Any:
    """What ``_ask`` answered under these keys, itself and not a copy: records are never changed."""
    MISSES.inc()
    return _ask()


@st.cache_data(ttl=VERSION_TTL_SECONDS, max_entries=4, show_spinner=False)
def _versions(url: str, _database: Database) -> Mapping[DataKind, int]:
    return browse_system.load_data_versions(_database)


@st.cache_resource(show_spinner=False)
def _last_known(url: str) -> dict[str, Any]:
    """What was last read of a database's versions, shared by all viewers."""
    return {}


def _value(counter: Counter) -> float:
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


price_choices = cached(browse_market.load_price_choices, DataKind.SPOT_PRICES)
price_spans = cached(browse_market.load_price_spans, DataKind.SPOT_PRICES)
price_lines = cached(browse_market.load_price_lines, DataKind.SPOT_PRICES)
pools = cached(
    browse_market.load_pools,
    DataKind.SPOT_PRICES,
    DataKind.SPOT_ADVISOR,
    DataKind.ON_DEMAND_PRICES,
    DataKind.INSTANCE_TYPES,
)
advisor_heatmap = cached(browse_market.load_heatmap, DataKind.SPOT_ADVISOR)
data_ages = cached(
    browse_market.load_data_ages,
    DataKind.SPOT_PRICES,
    DataKind.SPOT_ADVISOR,
    DataKind.ON_DEMAND_PRICES,
    DataKind.INSTANCE_TYPES,
)
imports = cached(browse_system.load_imports, DataKind.IMPORTS)
events = cached(browse_system.load_events, DataKind.EVENTS)
coverage = cached(market_coverage.load_market_coverage, DataKind.SPOT_PRICES)
clusters = cached(browse_clusters.load_clusters, DataKind.CLUSTERS)
customers = cached(browse_customers.load_customers, DataKind.CLUSTERS)
decision_page = cached(browse_decisions.load_decision_page, DataKind.DECISIONS)
decision = cached(browse_decisions.load_decision, DataKind.DECISIONS)
decision_sources = cached(browse_decisions.load_decision_sources, DataKind.DECISIONS)
latest_judged = cached(browse_decisions.load_latest_judged, DataKind.DECISIONS)
safety_summary = cached(browse_safety.load_safety_summary, DataKind.SAFETY)
active_violations = cached(browse_safety.load_active_violations, DataKind.SAFETY)
audit_log = cached(
    browse_system.load_audit_log, DataKind.CLUSTERS, DataKind.SAFETY, DataKind.IMPORTS
)
cluster_view = cached(
    browse_clusters.load_cluster_view,
    DataKind.CLUSTERS,
    DataKind.SPOT_PRICES,
    DataKind.ON_DEMAND_PRICES,
    DataKind.INSTANCE_TYPES,
)

overview = cached(
    browse_overview.load_overview,
    DataKind.CLUSTERS,
    DataKind.DECISIONS,
    DataKind.SPOT_PRICES,
    DataKind.SPOT_ADVISOR,
    DataKind.ON_DEMAND_PRICES,
    DataKind.INSTANCE_TYPES,
)
combined_plan = cached(
    recommend.combine_engines,
    DataKind.SPOT_PRICES,
    DataKind.SPOT_ADVISOR,
    DataKind.ON_DEMAND_PRICES,
    DataKind.INSTANCE_TYPES,
)
trend = cached(browse_trend.load_trend, DataKind.METRICS)
cost_now = cached(browse_trend.load_cost_now, DataKind.METRICS)
jobs = cached(job_control.list_jobs, DataKind.JOBS, DataKind.CLUSTERS)
waste = cached(browse_waste.load_waste, DataKind.DECISIONS, DataKind.CLUSTERS)
traffic_source = cached(browse_traffic.find_traffic_source, DataKind.CLUSTERS)
office_hours = cached(browse_office_hours.load_schedules, DataKind.CLUSTERS)
office_hours_decision = cached(browse_office_hours.load_hours_decision, DataKind.DECISIONS)
labelled_namespaces = cached(browse_office_hours.load_namespaces)
