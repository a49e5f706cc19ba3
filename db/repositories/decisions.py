"""The decision log: every answer of an engine, with what is needed to replay it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, func, insert, select

from db.errors import RecordNotFoundError
from db.models.decisions import Decision as Row
from db.records import (
    DataKind,
    DecisionFilter,
    DecisionPage,
    DecisionSummary,
    LoggedDecision,
    NewDecision,
)
from db.repositories import data_versions
from db.rows import to_record
from db.session import Reader, Transaction
from engines.contracts.pricing import to_micro_usd, to_usd
from engines.contracts.results import DecisionResponse

_SUMMARY = (
    Row.id,
    Row.request_id,
    Row.created_at,
    Row.as_of,
    Row.cluster_id,
    Row.decision_type,
    Row.engine_name,
    Row.engine_version,
    Row.input_digest,
    Row.status,
    Row.reason,
    Row.recommendation_count,
    Row.confidence_score,
    Row.estimated_savings_micro_usd_month,
    Row.is_safe,
    Row.action_taken,
    Row.triggered_by,
)


def log(tx: Transaction, decision: NewDecision) -> int:
    """Store an answer; its id. The same request id a second time is an error."""
    data_versions.bump(tx, DataKind.DECISIONS)
    response, safety = decision.response, decision.response.safety
    row = {
        "request_id": response.request_id,
        "created_at": decision.created_at,
        "as_of": decision.as_of,
        "cluster_id": decision.cluster_id,
        "decision_type": response.decision_type,
        "engine_name": response.engine.name,
        "engine_version": response.engine.version,
        "input_digest": response.input_digest,
        "cluster_snapshot_digest": decision.cluster_snapshot_digest,
        "market_snapshot_digest": decision.market_snapshot_digest,
        "requirements": decision.requirements,
        "constraints": decision.constraints,
        "response": response,
        "status": response.status,
        "reason": response.reason,
        "recommendation_count": len(response.recommendations),
        "confidence_score": response.confidence_score,
        "estimated_savings_micro_usd_month": to_micro_usd(response.estimated_savings),
        "is_safe": None if safety is None else safety.is_safe,
        "action_taken": None if safety is None else safety.action_taken,
        "triggered_by": decision.triggered_by,
    }
    return tx.connection.execute(insert(Row).values(row).returning(Row.id)).scalar_one()


def list_page(
    reader: Reader,
    wanted: DecisionFilter = DecisionFilter(),  # noqa: B008 - frozen
    *,
    limit: int = 50,
    offset: int = 0,
) -> DecisionPage:
    """One page of the wanted decisions, newest first; the server counts and cuts."""
    conditions = _conditions(wanted)
    total = reader.connection.execute(select(func.count()).select_from(Row).where(*conditions))
    rows = reader.connection.execute(
        select(*_SUMMARY)
        .where(*conditions)
        .order_by(Row.created_at.desc(), Row.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return DecisionPage(
        items=tuple(_summary(row._mapping) for row in rows), total=total.scalar_one()
    )


def get(reader: Reader, decision_id: int) -> LoggedDecision:
    """A whole decision. Raises ``RecordNotFoundError``."""
    query = select(
        *_SUMMARY,
        Row.requirements,
        Row.constraints,
        Row.response,
        Row.cluster_snapshot_digest,
        Row.market_snapshot_digest,
    ).where(Row.id == decision_id)
    row = reader.connection.execute(query).one_or_none()
    if row is None:
        raise RecordNotFoundError(
            f"decision {decision_id} is not in the log",
            next_step="choose one from the decision stream",
        )
    return LoggedDecision(
        summary=_summary(row._mapping),
        requirements=_object(row.requirements),
        constraints=_object(row.constraints),
        response=msgspec.json.decode(row.response, type=DecisionResponse),
        cluster_snapshot_digest=row.cluster_snapshot_digest,
        market_snapshot_digest=row.market_snapshot_digest,
    )


def _conditions(wanted: DecisionFilter) -> list[ColumnElement[bool]]:
    pairs: tuple[tuple[Any, Any], ...] = (
        (Row.cluster_id, wanted.cluster_id),
        (Row.decision_type, wanted.decision_type),
        (Row.engine_name, wanted.engine_name),
        (Row.status, wanted.status),
        (Row.is_safe, wanted.is_safe),
    )
    conditions = [column == value for column, value in pairs if value is not None]
    if wanted.since is not None:
        conditions.append(Row.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Row.created_at < wanted.until)
    return conditions


def _summary(row: RowMapping) -> DecisionSummary:
    savings = to_usd(row["estimated_savings_micro_usd_month"])
    return to_record(row, DecisionSummary, estimated_savings=savings)


def _object(text: str) -> Mapping[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
