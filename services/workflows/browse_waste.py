"""What screens show of waste: the newest answers of ghost probe and volume clean-up, as rows.

Every row names the decision that it is from. What one cluster has a use for, or waits to judge,
is no waste, even where another cluster of the same account calls it so.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

import msgspec

from db.records import Cluster, DecisionFilter, DecisionSummary, LoggedDecision
from db.repositories import clusters, decisions
from db.session import Database, Reader
from engines.contracts.requests import convert_part
from engines.contracts.results import (
    DecisionStatus,
    DecisionType,
    Notice,
    Recommendation,
    Skipped,
)
from engines.ghost_probe.parameters import GhostParameters
from engines.ghost_probe.reasons import InstanceReason
from engines.volume_cleanup.parameters import VolumeParameters
from engines.volume_cleanup.reasons import VolumeReason

WASTE_TYPES = (DecisionType.GHOST_PROBE, DecisionType.VOLUME_CLEANUP)
_WAITS = frozenset(
    {InstanceReason.WITHIN_GRACE, InstanceReason.TOO_FEW_SCANS, VolumeReason.WITHIN_GRACE}
)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The newest answer of one engine about one cluster. ``refusal`` empty: it answered."""

    cluster_id: str
    summary: DecisionSummary
    refusal: str
    warnings: tuple[Notice, ...]


class WasteRow(msgspec.Struct, frozen=True, kw_only=True):
    """An instance or a volume, and the decision that tells of it."""

    decision_id: int
    cluster_id: str
    resource_id: str
    name: str
    availability_zone: str


class GhostRow(WasteRow, frozen=True, kw_only=True):
    """An instance that no cluster of ours has a use for. ``usd_month`` None: not priced."""

    instance_type: str
    capacity_type: str
    owner: str
    owner_tags: tuple[str, ...]
    first_seen: datetime
    scans: int
    usd_month: Decimal | None
    action: str
    reason: str


class VolumeRow(WasteRow, frozen=True, kw_only=True):
    """A zombie volume. Money is USD a month; None: the price is not known."""

    size_gib: int
    volume_type: str
    created_at: datetime | None
    available_since: datetime
    usd_month: Decimal | None
    snapshot_usd_month: Decimal | None
    net_saving_usd_month: Decimal
    reason: str


class WaitingRow(WasteRow, frozen=True, kw_only=True):
    """What is idle, but not for long enough.

    ``due_at`` is when its time of grace is over; None: no scan saw it yet.
    """

    kind: str
    first_seen: datetime | None
    due_at: datetime | None
    scans: int | None
    message: str


class OtherRow(WasteRow, frozen=True, kw_only=True):
    """What is not touched, by its class and the sentence that says why."""

    kind: str
    reason: str
    message: str


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """The waste of the clusters that were asked for. ``in_use`` counts attached volumes."""

    looks: tuple[Look, ...] = ()
    ghosts: tuple[GhostRow, ...] = ()
    volumes: tuple[VolumeRow, ...] = ()
    waiting: tuple[WaitingRow, ...] = ()
    others: tuple[OtherRow, ...] = ()
    in_use: int = 0

    @property
    def ghost_usd_month(self) -> Decimal:
        """What the ghosts with a known price cost."""
        return sum((one.usd_month for one in self.ghosts if one.usd_month), Decimal(0))

    @property
    def volume_saving_usd_month(self) -> Decimal:
        """What deleting the zombies saves, net of their snapshots."""
        return sum((one.net_saving_usd_month for one in self.volumes), Decimal(0))


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    cluster_id: str
    logged: LoggedDecision


Row = TypeVar("Row", bound=WasteRow)


def load_waste(database: Database, cluster_id: str | None = None) -> Waste:
    """The newest answers about a cluster, or about all; money is that of the decisions."""
    with database.reader() as reader:
        known = [one for one in clusters.list_all(reader) if cluster_id in (None, one.id)]
        found = [
            answer
            for cluster in known
            for kind in WASTE_TYPES
            if (answer := _newest(reader, cluster, kind)) is not None
        ]
    others = _once(chain.from_iterable(_others(one) for one in found))
    kept = {one.resource_id for one in others}
    waiting = _once(chain.from_iterable(_waiting(one) for one in found), without=kept)
    waits = kept | {one.resource_id for one in waiting}
    return Waste(
        looks=tuple(_look(one) for one in found),
        ghosts=_once(_advised(found, DecisionType.GHOST_PROBE, _ghost), without=waits),
        volumes=_once(_advised(found, DecisionType.VOLUME_CLEANUP, _volume), without=waits),
        waiting=waiting,
        others=tuple(one for one in others if one.reason != VolumeReason.IN_USE),
        in_use=sum(one.reason == VolumeReason.IN_USE for one in others),
    )


