"""The safety verdict on screen: the banner, the layers one by one, zones, pools, allocations."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

import streamlit as st

from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.verdict import (
    AllocationEntry,
    PoolShare,
    SafetyLayer,
    SafetyLimits,
    SafetyVerdict,
    Severity,
    VerdictAction,
    Violation,
    ZoneShare,
)
from ui.components import amount_charts, formatting, plot_style, tables, wording

_SIGNS = {"ok": "✓", "warning": "!", "broken": "✕"}
_STATES = {"ok": "holds", "warning": "holds, with a remark", "broken": "is broken"}


@dataclass(frozen=True, kw_only=True)
class LayerReading:
    """What one layer says: its state (ok, warning, broken), what was measured, and the findings."""

    layer: SafetyLayer
    state: str
    measured: str
    limit: str
    findings: tuple[str, ...]


def read_layers(verdict: SafetyVerdict, limits: SafetyLimits) -> list[LayerReading]:
    """The five layers of a verdict in order."""
    return [
        LayerReading(
            layer=layer,
            state=_state(layer, verdict),
            measured=_measured(layer, verdict),
            limit=_limit(layer, limits),
            findings=tuple(formatting.sentence(one.message) for one in _of(layer, verdict)),
        )
        for layer in SafetyLayer
    ]


def show_verdict(verdict: SafetyVerdict, limits: SafetyLimits) -> None:
    """The banner and, where there was something to judge, the layers one by one."""
    _show_banner(verdict)
    if verdict.action_taken is not VerdictAction.NOT_APPLICABLE:
        st.html(_layers_html(read_layers(verdict, limits)))
    if verdict.exceptions:
        used = ", ".join(wording.in_words(one) for one in verdict.exceptions)
        st.warning(f"Recorded exceptions that were used: {used}", icon=":material/gavel:")


def show_distribution(
    zones: Sequence[ZoneShare], pools: Sequence[PoolShare], limits: SafetyLimits, *, key: str
) -> None:
    """Zones and Spot pools of the cluster as a plan leaves it, side by side."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**Zones** · at least {limits.min_availability_zones}")
        bars = [_zone_bar(zone) for zone in zones]
        if bars:
            figure = amount_charts.bar_chart(bars, value_format=".0%")
            st.plotly_chart(figure, key=f"{key}-zones", config=plot_style.PLOT_CONFIG)
        else:
            st.caption("No node stands in a known zone.")
    with right:
        limit = limits.max_pool_share
        st.markdown(f"**Spot pools** · at most {formatting.percent(limit)} each")
        if pools:
            figure = amount_charts.bar_chart(
                [_pool_bar(pool, limit) for pool in _largest(pools)],
                limit=limit,
                limit_text=f"limit {formatting.percent(limit)}",
                value_format=".0%",
            )
            st.plotly_chart(figure, key=f"{key}-pools", config=plot_style.PLOT_CONFIG)
        else:
            st.caption("No Spot pool carries anything.")


def show_allocation(entries: Sequence[AllocationEntry], *, key: str, file_name: str) -> None:
    """What is bought where, with what it costs by the hour and the month."""
    rows = [
        {
            "instance_type": entry.instance_type,
            "availability_zone": entry.availability_zone,
            "capacity_type": entry.capacity_type,
            "count": entry.count,
            "usd_per_hour": entry.usd_per_hour,
            "usd_month": entry.usd_per_hour * entry.count * HOURS_PER_MONTH,
        }
        for entry in entries
    ]
    columns = (
        tables.Column(name="instance_type", label="Instance type"),
        tables.Column(name="availability_zone", label="Zone"),
        tables.Column(name="capacity_type", label="Capacity type"),
        tables.Column(name="count", label="Count", kind="number"),
        tables.Column(name="usd_per_hour", label="USD/h each", kind="price"),
        tables.Column(name="usd_month", label="USD/month", kind="money"),
    )
    tables.show_table(rows, columns, key=key, file_name=file_name, noun="line")


def cost_per_hour(entries: Sequence[AllocationEntry]) -> Decimal:
    """What an allocation costs by the hour, in USD."""
    return sum((entry.usd_per_hour * entry.count for entry in entries), Decimal(0))


def _show_banner(verdict: SafetyVerdict) -> None:
    message = formatting.plain(formatting.sentence(verdict.message))
    text = f"**{wording.VERDICTS[verdict.action_taken]}.** {message}."
    match verdict.action_taken:
        case VerdictAction.APPROVED:
            st.success(text, icon=":material/verified_user:")
        case VerdictAction.SAFE_ALTERNATIVE_CREATED:
            st.warning(text, icon=":material/swap_horiz:")
        case VerdictAction.REJECTED:
            st.error(text, icon=":material/gpp_bad:")
        case VerdictAction.NOT_APPLICABLE:
            st.info(text, icon=":material/info:")


