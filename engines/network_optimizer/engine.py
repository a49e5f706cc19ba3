"""From a request to an answer: routes, moves, and a reason for each pair that is left."""

from engines.contracts.requests import DecisionRequest, convert_part, refused
from engines.contracts.results import (
    DecisionResponse,
    EngineIdentity,
)
from engines.contracts.verdict import SafetyLimits
from engines.network_optimizer.answer import answer
from engines.network_optimizer.decision import decide
from engines.network_optimizer.parameters import NetworkParameters
from engines.network_optimizer.reasons import RefusalReason
from engines.network_optimizer.traffic import sum_traffic

NAME = "network_optimizer"
VERSION = "1.0.0"


def plan_zone_traffic(request: DecisionRequest) -> DecisionResponse:
    """Find what keeps traffic between workloads within availability zones, and what that saves.

    Raises InvalidInputError for a parameter that cannot be used.
    """
    parameters = convert_part(request.requirements, NetworkParameters, "requirements")
    convert_part(request.constraints, SafetyLimits, "constraints")
    state = request.current_state
    if state.traffic is None or not len(state.traffic.pods):
        return _refused(
            request,
            RefusalReason.NO_TRAFFIC_DATA,
            "there is no traffic between pods to look at; import a matrix from VPC flow logs or a"
            " CSV file",
        )
    if "pods" not in state.cluster.listed:
        return _refused(
            request,
            RefusalReason.PODS_NOT_GIVEN,
            "pods were not read, so nothing tells where traffic comes from; allow listing pods",
        )
    if "nodes" not in state.cluster.listed:
        return _refused(
            request,
            RefusalReason.NODES_NOT_GIVEN,
            "nodes were not read, so nothing tells the zones of pods; allow listing nodes",
        )
    traffic = sum_traffic(state.traffic, state.cluster)
    decision = decide(traffic, state.cluster, parameters)
    identity = EngineIdentity(name=NAME, version=VERSION)
    return answer(request, identity, traffic, decision, parameters)


def _refused(request: DecisionRequest, reason: RefusalReason, message: str) -> DecisionResponse:
    return refused(request, EngineIdentity(name=NAME, version=VERSION), reason, message)
