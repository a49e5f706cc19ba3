"""What to do about each pair that talks across zones: route, move, or leave it with a reason."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from engines.contracts.kubernetes import Pod
from engines.contracts.snapshot import ClusterSnapshot
from engines.network_optimizer.movable import (
    Fixed,
    Movable,
    Zones,
    judge_entity,
    running_pods,
)
from engines.network_optimizer.parameters import NetworkParameters
from engines.network_optimizer.placement import MOST_MOVABLE, best_placement, kept_bytes
from engines.network_optimizer.reasons import PairReason
from engines.network_optimizer.routing import Route, Routing, Standing
from engines.network_optimizer.traffic import (
    Cells,
    Entity,
    Pair,
    ZoneTraffic,
    cross_zone_bytes,
    zone_of_pod,
)

_GRAVEST = (
    PairReason.ZONE_DIVERSITY_WOULD_BE_LOST,
    PairReason.NO_ROOM_IN_ZONE,
    PairReason.MANAGED_BY_OPERATOR,
    PairReason.NOT_MOVABLE,
)
"""Of the reasons of a pair's two ends, the first of these is the pair's."""


class Left(NamedTuple):
    """Why a pair goes on as it does."""

    reason: PairReason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``gains`` are bytes a day that by moves no longer change zones (negative: that do now), by
    pair. Pairs of routes are not among them: each has its gain from one change only."""

    routes: tuple[Route, ...]
    moves: Mapping[Entity, str]
    gains: Mapping[Pair, int]
    left: Mapping[Pair, Left]


def decide(
    traffic: ZoneTraffic, snapshot: ClusterSnapshot, parameters: NetworkParameters
) -> Decision:
    """Route what Services can keep in its zone; of the rest, move what saves most together."""
    threshold = parameters.min_gb_per_day * parameters.bytes_per_gb
    crossing = {pair: cells for pair, cells in traffic.pairs.items() if cross_zone_bytes(cells) > 0}
    candidates = {
        pair: cells
        for pair, cells in crossing.items()
        if cross_zone_bytes(cells) > threshold and pair[0] != pair[1]
    }
    pods = running_pods(snapshot)
    standings = {entity: _standing(snapshot, rows) for entity, rows in pods.items()}
    routing = Routing(snapshot, standings, traffic.pairs, parameters.min_endpoints_per_zone)
    routes = routing.routes(candidates)
    routed = {pair for route in routes for pair in route.pairs}
    open_pairs = {pair: cells for pair, cells in candidates.items() if pair not in routed}
    mover = _Mover(traffic, snapshot, parameters, pods, _held(routes, routing))
    moves, reasons = mover.plan(open_pairs, routed)
    gains = dict(_gains(traffic.pairs, moves, routed))
    left = {
        pair: _with_shortage(pair, reasons.get(pair) or _small(pair, cells, parameters), routing)
        for pair, cells in crossing.items()
        if pair not in routed and gains.get(pair, 0) <= 0
    }
    return Decision(routes=routes, moves=moves, gains=gains, left=left)


def _with_shortage(pair: Pair, left: Left, routing: Routing) -> Left:
    """The same reason, or the Service that could route the pair if it had more endpoints."""
    if left.reason is not PairReason.ZONE_DIVERSITY_WOULD_BE_LOST:
        return left
    shortage = routing.shortage(pair)
    if shortage is None:
        return left
    return Left(PairReason.TOO_FEW_ENDPOINTS, f"{left.message}; {shortage}")


def _held(routes: Iterable[Route], routing: Routing) -> Mapping[Entity, frozenset[str]]:
    """The zones to which clients of routed traffic may go: those that serve them.

    (All traffic of a server is routed where it is worth it, so nothing draws the server away.)
    """
    held: dict[Entity, frozenset[str]] = {}
    for route in routes:
        zones = routing.zones_of(route.server)
        for end in (end for pair in route.pairs for end in pair):
            held[end] = held.get(end, zones) & zones
    return held


def _standing(snapshot: ClusterSnapshot, pods: tuple[int, ...]) -> Standing:
    zones = [(pod, zone) for pod in pods if (zone := zone_of_pod(snapshot, pod)) is not None]
    items = snapshot.pods.items
    return Standing(
        pods=Counter(zone for _, zone in zones),
        ready=Counter(zone for pod, zone in zones if _is_ready(items[pod])),
    )


