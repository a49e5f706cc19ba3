"""What was found: ghosts and zombie volumes, one row each.

``name_of`` gives a cluster's name on screen from its id.
"""

from collections.abc import Callable, Sequence

from services.workflows.browse_waste import GhostRow, VolumeRow
from ui.components import tables, wording
from ui.components.cards import show_heading

GHOST_COLUMNS = (
    tables.Column(name="id", label="Instance"),
    tables.Column(name="name", label="Name"),
    tables.Column(name="usd_month", label="USD/month", kind="money"),
    tables.Column(name="type", label="Type"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="owner", label="Owner tags"),
    tables.Column(name="first_seen", label="First seen", kind="time"),
    tables.Column(name="scans", label="Scans", kind="number"),
    tables.Column(name="action", label="Advice"),
    tables.Column(name="reason", label="Why", kind="prose", width="large"),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="decision", label="Decision", kind="number"),
)
VOLUME_COLUMNS = (
    tables.Column(name="id", label="Volume"),
    tables.Column(name="net", label="Net saving USD/month", kind="money"),
    tables.Column(name="usd_month", label="Price USD/month", kind="money"),
    tables.Column(
        name="snapshot",
        label="Snapshot USD/month",
        kind="money",
        help="At most: of the whole volume, taken before it is deleted.",
    ),
    tables.Column(name="size", label="GiB", kind="number"),
    tables.Column(name="type", label="Type"),
    tables.Column(name="zone", label="Zone"),
    tables.Column(name="first_seen", label="First seen available", kind="time"),
    tables.Column(name="created", label="Made", kind="time"),
    tables.Column(name="name", label="Name"),
    tables.Column(name="reason", label="Why", kind="prose", width="large"),
    tables.Column(name="cluster", label="Cluster"),
    tables.Column(name="decision", label="Decision", kind="number"),
)
OWNERS = {"ours": "of our clusters", "unconfirmed": "of a cluster, perhaps not registered"}


def show_ghosts(ghosts: Sequence[GhostRow], name_of: Callable[[str], str]) -> None:
    """The ghosts, the dearest first; without one, nothing is claimed and nothing is drawn."""
    if not ghosts:
        return
    show_heading("Ghosts", "They run and cost, and are no node of any registered cluster")
    dearest = sorted(ghosts, key=lambda one: (-(one.usd_month or 0), one.resource_id))
    tables.show_table(
        [_ghost(one, name_of) for one in dearest],
        GHOST_COLUMNS,
        key="waste_ghosts",
        file_name="ghosts",
        noun="ghost",
    )


def show_volumes(volumes: Sequence[VolumeRow], name_of: Callable[[str], str]) -> None:
    """The zombie volumes, the largest saving first."""
    if not volumes:
        return
    show_heading("Zombie volumes", "Available for longer than the grace, and nothing asks for them")
    largest = sorted(volumes, key=lambda one: (-one.net_saving_usd_month, one.resource_id))
    tables.show_table(
        [_volume(one, name_of) for one in largest],
        VOLUME_COLUMNS,
        key="waste_volumes",
        file_name="zombie-volumes",
        noun="volume",
    )


def _ghost(one: GhostRow, name_of: Callable[[str], str]) -> tables.Row:
    tags = ", ".join(one.owner_tags)
    owner = OWNERS.get(one.owner, wording.in_words(one.owner).lower())
    return {
        "id": one.resource_id,
        "name": one.name,
        "usd_month": one.usd_month,
        "type": f"{one.instance_type}, {one.capacity_type}",
        "zone": one.availability_zone,
        "owner": f"{tags} ({owner})" if tags else owner,
        "first_seen": one.first_seen,
        "scans": one.scans,
        "action": wording.in_words(one.action),
        "reason": one.reason,
        "cluster": name_of(one.cluster_id),
        "decision": one.decision_id,
    }


def _volume(one: VolumeRow, name_of: Callable[[str], str]) -> tables.Row:
    return {
        "id": one.resource_id,
        "net": one.net_saving_usd_month,
        "usd_month": one.usd_month,
        "snapshot": one.snapshot_usd_month,
        "size": one.size_gib,
        "type": one.volume_type,
        "zone": one.availability_zone,
        "first_seen": one.available_since,
        "created": one.created_at,
        "name": one.name,
        "reason": one.reason,
        "cluster": name_of(one.cluster_id),
        "decision": one.decision_id,
    }
