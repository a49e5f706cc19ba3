"""Optimize: dry-run an engine on a cluster and read its plan with the proof."""

from ui.components.cards import show_heading
from ui.decisions.details import show_decision
from ui.decisions.stream import load_named
from ui.optimize.asking import COMBINED, ask, choose_engine
from ui.optimize.choosing import choose_cluster, show_history
from ui.session import require

user = require("viewer")

show_heading("Optimize", "A dry run decides and judges; nothing is changed anywhere", level="title")
named = load_named()
cluster = choose_cluster(user, named)
if cluster is not None:
    engine = choose_engine(named)
    ask(engine, cluster, user)
    shown = None if engine == COMBINED else load_named()
    if shown is not None and shown.summary.cluster_id == cluster.id:
        show_decision(shown, key="optimize")
    show_history(cluster)
