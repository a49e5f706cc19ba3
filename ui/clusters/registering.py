"""Register a cluster, change how it is read, and remove it."""

from collections.abc import Callable

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError, InvalidInputError
from services.secrets import open_secret_box
from services.workflows.browse_clusters import Cluster, ClusterSource
from services.workflows.register_cluster import (
    LOCAL_CUSTOMER,
    BearerToken,
    ClusterChange,
    EksToken,
    KubeAccess,
    LaunchSettings,
    NewCluster,
    add_cluster,
    edit_cluster,
    parse_kubeconfig,
    remove_cluster,
)
from ui import session
from ui.components import data
from ui.components.cards import show_heading, show_problem

TOKEN, KUBECONFIG, EKS = "Service account token", "Kubeconfig", "EKS (AWS IAM)"
NEW_FORM = "clusters-new"


def show_registration(user: Actor) -> None:
    """The form of a new cluster."""
    show_heading(
        "Register a cluster",
        "Nothing is installed in it; it is read through its API, and tokens are stored encrypted",
    )
    if user.role < Role.OPERATOR:
        st.info("Registering a cluster needs the role operator.", icon=":material/lock:")
        return
    customers = {one.customer.id: one.customer.company for one in data.customers()}
    customers.setdefault(LOCAL_CUSTOMER, "none: this machine's AWS settings")
    way = st.segmented_control(
        "Access by", [TOKEN, KUBECONFIG, EKS], default=TOKEN, key="clusters-way", required=True
    )
    with st.form(NEW_FORM):
        first, second, third = st.columns(3)
        name = first.text_input("Name", key=_key("name"), placeholder="prod-us-east-1")
        customer = second.selectbox(
            "Customer", list(customers), format_func=customers.__getitem__, key=_key("customer")
        )
        region = third.text_input(
            "Region", key=_key("region"), placeholder="told by its nodes", help="Such as us-east-1."
        )
        read_access = _ask_access(str(way), NEW_FORM)
        tag, launch = _ask_details(NEW_FORM, None)
        is_wanted = st.form_submit_button(
            "Register", type="primary", icon=":material/add:", key=_key("register")
        )
    if is_wanted:
        _register(
            lambda: NewCluster(
                name=name.strip(),
                access=read_access(),
                customer_id=customer,
                region=region.strip() or None,
                cluster_tag=tag(),
                launch=launch(),
            ),
            user,
        )


def show_changes(cluster: Cluster, user: Actor) -> None:
    """The forms that change or remove a cluster, folded away."""
    if user.role < Role.OPERATOR:
        return
    if cluster.source is ClusterSource.API:
        with st.expander("Edit", icon=":material/edit:", key="clusters-edit"):
            _show_edit(cluster, user)
    with st.expander("Remove", icon=":material/delete:", key="clusters-remove"):
        _show_removal(cluster, user)


def _ask_access(way: str, form: str) -> Callable[[], KubeAccess]:
    """The fields of one way of access; what is given back reads them, or says what is wrong."""
    number = session.form_number(form)
    if way == KUBECONFIG:
        text = st.text_area(
            "Kubeconfig",
            key=f"{form}-kubeconfig-{number}",
            height=150,
            help="As `kubectl config view --raw --flatten --minify` prints it. Entries that run a "
            "program are refused.",
        )
        return lambda: parse_kubeconfig(text)
    left, right = st.columns(2)
    endpoint = left.text_input(
        "API endpoint", key=f"{form}-endpoint-{number}", placeholder="https://host:6443"
    )
    if way == EKS:
        name = right.text_input("Name in EKS", key=f"{form}-eks-{number}")
        token = ""
    else:
        name = ""
        token = right.text_input(
            "Token",
            type="password",
            key=f"{form}-token-{number}",
            help="Stored encrypted, never shown again.",
        )
    ca = st.text_area(
        "Certificate authority (PEM)",
        key=f"{form}-ca-{number}",
        height=100,
        placeholder="empty: the system's authorities",
    )
    return lambda: KubeAccess(
        endpoint=endpoint,
        credential=EksToken(cluster_name=_given("name in EKS", name))
        if way == EKS
        else BearerToken(token=token),
        ca_pem=ca.strip() or None,
    )


