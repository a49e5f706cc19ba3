"""Where routes lead: engines are asked about states that do not exist yet, and what they answer
happens.

Every state is worked out once, and only where an engine has to look at it; no engine is asked the
same twice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from engines.contracts.plan import LaunchInstance, PlanStep
from engines.contracts.pricing import CapacityType
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import ClusterState
from engines.contracts.wording import counted
from engines.cost import ClusterSummary, summarise_cluster
from engines.planning.carrying import objection_to, to_carry_out
from engines.planning.routes import Move, Route
from engines.planning.transformation import Outcome, after, bill_after

Decide = Callable[[DecisionRequest], DecisionResponse]
"""An engine, or a service that asks one and has its plan judged."""


class Arrival(NamedTuple):
    """Where a route leads.

    ``answers`` are those of its moves, ``plan`` what of them is carried out. ``problem`` says why
    the route must not be taken, "" where nothing does.
    """

    nodes: ClusterSummary
    answers: tuple[DecisionResponse, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    problem: str = ""


class Asking(NamedTuple):
    """Whom to ask, and with which parameters."""

    request: DecisionRequest
    engines: Mapping[DecisionType, Decide]
    requirements: Mapping[DecisionType, Mapping[str, Any]]

    def ask(self, move: Move, state: ClusterState, **more: Any) -> DecisionResponse:
        """An engine's answer about a state; ``more`` are parameters beside its own."""
        requirements = {**self.requirements.get(move.decision_type, {}), **more}
        if move.mode:
            requirements["mode"] = move.mode
        question = msgspec.structs.replace(
            self.request,
            request_id=f"{self.request.request_id}/{move.name}",
            decision_type=move.decision_type,
            current_state=state,
            requirements=requirements,
        )
        return self.engines[move.decision_type](question)


class Forecast:
    """The states that routes lead to, from one state on."""

    def __init__(
        self, asking: Asking, state: ClusterState, known: Mapping[Move, DecisionResponse]
    ) -> None:
        self._asking = asking
        self._now = asking.request.now
        self._known = {(id(state), move): answer for move, answer in known.items()}
        start: Route = ()
        self._arrivals = {start: Arrival(summarise_cluster(state, self._now))}
        self._outcomes = {start: Outcome(state)}

    def arrive(self, route: Route) -> Arrival:
        """The nodes at the end of a route, and what its engines said on the way."""
        if route not in self._arrivals:
            self._arrivals[route] = self._go(route)
        return self._arrivals[route]

    def state_after(self, route: Route) -> ClusterState:
        """The whole state at the end of a route."""
        return self._outcome(route).state

    def bought_on_demand(self, route: Route) -> ClusterSummary | None:
        """The nodes at the end of a route if its last move launched all of its own on-demand;
        None where a list price is not known."""
        answer = to_carry_out(self.arrive(route).answers[-1], route[-1].name)
        steps = tuple(
            msgspec.structs.replace(one, capacity_type=CapacityType.ON_DEMAND)
            if isinstance(one, LaunchInstance)
            else one
            for one in answer.execution_plan
        )
        on_demand = msgspec.structs.replace(answer, execution_plan=steps)
        nodes = bill_after(self._outcome(route[:-1]).state, on_demand, self._now)
        is_known = len(nodes.unpriced_nodes) <= len(self.arrive(route).nodes.unpriced_nodes)
        return nodes if is_known else None

    def problem_at_end(self, route: Route) -> str:
        """Why the state at the end of a route is none to live in; "" where it is."""
        return _without_place(self._outcome(route))

    def _go(self, route: Route) -> Arrival:
        before, move = self.arrive(route[:-1]), route[-1]
        outcome = self._outcome(route[:-1])
        answer = self._ask(move, outcome.state)
        happens = to_carry_out(answer, move.name)
        nodes = bill_after(outcome.state, happens, self._now)
        problems = (
            before.problem,
            _without_place(outcome),
            objection_to(answer),
            _without_price(outcome.state, happens.execution_plan, before.nodes, nodes),
        )
        return Arrival(
            nodes=nodes,
            answers=(*before.answers, answer),
            plan=(*before.plan, *happens.execution_plan),
            problem=next(filter(None, problems), ""),
        )

    def _ask(self, move: Move, state: ClusterState) -> DecisionResponse:
        """States are known by their identity: a plan without effect leaves the same object, and
        all of them stay alive as long as the forecast."""
        key = (id(state), move)
        if key not in self._known:
            self._known[key] = self._asking.ask(move, state)
        return self._known[key]

    def _outcome(self, route: Route) -> Outcome:
        if route not in self._outcomes:
            happens = to_carry_out(self.arrive(route).answers[-1], route[-1].name)
            state = self._outcome(route[:-1]).state
            self._outcomes[route] = after(state, happens, self._now)
        return self._outcomes[route]


def _without_place(outcome: Outcome) -> str:
    if not outcome.homeless:
        return ""
    pods = counted(len(outcome.homeless), "pod")
    return f"{pods} would find no place (first: {outcome.homeless[0]})"


def _without_price(
    state: ClusterState, plan: Iterable[PlanStep], before: ClusterSummary, nodes: ClusterSummary
) -> str:
    """New nodes that would be on the bill with nothing, and so would seem to save."""
    steps = [one for one in plan if isinstance(one, LaunchInstance)]
    unpriced = set(nodes.unpriced_nodes) - set(before.unpriced_nodes)
    types = {
        one.instance_type
        for one in steps
        if one.instance_type not in state.instance_types or one.id in unpriced
    }
    if not types:
        return ""
    return f"size or price of what it launches is not known: {', '.join(sorted(types))}"
