"""What an engine answers: recommendations, skipped subjects, a plan, and the proof behind them."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from engines.contracts.plan import PlanStep
from engines.contracts.verdict import SafetyVerdict

Json = Any  # a JSON value: str, number, bool, None, list or object of JSON values


class DecisionType(StrEnum):
    """The eight decisions."""

    SPOT_OPTIMIZE = "spot_optimize"
    BIN_PACK = "bin_pack"
    RIGHTSIZE = "rightsize"
    SCHEDULE = "schedule"
    GHOST_PROBE = "ghost_probe"
    VOLUME_CLEANUP = "volume_cleanup"
    NETWORK_OPTIMIZE = "network_optimize"
    OOMKILLED_REMEDIATE = "oomkilled_remediate"


class DecisionStatus(StrEnum):
    """``ok``: see the recommendations (there may be none, each subject says why). ``refused``:
    the engine would not judge at all, for the reason given."""

    OK = "ok"
    REFUSED = "refused"


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, order=True):
    """What a recommendation or a skipped entry is about. Unused fields stay empty."""

    kind: str  # "Cluster", "Node", "Deployment", "Pool", "Instance", "Volume" ...
    namespace: str = ""
    name: str = ""
    container: str = ""
    node: str = ""
    instance_id: str = ""
    volume_id: str = ""
    instance_type: str = ""
    availability_zone: str = ""


class PodMove(
    msgspec.Struct, frozen=True, kw_only=True, rename={"from_node": "from", "to_node": "to"}
):
    """A pod that changes nodes; ``pod`` is namespace/name."""

    pod: str
    from_node: str
    to_node: str


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of advice. ``savings_usd_month`` is against the stated current state.

    ``current`` and ``recommended`` have the fields of the engine's documentation;
    ``reason`` is a sentence, ``evidence`` the numbers behind it.
    """

    subject: Subject
    action: str
    savings_usd_month: Decimal
    reason: str
    current: Mapping[str, Json] = {}
    recommended: Mapping[str, Json] = {}
    evidence: Mapping[str, Json] = {}
    node: str = ""
    moves: tuple[PodMove, ...] = ()


class Skipped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A subject without advice. ``reason`` is a code, ``message`` its sentence with the next step.

    ``subjects`` names what blocks it (pods, budgets, volumes ...).
    """

    subject: Subject
    reason: str
    message: str
    subjects: tuple[str, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a reader should know before trusting the answer."""

    code: str
    message: str
    subjects: tuple[str, ...] = ()


class EngineIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Which engine answered."""

    name: str
    version: str


class DecisionResponse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to one DecisionRequest.

    ``confidence_score`` is 0..1, computed as the engine documents. ``estimated_savings`` is USD
    per month. ``safety`` is set by the service that had the plan judged, never by an engine; so is
    the safe alternative: the plan to execute instead of one that fails, and the verdict on it.
    """

    request_id: str
    decision_type: DecisionType
    engine: EngineIdentity
    input_digest: str
    status: DecisionStatus
    reason: str = ""  # reason code of a refusal
    message: str = ""  # its sentence
    recommendations: tuple[Recommendation, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    execution_plan: tuple[PlanStep, ...] = ()
    estimated_savings: Decimal = Decimal(0)
    confidence_score: float = 0.0
    warnings: tuple[Notice, ...] = ()
    evidence: Mapping[str, Json] = {}
    safety: SafetyVerdict | None = None
    alternative_plan: tuple[PlanStep, ...] = ()
    alternative_safety: SafetyVerdict | None = None
