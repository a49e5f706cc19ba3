"""What the packer's tests share: a market, questions, and what becomes of a cluster by a plan."""

import msgspec

from engines.bin_packing import recommend_packing
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import CurrentState, compile_state
from tests.builders import (
    a_document,
    a_price,
    a_request,
    a_state,
    an_advisor_rate,
    an_instance_type,
    an_on_demand_price,
)

MARKET = {
    "on_demand": (
        an_on_demand_price(),
        an_on_demand_price("0.10", instance_type="m7i.large"),
        an_on_demand_price("0.40", instance_type="m7i.2xlarge"),
    )
}
"""List prices only: 0.20 USD an hour, 146 USD a month for an m7i.xlarge, and so on by size."""

WHOLE_MARKET = MARKET | {
    "prices": tuple(
        a_price(usd, instance_type=name, zone=zone)
        for name, usd in (("m7i.large", "0.04"), ("m7i.xlarge", "0.08"), ("m7i.2xlarge", "0.16"))
        for zone in ("us-east-1a", "us-east-1b", "us-east-1c")
    ),
    "advisor": tuple(
        an_advisor_rate(instance_type=one) for one in ("m7i.large", "m7i.xlarge", "m7i.2xlarge")
    ),
    "instance_types": (
        an_instance_type(),
        an_instance_type("m7i.large", vcpu=2, gib=8, max_pods=29),
        an_instance_type("m7i.2xlarge", vcpu=8, gib=32),
    ),
}


def packed(*objects, market=MARKET, constraints=None, **requirements) -> DecisionResponse:
    """The packer's answer about a cluster of these objects."""
    return ask(a_state(*objects, **market), constraints=constraints, **requirements)


def ask(state, *, constraints=None, **requirements) -> DecisionResponse:
    """The packer's answer about a state."""
    return recommend_packing(
        a_request(
            state,
            decision_type=DecisionType.BIN_PACK,
            requirements=requirements,
            constraints=constraints,
        )
    )


def removed(response) -> list[str]:
    """The nodes that go."""
    return [one.node for one in response.recommendations if one.action == "drain_and_terminate"]


def reasons(response) -> dict[str, str]:
    """Why each other node stays."""
    return {one.subject.name: str(one.reason) for one in response.skipped}


def moves(response) -> dict[str, tuple[str, str]]:
    """From where to where each pod moves."""
    return {
        move.pod: (move.from_node, move.to_node)
        for one in response.recommendations
        for move in one.moves
    }


def applied(document: CurrentState, response) -> CurrentState:
    """The cluster after the plan: nodes gone, their DaemonSet pods with them, the others moved."""
    gone = set(removed(response))
    targets = {pod: to for pod, (_, to) in moves(response).items()}
    pods = []
    for pod in document.pods or ():
        target = targets.get(pod.key)
        if target is not None:
            spec = msgspec.structs.replace(pod.spec, node_name=target)
            pods.append(msgspec.structs.replace(pod, spec=spec))
        elif pod.spec.node_name not in gone:
            pods.append(pod)
    nodes = tuple(one for one in document.nodes or () if one.metadata.name not in gone)
    return msgspec.structs.replace(document, nodes=nodes, pods=tuple(pods))


def rounds_until_rest(*objects, most=10, **requirements) -> int:
    """How often the packer has to be asked, and its plan applied, until it advises nothing."""
    document = a_document(*objects, **MARKET)
    for round_number in range(most):
        response = ask(compile_state(document), **requirements)
        if not response.recommendations:
            return round_number
        document = applied(document, response)
    return most
