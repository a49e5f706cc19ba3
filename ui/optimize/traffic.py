"""Where the network optimizer's traffic data come from, and their import."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.files.source import SourceFile
from services.secrets import open_secret_box
from services.workflows.browse_clusters import Cluster
from services.workflows.import_traffic import (
    Addresses,
    TrafficFiles,
    TrafficImport,
    addresses_in,
    addresses_of,
    import_traffic,
)
from services.workflows.remote_access import RemoteOpener
from ui import session
from ui.components import data, formatting
from ui.components.cards import show_problem, show_source

COLUMNS_OF_CSV = "`from_namespace,from_pod,to_namespace,to_pod,bytes_per_day`"


def show_traffic(cluster: Cluster, user: Actor) -> None:
    """The age of the traffic data, or that there are none, and the form to import some."""
    known = data.traffic_source(cluster.id)
    if known is None:
        st.info(
            "No traffic between pods was imported for this cluster, and without it there is no "
            "advice. Import a table or VPC flow logs below.",
            icon=":material/lan:",
        )
    else:
        name = f"{known.pairs:,} pairs of pods from {known.source_name}"
        show_source([(name, known.as_of)], session.now())
    with st.expander(
        "Import traffic", expanded=known is None, icon=":material/upload:", key="optimize-traffic"
    ):
        if user.role < Role.OPERATOR:
            st.info("Importing needs the role operator.", icon=":material/lock:")
        else:
            _show_form(cluster, user)


def _show_form(cluster: Cluster, user: Actor) -> None:
    with st.form("traffic-import", border=False):
        files_box, pods_box = st.columns((2, 1), gap="medium")
        files = files_box.file_uploader(
            "Table or flow logs",
            type=["csv", "json", "log", "txt", "gz"],
            accept_multiple_files=True,
            key="traffic-files",
            help=f"A CSV with the columns {COLUMNS_OF_CSV}, or VPC flow logs as text. Log "
            "pkt-srcaddr and pkt-dstaddr: only they show the addresses of pods.",
        )
        pods = pods_box.file_uploader(
            "Pods, for flow logs",
            type=["json", "gz"],
            key="traffic-pods",
            help="What `kubectl get pods -A -o json` prints. Without it the cluster's API is asked "
            "whose the addresses are. Addresses are not stored.",
        )
        is_wanted = st.form_submit_button(
            "Import", type="primary", icon=":material/upload:", key="traffic-import-now"
        )
    if is_wanted and not files:
        st.warning("Choose one or more files first.", icon=":material/attach_file:")
    elif is_wanted:
        _import(cluster, files, pods, user)


def _import(
    cluster: Cluster, files: Sequence[UploadedFile], pods: UploadedFile | None, user: Actor
) -> None:
    given = TrafficFiles([_source(one) for one in files], _addresses(cluster, pods))
    try:
        with st.spinner("Reading the traffic"):
            report = import_traffic(
                session.database(), cluster.id, given, actor=user, at=session.now()
            )
    except CloudOptimError as error:
        show_problem(error)
        st.caption("Nothing was stored; the traffic of before stays as it is.")
        return
    data.forget_versions()
    _show_report(report)


def _addresses(cluster: Cluster, pods: UploadedFile | None) -> Addresses:
    if pods is not None:
        return addresses_in(_source(pods))
    return addresses_of(_opener, cluster)


def _opener() -> RemoteOpener:
    settings = session.settings()
    return RemoteOpener(session.database(), open_secret_box(settings), settings)


def _source(file: UploadedFile) -> SourceFile:
    return SourceFile.of_bytes(file.name, file.getvalue())


def _show_report(report: TrafficImport) -> None:
    """What became of every row, and what the reader should know."""
    st.success(
        f"{report.record.pairs:,} pairs of pods are stored; {report.rows_read:,} rows were read, "
        f"{report.rows_dropped:,} left out. Ask again with **Dry run**.",
        icon=":material/check:",
    )
    lines = [f"{one.count:,} rows left out: {one.reason}" for one in report.dropped]
    if report.unknown_pods:
        lines.append(
            f"{report.unknown_pods:,} of {report.pods:,} pods are not in the cluster's latest "
            "state; nothing is advised about them"
        )
    for line in (*lines, *report.warnings):
        st.caption(formatting.sentence(line))
