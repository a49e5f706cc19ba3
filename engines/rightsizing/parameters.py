"""The parameters of rightsizing."""

from typing import Annotated, Literal

import msgspec

from engines.contracts.requests import DecisionRequest, convert_part
from engines.contracts.verdict import SafetyLimits
from engines.resource_policy.floors import MemoryFloor

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Amount = Annotated[int, msgspec.Meta(ge=1)]


class HeldMemory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload, or one container of it, whose memory must not be lowered."""

    namespace: str
    kind: str
    name: str
    container: str = ""  # empty: all of them


class RightsizingParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may ask of rightsizing. All have defaults."""

    level: Literal["both", "workload", "node"] = "both"
    """Which advice is wanted: sizes of workloads, of nodes, or both."""
    cpu_floor_m: Amount = 10
    """Millicores below which no CPU request is advised."""
    memory_floor_mib: Amount = 100
    """MiB below which no memory request is advised."""
    memory_headroom_percent: Percent = 15.0
    """Room above the peak of memory."""
    min_change_percent: Percent = 10.0
    """Changes smaller than this part of the present request are not worth a restart."""
    memory_floors: tuple[MemoryFloor, ...] = ()
    """Floors set after OOM kills; each holds for 14 days."""
    hold_memory: tuple[HeldMemory, ...] = ()
    """Workloads or containers whose memory is never lowered, such as JVMs sized by their limit."""
    non_heap_percent: Percent = 25.0
    """Memory beside a heap whose ceiling is written in the template, in percent of that ceiling."""
    keep_whole_cores: bool = True
    """Guaranteed containers with whole cores keep whole ones: the static CPU manager may have
    given those to them alone."""
    node_down_below: Share = 0.5
    """A node whose average use is below this part of its allocatable is too large."""
    node_up_above: Share = 0.8
    """A node whose average use is above this part of its allocatable is too small."""

    def __post_init__(self) -> None:
        if self.node_down_below >= self.node_up_above:
            raise ValueError("node_down_below must be less than node_up_above")


def read_parameters(request: DecisionRequest) -> RightsizingParameters:
    """The request's parameters; the limits are checked too. Raises InvalidInputError."""
    convert_part(request.constraints, SafetyLimits, "constraints")
    return convert_part(request.requirements, RightsizingParameters, "requirements")
