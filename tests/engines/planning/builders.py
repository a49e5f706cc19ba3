"""A small cluster for combined plans, and engines whose plans are written out by hand."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engines.contracts.kubernetes import KubernetesObject
from engines.contracts.plan import (
    ContainerResources,
    CordonNode,
    DrainNode,
    LaunchInstance,
    PatchWorkloadResources,
    PlanStep,
    TerminateInstance,
    WaitForNode,
    WorkloadRef,
)
from engines.contracts.pricing import CapacityType
from engines.contracts.requests import DecisionRequest
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    EngineIdentity,
    PodMove,
    Recommendation,
    Subject,
)
from engines.contracts.state import ClusterState
from tests.builders import (
    a_node,
    a_pod,
    a_price,
    a_state,
    a_workload,
    an_instance_type,
    an_on_demand_price,
    instance_id_for,
)

Decide = Callable[[DecisionRequest], DecisionResponse]


def a_three_node_state(*more: KubernetesObject) -> ClusterState:
    """Three m7i.xlarge at 0.2016 USD an hour (0.05 on Spot), a pod of the Deployment web on each.

    ``more`` is there besides.
    """
    return a_state(
        *more,
        *(a_node(f"node-{one}", zone=f"us-east-1{one}") for one in "abc"),
        a_workload("web", replicas=3),
        a_workload("web-6d4b", kind="ReplicaSet", replicas=3, owner=("Deployment", "web")),
        *(a_pod(f"web-{n}", on=f"node-{one}") for n, one in enumerate("abc", start=1)),
        on_demand=(an_on_demand_price("0.2016"),),
        prices=tuple(a_price("0.05", zone=f"us-east-1{one}") for one in "abc"),
        instance_types=(an_instance_type(),),
    )


def answer(request: DecisionRequest, **changes: Any) -> DecisionResponse:
    """An answer without advice, but for ``changes``."""
    fields: dict[str, Any] = {
        "request_id": request.request_id,
        "decision_type": request.decision_type,
        "engine": EngineIdentity(name="stand-in", version="1"),
        "input_digest": "",
        "status": DecisionStatus.OK,
    }
    return DecisionResponse(**fields | changes)


def removal(node: str) -> tuple[PlanStep, ...]:
    """The steps by which a node goes."""
    return (
        CordonNode(id=f"cordon-{node}", node=node),
        DrainNode(id=f"drain-{node}", node=node),
        TerminateInstance(id=f"terminate-{node}", instance_id=instance_id_for(node), node=node),
    )


def launch(number: int = 1, *, zone: str = "us-east-1a", is_spot: bool = True) -> LaunchInstance:
    """One m7i.xlarge."""
    return LaunchInstance(
        id=f"launch-{number}",
        instance_type="m7i.xlarge",
        availability_zone=zone,
        capacity_type=CapacityType.SPOT if is_spot else CapacityType.ON_DEMAND,
    )


def drains(node: str, *moves: tuple[str, str], saving: str) -> Decide:
    """An engine that empties one node onto others, where it is there."""

    def decide(request: DecisionRequest) -> DecisionResponse:
        if node not in request.current_state.cluster.nodes.index:
            return answer(request)
        advice = Recommendation(
            subject=Subject(kind="Node", name=node),
            action="drain",
            savings_usd_month=Decimal(saving),
            reason="under-used",
            node=node,
            moves=tuple(PodMove(pod=pod, from_node=node, to_node=target) for pod, target in moves),
        )
        return answer(
            request,
            recommendations=(advice,),
            estimated_savings=Decimal(saving),
            execution_plan=removal(node),
        )

    return decide


def exchanges(*nodes: str) -> Decide:
    """An engine that launches one Spot node for each of these that is still there."""

    def decide(request: DecisionRequest) -> DecisionResponse:
        here = [one for one in nodes if one in request.current_state.cluster.nodes.index]
        steps: list[PlanStep] = []
        for number, node in enumerate(here, start=1):
            steps.append(launch(number, zone=f"us-east-1{node[-1]}"))
            steps.append(WaitForNode(id=f"wait-{number}", launch_step=f"launch-{number}"))
        return answer(
            request,
            execution_plan=(*steps, *(step for node in here for step in removal(node))),
        )

    return decide


def asks_for(cpu: str) -> Decide:
    """An engine that sets the CPU request of the Deployment web."""

    def decide(request: DecisionRequest) -> DecisionResponse:
        step = PatchWorkloadResources(
            id="1",
            workload=WorkloadRef(kind="Deployment", namespace="shop", name="web"),
            resources=(ContainerResources(container="main", cpu_request=cpu),),
            previous=(ContainerResources(container="main", cpu_request="1"),),
        )
        return answer(request, execution_plan=(step,))

    return decide
