"""Ask an engine about an opened cluster, have the answer judged, and record all of it.

What was asked is stored with the answer: the cluster's and the market's documents (each once, by
its digest), the parameters, the limits and the moment that was judged. So any logged decision can
be asked again, and gives the same answer while the engine is the same.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec

from db.records import Cluster, DocumentKind, LoggedDecision, NewDecision
from db.repositories import clusters, decisions, events, safety, snapshots
from db.session import Database, Reader, Transaction
from engines.contracts.market_rows import to_on_demand_rows, to_price_rows
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import CurrentState, compile_state, merge_documents
from engines.contracts.usage import UsageRow
from engines.contracts.usage_summary import UsageSummaryRow
from engines.planning import CombinedPlan
from services.access import Actor, Role, authorise
from services.errors import InvalidInputError
from services.workflows.decide import decide, decide_combined, limits_of
from services.workflows.import_traffic import ImportedTraffic, load_imported_traffic
from services.workflows.ledgers import live_parameters
from services.workflows.market_data import MarketData, load_market_data
from services.workflows.open_cluster import decode_document, load_latest_document
from services.workflows.usage_history import load_memory_of_killed, load_usage_summary

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


SIZING = frozenset({DecisionType.RIGHTSIZE, DecisionType.OOMKILLED_REMEDIATE})
"""The decisions that look at what containers used."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about a cluster. ``as_of`` is the moment that is judged."""

    cluster_id: str
    decision_type: DecisionType
    as_of: datetime
    requirements: Mapping[str, Any] = {}


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A logged decision, asked again today. Its answers differ only where the engine changed."""

    logged: LoggedDecision
    answer: DecisionResponse
    is_identical: bool


def recommend(database: Database, question: Question, *, actor: Actor, at: datetime) -> int:
    """Decide, judge and log; the id of the logged decision. ``at`` is the wall clock.

    Raises InvalidInputError for a parameter or a cluster that cannot be used; a refusal of the
    engine is an answer and is logged like one.
    """
    authorise(actor, Role.VIEWER, "dry-run an engine")
    _refuse_own_exception(question)
    with database.reader() as reader:
        cluster = clusters.get(reader, question.cluster_id)
        state = load_latest_document(reader, cluster)
        question = _with_ledgers(reader, cluster, question)
        usage = _usage(reader, cluster, question)
        readings = _readings(reader, cluster, question)
        traffic = _traffic(reader, cluster, question)
    market = _with_traffic(
        _market_document(_market(database, cluster, question), usage, readings), traffic
    )
    request = _request(cluster, question, _joined(state, market))
    response = decide(request)
    with database.transaction() as tx:
        market_digest = snapshots.save_document(tx, DocumentKind.MARKET, _encode(market), at=at)
        new = NewDecision(
            created_at=at,
            as_of=request.now,
            cluster_id=cluster.id,
            response=response,
            requirements=request.requirements,
            constraints=request.constraints,
            cluster_snapshot_digest=cluster.latest_snapshot_digest,
            market_snapshot_digest=market_digest,
            triggered_by=actor.name,
        )
        return _record(tx, cluster, request, new)


def combine_engines(
    database: Database, cluster_id: str, snapshot_digest: str, *, as_of: datetime
) -> CombinedPlan:
    """All engines about a recorded state of a cluster as one plan, each by its defaults.

    Nothing is logged: its stages are about states that do not exist yet, so what becomes of them
    is asked again once the stage before was carried out. Raises as ``recommend`` does.
    """
    question = Question(
        cluster_id=cluster_id, decision_type=DecisionType.SPOT_OPTIMIZE, as_of=as_of
    )
    with database.reader() as reader:
        cluster = clusters.get(reader, cluster_id)
        state = decode_document(snapshots.load_document(reader, snapshot_digest))
        parameters = {one: live_parameters(reader, cluster, one, at=as_of) for one in DecisionType}
        usage = load_usage_summary(reader, cluster_id, at=as_of)
        readings = load_memory_of_killed(reader, cluster_id, at=as_of)
        traffic = load_imported_traffic(reader, cluster_id)
    market = _with_traffic(
        _market_document(_market(database, cluster, question), usage, readings), traffic
    )
    return decide_combined(_request(cluster, question, _joined(state, market)), parameters)


def _with_ledgers(reader: Reader, cluster: Cluster, question: Question) -> Question:
    """The question with what the ledgers tell, except where it says something else itself."""
    known = live_parameters(reader, cluster, question.decision_type, at=question.as_of)
    return msgspec.structs.replace(question, requirements={**known, **question.requirements})


def _usage(reader: Reader, cluster: Cluster, question: Question) -> tuple[UsageSummaryRow, ...]:
    """What containers used, for the engines that size by it."""
    if question.decision_type not in SIZING:
        return ()
    return load_usage_summary(reader, cluster.id, at=question.as_of)


def _readings(reader: Reader, cluster: Cluster, question: Question) -> tuple[UsageRow, ...]:
    """How the memory of containers that were killed grew, for the engine that asks why."""
    if question.decision_type is not DecisionType.OOMKILLED_REMEDIATE:
        return ()
    return load_memory_of_killed(reader, cluster.id, at=question.as_of)


def _traffic(reader: Reader, cluster: Cluster, question: Question) -> ImportedTraffic | None:
    """What pods sent each other, for the engine that looks at it."""
    if question.decision_type is not DecisionType.NETWORK_OPTIMIZE:
        return None
    return load_imported_traffic(reader, cluster.id)


def _request(cluster: Cluster, question: Question, document: CurrentState) -> DecisionRequest:
    """The question about a state, with the limits that the cluster has."""
    return DecisionRequest(
        request_id=uuid4().hex,
        cluster_id=cluster.id,
        decision_type=question.decision_type,
        now=question.as_of,
        current_state=compile_state(document),
        requirements=question.requirements,
        constraints=msgspec.structs.asdict(cluster.limits),
    )


def replay(database: Database, decision_id: int) -> Replay:
    """Ask a logged decision again, with what was stored of it, and compare the answers.

    Raises RecordNotFoundError where its documents are no longer kept.
    """
    with database.reader() as reader:
        logged = decisions.get(reader, decision_id)
        documents = [
            decode_document(snapshots.load_document(reader, digest))
            for digest in (logged.cluster_snapshot_digest, logged.market_snapshot_digest)
            if digest is not None
        ]
    state, market = documents
    answer = decide(
        DecisionRequest(
            request_id=logged.summary.request_id,
            cluster_id=logged.summary.cluster_id,
            decision_type=logged.summary.decision_type,
            now=logged.summary.as_of,
            current_state=compile_state(_joined(state, market)),
            requirements=logged.requirements,
            constraints=logged.constraints,
        )
    )
    return Replay(
        logged=logged, answer=answer, is_identical=_plain(answer) == _plain(logged.response)
    )


def _plain(response: DecisionResponse) -> Any:
    """An answer as plain JSON values: 0.075 and 0.075000 are one number, whoever wrote them."""
    return msgspec.json.decode(_encode(response))


def _refuse_own_exception(question: Question) -> None:
    """Whether a cluster may use the small-cluster rule is set, and audited, with its limits."""
    if "allow_small_cluster_exception" in question.requirements:
        raise InvalidInputError(
            "$.requirements.allow_small_cluster_exception",
            "an opened cluster's own limits decide that",
            next_step="switch the rule on in the cluster's limits on the Safety page",
        )


def _market(database: Database, cluster: Cluster, question: Question) -> MarketData:
    """The market of the region that was asked for, or of the cluster's own."""
    region = question.requirements.get("region") or cluster.region
    if not isinstance(region, str):
        raise InvalidInputError(
            f"cluster {cluster.name!r}",
            "its nodes do not tell one region",
            next_step="give the parameter region, such as us-east-1",
        )
    return load_market_data(database, region=region, at=question.as_of)


