"""The proof: the plan's placement in the independent checker's hands."""

from collections.abc import Mapping

from engines.bin_packing.decision import Decision
from engines.placement_check import PlacementViolation, check_placement


def placement(decision: Decision) -> Mapping[str, str]:
    """Every pod that needs a place because of the plan, and the node that has room for it."""
    cluster, packing = decision.cluster, decision.packing
    items = cluster.context.snapshot.pods.items
    names = cluster.context.nodes.names
    pairs = zip(cluster.pods[packing.movers].tolist(), packing.target.tolist(), strict=True)
    return {items[pod].key: names[node] for pod, node in pairs}


def objections(decision: Decision) -> tuple[PlacementViolation, ...]:
    """What the checker says against the plan."""
    cluster = decision.cluster
    names = cluster.context.nodes.names
    launched = {one.name for one in decision.launches}
    return check_placement(
        cluster.situation.state.cluster,
        placement(decision),
        removed=[names[row] for row in decision.order],
        added=[node for node in cluster.added if node.metadata.name in launched],
    )
