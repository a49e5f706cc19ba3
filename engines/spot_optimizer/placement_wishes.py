"""What pods ask of their node that a newly launched one is known, or not known, to offer.

A new node is plain: it has a zone, an architecture and an operating system, no devices, and of
labels those that every node has. A pod that asks for more is taken to need the very node that it
runs on, so that node is left alone.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import NodeSelectorRequirement, Pod

_OS = ("kubernetes.io/os", "beta.kubernetes.io/os")
_ARCHITECTURE = ("kubernetes.io/arch", "beta.kubernetes.io/arch")
_ZONE = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_CAPACITY_TYPE = ("karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType")
_ON_DEMAND = ("on-demand", "ON_DEMAND")
_VARYING = (
    *_ZONE,
    *_CAPACITY_TYPE,
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/hostname",
)
"""Labels that a new node has, but with values that are not settled yet."""


class Wish(NamedTuple):
    """What a pod's node selector and required node affinity come down to.

    ``needs_its_node``: they ask for something that a new node is not known to offer.
    """

    zone: str | None = None
    is_on_demand_only: bool = False
    needs_its_node: bool = False


NO_WISH = Wish()


def wish_of(pod: Pod, architecture: str, system: str) -> Wish:
    """Read a pod's selectors against plain new nodes of an architecture and system."""
    asked = list(_asked(pod))
    if not asked:
        return NO_WISH
    offered = {**dict.fromkeys(_ARCHITECTURE, architecture), **dict.fromkeys(_OS, system)}
    zone, on_demand_only = None, False
    for one in asked:
        if one.operator == "In" and one.key in _ZONE and len(one.values) == 1:
            zone = one.values[0]
        elif (
            one.operator == "In" and one.key in _CAPACITY_TYPE and set(one.values) <= {*_ON_DEMAND}
        ):
            on_demand_only = True
        elif not _holds(one, offered):
            return Wish(needs_its_node=True)
    return Wish(zone, on_demand_only)


def _asked(pod: Pod) -> Iterable[NodeSelectorRequirement]:
    """All requirements as expressions. Alternatives cannot be told apart here: several terms of
    a node affinity become one that no plain node meets."""
    for key, value in pod.spec.node_selector.items():
        yield NodeSelectorRequirement(key=key, operator="In", values=(value,))
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    if not affinity or affinity.required is None:
        return
    terms = affinity.required.node_selector_terms
    if len(terms) == 1 and not terms[0].match_fields:
        yield from terms[0].match_expressions
    else:
        yield NodeSelectorRequirement(key="", operator="Exists")


def _holds(asked: NodeSelectorRequirement, offered: Mapping[str, str]) -> bool:
    """Kubernetes' rules for labels that may be absent; what is not settled yet does not hold."""
    if asked.key in _VARYING:
        return asked.operator == "Exists"
    value = offered.get(asked.key)
    match asked.operator:
        case "In":
            return value in asked.values
        case "NotIn":
            return value not in asked.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:  # Gt and Lt: no plain label is a number
            return False
