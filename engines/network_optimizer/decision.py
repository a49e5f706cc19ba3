"""What to do about each pair that talks across zones: route, move, or leave it with a reason."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
    """``gains`` are bytes a day that no longer change zones (negative: that do now), by pair."""

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
    mover = _Mover(traffic, snapshot, parameters, pods)
    moves, reasons = mover.plan(open_pairs, routed)
    gains = dict(_gains(traffic.pairs, moves, routed))
    left = {
        pair: reasons.get(pair) or _small(pair, cells, parameters)
        for pair, cells in crossing.items()
        if pair not in routed and gains.get(pair, 0) <= 0
    }
    return Decision(routes=routes, moves=moves, gains=gains, left=left)


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
        if pair in routed:
            yield pair, cross_zone_bytes(cells)
        elif pair[0] in moves or pair[1] in moves:
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
    ) -> None:
        self._traffic = traffic
        self._snapshot = snapshot
        self._parameters = parameters
        self._pods = pods

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
            pair: _why(pair, judged, zones, is_settled=found.is_settled) for pair in open_pairs
        }
        return found.moves, reasons

    def _judge(self, entity: Entity, zones: Zones) -> Movable | Fixed:
        return judge_entity(
            entity,
            self._pods.get(entity, ()),
            self._snapshot,
            zones,
            self._parameters.required_zones,
        )


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
