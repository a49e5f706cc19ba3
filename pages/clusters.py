"""Clusters: open what kubectl prints, and see what is inside each cluster."""

from ui.clusters.opening import show_opening
from ui.clusters.view import choose_cluster, show_cluster
from ui.components.cards import show_heading
from ui.session import require

user = require("viewer")

show_heading("Clusters", "Open a dump; see nodes, pods, requests and cost", level="title")
show_opening(user)
cluster = choose_cluster()
if cluster is not None:
    show_cluster(cluster)
