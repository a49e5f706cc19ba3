"""The Spot optimizer's parameters, and the safety limits that come with a request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec

from engines.contracts.pricing import LINUX_PRODUCT
from engines.contracts.requests import DecisionRequest, convert_part
from engines.contracts.verdict import SafetyLimits
from engines.risk import operating_system_of

Positive = Annotated[float, msgspec.Meta(gt=0)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Vcpu = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]  # 5,000 nodes of 192 are fewer
Gib = Annotated[float, msgspec.Meta(gt=0, le=16_000_000)]  # 5,000 nodes of 3 TiB are fewer
Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]  # a year
Usd = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class PoolEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that happened to a pool at a time."""

    instance_type: str
    availability_zone: str
    time: Moment


class Prediction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's word on a pool: the probability of an interruption within ``horizon_hours``."""

    instance_type: str
    availability_zone: str
    interruption_probability: Probability
    model: str
    horizon_hours: Positive = 730.0  # a month, the unit of Spot Advisor


class SpotParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may ask of the Spot optimizer. All have defaults; None: not set."""

    region: str | None = None
    """The region to buy in; by default the one that the cluster's nodes stand in."""
    required_vcpu: Vcpu | None = None
    """vCPU that the whole cluster must offer; by default what its pods ask for and 10 %."""
    required_memory_gib: Gib | None = None
    """GiB of memory that the whole cluster must offer; by default as for vCPU."""
    architecture: Literal["amd64", "arm64"] | None = None
    """By default the architecture of most of the cluster's vCPU."""
    allowed_families: tuple[str, ...] | None = None
    """Instance families such as "m5"; by default all but those with GPUs, CPU credits or no
    hypervisor."""
    allowed_zones: tuple[str, ...] | None = None
    """Zones to launch in; by default those of the nodes if they are enough, else all."""
    product_description: str = LINUX_PRODUCT
    """Which product's Spot prices count."""
    headroom_percent: Percent = 10.0
    """Room on top of what pods and DaemonSets ask for."""
    interruption_cost: Usd = 0.0
    """What one interruption costs, USD: added to prices by its probability."""
    interruptions: tuple[PoolEvent, ...] = ()
    """Interruptions that we saw ourselves."""
    failed_launches: tuple[PoolEvent, ...] = ()
    """Launches that AWS could not serve."""
    pool_exclusion_seconds: Seconds = 180
    """For how long such a pool is left alone."""
    nodes_under_notice: tuple[str, ...] = ()
    """Nodes with an interruption warning: neither capacity nor target."""
    predictions: tuple[Prediction, ...] = ()
    """Of the active model, shown beside the formula."""
    max_interruption_probability: Probability | None = None
    """A pool whose predicted probability is greater is unsafe. None: predictions only inform."""
    spot_to_spot_min_types: Count = 15
    """Spot nodes move to other pools only where at least so many types are cheaper."""
    spot_to_spot_min_saving_percent: Percent = 10.0
    """... and only where the move saves at least this much."""
    min_plan_saving_percent: Percent = 1.0
    """A plan that saves less of the cluster's cost is not worth its disruption."""
    no_spot_selector: Mapping[str, str] | None = None
    """Pods with all of these labels stay on on-demand capacity."""
    replace_managed_nodes: bool = False
    """Whether nodes that Karpenter or EKS Auto Mode manages may be replaced, too."""
    max_price_age_hours: Positive | None = None
    """Pools whose last price is older are skipped. None: a price holds until the next one."""
    allow_small_cluster_exception: bool = False
    """The small-cluster rule, for the offline look; live, the cluster's limits decide."""

    def __post_init__(self) -> None:
        if operating_system_of(self.product_description) is None:
            raise ValueError(f"product_description {self.product_description!r} is not known")


class Asked(NamedTuple):
    """What a request asks for, converted."""

    parameters: SpotParameters
    limits: SafetyLimits


def read_parameters(request: DecisionRequest) -> Asked:
    """The request's parameters and limits. Raises InvalidInputError naming the one at fault."""
    parameters = convert_part(request.requirements, SpotParameters, "requirements")
    limits = convert_part(request.constraints, SafetyLimits, "constraints")
    if parameters.allow_small_cluster_exception:
        limits = msgspec.structs.replace(limits, allow_small_cluster_exception=True)
    return Asked(parameters, limits)
