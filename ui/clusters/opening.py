"""Open a cluster from files: what kubectl prints, uploaded."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.files.kubernetes_dump import read_dump_files
from services.files.source import SourceFile
from services.workflows.open_cluster import OpenedCluster, open_cluster
from ui import session
from ui.components import data, formatting
from ui.components.cards import show_problem

COMMAND = (
    "kubectl get nodes,ns,pods,pdb,deploy,rs,sts,ds,job,cronjob,pvc,pv,sc,hpa,limitrange,"
    "resourcequota,svc,endpointslices,volumeattachments,csinodes,events -A -o json > cluster.json"
)


def show_opening(user: Actor) -> None:
    """The form, open while there is no cluster, folded away afterwards."""
    is_first = not data.clusters()
    with st.expander(
        "Open a dump", expanded=is_first, icon=":material/upload_file:", key="clusters-open"
    ):
        st.markdown("Run this where kubectl reaches the cluster; the file stays on this machine:")
        st.code(COMMAND, language="sh", wrap_lines=True)
        if user.role < Role.OPERATOR:
            st.info("Opening a cluster needs the role operator.", icon=":material/lock:")
            return
        opened = ask_for_dump("clusters")
        if opened is not None:
            session.preselect("clusters_name", opened.cluster.id)


def ask_for_dump(key: str) -> OpenedCluster | None:
    """The form of a dump; the cluster that was opened with it just now, if any."""
    with st.form(f"{key}-dump", border=False):
        name_box, files_box = st.columns((1, 2), gap="medium")
        name = name_box.text_input(
            "Name of the cluster", key=f"{key}-dump-name", placeholder="prod-us-east-1"
        )
        files = files_box.file_uploader(
            "What kubectl printed",
            type=["json", "gz"],
            accept_multiple_files=True,
            key=f"{key}-dump-files",
            help="One file or several, gz accepted, up to 200 MB each.",
        )
        is_wanted = st.form_submit_button(
            "Open", type="primary", icon=":material/folder_open:", key=f"{key}-dump-open"
        )
    if not is_wanted:
        return None
    if not files or not name.strip():
        st.warning("Give a name and choose the file first.", icon=":material/edit:")
        return None
    return _open(name.strip(), files)


def _open(name: str, files: Sequence[UploadedFile]) -> OpenedCluster | None:
    try:
        with st.spinner("Reading the dump"):
            dump = read_dump_files(
                (SourceFile.of_bytes(file.name, file.getvalue()), True) for file in files
            )
            opened = open_cluster(
                session.database(),
                name=name,
                dump=dump,
                actor=session.current_user(),
                at=session.now(),
            )
    except CloudOptimError as error:
        show_problem(error)
        st.caption("Nothing was stored; what was known of the cluster stays as it was.")
        return None
    data.forget_versions()
    _tell(opened)
    return opened


def _tell(opened: OpenedCluster) -> None:
    nodes = formatting.count_of(opened.node_count, "node")
    pods = formatting.count_of(opened.pod_count, "pod")
    news = "the same dump was open already" if opened.is_unchanged else "stored"
    st.success(
        f"**{opened.cluster.name}**: {nodes}, {pods} ({news}). "
        "Next: press **Dry run** on **Optimize**.",
        icon=":material/check_circle:",
    )
    if opened.problems:
        problems = formatting.count_of(len(opened.problems), "object")
        st.warning(f"{problems} could not be used in full; see the table below.")