def _newest(reader: Reader, cluster: Cluster, kind: DecisionType) -> _Found | None:
    wanted = DecisionFilter(cluster_id=cluster.id, decision_type=kind)
    page = decisions.list_page(reader, wanted, limit=1)
    if not page.items:
        return None
    return _Found(cluster_id=cluster.id, logged=decisions.get(reader, page.items[0].id))


def _once(rows: Iterable[Row], *, without: AbstractSet[str] = frozenset()) -> tuple[Row, ...]:
    """Each resource once: clusters of one account see the same instances and volumes."""
    by_id: dict[str, Row] = {}
    for one in rows:
        if one.resource_id not in without:
            by_id.setdefault(one.resource_id, one)
    return tuple(by_id.values())


def _look(found: _Found) -> Look:
    response = found.logged.response
    is_refused = response.status is DecisionStatus.REFUSED
    return Look(
        cluster_id=found.cluster_id,
        summary=found.logged.summary,
        refusal=(response.message or response.reason) if is_refused else "",
        warnings=response.warnings,
    )


def _advised(
    found: Iterable[_Found], kind: DecisionType, to_row: Callable[[_Found, Recommendation], Row]
) -> Iterable[Row]:
    return (
        to_row(one, advice)
        for one in found
        if one.logged.summary.decision_type is kind
        for advice in one.logged.response.recommendations
    )


def _ghost(found: _Found, one: Recommendation) -> GhostRow:
    evidence, is_priced = one.evidence, one.current["usd_per_hour"] is not None
    return GhostRow(
        **_place(found, one),
        instance_type=one.subject.instance_type,
        capacity_type=one.current["capacity_type"],
        owner=evidence["owner"],
        owner_tags=(*evidence["clusters"], *evidence["pools"]),
        first_seen=datetime.fromisoformat(evidence["first_seen"]),
        scans=evidence["scans"],
        usd_month=one.savings_usd_month if is_priced else None,
        action=one.action,
        reason=one.reason,
    )


def _volume(found: _Found, one: Recommendation) -> VolumeRow:
    created = one.evidence["created_at"]
    return VolumeRow(
        **_place(found, one),
        size_gib=one.current["size_gib"],
        volume_type=one.current["volume_type"],
        created_at=None if created is None else datetime.fromisoformat(created),
        available_since=datetime.fromisoformat(one.evidence["available_since"]),
        usd_month=_usd(one.current["usd_month"]),
        snapshot_usd_month=_usd(one.recommended["snapshot_usd_month_at_most"]),
        net_saving_usd_month=one.savings_usd_month,
        reason=one.reason,
    )


def _usd(value: Any) -> Decimal | None:
    """Money inside evidence is a plain JSON number."""
    return None if value is None else Decimal(str(value))


def _waiting(found: _Found) -> Iterable[WaitingRow]:
    first_seen, scans, grace = _ledger(found.logged)
    for one in found.logged.response.skipped:
        if one.reason not in _WAITS:
            continue
        place = _place(found, one)
        first = first_seen.get(place["resource_id"])
        yield WaitingRow(
            **place,
            kind=one.subject.kind,
            first_seen=first,
            due_at=None if first is None else first + grace,
            scans=scans.get(place["resource_id"]),
            message=one.message,
        )


def _ledger(
    logged: LoggedDecision,
) -> tuple[Mapping[str, datetime], Mapping[str, int], timedelta]:
    """What the engine was told and went by: first seen, scans, and the time of grace."""
    if logged.summary.decision_type is DecisionType.GHOST_PROBE:
        ghosts = convert_part(logged.requirements, GhostParameters, "requirements")
        return ghosts.first_seen, ghosts.scan_count, timedelta(hours=ghosts.grace_hours)
    volumes = convert_part(logged.requirements, VolumeParameters, "requirements")
    return volumes.first_seen, {}, timedelta(days=volumes.min_available_days)


def _others(found: _Found) -> Iterable[OtherRow]:
    for one in found.logged.response.skipped:
        if one.reason not in _WAITS:
            yield OtherRow(
                **_place(found, one),
                kind=one.subject.kind,
                reason=one.reason,
                message=one.message,
            )


def _place(found: _Found, one: Recommendation | Skipped) -> dict[str, Any]:
    subject = one.subject
    return {
        "decision_id": found.logged.summary.id,
        "cluster_id": found.cluster_id,
        "resource_id": subject.instance_id or subject.volume_id,
        "name": subject.name,
        "availability_zone": subject.availability_zone,
    }
