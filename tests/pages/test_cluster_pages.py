"""The Clusters page with live clusters: registering, reading, checking, changing, removing."""

from datetime import timedelta

import pytest

from db.job_records import Job, JobScope
from db.repositories import clusters, customers, job_commands, jobs, leases
from db.session import Database
from services.access import LOCAL_ADMIN
from services.workflows.collect_state import collect_state
from services.workflows.job_control import LEASE
from tests.conftest import POOL
from tests.pages.conftest import html_of, use_database
from tests.services.workflows.live import (
    AT,
    SECRETS,
    SETTINGS,
    TOKEN,
    a_live_world,
    register,
)
from ui.clusters.reading import JOB
from ui.clusters.registering import KUBECONFIG

CLUSTERS, PREFLIGHT = {}, {"clusters_tab": "Preflight"}
NEW, CUSTOMERS = {"clusters_tab": "Register a cluster"}, {"clusters_tab": "Customers"}


@pytest.fixture
def live():
    with a_live_world() as world:
        yield world


@pytest.fixture
def database(tmp_path, monkeypatch):
    """A sandbox database, with the key that the tests seal with."""
    url = f"sqlite:///{tmp_path / 'pages.db'}"
    monkeypatch.setenv("DATABASE_KIND", "sandbox")
    monkeypatch.setenv("ENCRYPTION_KEY", SETTINGS.encryption_key)
    use_database(monkeypatch, url)
    with Database(url, POOL) as opened:
        opened.upgrade("sandbox")
        yield opened


@pytest.fixture
def registered(database, live):
    """The cluster is registered, and nothing was read of it yet."""
    register(database, live)
    return database


@pytest.fixture
def collected(registered):
    """The cluster was read once."""
    collect_state(registered, "shop", secrets=SECRETS, settings=SETTINGS, actor=LOCAL_ADMIN, at=AT)
    return registered


def cluster_of(database, cluster_id="shop"):
    with database.reader() as reader:
        return clusters.get(reader, cluster_id)


def table(at, key):
    return at.get_by_key(f"{key}-table").dataframe[0].value


def words(at):
    shown = (*at.markdown, *at.caption, *at.error, *at.info, *at.warning)
    return " ".join(element.value for element in shown)


def no_secret_is_shown(at):
    texts = (*at.markdown, *at.caption, *at.error, *at.text_input, *at.text_area)
    return TOKEN not in " ".join(str(one.value) for one in texts) + html_of(at)


def test_a_cluster_that_was_never_read_says_so_and_is_read_on_request(open_page, registered):
    at = open_page("clusters")
    assert "never read" in words(at)
    assert "Not read yet" in words(at)

    at.button(key="clusters-read-now").click().run()

    assert not at.exception
    assert len(table(at, "clusters_nodes")) == 3
    assert cluster_of(registered).last_read_at is not None


def test_a_live_cluster_shows_its_nodes_with_owners_and_what_is_lacking(open_page, collected):
    at = open_page("clusters")

    rows = table(at, "clusters_nodes")
    assert list(rows["Owner"]) == ["Node group general"] * 3
    assert "CPU used" not in rows
    assert "Active" in words(at)
    lacking = table(at, "clusters_lacking")
    assert list(lacking["State"]) == ["! warning", "! warning"]
    assert all("metrics-server" in one for one in lacking["What to do"])
    assert no_secret_is_shown(at)


def test_an_error_is_shown_beside_the_last_good_state(open_page, collected, live):
    live.kube.close()

    at = open_page("clusters")
    at.button(key="clusters-read-now").click().run()
    at = open_page("clusters")

    assert "Cannot be read" in words(at)
    assert "the last good state" in words(at)
    assert len(table(at, "clusters_nodes")) == 3


def test_a_preflight_shows_every_finding_with_its_remedy(open_page, registered):
    at = open_page("clusters", **PREFLIGHT)

    at.button(key="clusters-run-preflight").click().run()

    assert not at.exception
    rows = table(at, "clusters_preflight")
    assert rows["State"][0] == "✕ missing"
    assert "metrics-server" in rows["What to do"][0]
    assert len(rows) > 40


def test_there_is_nothing_to_check_without_a_live_cluster(open_page, database):
    at = open_page("clusters", **PREFLIGHT)

    assert "Register a cluster first" in words(at)


def fill(at, **fields):
    for field, text in fields.items():
        at.text_input(key=f"clusters-new-{field}-0").set_value(text)


def test_a_cluster_is_registered_and_its_token_leaves_the_form(open_page, database, live):
    at = open_page("clusters", **NEW)

    fill(at, name="prod", endpoint=live.kube.url, token=TOKEN, groups="blue, green")
    at.button(key="clusters-new-register-0").click().run()

    assert not at.exception
    cluster = cluster_of(database, "prod")
    assert cluster.launch.node_groups == ("blue", "green")
    assert at.text_input(key="clusters-new-token-1").value == ""
    assert no_secret_is_shown(at)


def test_what_is_wrong_with_a_new_cluster_is_told_and_nothing_is_stored(open_page, database):
    at = open_page("clusters", **NEW)

    fill(at, name="prod", endpoint="https://k8s.example", token=TOKEN)
    at.button(key="clusters-new-register-0").click().run()

    assert "this database is a sandbox" in words(at)
    with database.reader() as reader:
        assert clusters.list_all(reader) == ()
    assert at.text_input(key="clusters-new-name-0").value == "prod"