def _is_ready(pod: Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


def _gains(
    pairs: Mapping[Pair, Cells], moves: Mapping[Entity, str], routed: set[Pair]
) -> Iterator[tuple[Pair, int]]:
    for pair, cells in pairs.items():
        if pair not in routed and (pair[0] in moves or pair[1] in moves):
            kept = kept_bytes(cells, moves.get(pair[0], ""), moves.get(pair[1], ""))
            gain = kept - kept_bytes(cells, "", "")
            if gain:
                yield pair, gain


def _small(pair: Pair, cells: Cells, parameters: NetworkParameters) -> Left:
    gigabytes = cross_zone_bytes(cells) / parameters.bytes_per_gb
    if pair[0] == pair[1]:
        return Left(
            PairReason.PEERS_OF_ONE_WORKLOAD,
            f"{gigabytes:.1f} GB a day go between pods of {pair[0]} itself: copies in several"
            " zones are what keeps it alive",
        )
    return Left(
        PairReason.BELOW_THRESHOLD,
        f"{gigabytes:.1f} GB a day change zones, no more than the {parameters.min_gb_per_day:g}"
        " from which on it is worth a change",
    )


class _Mover:
    """Chooses who moves where."""

    def __init__(
        self,
        traffic: ZoneTraffic,
        snapshot: ClusterSnapshot,
        parameters: NetworkParameters,
        pods: Mapping[Entity, tuple[int, ...]],
        held: Mapping[Entity, frozenset[str]],
    ) -> None:
        self._traffic = traffic
        self._snapshot = snapshot
        self._parameters = parameters
        self._pods = pods
        self._held = held
        self._cut_short: set[Entity] = set()

    def plan(
        self, open_pairs: Mapping[Pair, Cells], routed: set[Pair]
    ) -> tuple[Mapping[Entity, str], Mapping[Pair, Left]]:
        """The moves, and for each open pair that they do not help the reason."""
        if not open_pairs:
            return {}, {}
        zones = Zones(self._snapshot)
        judged = {entity: self._judge(entity, zones) for entity in _by_traffic(open_pairs)}
        movables = [one for one in judged.values() if isinstance(one, Movable)][:MOST_MOVABLE]
        pairs = {pair: cells for pair, cells in self._traffic.pairs.items() if pair not in routed}
        movables.sort(key=lambda one: one.entity)
        found = best_placement(movables, pairs, zones, self._parameters.bytes_per_gb)
        reasons = {
            pair: self._held_back(pair) or _why(pair, judged, zones, is_settled=found.is_settled)
            for pair in open_pairs
        }
        return found.moves, reasons

    def _judge(self, entity: Entity, zones: Zones) -> Movable | Fixed:
        judged = judge_entity(
            entity,
            self._pods.get(entity, ()),
            self._snapshot,
            zones,
            self._parameters.required_zones,
        )
        held = self._held.get(entity)
        if isinstance(judged, Fixed) or held is None:
            return judged
        kept = tuple(zone for zone in judged.choices if zone == judged.stays or zone in held)
        if kept == judged.choices:
            return judged
        self._cut_short.add(entity)
        return judged._replace(choices=kept)

    def _held_back(self, pair: Pair) -> Left | None:
        """Whether an end of a pair might have moved but for traffic that is routed."""
        for entity in pair:
            if entity in self._cut_short:
                return Left(
                    PairReason.HELD_BY_ROUTE,
                    f"{entity} must stay where a Service serves it within its zone; elsewhere that"
                    " traffic would change zones",
                )
        return None


def _by_traffic(pairs: Mapping[Pair, Cells]) -> list[Entity]:
    """The entities of pairs, those with most traffic across zones first."""
    totals: dict[Entity, int] = {}
    for pair, cells in pairs.items():
        for entity in pair:
            totals[entity] = totals.get(entity, 0) + cross_zone_bytes(cells)
    return sorted(totals, key=lambda entity: (-totals[entity], entity))


def _why(
    pair: Pair, judged: Mapping[Entity, Movable | Fixed], zones: Zones, *, is_settled: bool
) -> Left:
    """Why no move helps an open pair."""
    fixed = [one for entity in pair if isinstance(one := judged[entity], Fixed)]
    if len(fixed) == 2:
        gravest = min(fixed, key=lambda one: (_GRAVEST.index(one.reason), one.message))
        return Left(gravest.reason, "; ".join(dict.fromkeys(one.message for one in fixed)))
    if not is_settled:
        return Left(
            PairReason.SOLVER_LIMIT,
            "no placement that finds room for all pods was found within the counted work",
        )
    for entity in pair:
        one = judged[entity]
        if isinstance(one, Movable) and len(one.choices) < len(zones.names):
            return Left(
                PairReason.NO_ROOM_IN_ZONE,
                f"{entity} finds room for all of its pods only in {', '.join(one.choices)}, and"
                " standing there does not pay",
            )
    return Left(
        PairReason.NOT_WORTH_MOVING,
        "bringing the two together would send more of their other traffic across zones",
    )
