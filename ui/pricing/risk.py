"""The risk score of any pool, taken apart, and all pools of a region in order of it."""

from streamlit.delta_generator import DeltaGenerator

from engines import risk
from services.workflows.browse_market import Pool, PoolTable, RegionSpan
from ui import session
from ui.components import formatting, tables, wording
from ui.components.cards import Card, show_cards, show_source, source_parts
from ui.components.risk_parts import WEIGHTS, Part, show_parts
from ui.pricing import market

SAFE_SCORE = 0.75  # the product's default limit of layer 1; a cluster may ask for more
COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="availability_zone", label="Zone"),
    tables.Column(name="risk_score", label="Risk score", kind="score", help="1.0 is safest"),
    tables.Column(name="public_rate", label="Public rate", kind="score"),
    tables.Column(name="volatility", label="Volatility", kind="score"),
    tables.Column(name="gap", label="Gap", kind="score"),
    tables.Column(name="time", label="Time", kind="score"),
    tables.Column(name="interrupted", label="Interrupted a month"),
    tables.Column(name="usd_per_hour", label="Spot USD/h", kind="price"),
    tables.Column(name="saving", label="Saving", kind="percent"),
    tables.Column(name="vcpu", label="vCPU", kind="number"),
    tables.Column(name="memory_gib", label="Memory GiB", kind="decimal"),
    tables.Column(name="priced_at", label="Last change", kind="time"),
)


def show_risk(span: RegionSpan, tools: DeltaGenerator) -> None:
    """The breakdown of one pool, chosen in ``tools``, and the table of all."""
    table = market.pools_of(span)
    ranked = sorted(
        table.pools,
        key=lambda pool: (-pool.risk_score, pool.instance_type, pool.availability_zone),
    )
    pools = {f"{pool.instance_type} / {pool.availability_zone}": pool for pool in ranked}
    name = tools.selectbox(
        "Pool",
        list(pools),
        key="pricing_pool",
        bind="query-params",
        width=300,
        help="An instance type in one zone, bought on Spot. The safest stands first.",
    )
    _show_breakdown(pools[name], table)
    tables.show_table(
        [_row(pool) for pool in ranked],
        COLUMNS,
        key="pricing_risk",
        file_name="spot-pools",
        noun="pool",
    )


def parts_of(pool: Pool) -> list[Part]:
    """The four parts of a pool's score in order of weight, each with what it rests on."""
    bucket = pool.interruption_bucket
    published = "not published for this type" if bucket is None else "of instances a month"
    rate = "" if bucket is None else wording.INTERRUPTION_BUCKETS[bucket] + " "
    measured = {
        "public_rate": rate + published,
        "volatility": _variation(pool),
        "gap": f"{formatting.percent(pool.saving, 1)} below on-demand",
        "time": "by the region's clock: office hours score 0, nights and weekends 1",
    }
    if pool.saving is None:
        measured["gap"] = "no on-demand price is known"
    values = {
        "public_rate": pool.parts.public_rate,
        "volatility": pool.parts.volatility,
        "gap": pool.parts.gap,
        "time": pool.parts.time,
    }
    return [Part(code=code, value=values[code], measured=measured[code]) for code in WEIGHTS]


def _variation(pool: Pool) -> str:
    """The price's variation that the volatility part stands for."""
    if not pool.covered_seconds:
        return "no price is known of the last 7 days"
    days = pool.covered_seconds / 86_400
    worst = formatting.percent(risk.WORST_VARIATION)
    if pool.parts.volatility == 0:
        return f"the price varies by {worst} or more in {days:.1f} days"
    variation = (1 - pool.parts.volatility) * risk.WORST_VARIATION
    return f"the price varies by {formatting.percent(variation, 2)} in {days:.1f} days"


def _show_breakdown(pool: Pool, table: PoolTable) -> None:
    is_safe = pool.risk_score >= SAFE_SCORE
    show_cards(
        [
            Card(
                label="Risk score",
                value=f"{pool.risk_score:.3f}",
                note=f"{'✓ at least' if is_safe else '✕ below'} the default limit of {SAFE_SCORE}",
                tone="good" if is_safe else "bad",
            ),
            Card(
                label="Spot price",
                value=formatting.price_per_hour(pool.usd_per_hour),
                note=f"since {formatting.moment(pool.priced_at, session.viewer_zone())}",
            ),
            Card(
                label="On-demand",
                value=formatting.price_per_hour(pool.on_demand_usd_per_hour),
                note=f"saving {formatting.percent(pool.saving, 1)}",
            ),
            Card(
                label="Interrupted a month",
                value=_bucket(pool) or formatting.UNKNOWN,
                note="as AWS publishes it" if _bucket(pool) else "not published",
            ),
        ]
    )
    show_parts(parts_of(pool), key="pricing-parts")
    show_source(source_parts(table.sources), session.now())


def _bucket(pool: Pool) -> str:
    if pool.interruption_bucket is None:
        return ""
    return wording.INTERRUPTION_BUCKETS[pool.interruption_bucket]


def _row(pool: Pool) -> tables.Row:
    return {
        "instance_type": pool.instance_type,
        "availability_zone": pool.availability_zone,
        "risk_score": pool.risk_score,
        "public_rate": pool.parts.public_rate,
        "volatility": pool.parts.volatility,
        "gap": pool.parts.gap,
        "time": pool.parts.time,
        "interrupted": _bucket(pool) or "not published",
        "usd_per_hour": pool.usd_per_hour,
        "saving": pool.saving,
        "vcpu": pool.vcpu,
        "memory_gib": pool.memory_gib,
        "priced_at": pool.priced_at,
    }
