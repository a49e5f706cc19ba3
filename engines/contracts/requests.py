"""What an engine is asked: one immutable request that carries all it may look at."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from engines.contracts.decoding import DECODING_ERRORS, JsonFailure, explain, without_nulls
from engines.contracts.errors import InvalidInputError
from engines.contracts.json_values import Time, in_canonical_order, refuse_absurd_time
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.contracts.state import (
    ClusterState,
    CurrentState,
    canonical_cluster_json,
    canonical_market_json,
    compile_state,
    digest,
    to_document,
)

T = TypeVar("T", bound=msgspec.Struct)


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
    now: Time
    current_state: CurrentState
    requirements: Mapping[str, Any] = {}
    constraints: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        refuse_absurd_time("now", self.now)


def parse_request(data: bytes) -> DecisionRequest:
    """One request from its JSON. Raises InvalidInputError naming the path or the place in it."""
    try:
        return to_request(_decoded(data))
    except DECODING_ERRORS as error:
        raise _invalid(explain(error, data)) from error


def to_request(document: DecisionRequestDocument) -> DecisionRequest:
    """The request with its state compiled."""
    return DecisionRequest(
        request_id=document.request_id,
        cluster_id=document.cluster_id,
        decision_type=document.decision_type,
        now=document.now,
        current_state=compile_state(document.current_state),
        requirements=document.requirements,
        constraints=document.constraints,
    )


def convert_part(values: Mapping[str, Any], target: type[T], part: str) -> T:
    """``requirements`` or ``constraints`` as the type that an engine gives them, its lists in one
    order: the order in which they were given means nothing.

    Raises InvalidInputError naming the value at fault as ``$.part.name``, lists as they were given.
    """
    try:
        msgspec.convert(dict(values), target, strict=True)
        return msgspec.convert(in_canonical_order(values), target, strict=True)
    except msgspec.ValidationError as error:
        failure = explain(error, b"")
        raise InvalidInputError(
            f"$.{part}{failure.path.removeprefix('$')}",
            failure.reason,
            next_step=f"{part} may hold {', '.join(sorted(target.__struct_fields__))}",
        ) from error


def to_request_document(request: DecisionRequest) -> DecisionRequestDocument:
    """The request as JSON carries it."""
    return DecisionRequestDocument(
        request_id=request.request_id,
        cluster_id=request.cluster_id,
        decision_type=request.decision_type,
        now=request.now,
        current_state=to_document(request.current_state),
        requirements=request.requirements,
        constraints=request.constraints,
    )


def input_digest(request: DecisionRequest) -> str:
    """SHA-256 of all that an answer may depend on: equal digests mean equal answers.

    The request's id is not part of it, nor is the order of any list, so that the same question
    asked twice is one question.
    """
    state = request.current_state
    question = {
        "cluster": digest(canonical_cluster_json(state)),
        "market": digest(canonical_market_json(state)),
        "sources": sorted(state.sources, key=_encode),
        "cluster_id": request.cluster_id,
        "decision_type": request.decision_type,
        "now": request.now.astimezone(UTC),
        "requirements": in_canonical_order(request.requirements),
        "constraints": in_canonical_order(request.constraints),
    }
    return digest(_encode(question))


def refused(
    request: DecisionRequest, engine: EngineIdentity, reason: str, message: str
) -> DecisionResponse:
    """The answer of an engine that will not judge at all: a code, and its sentence."""
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=request.decision_type,
        engine=engine,
        input_digest=input_digest(request),
        status=DecisionStatus.REFUSED,
        reason=reason,
        message=message,
    )


_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
_decoder = msgspec.json.Decoder(DecisionRequestDocument)


def _decoded(data: bytes) -> DecisionRequestDocument:
    """Decode; in the state null means "not set", as in Kubernetes."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        tree = msgspec.json.decode(data)
        state = tree.get("current_state") if isinstance(tree, dict) else None
        bare = without_nulls(state)
        if bare == state:
            raise
        return _decoder.decode(msgspec.json.encode({**tree, "current_state": bare}))


def _invalid(failure: JsonFailure) -> InvalidInputError:
    place = failure.path or "the request"
    if failure.offset is not None:
        place = f"{place}, byte {failure.offset}"
    if "unknown field" in failure.reason and failure.path == "$.current_state":
        known = ", ".join(CurrentState.__struct_fields__)
        return InvalidInputError(place, failure.reason, next_step=f"the fields are {known}")
    return InvalidInputError(
        place, failure.reason, next_step="correct it; the JSON Schema describes what is expected"
    )
