"""The size of one container: what its history asks for, within what must be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from engines.contracts.wording import counted
from engines.resource_policy.limit_ranges import Bounds
from engines.resource_policy.settings import MIB, Pair, Resource, Setting
from engines.resource_policy.sizing import Wanted, resized, step_of
from engines.rightsizing.histories import (
    MIN_SAMPLES,
    MIN_SPAN_SECONDS,
    ContainerHistory,
    History,
)
from engines.rightsizing.parameters import RightsizingParameters
from engines.rightsizing.reasons import WorkloadReason

MILLICORES_PER_CORE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that decides about one container.

    ``in_force`` is what the API server makes of its setting, ``least_memory`` a floor in bytes
    that must be kept whatever was measured, ``scaled_on`` names the autoscalers that measure by a
    request, ``memory_held_by`` says what forbids to lower memory ("": nothing), ``has_whole_cores``
    a Guaranteed pod whose CPU is whole cores (the static CPU manager gives those to it alone).
    """

    in_force: Setting
    history: ContainerHistory
    bounds: Mapping[Resource, Bounds]
    least_memory: int = 0
    scaled_on: Mapping[Resource, str]
    memory_held_by: str = ""
    has_whole_cores: bool = False


class Outcome(NamedTuple):
    """What becomes of one resource: a new pair, or the reason why it stays."""

    pair: Pair | None
    reason: WorkloadReason | None = None
    message: str = ""
    subjects: tuple[str, ...] = ()


_TELLING = (
    WorkloadReason.LIMIT_RANGE_FORBIDS,
    WorkloadReason.HPA_ON_UTILISATION,
    WorkloadReason.MEMORY_HELD,
    WorkloadReason.NOT_ENOUGH_DATA,
    WorkloadReason.ALREADY_RIGHT,
)


class Proposal(NamedTuple):
    """The outcomes of a container's two resources."""

    cpu: Outcome
    memory: Outcome

    @property
    def is_change(self) -> bool:
        """Whether something is to be changed."""
        return self.cpu.pair is not None or self.memory.pair is not None

    @property
    def kept(self) -> tuple[Outcome, ...]:
        """The resources that stay as they are for a reason worth telling.

        Where nothing changes that is the most telling reason of the two.
        """
        outcomes = [one for one in self if one.reason is not None]
        if not self.is_change:
            return (min(outcomes, key=_telling_first),)
        return tuple(one for one in outcomes if one.reason is not WorkloadReason.ALREADY_RIGHT)

    def applied_to(self, written: Setting) -> Setting:
        """The setting with the changes in it."""
        return Setting(
            written.cpu if self.cpu.pair is None else self.cpu.pair,
            written.memory if self.memory.pair is None else self.memory.pair,
        )


def propose(situation: Situation, parameters: RightsizingParameters) -> Proposal:
    """The new size of a container.

    CPU request: the 95th percentile; memory request: the peak and its head-room; each at least its
    floor. A CPU limit is never below the peak, so request and limit that are equal follow the peak.
    """
    cpu, memory = situation.history
    cores = MILLICORES_PER_CORE if situation.has_whole_cores else step_of(Resource.CPU)
    wanted_cpu = Wanted(
        max(millicores(cpu.p95), parameters.cpu_floor_m), millicores(cpu.peak), cores
    )
    needed = rounded(memory.peak * (1 + parameters.memory_headroom_percent / 100))
    wanted_memory = Wanted(
        max(needed, parameters.memory_floor_mib * MIB, situation.least_memory),
        step=step_of(Resource.MEMORY),
    )
    return Proposal(
        _outcome(Resource.CPU, situation, cpu, wanted_cpu, parameters),
        _outcome(Resource.MEMORY, situation, memory, wanted_memory, parameters),
    )


def _outcome(
    resource: Resource,
    situation: Situation,
    history: History,
    wanted: Wanted,
    parameters: RightsizingParameters,
) -> Outcome:
    pair = situation.in_force.of(resource)
    if resource in situation.scaled_on:
        return _measured_by_autoscaler(resource, situation.scaled_on[resource])
    if not history.is_enough:
        return Outcome(None, WorkloadReason.NOT_ENOUGH_DATA, _too_little(resource, history))
    new = resized(pair, wanted, situation.bounds.get(resource, Bounds()))
    if new is None:
        message = f"its {resource} needs {wanted.request} ({_UNITS[resource]}) and a LimitRange of"
        message += " the namespace does not allow that; change the LimitRange first"
        return Outcome(None, WorkloadReason.LIMIT_RANGE_FORBIDS, message)
    is_due = resource is Resource.MEMORY and (pair.request or 0) < situation.least_memory
    if not is_due and _is_small(pair, new, parameters.min_change_percent):
        if resource is Resource.MEMORY and 0 < wanted.request == situation.least_memory:
            return _held_at_floor(situation.least_memory)
        return Outcome(
            None,
            WorkloadReason.ALREADY_RIGHT,
            f"its {resource} request is within {parameters.min_change_percent:g} % of what it"
            " needs; nothing to do",
        )
    if resource is Resource.MEMORY and situation.memory_held_by and _is_less(pair, new):
        return Outcome(
            None,
            WorkloadReason.MEMORY_HELD,
            f"its memory could be {new.request} bytes and is held by {situation.memory_held_by};"
            " change that if the memory may be lowered",
        )
    return Outcome(new)


_UNITS = {Resource.CPU: "millicores", Resource.MEMORY: "bytes"}


def _measured_by_autoscaler(resource: Resource, autoscaler: str) -> Outcome:
    return Outcome(
        None,
        WorkloadReason.HPA_ON_UTILISATION,
        f"{autoscaler} scales on utilisation, that is in percent of the {resource} request; give it"
        " an absolute target (AverageValue), or change both together by hand",
        (autoscaler,),
    )


def _held_at_floor(least_memory: int) -> Outcome:
    return Outcome(
        None,
        WorkloadReason.MEMORY_HELD,
        f"its memory must not fall below {least_memory} bytes, for its heap or for 14 days after an"
        " OOM kill; wait, or lower the heap's ceiling",
    )


def _too_little(resource: Resource, history: History) -> str:
    return (
        f"has {counted(history.samples, 'sample')} of its {resource}"
        f" over {history.span_seconds / 3600:.1f} h"
        f" in the last 7 days and needs {MIN_SAMPLES} over {MIN_SPAN_SECONDS // 3600} h; collect"
        " usage for longer"
    )


def _is_small(pair: Pair, new: Pair, percent: float) -> bool:
    if new == pair:
        return True
    if pair.request is None or new.request is None:
        return False
    return abs(new.request - pair.request) * 100 < percent * pair.request


def _is_less(pair: Pair, new: Pair) -> bool:
    return pair.request is not None and new.request is not None and new.request < pair.request


def _telling_first(outcome: Outcome) -> int:
    return _TELLING.index(outcome.reason or WorkloadReason.ALREADY_RIGHT)


def millicores(cores: float) -> int:
    """Cores to millicores, rounded up; the rest of a binary fraction is no millicore."""
    return rounded(cores * MILLICORES_PER_CORE)


def rounded(amount: float) -> int:
    """Rounded up to a whole number, not minding a millionth."""
    return ceil(round(amount, 6))