def _market_document(
    market: MarketData, usage: tuple[UsageSummaryRow, ...], readings: tuple[UsageRow, ...] = ()
) -> CurrentState:
    """What is stored beside the cluster's state: its market, and its history of use."""
    return CurrentState(
        usage=readings or None,
        usage_summary=usage or None,
        prices=to_price_rows(market.spot_prices),
        on_demand=to_on_demand_rows(market.on_demand),
        advisor=market.advisor,
        instance_types=tuple(one for _, one in sorted(market.instance_types.items())),
        sources=market.sources,
    )


def _with_traffic(market: CurrentState, traffic: ImportedTraffic | None) -> CurrentState:
    """What is stored beside the cluster's state, with the traffic that was imported."""
    if traffic is None:
        return market
    sources = (*(market.sources or ()), traffic.source)
    return msgspec.structs.replace(market, traffic=traffic.rows, sources=sources)


def _joined(cluster: CurrentState, market: CurrentState) -> CurrentState:
    """Both documents as one, with the sources of both."""
    sources = (*(cluster.sources or ()), *(market.sources or ()))
    return msgspec.structs.replace(merge_documents(cluster, market), sources=sources)


def _record(
    tx: Transaction, cluster: Cluster, request: DecisionRequest, decision: NewDecision
) -> int:
    decision_id = decisions.log(tx, decision)
    verdict = decision.response.safety
    if verdict is not None:
        safety.record_validation(
            tx,
            cluster_id=cluster.id,
            verdict=verdict,
            limits=limits_of(request),
            at=decision.created_at,
            decision_id=decision_id,
        )
    events.append(
        tx,
        "optimization.completed",
        subject=cluster.name,
        at=decision.created_at,
        cluster_id=cluster.id,
        payload={
            "decision_id": decision_id,
            "decision_type": request.decision_type,
            "status": decision.response.status,
            "estimated_savings": decision.response.estimated_savings,
            "verdict": None if verdict is None else verdict.action_taken,
        },
    )
    return decision_id
