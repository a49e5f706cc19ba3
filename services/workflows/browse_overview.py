"""What the first screen shows: cost and savings of all clusters, and what to do next."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from db.records import Cluster, DecisionFilter, DecisionSummary
from db.repositories import clusters, decisions
from db.session import Database
from engines.contracts.pricing import HOURS_PER_MONTH
from services.workflows.browse_clusters import ClusterSummary, load_cluster_view
from services.workflows.check_health import check_health


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
    subject: str = ""
    decision_id: int | None = None
    savings_usd_month: Decimal | None = None


class ClusterLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster with its cost, and the newest decision about it (None: there is none).

    ``saving_usd_month`` is that of the newest decision where its verdict is safe, else zero.
    """

    cluster: Cluster
    summary: ClusterSummary
    latest: DecisionSummary | None
    saving_usd_month: Decimal

    @property
    def planned_usd_month(self) -> Decimal | None:
        """What the cluster would cost with its newest safe plan; None: no plan saves anything."""
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
    next_steps: tuple[NextStep, ...]


def load_overview(database: Database, *, at: datetime) -> Overview:
    """Cost, savings and next steps as of ``at``."""
    with database.reader() as reader:
        known = clusters.list_all(reader)
        latest = {
            one.id: decisions.list_page(reader, DecisionFilter(cluster_id=one.id), limit=1).items
            for one in known
        }
    lines = tuple(
        _line(database, one, latest[one.id][0] if latest[one.id] else None, at)
        for one in known
        if one.latest_snapshot_digest is not None
    )
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
        next_steps=_next_steps(database, lines, at),
    )


def _line(
    database: Database, cluster: Cluster, latest: DecisionSummary | None, at: datetime
) -> ClusterLine:
    is_safe = latest is not None and latest.is_safe is True
    return ClusterLine(
        cluster=cluster,
        summary=load_cluster_view(database, cluster.id, at=at).summary,
        latest=latest,
        saving_usd_month=latest.estimated_savings if latest and is_safe else Decimal(0),
    )


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
            subject=line.cluster.name,
            decision_id=line.latest.id,
            savings_usd_month=line.saving_usd_month,
        )
        for line in sorted(lines, key=lambda one: (-one.saving_usd_month, one.cluster.name))
        if line.latest is not None and line.saving_usd_month > 0
    ]
    unasked = [
        NextStep(kind=NextStepKind.DRY_RUN, subject=line.cluster.name)
        for line in lines
        if line.latest is None
    ]
    stale = [
        NextStep(kind=NextStepKind.REFRESH_DATA, subject=f"{one.kind} ({one.source})")
        for one in health.data
        if one.is_stale
    ]
    return (*missing, *plans, *unasked, *stale)
