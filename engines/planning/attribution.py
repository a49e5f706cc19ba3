"""Which stage of a combined plan saves how much, whatever the order in which it is carried out."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engines.contracts.pricing import HOURS_PER_MONTH
from engines.contracts.results import DecisionResponse, DecisionType
from engines.planning.beginning import Beginning
from engines.planning.carrying import remark_on
from engines.planning.forecast import Arrival, Forecast
from engines.planning.results import Stage
from engines.planning.routes import PACK, REPLAN, RIGHTSIZE, SPOT, Move, Route, engines_of

_LEFT_OUT = "left out: the plan ends no cheaper with it"
_PACKED_ANEW = (
    "all nodes are planned anew, Spot launches included; this is what packing alone would save"
)
_BOUGHT_ANEW = "what planning all nodes anew saves beyond packing alone"


class Trial(NamedTuple):
    """All routes that were tried, with where they lead, and the one that was chosen."""

    beginning: Beginning
    forecast: Forecast
    arrivals: Mapping[Route, Arrival]
    chosen: Route


def node_stages(trial: Trial) -> Iterator[Stage]:
    """Rightsizing, bin packing, Spot: each adds what the cheapest route within the stages up to
    it, of those that the chosen route has, saves beyond the stages before it."""
    beginning, arrivals = trial.beginning, trial.arrivals
    mine = engines_of(trial.chosen)
    so_far: frozenset[DecisionType] = frozenset()
    cost = beginning.cost_per_hour(arrivals[()].nodes)
    for move in (RIGHTSIZE, PACK, SPOT):
        if (answer := _answer_of(move, trial)) is None:
            continue
        so_far |= move.engines
        before, cost = (
            cost,
            min(
                beginning.cost_per_hour(one.nodes)
                for route, one in arrivals.items()
                if not one.problem and engines_of(route) <= mine & so_far
            ),
        )
        yield Stage(
            decision_type=move.decision_type,
            cost_per_hour_before=before,
            cost_per_hour_after=cost,
            saving_usd_month=(before - cost) * HOURS_PER_MONTH,
            is_in_plan=move.decision_type in mine,
            note=_note(move, answer, trial),
            response=answer,
        )


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
    remark = remark_on(answer, trial.beginning.state)
    if move != RIGHTSIZE and REPLAN in trial.chosen:
        return _PACKED_ANEW if move == PACK else _BOUGHT_ANEW
    if move in trial.chosen or not answer.execution_plan:
        return remark
    return f"{_LEFT_OUT}" if not remark or move == RIGHTSIZE else remark
