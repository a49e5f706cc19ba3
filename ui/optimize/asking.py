"""Which engine is asked, with which parameters, and the dry run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from engines.contracts.results import DecisionType
from services.access import Actor
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_decisions import LoggedDecision
from services.workflows.decide import ENGINES
from services.workflows.recommend import Question, recommend
from ui import session
from ui.components import data, wording
from ui.components.cards import show_problem
from ui.optimize.combined import show_combined
from ui.optimize.parameter_form import ask_parameters
from ui.optimize.spot_form import ask_spot
from ui.optimize.traffic import show_traffic

COMBINED = "combined"


def choose_engine(shown: LoggedDecision | None) -> str:
    """The decision type that is asked for, or the combined plan of all engines.

    At first that of the decision shown: a link to a decision opens its engine.
    """
    return str(
        st.segmented_control(
            "Engine",
            [*ENGINES, COMBINED],
            default=DecisionType.SPOT_OPTIMIZE if shown is None else shown.summary.decision_type,
            required=True,
            format_func=_engine_name,
            key="optimize_engine",
            bind="query-params",
        )
    )


def ask(engine: str, cluster: Cluster, user: Actor) -> None:
    """The form and its button; a dry run writes the new decision into the address."""
    if engine == COMBINED:
        _ask_combined(cluster)
        return
    decision_type = DecisionType(engine)
    if decision_type is DecisionType.NETWORK_OPTIMIZE:
        show_traffic(cluster, user)
    with st.container(border=True, key="optimize-form"):
        try:
            requirements, as_of = _ask_parameters(decision_type)
        except CloudOptimError as error:
            show_problem(error)
            return
        if st.button(
            "Dry run",
            type="primary",
            icon=":material/play_arrow:",
            key="optimize-run",
            help="Decides and judges; nothing is changed anywhere.",
        ):
            _run(cluster, decision_type, requirements, as_of, user)


def _engine_name(engine: str) -> str:
    return "Combined plan" if engine == COMBINED else wording.decision_type(engine)


def _ask_parameters(decision_type: DecisionType) -> tuple[dict[str, Any], datetime | None]:
    if decision_type is DecisionType.SPOT_OPTIMIZE:
        return ask_spot()
    return ask_parameters(decision_type), None


def _ask_combined(cluster: Cluster) -> None:
    """All engines by their defaults. It takes a while, so it waits to be asked for."""
    st.caption(
        "All engines by their defaults, one after the other, each on the cluster as the one "
        "before it would leave it. Nothing is counted twice, nothing is logged or changed."
    )
    if st.toggle("Work it out", key="optimize_combined", bind="query-params"):
        show_combined(cluster, as_of=session.now().replace(minute=0, second=0, microsecond=0))


def _run(
    cluster: Cluster,
    decision_type: DecisionType,
    requirements: Mapping[str, Any],
    as_of: datetime | None,
    user: Actor,
) -> None:
    now = session.now()
    question = Question(
        cluster_id=cluster.id,
        decision_type=decision_type,
        as_of=min(as_of or now, now),
        requirements=requirements,
    )
    try:
        with st.spinner("Deciding, and judging every step"):
            decision_id = recommend(session.database(), question, actor=user, at=now)
    except CloudOptimError as error:
        show_problem(error)
        return
    data.forget_versions()
    session.name_decision(decision_id)