def _given(what: str, text: str) -> str:
    if not text.strip():
        raise InvalidInputError(what, "is empty", next_step="give it")
    return text.strip()


def _ask_details(
    form: str, cluster: Cluster | None
) -> tuple[Callable[[], str | None], Callable[[], LaunchSettings]]:
    """Tag of the instances and what replacements are launched from."""
    number = session.form_number(form)
    known = cluster.launch if cluster else LaunchSettings()
    first, second, third = st.columns(3)
    tag = first.text_input(
        "Tag of its instances",
        (cluster.cluster_tag or "") if cluster else "",
        key=f"{form}-tag-{number}",
        placeholder="kubernetes.io/cluster/NAME",
    )
    template = second.text_input(
        "Launch template",
        known.launch_template_id or "",
        key=f"{form}-template-{number}",
        placeholder="lt-... for replacements",
    )
    groups = third.text_input(
        "Node groups",
        ", ".join(known.node_groups),
        key=f"{form}-groups-{number}",
        placeholder="or their names, by commas",
    )
    return (
        lambda: tag.strip() or None,
        lambda: LaunchSettings(
            launch_template_id=template.strip() or None,
            node_groups=tuple(one.strip() for one in groups.split(",") if one.strip()),
        ),
    )


def _register(read: Callable[[], NewCluster], user: Actor) -> None:
    try:
        cluster = add_cluster(
            session.database(),
            read(),
            secrets=open_secret_box(session.settings()),
            actor=user,
            at=session.now(),
        )
    except CloudOptimError as error:
        show_problem(error)
        return
    session.empty_form(NEW_FORM)
    session.preselect("clusters_name", cluster.id)
    _done(f"{cluster.name} is registered; run its preflight next")
    st.rerun()


def _show_edit(cluster: Cluster, user: Actor) -> None:
    form = f"clusters-edit-{cluster.id}"
    way = st.segmented_control(
        "Access",
        ["as it is", TOKEN, KUBECONFIG, EKS],
        default="as it is",
        key=f"{form}-way",
        required=True,
        help="An endpoint is changed together with its credential only.",
    )
    with st.form(form, border=False):
        region = st.text_input(
            "Region", cluster.region or "", key=f"{form}-region", placeholder="told by its nodes"
        )
        read_access = None if way == "as it is" else _ask_access(str(way), form)
        tag, launch = _ask_details(form, cluster)
        is_wanted = st.form_submit_button("Save", type="primary", key=f"{form}-save")
    if not is_wanted:
        return
    try:
        change = ClusterChange(
            access=None if read_access is None else read_access(),
            region=region.strip() or None,
            cluster_tag=tag(),
            launch=launch(),
        )
        edit_cluster(
            session.database(),
            cluster.id,
            change,
            secrets=open_secret_box(session.settings()),
            actor=user,
            at=session.now(),
        )
    except CloudOptimError as error:
        show_problem(error)
        return
    session.empty_form(form)
    _done(f"{cluster.name} is changed")
    st.rerun()


def _show_removal(cluster: Cluster, user: Actor) -> None:
    st.markdown(
        f"Removing **{cluster.name}** deletes its credential for good and ends its readings. "
        "Its decisions and its audit log stay. Nothing changes in the cluster itself."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            f"Type the cluster's name, {cluster.name}, to confirm",
            key=f"clusters-remove-name-{cluster.id}",
            width=380,
        )
        is_pressed = st.button(
            "Remove",
            key="clusters-remove-button",
            icon=":material/delete:",
            disabled=typed != cluster.name,
        )
    if not is_pressed:
        return
    try:
        remove_cluster(
            session.database(),
            cluster.id,
            confirmed_name=typed,
            actor=user,
            at=session.now(),
        )
    except CloudOptimError as error:
        show_problem(error)
        return
    _done(f"{cluster.name} is removed")
    st.rerun()


def _done(text: str) -> None:
    data.forget_versions()
    st.toast(text, icon=":material/check_circle:")


def _key(field: str) -> str:
    return f"{NEW_FORM}-{field}-{session.form_number(NEW_FORM)}"
