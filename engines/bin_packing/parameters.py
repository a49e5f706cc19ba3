"""The packer's parameters, and the safety limits that come with a request."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from engines.contracts.requests import DecisionRequest, convert_part
from engines.contracts.verdict import SafetyLimits

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Percent = Annotated[float, msgspec.Meta(gt=0, le=100)]
Seconds = Annotated[int, msgspec.Meta(ge=1)]

Mode = Literal["consolidate", "replace", "rebalance"]


class PackingParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may ask of the packer. All have defaults; None: not set."""

    mode: Mode = "consolidate"
    """Drain under-used nodes; also launch cheaper ones for them; or re-plan every node."""
    utilization_threshold: Share = 0.5
    """A node is under-used below this share of its CPU and of its memory."""
    disruption_threshold: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    """A node's share of the cost must be this many times its share of the disruption."""
    disruption_budget_percent: Percent = 10.0
    """Share of the nodes, rounded up, that go at once."""
    renew_budgets: bool = True
    """Whether a batch of drains may take what earlier batches' replacements gave back to a
    PodDisruptionBudget; if not, the whole plan spends each budget once."""
    rehearse: bool = True
    """Whether the drains are played through with the scheduler's own scores, and nodes kept until
    no pod would stay pending."""
    region: str | None = None
    """The region to look at; by default nodes of all regions, each at its own prices."""
    drain_grace_seconds: Seconds = 90
    """The least that is waited for pods to leave."""
    replace_managed_nodes: bool = False
    """Whether nodes that Karpenter or EKS Auto Mode manages may go, too."""
    nodes_under_notice: tuple[str, ...] = ()
    """Nodes with an interruption warning: neither drained nor a target."""
    allowed_families: tuple[str, ...] | None = None
    """Instance families to launch; by default those of the nodes that run."""
    launch_spot: bool = True
    """Whether Spot pools that are safe enough may be launched, beside on-demand."""
    min_launch_saving_percent: Percent = 5.0
    """An exchange of nodes must save this share of what the nodes that go cost."""
    allow_small_cluster_exception: bool = False
    """The small-cluster rule, for the offline look; live, the cluster's limits decide."""


class Asked(NamedTuple):
    """What a request asks for, converted."""

    parameters: PackingParameters
    limits: SafetyLimits


def read_parameters(request: DecisionRequest) -> Asked:
    """The request's parameters and limits. Raises InvalidInputError naming the one at fault."""
    parameters = convert_part(request.requirements, PackingParameters, "requirements")
    limits = convert_part(request.constraints, SafetyLimits, "constraints")
    if parameters.allow_small_cluster_exception:
        limits = msgspec.structs.replace(limits, allow_small_cluster_exception=True)
    return Asked(parameters, limits)