def test_a_kubeconfig_that_runs_programs_is_refused_by_name(open_page, database):
    at = open_page("clusters", **NEW)
    at.segmented_control(key="clusters-way").set_value(KUBECONFIG).run()

    at.text_input(key="clusters-new-name-0").set_value("prod")
    at.text_area(key="clusters-new-kubeconfig-0").set_value(
        "current-context: c\n"
        "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:6443'}}]\n"
        "users: [{name: u, user: {exec: {command: aws}}}]\n"
    )
    at.button(key="clusters-new-register-0").click().run()

    assert "uses 'exec'" in words(at)


def test_an_edit_keeps_the_credential_unless_another_is_given(open_page, collected):
    at = open_page("clusters")
    at.text_input(key="clusters-edit-shop-tag-0").set_value("team/cluster")

    at.button(key="clusters-edit-shop-save").click().run()

    assert not at.exception
    assert cluster_of(collected).cluster_tag == "team/cluster"
    assert cluster_of(collected).credential_kind == "token"


def test_a_cluster_is_removed_by_its_name_only(open_page, collected):
    at = open_page("clusters")
    assert at.button(key="clusters-remove-button").disabled

    at.text_input(key="clusters-remove-name-shop").set_value("shop").run()
    at.button(key="clusters-remove-button").click().run()

    assert not at.exception
    with collected.reader() as reader:
        assert clusters.list_all(reader) == ()
        assert clusters.load_access(reader, "shop") is None


def test_customers_are_listed_with_their_clusters(open_page, registered):
    at = open_page("clusters", **CUSTOMERS)

    rows = table(at, "customers_table")
    assert list(rows["Company"]) == ["Acme"]
    assert list(rows["Clusters"]) == ["shop"]
    assert list(rows["Queues"]) == ["us-east-1"]


def test_a_customer_is_registered_with_an_external_id(open_page, database):
    at = open_page("clusters", **CUSTOMERS)
    assert "No customer yet" in words(at)

    form = "customers-form-new"
    at.text_input(key=f"{form}-company-0").set_value("Acme")
    at.text_input(key=f"{form}-aws_access_key_id-0").set_value("AKIASANDBOXOPERATOR0")
    at.text_input(key=f"{form}-secret-0").set_value("sandbox-secret")
    at.button(key=f"{form}-save").click().run()

    assert not at.exception
    with database.reader() as reader:
        customer = customers.get(reader, "acme")
        sealed = customers.load_sealed_secret(reader, "acme")
    assert len(customer.external_id) == 32
    assert SECRETS.open(sealed, what="it") == "sandbox-secret"
    assert at.text_input(key=f"{form}-secret-1").value == ""


def test_a_customers_queue_is_set_and_forgotten(open_page, registered, live):
    at = open_page("clusters", **CUSTOMERS)
    at.selectbox(key="customers-chosen").set_value("acme").run()
    at.text_input(key="customers-queue-region").set_value("eu-west-1")
    at.text_input(key="customers-queue-url").set_value(f"{live.aws_url}/1/other")

    at.button(key="customers-queue-set").click().run()

    assert not at.exception
    assert list(table(at, "customers_table")["Queues"]) == ["eu-west-1, us-east-1"]


def test_a_customer_with_clusters_is_not_removed(open_page, registered):
    at = open_page("clusters", **CUSTOMERS)
    at.selectbox(key="customers-chosen").set_value("acme").run()
    at.text_input(key="customers-remove-name-acme").set_value("Acme").run()

    at.button(key="customers-remove").click().run()

    assert "owns the clusters shop" in words(at)


def test_the_scheduler_is_asked_where_one_leads_and_its_end_is_told(open_page, registered):
    reading = Job(name=JOB, does="reads", every="minute", scope=JobScope.CLUSTER)
    with registered.transaction() as tx:
        leases.acquire(tx, LEASE, "a-scheduler", ttl=timedelta(minutes=5))
        jobs.save_catalogue(tx, [reading])
        jobs.plan(tx, JOB, "shop", next_run_at=None)

    at = open_page("clusters")
    at.button(key="clusters-read-now").click().run()
    assert not at.exception
    assert "the scheduler reads" in words(at)
    assert at.button(key="clusters-read-now").disabled

    with registered.transaction() as tx:
        [command] = job_commands.claim(tx, "a-scheduler", at=AT)
        job_commands.finish(tx, command.id, claimed_by="a-scheduler", error=None, at=AT)
    at.run()

    assert not at.exception
    assert "the scheduler reads" not in words(at)
    assert not at.button(key="clusters-read-now").disabled


def test_a_cluster_that_the_scheduler_does_not_know_yet_is_read_by_the_page(open_page, registered):
    with registered.transaction() as tx:
        leases.acquire(tx, LEASE, "a-scheduler", ttl=timedelta(minutes=5))

    at = open_page("clusters")
    at.button(key="clusters-read-now").click().run()

    assert not at.exception
    assert len(table(at, "clusters_nodes")) == 3
