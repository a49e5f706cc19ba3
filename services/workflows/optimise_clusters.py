"""Ask every engine about a cluster, as the scheduler does: advice, stored and shown.

All engines of a cycle judge the same state at the same moment, so the market is stored once. An
engine that fails does not keep the others from answering.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from db.errors import DatabaseError
from db.records import Cluster, DataKind
from db.repositories import advisor, clusters
from db.session import Database, Reader
from engines.contracts.results import DecisionType
from services.access import Actor
from services.errors import CloudOptimError
from services.metrics import ADVISED_SAVINGS
from services.settings import Settings
from services.workflows.browse_decisions import load_decision
from services.workflows.decide import ENGINES, Engine
from services.workflows.first_data import is_hopeless, missing_prices
from services.workflows.recommend import Question, recommend

SWITCHES: Mapping[DecisionType, str] = {
    DecisionType.BIN_PACK: "bin_packing_enabled",
    DecisionType.RIGHTSIZE: "rightsizing_enabled",
    DecisionType.SCHEDULE: "office_hours_enabled",
    DecisionType.GHOST_PROBE: "ghost_probe_scanner_enabled",
    DecisionType.VOLUME_CLEANUP: "zombie_volume_cleanup_enabled",
    DecisionType.NETWORK_OPTIMIZE: "network_optimization_enabled",
    DecisionType.OOMKILLED_REMEDIATE: "oom_remediation_enabled",
}
"""The setting that switches an engine off; the Spot optimizer has none."""

log = structlog.get_logger(__name__)


class EnginesFailedError(CloudOptimError):
    """Some engines could not answer; the decisions of the others are stored."""


def optimise_cluster(
    database: Database, cluster_id: str, *, settings: Settings, actor: Actor, at: datetime
) -> Mapping[str, Any]:
    """Ask the engines that are switched on; the id of each one's decision.

    Raises EnginesFailedError, naming each that could not answer, once all were asked.
    """
    decided: dict[str, int] = {}
    failed: dict[str, CloudOptimError] = {}
    for decision_type in engines_to_ask(settings):
        question = Question(cluster_id=cluster_id, decision_type=decision_type, as_of=at)
        try:
            decided[decision_type.value] = recommend(database, question, actor=actor, at=at)
        except DatabaseError:
            raise
        except CloudOptimError as error:
            failed[decision_type.value] = error
    _show_savings(database, cluster_id, decided)
    if failed:
        raise EnginesFailedError(
            "; ".join(f"{name}: {error.problem}" for name, error in failed.items()),
            next_step="; ".join(sorted({error.next_step for error in failed.values()})),
        )
    return {"decisions": decided}


def engines_to_ask(settings: Settings) -> tuple[DecisionType, ...]:
    """The engines that are switched on and can be asked without a person's parameters."""
    return tuple(
        decision_type
        for decision_type, engine in ENGINES.items()
        if not _needs_parameters(engine)
        and getattr(settings, SWITCHES.get(decision_type, ""), True)
    )


def missing_for_optimisation(database: Database, cluster_id: str, *, at: datetime) -> str:
    """What a cluster cannot be judged without yet, in words; '' where nothing is missing.

    Prices that could not be fetched are not waited for: much can be said without them, and the
    answers say what they lack.
    """
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        if cluster.latest_snapshot_digest is None:
            return "the first state of the cluster"
        return missing_prices(reader, cluster, at) or _missing_rates(reader, cluster, at)


def _needs_parameters(engine: Engine) -> bool:
    return any(field.required for field in msgspec.structs.fields(engine.parameters))


def _missing_rates(reader: Reader, cluster: Cluster, at: datetime) -> str:
    is_known = advisor.load_edition(reader) is not None
    if is_known or is_hopeless(reader, cluster, DataKind.SPOT_ADVISOR, at):
        return ""
    return "rates of Spot Advisor"


def _show_savings(database: Database, cluster_id: str, decided: Mapping[str, int]) -> None:
    """In the metrics: what each safe plan would save in a month."""
    for decision_type, decision_id in decided.items():
        summary = load_decision(database, decision_id).summary
        savings = float(summary.estimated_savings) if summary.is_safe else 0.0
        ADVISED_SAVINGS.labels(cluster_id, decision_type).set(savings)
