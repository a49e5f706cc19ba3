"""The parameters of office hours: schedules, what was put to sleep, who was woken by hand."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from engines.contracts.json_values import Time
from engines.contracts.pricing import CapacityType

Count = Annotated[int, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Minutes = Annotated[float, msgspec.Meta(ge=0, le=525_600)]  # a year


class SavedReplicas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload that was put to sleep: the replicas it had, and those it was given then.

    A CronJob that ran has 1, a suspended one 0.
    """

    namespace: str
    kind: str
    name: str
    replicas: Count
    slept_to: Count = 0
    slept_at: Time | None = None


class ManualWake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workload that somebody wants awake until a time, whatever its schedule says."""

    namespace: str
    kind: str
    name: str
    until: Time


class SavedNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node that was taken away for the night, and the environments that slept on it."""

    node: str
    environments: tuple[str, ...]
    instance_type: str
    availability_zone: str
    capacity_type: CapacityType


class ScheduleParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may tell the office hours. All have defaults."""

    schedules: tuple[Mapping[str, Any], ...] = ()
    """The schedules of environments, each an object; one that is not understood keeps awake."""
    saved_replicas: tuple[SavedReplicas, ...] = ()
    """Workloads that we put to sleep, from our own ledger."""
    manual_wake: tuple[ManualWake, ...] = ()
    """Workloads that somebody wants awake for now."""
    saved_nodes: tuple[SavedNode, ...] = ()
    """Nodes that we took away for the night, from our own ledger."""
    change_nodes: bool = True
    """Whether empty nodes go and come back where no autoscaler of nodes was found."""
    wake_batch_size: AtLeastOne = 20
    """Workloads that wake at once: the next ones wait until the pods of these run."""
    grace_minutes: Minutes = 15.0
    """Workloads that were made less than so long ago are left alone."""
