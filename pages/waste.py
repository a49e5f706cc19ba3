"""Waste: instances without a node and volumes that nothing uses, with the evidence."""

from ui.components.cards import show_heading
from ui.session import require
from ui.waste.view import choose_clusters, show_waste

user = require("viewer")

show_heading(
    "Waste",
    "Ghosts (instances that no cluster has a node for) and zombie volumes; nothing is touched here",
    level="title",
)
cluster_id, has_clusters = choose_clusters(user)
if has_clusters:
    show_waste(cluster_id)
