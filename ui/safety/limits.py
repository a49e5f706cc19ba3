"""Zones and pools of a cluster by its latest verdict, and its limits, to tighten or to loosen."""

import streamlit as st

from engines.contracts.verdict import SafetyLimits
from engines.safety import loosened_fields
from services.access import Actor, Role
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from services.workflows.change_limits import change_limits
from ui import session
from ui.components import data, formatting
from ui.components.cards import show_empty, show_heading, show_problem, show_source
from ui.components.cluster_names import cluster_namer
from ui.components.verdict import show_distribution

FIELDS = {
    "min_risk_score": "Least risk score of a new pool",
    "min_availability_zones": "Least number of zones",
    "max_pool_share": "Largest share of one Spot pool",
    "min_on_demand_share": "Least share on-demand",
    "allow_small_cluster_exception": "Small-cluster exception",
}


def show_limits(user: Actor) -> None:
    """The chosen cluster's distribution and the form of its limits."""
    clusters = {one.id: one for one in data.clusters()}
    if not clusters:
        show_empty("No cluster yet", "Register one, or open a dump, on **Clusters** first.", "hub")
        return
    chosen = st.selectbox(
        "Cluster",
        list(clusters),
        format_func=cluster_namer(),
        key="safety_cluster",
        bind="query-params",
        width=320,
    )
    cluster = clusters[chosen]
    _show_latest(cluster)
    show_heading("Limits", "An operator may tighten them; loosening needs an admin and is audited")
    _show_form(cluster, user)


def _show_latest(cluster: Cluster) -> None:
    """Where the cluster would stand after the newest plan that was judged."""
    judged = data.latest_judged(cluster.id)
    if judged is None or judged.response.safety is None:
        show_empty(
            "No plan of this cluster was judged yet",
            "Press **Dry run** on **Optimize** to see zones and pools here.",
            "donut_small",
        )
        return
    verdict = judged.response.safety
    show_heading(
        "As the newest judged plan leaves it",
        f"Decision {judged.summary.id}, {formatting.percent(verdict.on_demand_share, 1)} on-demand",
    )
    show_distribution(verdict.zones, verdict.pools, cluster.limits, key="safety")
    show_source([("Verdict", judged.summary.created_at)], session.now())


def _show_form(cluster: Cluster, user: Actor) -> None:
    limits = cluster.limits
    with st.container(border=True, key="safety-limits"):
        first, second, third, fourth = st.columns(4)
        wanted = SafetyLimits(
            min_risk_score=first.number_input(
                FIELDS["min_risk_score"],
                0.0,
                1.0,
                limits.min_risk_score,
                0.01,
                key=f"limits-risk-{cluster.id}",
            ),
            min_availability_zones=second.number_input(
                FIELDS["min_availability_zones"],
                1,
                6,
                limits.min_availability_zones,
                key=f"limits-zones-{cluster.id}",
            ),
            max_pool_share=_share(
                third.number_input(
                    FIELDS["max_pool_share"] + ", %",
                    0,
                    100,
                    round(limits.max_pool_share * 100),
                    key=f"limits-pool-{cluster.id}",
                )
            ),
            min_on_demand_share=_share(
                fourth.number_input(
                    FIELDS["min_on_demand_share"] + ", %",
                    0,
                    100,
                    round(limits.min_on_demand_share * 100),
                    key=f"limits-on-demand-{cluster.id}",
                )
            ),
            allow_small_cluster_exception=st.toggle(
                "Allow the small-cluster exception",
                limits.allow_small_cluster_exception,
                key=f"limits-small-{cluster.id}",
                help="Where fewer nodes than pools or zones are needed, layers 2 and 3 may be "
                "broken by a visible, recorded exception.",
            ),
        )
        _show_change(cluster, wanted, user)


def _share(percent: int) -> float:
    return percent / 100


def _show_change(cluster: Cluster, wanted: SafetyLimits, user: Actor) -> None:
    """What the change would mean, and the button that makes it."""
    loosened = loosened_fields(cluster.limits, wanted)
    is_confirmed = True
    if loosened:
        st.warning(
            "This loosens: " + ", ".join(FIELDS[name].lower() for name in loosened) + ". "
            "Plans that are refused today may pass.",
            icon=":material/lock_open:",
        )
        typed = st.text_input(
            f"Type the cluster's name, {cluster.name}, to confirm",
            key=f"limits-confirm-{cluster.id}",
            width=380,
        )
        is_confirmed = typed == cluster.name
    is_allowed = user.role >= (Role.ADMIN if loosened else Role.OPERATOR)
    if st.button(
        "Save limits",
        type="primary",
        key="limits-save",
        disabled=wanted == cluster.limits or not is_confirmed or not is_allowed,
        help=None if is_allowed else "Your role does not allow this change.",
    ):
        _save(cluster, wanted, user)


def _save(cluster: Cluster, wanted: SafetyLimits, user: Actor) -> None:
    try:
        change_limits(
            session.database(), cluster_id=cluster.id, limits=wanted, actor=user, at=session.now()
        )
    except CloudOptimError as error:
        show_problem(error)
    else:
        st.toast(f"Limits of {cluster.name} are stored", icon=":material/check_circle:")
        data.forget_versions()
        st.rerun()
