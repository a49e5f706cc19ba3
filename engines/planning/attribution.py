"""Which stage of a combined plan saves how much, whatever the order in which it is carried out."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from engines.contracts.plan import LaunchInstance
from engines.contracts.pricing import HOURS_PER_MONTH, CapacityType
from engines.contracts.results import DecisionResponse, DecisionType
from engines.planning.beginning import Beginning
from engines.planning.carrying import remark_on
from engines.planning.forecast import Arrival, Forecast
from engines.planning.results import Stage
from engines.planning.routes import PACK, REPLAN, RIGHTSIZE, SPOT, Move, Route, engines_of

_LEFT_OUT = "left out: the plan ends no cheaper with it"
_PACKED_ANEW = "all nodes are planned anew; this is the part without Spot"
_BOUGHT_ANEW = "all nodes are planned anew; this is the part of buying on Spot"


class Trial(NamedTuple):
    """All routes that were tried, with where they lead, and the one that was chosen."""

    beginning: Beginning
    forecast: Forecast
    arrivals: Mapping[Route, Arrival]
    chosen: Route


def node_stages(trial: Trial) -> Iterator[Stage]:
    """Rightsizing, bin packing, Spot: what each adds to those before it."""
    cost = trial.beginning.cost_per_hour(trial.arrivals[()].nodes)
    so_far: frozenset[DecisionType] = frozenset()
    for move in (RIGHTSIZE, PACK, SPOT):
        if (answer := _answer_of(move, trial)) is None:
            continue
        so_far |= move.engines
        before, cost = cost, min(_costs_within(so_far, trial))
        yield Stage(
            decision_type=move.decision_type,
            cost_per_hour_before=before,
            cost_per_hour_after=cost,
            saving_usd_month=(before - cost) * HOURS_PER_MONTH,
            is_in_plan=_is_in_plan(move, trial),
            note=_note(move, answer, trial),
            response=answer,
        )


def _costs_within(stages: frozenset[DecisionType], trial: Trial) -> Iterator[Decimal]:
    """Where routes of these stages end, as far as the chosen route has them; and, for a plan of all
    nodes anew without Spot, where it would end with on-demand nodes instead."""
    beginning, mine = trial.beginning, engines_of(trial.chosen)
    for route, arrival in trial.arrivals.items():
        if not arrival.problem and engines_of(route) <= mine & stages:
            yield beginning.cost_per_hour(arrival.nodes)
    if REPLAN in trial.chosen and PACK.engines <= stages and not SPOT.engines <= stages:
        replanned = trial.chosen[: trial.chosen.index(REPLAN) + 1]
        if (nodes := trial.forecast.bought_on_demand(replanned)) is not None:
            end = beginning.cost_per_hour(trial.arrivals[trial.chosen].nodes)
            yield max(end, beginning.cost_per_hour(nodes))


def _is_in_plan(move: Move, trial: Trial) -> bool:
    """Whether steps of the plan are the stage's; planned anew, Spot's are the launches on Spot."""
    if move == SPOT and move not in trial.chosen:
        return any(
            isinstance(one, LaunchInstance) and one.capacity_type is CapacityType.SPOT
            for one in trial.arrivals[trial.chosen].plan
        )
    return move.decision_type in engines_of(trial.chosen)


def _answer_of(move: Move, trial: Trial) -> DecisionResponse | None:
    """What the move's engine says on the chosen route; where that leaves it out, what it says
    first of all. None: it is not asked."""
    if move == RIGHTSIZE:
        return trial.beginning.rightsizing.get(move)
    replanned = REPLAN if move == PACK else move
    for one in (move, replanned):
        if one in trial.chosen:
            answers = trial.arrivals[trial.chosen].answers
            return answers[trial.chosen.index(one)]
    for route in ((RIGHTSIZE, move), (move,)):
        if route in trial.arrivals:
            return trial.arrivals[route].answers[-1]
    return None


def _note(move: Move, answer: DecisionResponse, trial: Trial) -> str:
    if REPLAN in trial.chosen and move != RIGHTSIZE and _is_in_plan(move, trial):
        return _PACKED_ANEW if move == PACK else _BOUGHT_ANEW
    if move in trial.chosen or not answer.execution_plan:
        return remark_on(answer)
    return _bar(move, trial) or _LEFT_OUT


def _bar(move: Move, trial: Trial) -> str:
    """Why the engine's first answer cannot be carried out; "" where it can."""
    return next(
        (
            trial.arrivals[route].problem
            for route in ((RIGHTSIZE, move), (move,))
            if route in trial.arrivals
        ),
        "",
    )
