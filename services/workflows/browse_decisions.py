"""What screens show of decisions: pages of the log, one whole decision, the latest verdict."""

import msgspec

from db.records import DecisionFilter, DecisionPage, DecisionSummary, LoggedDecision
from db.repositories import decisions, snapshots
from db.session import Database, Reader
from engines.contracts.state import DataSource
from engines.contracts.verdict import VerdictAction

__all__ = ["DecisionFilter", "DecisionPage", "DecisionSummary", "LoggedDecision"]

_LOOK_BACK = 50  # decisions among which the newest judged one is looked for


class _Sources(msgspec.Struct):
    """As much of a stored document as tells where it came from."""

    sources: tuple[DataSource, ...] = ()


def load_decision_page(
    database: Database, wanted: DecisionFilter, *, limit: int, offset: int = 0
) -> DecisionPage:
    """One page of the wanted decisions, newest first, and how many there are in all."""
    with database.reader() as reader:
        return decisions.list_page(reader, wanted, limit=limit, offset=offset)


def load_decision(database: Database, decision_id: int) -> LoggedDecision:
    """A whole decision. Raises ``RecordNotFoundError``."""
    with database.reader() as reader:
        return decisions.get(reader, decision_id)


def newest_judged(reader: Reader, cluster_id: str) -> DecisionSummary | None:
    """The newest decision about a cluster with a verdict on its plan; None: none of the last 50.

    A plan that changes no node leaves nothing to judge: it counts only where no other was judged.
    """
    wanted = DecisionFilter(cluster_id=cluster_id)
    known = decisions.list_page(reader, wanted, limit=_LOOK_BACK).items
    verdicts = [one for one in known if one.action_taken is not None]
    judged = (one for one in verdicts if one.action_taken is not VerdictAction.NOT_APPLICABLE)
    return next(judged, verdicts[0] if verdicts else None)


def load_latest_judged(database: Database, cluster_id: str) -> LoggedDecision | None:
    """The newest decision about a cluster with a verdict, whole; None: see ``newest_judged``."""
    with database.reader() as reader:
        summary = newest_judged(reader, cluster_id)
        return None if summary is None else decisions.get(reader, summary.id)


def load_decision_sources(database: Database, decision_id: int) -> tuple[DataSource, ...]:
    """What a decision rested on, each input with its age.

    Raises ``RecordNotFoundError`` where its documents are no longer kept.
    """
    with database.reader() as reader:
        logged = decisions.get(reader, decision_id)
        documents = [
            snapshots.load_document(reader, digest)
            for digest in (logged.cluster_snapshot_digest, logged.market_snapshot_digest)
            if digest is not None
        ]
    return tuple(
        source
        for document in documents
        for source in msgspec.json.decode(document, type=_Sources).sources
    )
