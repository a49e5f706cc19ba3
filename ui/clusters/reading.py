"""How a cluster is read: how old its state is, what went wrong last, and reading it now.

A reading is the scheduler's work. Where none is running, the page reads by itself, with little
patience.
"""

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError, InvalidInputError
from services.secrets import open_secret_box
from services.workflows.browse_clusters import Cluster, ClusterSource, ClusterStatus
from services.workflows.job_control import (
    CommandStatus,
    command_status,
    run_now,
    scheduler_state,
)
from ui import session
from ui.clusters.findings import show_findings
from ui.clusters.patience import quick_settings
from ui.components import data, formatting, wording
from ui.components.cards import show_empty, show_problem

JOB = "collect_state"
UNDER_WAY = (CommandStatus.WAITING, CommandStatus.CLAIMED)


def show_reading(cluster: Cluster, user: Actor) -> None:
    """One line about the state's age with the button beside it, and the last error below."""
    if cluster.source is ClusterSource.DUMP:
        read = formatting.age(cluster.latest_snapshot_at, session.now())
        st.caption(f"Opened from a dump; its state is of {read}. Register it to have it read live.")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="clusters-reading"):
        st.markdown(_state_line(cluster), width="stretch")
        _show_button(cluster, user)
    _show_error(cluster)
    if cluster.latest_snapshot_digest is None and cluster.last_read_error is None:
        show_empty(
            "Not read yet",
            "Press **Read now**, or start the scheduler, which reads every minute.",
            "sensors",
        )


def is_reading_awaited(cluster_id: str) -> bool:
    """Whether this viewer asked the scheduler for a reading that has not ended yet."""
    return session.remembered(_command_key(cluster_id)) is not None


def show_problems_of_reading(cluster: Cluster) -> None:
    """The parts that the last reading lacked, folded away."""
    count = len(cluster.last_read_problems)
    if not count:
        return
    with st.expander(
        f"The last reading lacks {formatting.count_of(count, 'part')}",
        icon=":material/warning:",
        key="clusters-lacking",
    ):
        show_findings(cluster.last_read_problems, key="clusters_lacking", name=cluster.name)


def _state_line(cluster: Cluster) -> str:
    now = session.now()
    sign = {
        ClusterStatus.ACTIVE: ":green[:material/check_circle:]",
        ClusterStatus.UNREACHABLE: ":red[:material/cancel:]",
    }.get(cluster.status, "")
    kind = wording.CREDENTIALS.get(cluster.credential_kind or "", "credential")
    age = formatting.age(cluster.last_read_at, now)
    read = "never read" if cluster.last_read_at is None else f"last read {age}"
    word = cluster.status.value.capitalize()
    return f"{sign} {word} · {read} · `{cluster.endpoint}` by {kind}"


def _show_error(cluster: Cluster) -> None:
    if cluster.last_read_error is None:
        return
    since = formatting.age(cluster.last_error_at, session.now())
    kept = (
        "Nothing was read of it yet."
        if cluster.latest_snapshot_at is None
        else "What stands below is the last good state, of "
        f"{formatting.age(cluster.latest_snapshot_at, session.now())}."
    )
    error = formatting.plain(formatting.sentence(cluster.last_read_error))
    st.error(
        f"**Cannot be read** (last tried {since}): {error}.  \n{kept}", icon=":material/error:"
    )


def _show_button(cluster: Cluster, user: Actor) -> None:
    command = session.remembered(_command_key(cluster.id))
    is_under_way = command is not None and _is_under_way(command)
    if command is not None and not is_under_way:
        _end(cluster, command)
    if is_under_way:
        st.caption(":material/hourglass_top: the scheduler reads")
    if st.button(
        "Read now",
        key="clusters-read-now",
        icon=":material/sync:",
        disabled=user.role < Role.OPERATOR or is_under_way,
        help=None if user.role >= Role.OPERATOR else "Reading now needs the role operator.",
    ):
        _read_now(cluster, user)


def _is_under_way(command: int) -> bool:
    """Whether the asked reading may still come: it has not ended, and somebody works on it."""
    database = session.database()
    return (
        command_status(database, command).status in UNDER_WAY
        and scheduler_state(database).is_running
    )


def _end(cluster: Cluster, command: int) -> None:
    """Tell the end of the asked reading once; the whole page refreshes more slowly again."""
    session.remember(_command_key(cluster.id), None)
    data.forget_versions()
    if command_status(session.database(), command).status is CommandStatus.DONE:
        st.toast(f"{cluster.name} is read", icon=":material/check_circle:")
    st.rerun()


def _read_now(cluster: Cluster, user: Actor) -> None:
    try:
        command = _ask_scheduler(cluster, user)
        if command is None:
            with st.spinner("Reading the cluster"):
                _read_here(cluster, user)
    except CloudOptimError as error:
        show_problem(error)
        data.forget_versions()
        return
    session.remember(_command_key(cluster.id), command)
    data.forget_versions()
    st.rerun()


def _ask_scheduler(cluster: Cluster, user: Actor) -> int | None:
    """The command that the scheduler will follow; None: there is none, or it does not know the
    cluster yet, as in the first seconds after it was registered."""
    database = session.database()
    if not scheduler_state(database).is_running:
        return None
    try:
        return run_now(database, JOB, target=cluster.id, actor=user, at=session.now())
    except InvalidInputError:
        return None


def _read_here(cluster: Cluster, user: Actor) -> None:
    from services.workflows.collect_state import collect_state

    settings = quick_settings()
    collect_state(
        session.database(),
        cluster.id,
        secrets=open_secret_box(settings),
        settings=settings,
        actor=user,
        at=session.now(),
    )
    st.toast(f"{cluster.name} is read", icon=":material/check_circle:")


def _command_key(cluster_id: str) -> str:
    return f"clusters-command-{cluster_id}"
