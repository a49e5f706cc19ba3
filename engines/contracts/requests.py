"""What an engine is asked: one immutable request that carries all it may look at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from engines.contracts.results import DecisionType
from engines.contracts.state import ClusterState, CurrentState


class DecisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as engines see it, with its state compiled to columns.

    ``requirements`` are the engine's own parameters, ``constraints`` the safety constraints; each
    engine converts them to its parameter type, which refuses unknown names.
    """

    request_id: str
    cluster_id: str
    decision_type: DecisionType
    now: datetime
    current_state: ClusterState
    requirements: Mapping[str, Any] = {}
    constraints: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now must carry a time zone")


class DecisionRequestDocument(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A request as JSON carries it: ``current_state`` holds Kubernetes and AWS items unchanged."""

    request_id: str
    cluster_id: str
    decision_type: DecisionType
    now: datetime
    current_state: CurrentState
    requirements: Mapping[str, Any] = {}
    constraints: Mapping[str, Any] = {}
