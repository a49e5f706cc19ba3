"""What the first screen shows: cost and savings of all clusters, and what to do next."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from db.records import Cluster, DecisionFilter, DecisionSummary
from db.repositories import clusters, decisions
from db.session import Database, Reader
from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.results import DecisionType
from engines.cost import ClusterSummary, summarise_cluster
from engines.cost_shares import CostShares, share_costs
from services.workflows.browse_decisions import newest_judged
from services.workflows.check_health import check_health
from services.workflows.priced_state import load_priced_state


class NextStepKind(StrEnum):
    """What a person could do next, the most useful first."""

    IMPORT_PRICES = "import_prices"
    IMPORT_ADVISOR = "import_advisor"
    OPEN_CLUSTER = "open_cluster"
    REVIEW_PLAN = "review_plan"
    DRY_RUN = "dry_run"
    REFRESH_DATA = "refresh_data"


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do: about what, and what it may save in a month (USD; None: not known)."""

    kind: NextStepKind
    cluster_id: str = ""
    data_kind: str = ""
    decision_type: DecisionType | None = None
    decision_id: int | None = None
    savings_usd_month: Decimal | None = None


class ClusterLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster with its cost and who causes it, and the newest decision of each type about it.

    ``latest`` is the newest of them, ``judged`` the newest whose plan changes nodes and was judged.
    ``saving_usd_month`` is that of the best of them with a safe plan, else zero: savings of
    several engines may touch the same nodes, so they are never summed.
    """

    cluster: Cluster
    summary: ClusterSummary
    costs: CostShares
    latest: DecisionSummary | None
    judged: DecisionSummary | None
    by_type: tuple[DecisionSummary, ...]
    saving_usd_month: Decimal

    @property
    def planned_usd_month(self) -> Decimal | None:
        """What the cluster would cost with its best safe plan; None: no plan saves anything."""
        if self.saving_usd_month <= 0:
            return None
        return self.summary.current_cost_per_month - self.saving_usd_month


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All clusters together. Money is USD at list prices."""

    at: datetime
    lines: tuple[ClusterLine, ...]
    cost_per_hour: Decimal
    cost_per_month: Decimal
    saving_usd_month: Decimal
    saving_share: float | None  # of the cost; None: nothing costs anything
    decisions_today: int  # in the last 24 hours
    next_steps: tuple[NextStep, ...]


def load_overview(database: Database, *, at: datetime) -> Overview:
    """Cost, savings and next steps as of ``at``."""
    with database.reader() as reader:
        known = [one for one in clusters.list_all(reader) if one.latest_snapshot_digest is not None]
        lines = tuple(_line(reader, one, at) for one in known)
        day = DecisionFilter(since=at - timedelta(days=1))
        today = decisions.list_page(reader, day, limit=1).total
    cost = sum((line.summary.current_cost_per_hour for line in lines), Decimal(0))
    saving = sum((line.saving_usd_month for line in lines), Decimal(0))
    month = cost * HOURS_PER_MONTH
    return Overview(
        at=at,
        lines=lines,
        cost_per_hour=cost,
        cost_per_month=month,
        saving_usd_month=saving,
        saving_share=float(saving / month) if month else None,
        decisions_today=today,
        next_steps=_next_steps(database, lines, at),
    )


def _line(reader: Reader, cluster: Cluster, at: datetime) -> ClusterLine:
    state = load_priced_state(reader, cluster, at)
    by_type = tuple(_newest_decisions(reader, cluster))
    return ClusterLine(
        cluster=cluster,
        summary=summarise_cluster(state, at),
        costs=share_costs(state, at),
        latest=max(by_type, key=lambda one: (one.created_at, one.id), default=None),
        judged=newest_judged(reader, cluster.id),
        by_type=by_type,
        saving_usd_month=max((_safe_saving(one) for one in by_type), default=Decimal(0)),
    )


def _newest_decisions(reader: Reader, cluster: Cluster) -> Iterator[DecisionSummary]:
    """The newest decision of each type about a cluster."""
    for decision_type in DecisionType:
        wanted = DecisionFilter(cluster_id=cluster.id, decision_type=decision_type)
        yield from decisions.list_page(reader, wanted, limit=1).items


def _safe_saving(decision: DecisionSummary) -> Decimal:
    return decision.estimated_savings if decision.is_safe else Decimal(0)


def _next_steps(
    database: Database, lines: Sequence[ClusterLine], at: datetime
) -> tuple[NextStep, ...]:
    """What is missing first, then the largest safe saving, then what is not asked yet."""
    health = check_health(database, now=at)
    stored = {str(one.kind) for one in health.data}
    missing = [
        NextStep(kind=kind)
        for kind, data in (
            (NextStepKind.IMPORT_PRICES, "spot_prices"),
            (NextStepKind.IMPORT_ADVISOR, "spot_advisor"),
        )
        if data not in stored
    ]
    if not lines:
        missing.append(NextStep(kind=NextStepKind.OPEN_CLUSTER))
    plans = [
        NextStep(
            kind=NextStepKind.REVIEW_PLAN,
            cluster_id=line.cluster.id,
            decision_type=decision.decision_type,
            decision_id=decision.id,
            savings_usd_month=_safe_saving(decision),
        )
        for line in lines
        for decision in line.by_type
        if _safe_saving(decision) > 0
    ]
    plans.sort(key=lambda one: (-(one.savings_usd_month or 0), one.cluster_id))
    unasked = [
        NextStep(kind=NextStepKind.DRY_RUN, cluster_id=line.cluster.id)
        for line in lines
        if line.latest is None
    ]
    stale = [
        NextStep(kind=NextStepKind.REFRESH_DATA, data_kind=kind)
        for kind in dict.fromkeys(one.kind for one in health.data if one.is_stale)
    ]
    return (*missing, *plans, *unasked, *stale)
