"""One plan over all engines, in which no dollar is saved twice.

Each stage looks at the cluster as the stages before it leave it, so a node that bin packing takes
away is not moved to Spot as well, and room that rightsizing frees is what bin packing fills.
Office hours take hours, not nodes: what later stages save in an hour counts for the hours that are
left.

Engines that know nothing of each other can end dearer together than one of them alone. So several
orders are tried, each engine alone among them, and the cheapest end counts. The savings are
attributed in one order, whatever route leads there.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionType
from engines.cost import summarise_cluster
from engines.planning.attribution import Trial, node_stages
from engines.planning.beginning import Beginning, begin
from engines.planning.forecast import Arrival, Asking, Decide, Forecast
from engines.planning.results import CombinedPlan, OtherBill, TriedRoute
from engines.planning.routes import PACK, REPLAN, RIGHTSIZE, SPOT, Move, Route, routes_to_try

NODE_STAGES = (
    DecisionType.OOMKILLED_REMEDIATE,
    DecisionType.SCHEDULE,
    DecisionType.RIGHTSIZE,
    DecisionType.BIN_PACK,
    DecisionType.SPOT_OPTIMIZE,
)
"""What changes the bill of the cluster's nodes, in the order in which savings are attributed.

Remedies against OOM kills come first: they cost instead of saving, and rightsizing must not take
back what they give. Neither they nor office hours are ever left out.
"""

OTHER_BILLS = (
    DecisionType.GHOST_PROBE,
    DecisionType.VOLUME_CLEANUP,
    DecisionType.NETWORK_OPTIMIZE,
)
"""Instances outside the cluster, volumes and traffic: on other lines of the bill, so each counts
in full."""


CLEARLY_SMALLER = 0.95
"""What is left of the requests when rightsizing has made them clearly smaller."""


def combine(
    request: DecisionRequest,
    engines: Mapping[DecisionType, Decide],
    requirements: Mapping[DecisionType, Mapping[str, Any]],
) -> CombinedPlan:
    """Ask the engines, find the order in which they end cheapest, and attribute what they save.

    ``engines`` may lack some, ``requirements`` are each engine's own parameters. The type and the
    requirements of ``request`` itself are not looked at.
    """
    asking = Asking(request, engines, requirements)
    trial = _try_routes(asking, begin(asking))
    end = trial.arrivals[trial.chosen]
    stages = (*trial.beginning.stages, *node_stages(trial))
    others = tuple(_other_bills(asking))
    savings = [*(one.saving_usd_month for one in stages), *(one.saving_usd_month for one in others)]
    return CombinedPlan(
        now=summarise_cluster(request.current_state, request.now),
        stages=stages,
        other_bills=others,
        routes=tuple(_tried(trial, route) for route in trial.arrivals),
        awake_share=trial.beginning.awake_share,
        cost_per_hour_after=trial.beginning.cost_per_hour(end.nodes),
        final_summary=summarise_cluster(trial.forecast.state_after(trial.chosen), request.now),
        saving_usd_month=sum(savings, Decimal(0)),
        execution_plan=(*trial.beginning.steps, *end.plan),
    )


def _try_routes(asking: Asking, beginning: Beginning) -> Trial:
    """Go through the routes. A mode of the bin packer that was asked for is kept to."""
    moves = {move for move in (PACK, SPOT) if move.decision_type in asking.engines}
    if len(moves) == 2 and "mode" not in asking.requirements.get(DecisionType.BIN_PACK, {}):
        moves.add(REPLAN)
    forecast = Forecast(asking, beginning.state, beginning.rightsizing)
    routes = routes_to_try(
        moves,
        len(beginning.state.cluster.nodes),
        is_resized=beginning.is_resized,
        is_smaller=beginning.is_resized and _is_smaller(beginning, forecast),
    )
    arrivals = {route: forecast.arrive(route) for route in routes}
    return Trial(beginning, forecast, arrivals, _choose(beginning, forecast, arrivals))


def _is_smaller(beginning: Beginning, forecast: Forecast) -> bool:
    """Whether new sizes take a twentieth off what pods ask for, CPU and memory weighed alike."""
    before, after = beginning.state.cluster.pods, forecast.state_after((RIGHTSIZE,)).cluster.pods
    cpu = after.request_cpu_millicores.sum() / max(1, before.request_cpu_millicores.sum())
    memory = after.request_memory_bytes.sum() / max(1, before.request_memory_bytes.sum())
    return bool((cpu + memory) / 2 <= CLEARLY_SMALLER)


def _choose(beginning: Beginning, forecast: Forecast, arrivals: dict[Route, Arrival]) -> Route:
    """The best route at whose end every pod has a place; what bars a better one is noted.

    There is always one: to leave everything as it is.
    """
    while True:
        best = min(arrivals, key=lambda route: _preference(beginning, route, arrivals[route]))
        problem = arrivals[best].problem or forecast.problem_at_end(best)
        if not problem or not best:
            return best
        arrivals[best] = arrivals[best]._replace(problem=problem)


def _preference(
    beginning: Beginning, route: Route, arrival: Arrival
) -> tuple[bool, Decimal, bool, int]:
    """Smaller is better: may be taken, cheap, with the sizes that fit, disturbing little."""
    cost = beginning.cost_per_hour(arrival.nodes)
    return (bool(arrival.problem), cost, RIGHTSIZE not in route, len(arrival.plan))


def _tried(trial: Trial, route: Route) -> TriedRoute:
    arrival = trial.arrivals[route]
    return TriedRoute(
        moves=tuple(move.name for move in route),
        cost_per_hour_after=trial.beginning.cost_per_hour(arrival.nodes),
        node_count=arrival.nodes.node_count,
        step_count=len(trial.beginning.steps) + len(arrival.plan),
        is_chosen=route == trial.chosen,
        problem=arrival.problem,
    )


def _other_bills(asking: Asking) -> Iterator[OtherBill]:
    """Judged on the cluster as it is: neither ghosts nor volumes wait for the other stages."""
    for decision_type in OTHER_BILLS:
        if decision_type in asking.engines:
            answer = asking.ask(Move(decision_type), asking.request.current_state)
            yield OtherBill(
                decision_type=decision_type,
                saving_usd_month=answer.estimated_savings,
                response=answer,
            )
