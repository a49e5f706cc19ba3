"""The ghost probe's parameters: the ledger of earlier scans, and whose instances are ours."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from engines.contracts.json_values import Time

Count = Annotated[int, msgspec.Meta(ge=0)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
Hours = Annotated[float, msgspec.Meta(ge=0)]


class GhostParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may tell the ghost probe. All have defaults; None: not set."""

    first_seen: Mapping[str, Time] = {}
    """When our scans first saw each instance run without a node, by instance id."""
    scan_count: Mapping[str, Count] = {}
    """How many scans in a row saw it so, this one included, by instance id."""
    previous_node_count: Count | None = None
    """Nodes that the scan before this one found."""
    unreadable_clusters: tuple[str, ...] = ()
    """Registered clusters of the account and region that could not be read just now."""
    cluster_names: tuple[str, ...] = ()
    """Names, as in ownership tags, of all registered clusters; those that the tags of our own
    nodes' instances tell are known anyway."""
    nodes_of_other_clusters: tuple[str, ...] = ()
    """Ids of the instances that are nodes of other registered clusters."""
    auto_scaling_states: Mapping[str, str] = {}
    """Lifecycle states, as DescribeAutoScalingInstances gives them, by instance id."""
    grace_hours: Hours = 24.0
    """An instance is no ghost before it ran for so long without a node."""
    min_scans: AtLeastOne = 2
    """... and before so many scans saw it so."""
    ignore_tags: tuple[str, ...] = ("cloudoptim:ignore", "cloudoptim.io/ignore")
    """Tags that take an instance out of the probe, unless their value is "false"."""
    terminate_without_approval: bool = False
    """The policy of the account and region: whether ghosts may go without a person's approval."""
