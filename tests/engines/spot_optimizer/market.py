"""A market in which all is equal until a test says otherwise.

Every instance type has 2 vCPU, 8 GiB and room for 29 pods, of which a node offers 1,930 millicores
and 6,903 MiB. On-demand costs 0.10 USD an hour, Spot 0.04 in each of three zones, flat for weeks.
Spot Advisor puts all types under 5 %. At ``NOW``, Monday 08:00 in New York, a pool's score is
0.60 x 1 + 0.25 x 1 + 0.10 x 0.6 + 0.05 x 0.5 = 0.935.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import DecisionResponse
from engines.contracts.state import ClusterState
from engines.spot_optimizer import recommend_spot_pools
from tests.builders import (
    a_node,
    a_pod,
    a_price,
    a_request,
    a_state,
    an_advisor_rate,
    an_instance_type,
    an_on_demand_price,
)

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
TYPES = ("m5.large", "m5a.large", "m6a.large", "m6i.large", "m7a.large", "m7i.large")
NODE_CPU, NODE_GIB = 1.93, 6903 / 1024


class Market(NamedTuple):
    """Prices, rates and types; the overrides are by type, or by (type, zone)."""

    types: tuple[str, ...] = TYPES
    zones: tuple[str, ...] = ZONES
    spot: Mapping[Any, str] = {}
    on_demand: Mapping[str, str] = {}
    buckets: Mapping[str, InterruptionBucket | None] = {}
    sizes: Mapping[str, Mapping[str, Any]] = {}

    def fields(self) -> dict[str, Any]:
        """As fields of a state."""
        return {
            "prices": tuple(
                a_price(
                    self.spot.get((name, zone), self.spot.get(name, "0.04")),
                    instance_type=name,
                    zone=zone,
                )
                for name in self.types
                for zone in self.zones
            ),
            "on_demand": tuple(
                an_on_demand_price(self.on_demand.get(name, "0.10"), instance_type=name)
                for name in self.types
            ),
            "advisor": tuple(
                an_advisor_rate(bucket, instance_type=name)
                for name in self.types
                if (bucket := self.buckets.get(name, InterruptionBucket.UNDER_5)) is not None
            ),
            "instance_types": tuple(
                an_instance_type(
                    name, **({"vcpu": 2, "gib": 8, "max_pods": 29} | dict(self.sizes.get(name, {})))
                )
                for name in self.types
            ),
        }


MARKET = Market()


def node(name: str, *, instance_type: str = "m5.large", **more: Any) -> Any:
    """A node that offers what the market's types are estimated to offer."""
    bought = more.pop("capacity_type", "on-demand").upper().replace("-", "_")
    labels = {"karpenter.sh/capacity-type": None, "eks.amazonaws.com/capacityType": bought}
    more["labels"] = labels | more.get("labels", {})
    size = {"cpu": NODE_CPU, "gib": NODE_GIB, "max_pods": 29}
    return a_node(name, instance_type=instance_type, **(size | more))


def nodes(count: int, **more: Any) -> list[Any]:
    """So many nodes, over the zones in turn."""
    return [node(f"node-{i:02d}", zone=ZONES[i % 3], **more) for i in range(count)]


def pods_on(*some: Any, each: int = 4, **more: Any) -> list[Any]:
    """``each`` pods of 0.4 vCPU and 1 GiB on every node: a fifth one would not fit."""
    size = {"cpu": 0.4, "gib": 1}
    return [
        a_pod(f"{one.metadata.name}-{i}", on=one.metadata.name, **(size | more))
        for one in some
        for i in range(each)
    ]


def a_cluster_state(*objects: Any, market: Market = MARKET, **fields: Any) -> ClusterState:
    """The state of these objects in a market."""
    return a_state(*objects, **(market.fields() | fields))


def decide(state: ClusterState, constraints: Any = None, **requirements: Any) -> DecisionResponse:
    """The optimizer's answer."""
    request = a_request(state, requirements=requirements, constraints=constraints)
    return recommend_spot_pools(request)


def pools_of(response: DecisionResponse) -> list[str]:
    """The names of the advised pools, best first."""
    return [one.subject.name for one in response.recommendations if one.action == "use_spot_pool"]


def reasons(response: DecisionResponse, kind: str) -> dict[str, str]:
    """Name -> reason code of what was skipped of a kind."""
    return {one.subject.name: one.reason for one in response.skipped if one.subject.kind == kind}


def allocation_of(response: DecisionResponse) -> Any:
    """What the answer recommends for the cluster."""
    [one] = [one for one in response.recommendations if one.action == "adopt_allocation"]
    return one
