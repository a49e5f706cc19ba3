"""The parameters of OOM remediation."""

from datetime import datetime
from typing import Annotated

import msgspec

from engines.contracts.requests import DecisionRequest, convert_part
from engines.contracts.verdict import SafetyLimits
from engines.resource_policy.floors import ANSWERING_FACTOR

CAUTIOUS_MEMORY_FACTOR = 1.2
"""The preset for who would rather raise twice than too much."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class RecordedKill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OOM kill that was seen earlier: a row of the ledger.

    ``limit_bytes``: the memory limit in force at the kill; None: not known, or there was none.
    """

    namespace: str
    pod: str
    container: str
    time: Moment
    limit_bytes: Annotated[int, msgspec.Meta(gt=0)] | None = None


class OomParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may ask of OOM remediation. All have defaults."""

    memory_factor: Annotated[float, msgspec.Meta(gt=1, le=2)] = ANSWERING_FACTOR
    """New memory is the limit at the kill times this; 1.2 is the cautious preset."""
    oom_history: tuple[RecordedKill, ...] = ()
    """Kills that were seen earlier: a pod's status shows one at a time."""
    allow_full_restarts: bool = False
    """Consent to change workloads whose rollout takes away more than half of their pods."""


def read_parameters(request: DecisionRequest) -> OomParameters:
    """The request's parameters; the limits are checked too. Raises InvalidInputError."""
    convert_part(request.constraints, SafetyLimits, "constraints")
    return convert_part(request.requirements, OomParameters, "requirements")
