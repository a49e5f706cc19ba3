"""Clusters: register and read them, see what is inside, check what stands in the way."""

import streamlit as st

from ui.clusters.customers import show_customers
from ui.clusters.findings import choose_read_cluster, show_preflight
from ui.clusters.opening import show_opening
from ui.clusters.registering import show_changes, show_registration
from ui.clusters.view import choose_cluster, show_cluster
from ui.components.cards import show_heading
from ui.session import require

user = require("viewer")

show_heading(
    "Clusters", "Read through their API or from a dump: nodes, pods, use and cost", level="title"
)
state, preflight, register, customers = st.tabs(
    ["State", "Preflight", "Register a cluster", "Customers"],
    key="clusters_tab",
    bind="query-params",
)
if state.open:
    with state:
        show_opening(user)
        cluster = choose_cluster()
        if cluster is not None:
            show_cluster(cluster.id)
            show_changes(cluster, user)
if preflight.open:
    with preflight:
        show_heading("Preflight", "Each permission and each precondition, with what to do about it")
        checked = choose_read_cluster()
        if checked is not None:
            show_preflight(checked, user)
if register.open:
    with register:
        show_registration(user)
if customers.open:
    with customers:
        show_customers(user)
