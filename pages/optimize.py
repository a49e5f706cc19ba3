"""Optimize: dry-run the Spot optimizer on a cluster and read its plan with the proof."""

from ui.components import data
from ui.components.cards import show_heading
from ui.decisions.details import show_decision
from ui.optimize.asking import ask
from ui.optimize.choosing import choose_cluster, show_history
from ui.session import named_decision, require

user = require("viewer")

show_heading("Optimize", "A dry run decides and judges; nothing is changed anywhere", level="title")
cluster = choose_cluster(user)
if cluster is not None:
    ask(cluster, user)
    chosen = named_decision()
    if chosen is not None:
        show_decision(data.decision(chosen), key="optimize")
    show_history(cluster)
