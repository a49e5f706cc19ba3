"""Customers: who owns clusters, how their AWS account is entered, and their queues."""

import streamlit as st

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.secrets import open_secret_box
from services.workflows.browse_customers import Customer, CustomerView
from services.workflows.register_customer import (
    NewCustomer,
    add_customer,
    edit_customer,
    remove_customer,
    set_queue,
)
from ui import session
from ui.components import data, tables
from ui.components.cards import show_empty, show_heading, show_problem

NEW = "a new customer"
COLUMNS = (
    tables.Column(name="company", label="Company"),
    tables.Column(name="role_arn", label="Role"),
    tables.Column(name="external_id", label="External id"),
    tables.Column(name="aws_region", label="Region"),
    tables.Column(name="clusters", label="Clusters"),
    tables.Column(name="queues", label="Queues"),
    tables.Column(name="created_at", label="Since", kind="time"),
)


def show_customers(user: Actor) -> None:
    """The customers, and the form of the chosen or of a new one."""
    known = data.customers()
    show_heading("Customers", "Who owns clusters, and how their AWS account is entered")
    if known:
        tables.show_table(
            [_row(one) for one in known],
            COLUMNS,
            key="customers_table",
            file_name="customers",
            noun="customer",
        )
    else:
        show_empty("No customer yet", "Register one below; a cluster can do without.", "business")
    if user.role < Role.ADMIN:
        st.info("Changing customers needs the role admin.", icon=":material/lock:")
        return
    by_id = {one.customer.id: one for one in known}
    chosen = st.selectbox(
        "Register or edit",
        [NEW, *by_id],
        format_func=lambda one: by_id[one].customer.company if one in by_id else one,
        key="customers-chosen",
        width=320,
    )
    view = by_id.get(chosen)
    _show_form(None if view is None else view.customer, user)
    if view is not None:
        left, right = st.columns(2, gap="medium")
        with left:
            _show_queues(view, user)
        with right:
            _show_removal(view.customer, user)


def _row(view: CustomerView) -> tables.Row:
    customer = view.customer
    return {
        "company": customer.company,
        "role_arn": customer.role_arn,
        "external_id": customer.external_id,
        "aws_region": customer.aws_region,
        "clusters": ", ".join(view.clusters) or None,
        "queues": ", ".join(one.region for one in view.queues) or None,
        "created_at": customer.created_at,
    }


def _show_form(customer: Customer | None, user: Actor) -> None:
    name = "customers-form-" + ("new" if customer is None else customer.id)
    number = session.form_number(name)

    def known(field: str) -> str:
        return "" if customer is None else str(getattr(customer, field) or "")

    def ask(label: str, field: str, placeholder: str = "", **options: str) -> str | None:
        text = st.text_input(
            label,
            known(field),
            key=f"{name}-{field}-{number}",
            placeholder=placeholder,
            help=options.get("help"),
        )
        return text.strip() or None

    with st.form(name):
        first, second, third = st.columns(3)
        with first:
            company = ask("Company", "company")
            email = ask("Email", "email", "whom to write to")
            region = ask("Region", "aws_region", "us-east-1")
        with second:
            role = ask("Role ARN", "role_arn", "arn:aws:iam::123456789012:role/CloudOptim")
            external_id = ask(
                "External id",
                "external_id",
                "made by CloudOptim",
                help="Stands in the trust policy of the role.",
            )
            endpoint = ask("AWS endpoint", "aws_endpoint_url", "AWS's own")
        with third:
            key_id = ask("Access key id", "aws_access_key_id", "this machine's AWS settings")
            secret = st.text_input(
                "Secret access key",
                type="password",
                key=f"{name}-secret-{number}",
                placeholder="kept as it is" if known("aws_access_key_id") else "",
                help="Stored encrypted, never shown again.",
            )
        is_wanted = st.form_submit_button(
            "Register" if customer is None else "Save", type="primary", key=f"{name}-save"
        )
    if is_wanted:
        new = NewCustomer(
            company=company or "",
            email=email,
            role_arn=role,
            external_id=external_id,
            aws_region=region,
            aws_endpoint_url=endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret.strip() or None,
        )
        _save(customer, new, name, user)


def _save(customer: Customer | None, new: NewCustomer, form: str, user: Actor) -> None:
    database, at = session.database(), session.now()
    try:
        box = open_secret_box(session.settings())
        if customer is None:
            saved = add_customer(database, new, secrets=box, actor=user, at=at)
        else:
            saved = edit_customer(database, customer.id, new, secrets=box, actor=user, at=at)
    except CloudOptimError as error:
        show_problem(error)
        return
    session.empty_form(form)
    _done(f"{saved.company} is stored")


def _show_queues(view: CustomerView, user: Actor) -> None:
    show_heading("Queues", "Where interruption warnings arrive, one for each region")
    for queue in view.queues:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{queue.region}** `{queue.url}`", width="stretch")
            if st.button("Forget", key=f"customers-queue-{queue.id}"):
                _set_queue(view.customer, queue.region, None, user)
    with st.form(f"customers-queue-{view.customer.id}", border=False):
        first, second = st.columns((1, 2))
        region = first.text_input("Region", key="customers-queue-region")
        url = second.text_input("Queue URL", key="customers-queue-url")
        if st.form_submit_button("Set queue", key="customers-queue-set"):
            _set_queue(view.customer, region.strip(), url, user)


def _set_queue(customer: Customer, region: str, url: str | None, user: Actor) -> None:
    try:
        set_queue(
            session.database(),
            customer.id,
            region=region,
            url=url,
            actor=user,
            at=session.now(),
        )
    except CloudOptimError as error:
        show_problem(error)
        return
    _done(f"The queue of {region} is {'set' if url else 'forgotten'}")


def _show_removal(customer: Customer, user: Actor) -> None:
    show_heading("Remove", "Its secret and its queues are deleted; its name stays in the records")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            f"Type the company's name, {customer.company}, to confirm",
            key=f"customers-remove-name-{customer.id}",
        )
        is_pressed = st.button(
            "Remove customer",
            key="customers-remove",
            icon=":material/delete:",
            disabled=typed != customer.company,
        )
    if not is_pressed:
        return
    try:
        remove_customer(session.database(), customer.id, actor=user, at=session.now())
    except CloudOptimError as error:
        show_problem(error)
        return
    _done(f"{customer.company} is removed")


def _done(text: str) -> None:
    data.forget_versions()
    st.toast(text, icon=":material/check_circle:")
    st.rerun()
