"""The Waste page: what the newest looks found, refreshed by itself, and a look on demand."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import streamlit as st

from engines.contracts.results import Notice
from services.access import Actor
from services.errors import CloudOptimError
from services.workflows.browse_clusters import Cluster
from services.workflows.browse_waste import WASTE_TYPES, Look, Waste
from services.workflows.recommend import Question, recommend
from ui import navigation, session
from ui.components import data, formatting, wording
from ui.components.cards import Card, show_cards, show_empty, show_problem
from ui.components.cluster_names import cluster_namer
from ui.components.formatting import plain
from ui.waste.found import show_ghosts, show_volumes
from ui.waste.left import show_others, show_waiting

REFRESH_SECONDS = 10


def choose_clusters(user: Actor) -> tuple[str | None, bool]:
    """The cluster that is looked at (None: all), and whether there is one at all."""
    clusters = {one.id: one for one in data.clusters()}
    if not clusters:
        show_empty(
            "No cluster yet",
            "Register one, or open a dump, on **Clusters**: idle instances and volumes are looked "
            "for right away.",
            "delete_sweep",
        )
        return None, False
    with st.container(horizontal=True, vertical_alignment="bottom", key="waste-tools"):
        chosen = st.selectbox(
            "Cluster",
            list(clusters),
            index=None,
            format_func=cluster_namer(),
            placeholder="All clusters",
            key="waste_cluster",
            bind="query-params",
            width=320,
        )
        is_asked = st.button(
            "Look now",
            icon=":material/search:",
            key="waste-look",
            help="Asks both engines about the latest state; nothing is changed anywhere.",
        )
    if is_asked:
        _look([one for one in clusters.values() if chosen in (None, one.id)], user)
    return chosen, True


def _look(clusters: Iterable[Cluster], user: Actor) -> None:
    now, name_of = session.now(), cluster_namer()
    for cluster in clusters:
        try:
            with st.spinner(f"Looking through {name_of(cluster.id)}"):
                for kind in WASTE_TYPES:
                    question = Question(cluster_id=cluster.id, decision_type=kind, as_of=now)
                    recommend(session.database(), question, actor=user, at=now)
        except CloudOptimError as error:
            show_problem(error)
    data.forget_versions()


@st.fragment(run_every=REFRESH_SECONDS)
def show_waste(cluster_id: str | None) -> None:
    """All that was found; a fragment of its own, so that a refresh keeps the scroll."""
    try:
        waste = data.waste(cluster_id)
    except CloudOptimError as error:
        show_problem(error)
        return
    if not waste.looks:
        show_empty(
            "Nobody looked yet",
            "Press **Look now**, or start the scheduler, which looks every few minutes.",
            "search",
        )
        return
    now, name_of = session.now(), cluster_namer()
    _show_looks(waste.looks, now, name_of)
    _show_cards(waste, now)
    show_ghosts(waste.ghosts, name_of)
    show_volumes(waste.volumes, name_of)
    show_waiting(waste.waiting, now, name_of)
    show_others(waste.others, waste.in_use, name_of)


def _show_looks(looks: Sequence[Look], now: datetime, name_of: Callable[[str], str]) -> None:
    """Each answer with its age and a link to it; what was refused, or is to be known, below."""
    with st.container(border=True, key="waste-looks", gap="small"):
        for look in looks:
            _show_look(look, now, name_of(look.cluster_id))


def _show_look(look: Look, now: datetime, cluster: str) -> None:
    summary = look.summary
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        sign = ":red[:material/block:]" if look.refusal else ":green[:material/check_circle:]"
        st.markdown(
            f"{sign} **{wording.decision_type(summary.decision_type)}** of "
            f"{plain(cluster)}, decided {formatting.age(summary.created_at, now)}",
            width="stretch",
            help=formatting.moment_utc(summary.created_at),
        )
        st.page_link(
            navigation.page("decision_stream"),
            label=f"Decision {summary.id}",
            icon=":material/arrow_forward:",
            query_params={session.DECISION_PARAMETER: str(summary.id)},
        )
    if look.refusal:
        st.error(
            f"No advice, because {plain(look.refusal)}",
            icon=":material/block:",
        )
    for notice in look.warnings:
        st.warning(_noticed(notice), icon=":material/warning:")


def _noticed(notice: Notice) -> str:
    subjects = ", ".join(notice.subjects)
    said = formatting.sentence(notice.message)
    return plain(f"{said} ({subjects})" if subjects else said)


def _show_cards(waste: Waste, now: datetime) -> None:
    due = [one.due_at for one in waste.waiting if one.due_at is not None and one.due_at > now]
    show_cards(
        [
            Card(
                label="Ghosts",
                value=str(len(waste.ghosts)),
                note=f"cost {formatting.money(waste.ghost_usd_month)} a month",
                source=_unpriced(sum(one.usd_month is None for one in waste.ghosts)),
                tone="warning" if waste.ghosts else "good",
            ),
            Card(
                label="Zombie volumes",
                value=str(len(waste.volumes)),
                note=f"save {formatting.money(waste.volume_saving_usd_month)} a month, net of "
                "snapshots",
                source=_unpriced(sum(one.usd_month is None for one in waste.volumes)),
                tone="warning" if waste.volumes else "good",
            ),
            Card(
                label="Waiting for grace",
                value=str(len(waste.waiting)),
                note=f"the first {formatting.age(min(due), now)}" if due else "idle, but not long",
                tone="info",
            ),
            Card(
                label="Reported only",
                value=str(len(waste.others)),
                note="not to be touched, each with its reason",
            ),
        ]
    )


def _unpriced(count: int) -> str:
    return f"{count} without a known price, in no sum" if count else ""