def _layers_html(readings: Sequence[LayerReading]) -> str:
    head = "<tr><th></th><th>Layer</th><th>Measured</th><th>Limit</th><th>What it found</th></tr>"
    return f'<table class="co-layers">{head}{"".join(map(_layer_row, readings))}</table>'


def _layer_row(reading: LayerReading) -> str:
    rule = wording.LAYER_RULES[reading.layer]
    findings = "<br>".join(map(escape, reading.findings)) or f"<span>{escape(rule)}</span>"
    state = f"Layer {int(reading.layer)} {_STATES[reading.state]}"
    return (
        f'<tr class="co-{reading.state}"><td title="{state}" aria-label="{state}">'
        f"<b>{_SIGNS[reading.state]}</b></td>"
        f"<td>{int(reading.layer)} · {wording.LAYERS[reading.layer]}</td>"
        f'<td class="co-number">{escape(reading.measured)}</td>'
        f'<td class="co-number">{escape(reading.limit)}</td><td>{findings}</td></tr>'
    )


def _of(layer: SafetyLayer, verdict: SafetyVerdict) -> list[Violation]:
    return [one for one in verdict.violations if one.layer == layer]


def _state(layer: SafetyLayer, verdict: SafetyVerdict) -> str:
    """Errors break a layer unless the cluster broke it before or an exception lets them pass."""
    found = _of(layer, verdict)
    blocking = [
        one
        for one in found
        if one.severity is Severity.ERROR and not one.inherited and one.exception_id is None
    ]
    if blocking or (layer is SafetyLayer.ALL_TOGETHER and not verdict.is_safe):
        return "broken"
    return "warning" if found else "ok"


def _measured(layer: SafetyLayer, verdict: SafetyVerdict) -> str:
    match layer:
        case SafetyLayer.RISK:
            scores = [pool.risk_score or 0.0 for pool in verdict.pools if pool.decided]
            return f"{min(scores):.3f}" if scores else "no new pool"
        case SafetyLayer.AZ_DISTRIBUTION:
            return formatting.count_of(len(verdict.zones), "zone")
        case SafetyLayer.POOL_CONCENTRATION:
            shares = [pool.share for pool in verdict.pools]
            return formatting.percent(max(shares), 1) if shares else "no Spot pool"
        case SafetyLayer.ON_DEMAND_BUFFER:
            return formatting.percent(verdict.on_demand_share, 1)
        case SafetyLayer.ALL_TOGETHER:
            return "all hold" if verdict.is_safe else "not all hold"


def _limit(layer: SafetyLayer, limits: SafetyLimits) -> str:
    match layer:
        case SafetyLayer.RISK:
            return f"≥ {limits.min_risk_score:.2f}"
        case SafetyLayer.AZ_DISTRIBUTION:
            return f"≥ {limits.min_availability_zones}"
        case SafetyLayer.POOL_CONCENTRATION:
            return f"≤ {formatting.percent(limits.max_pool_share)}"
        case SafetyLayer.ON_DEMAND_BUFFER:
            return f"≥ {formatting.percent(limits.min_on_demand_share)}"
        case SafetyLayer.ALL_TOGETHER:
            return "all"


def _zone_bar(zone: ZoneShare) -> amount_charts.Bar:
    nodes = formatting.count_of(zone.nodes, "node")
    return amount_charts.Bar(
        label=zone.availability_zone,
        value=zone.share,
        text=f"{formatting.percent(zone.share)} · {nodes}",
        color=plot_style.BLUE,
    )


def _pool_bar(pool: PoolShare, limit: float) -> amount_charts.Bar:
    nodes = formatting.count_of(pool.nodes, "node")
    score = "score not known" if pool.risk_score is None else f"score {pool.risk_score:.3f}"
    origin = "added by the plan" if pool.decided else "there already"
    return amount_charts.Bar(
        label=f"{pool.instance_type} / {pool.availability_zone}",
        value=pool.share,
        text=f"{formatting.percent(pool.share, 1)} · {nodes}",
        color=plot_style.RED if pool.share > limit else plot_style.GREEN,
        hover=f"{formatting.percent(pool.share, 1)}, {nodes}, {score}, {origin}",
    )


def _largest(pools: Sequence[PoolShare]) -> list[PoolShare]:
    """The twelve largest pools: further ones carry less than a twelfth each."""
    return sorted(pools, key=lambda pool: (-pool.share, pool.instance_type))[:12]
