"""The Waste and the Office hours page, with data and without."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from db.models.clusters import Cluster as ClusterRow
from db.records import Customer
from db.repositories import customers, schedules
from services.access import LOCAL_ADMIN
from services.workflows.ledgers import scan_for_waste
from services.workflows.open_cluster import open_cluster
from tests.builders import (
    a_document,
    a_namespace,
    a_node,
    a_volume,
    a_workload,
    an_instance,
    instance_id_for,
)
from tests.pages.conftest import html_of
from tests.services.workflows.test_ledgers import CUSTOMER, read

NOW = datetime.now(UTC)
FIRST = NOW - timedelta(days=8)
OURS = {"kubernetes.io/cluster/shop": "owned"}
NODE = an_instance(instance_id_for("node-a"), tags=OURS)
GHOST, FRESH = "i-0123456789abcdef0", "i-0aaaaaaaaaaaaaaa1"
DEV = {
    "environment": "dev",
    "timezone": "Europe/Berlin",
    "office_hours": {"weekdays": {"start": "08:00", "end": "18:00"}},
    "holidays": ["2026-12-25"],
}
FORM = "hours-shop"


def table(at, key):
    return at.get_by_key(f"{key}-table").dataframe[0].value


def said(at):
    return " ".join(one.value for one in (*at.markdown, *at.error, *at.info, *at.warning))


@pytest.fixture
def wasteful(database):
    """A ghost and a zombie of eight days, an instance and a protected volume of today."""
    old = (NODE, an_instance(GHOST, tags=OURS))
    new = (*old, an_instance(FRESH, tags=OURS))
    volumes = (a_volume("vol-old"), a_volume("vol-kept", tags={"backup": "true"}))
    for at, instances in ((FIRST, old), (NOW, new)):
        read(database, "shop", a_node("node-a"), at=at, instances=instances, volumes=volumes)
        scan_for_waste(database, CUSTOMER, at=at)
    return database


@pytest.fixture
def with_environments(database):
    dump = a_document(
        a_node("node-a"),
        a_namespace("shop-dev", labels={"cloudoptim.io/environment": "dev"}),
        a_namespace("shop"),
        a_workload(name="cart", namespace="shop-dev", replicas=2),
    )
    open_cluster(database, name="shop", dump=dump, actor=LOCAL_ADMIN, at=NOW)
    return database


@pytest.fixture
def with_hours(with_environments):
    with with_environments.transaction() as tx:
        schedules.save(tx, "shop", "dev", DEV, at=NOW)
    return with_environments


def stored(database):
    with database.reader() as reader:
        return {one.environment: one.schedule for one in schedules.load(reader, "shop")}


@pytest.mark.parametrize("page", ["waste", "office_hours"])
@pytest.mark.usefixtures("database")
def test_without_a_cluster_a_page_says_what_to_do(open_page, page):
    assert "on **Clusters**" in said(open_page(page))


@pytest.mark.usefixtures("wasteful")
def test_before_a_look_the_waste_page_says_how_to_ask_for_one(open_page):
    assert "Press **Look now**" in said(open_page("waste"))


@pytest.mark.usefixtures("wasteful")
def test_a_look_shows_what_was_found_what_waits_and_what_is_left(open_page):
    at = open_page("waste")

    at.button(key="waste-look").click().run()

    assert not at.exception
    assert list(table(at, "waste_ghosts")["Instance"]) == [GHOST]
    assert list(table(at, "waste_ghosts")["Decision"]) == [1]
    assert list(table(at, "waste_volumes")["Volume"]) == ["vol-old"]
    waiting = table(at, "waste_waiting")
    assert list(waiting["Id"]) == [FRESH]
    assert waiting["Grace"].iloc[0].startswith("ghost in 23 hours")
    assert list(table(at, "waste_others")["Class"]) == ["Protected by tag"]
    assert "$147.17 a month" in html_of(at)


def test_clusters_of_equal_names_are_told_with_their_customers(open_page, wasteful):
    with wasteful.transaction() as tx:
        customers.add(tx, Customer(id="globex", company="Globex", created_at=NOW))
    read(wasteful, "shop-2", a_node("node-b"), at=NOW)
    with wasteful.transaction() as tx:
        values = {"name": "shop", "customer_id": "globex"}
        tx.connection.execute(update(ClusterRow).where(ClusterRow.id == "shop-2").values(values))
    at = open_page("waste")

    at.button(key="waste-look").click().run()

    (cluster,) = table(at, "waste_ghosts")["Cluster"]
    assert cluster.endswith(" / shop")
    assert cluster != "Globex / shop"
    assert "of Globex / shop, decided" in said(at)


@pytest.mark.usefixtures("with_environments")
def test_a_refused_look_says_why(open_page):
    """EC2 was not read with this dump."""
    at = open_page("waste")

    at.button(key="waste-look").click().run()

    assert "No advice, because EC2 instances were not read" in said(at)


@pytest.mark.usefixtures("with_environments")
def test_a_schedule_is_added_on_the_page(open_page, database):
    at = open_page("office_hours")

    at.text_input(key=f"{FORM}-None-0-name").set_value("dev")
    at.text_input(key=f"{FORM}-None-0-weekdays-start").set_value("07:30")
    at.text_area(key=f"{FORM}-None-0-holidays").set_value("2026-12-25\n2026-12-26")
    at.button(key=_submit(at)).click().run()

    assert not at.exception
    dev = stored(database)["dev"]
    assert dev["office_hours"]["weekdays"] == {
        "days": ["Mon-Fri"],
        "start": "07:30",
        "end": "18:00",
    }
    assert dev["office_hours"]["weekends"] == {"enabled": False}
    assert dev["holidays"] == ["2026-12-25", "2026-12-26"]
    assert list(table(at, "hours_schedules")["Environment"]) == ["dev"]


@pytest.mark.usefixtures("with_environments")
def test_a_bad_time_is_refused_in_the_engines_words(open_page, database):
    at = open_page("office_hours")

    at.text_input(key=f"{FORM}-None-0-name").set_value("dev")
    at.text_input(key=f"{FORM}-None-0-weekdays-end").set_value("6pm")
    at.button(key=_submit(at)).click().run()

    assert "time '6pm' is not understood" in at.error[0].value
    assert stored(database) == {}


@pytest.mark.usefixtures("with_hours")
def test_the_form_of_a_schedule_holds_what_is_stored_and_keeps_the_rest(open_page, database):
    at = open_page("office_hours")

    at.selectbox(key="hours-edit-shop").set_value("dev").run()
    assert at.text_area(key=f"{FORM}-dev-0-holidays").value == "2026-12-25"
    at.selectbox(key=f"{FORM}-dev-0-zone").set_value("Asia/Tokyo")
    at.button(key=_submit(at)).click().run()

    assert not at.exception
    assert stored(database)["dev"]["timezone"] == "Asia/Tokyo"
    assert stored(database)["dev"]["holidays"] == ["2026-12-25"]


@pytest.mark.usefixtures("with_hours")
def test_a_schedule_is_removed_on_the_page(open_page, database):
    at = open_page("office_hours")
    at.selectbox(key="hours-edit-shop").set_value("dev").run()

    at.button(key="hours-remove-confirm").click().run()

    assert not at.exception
    assert stored(database) == {}
    assert "No office hours yet" in said(at)


def test_a_stored_schedule_that_is_not_understood_is_told(open_page, with_environments):
    """Only another version could have stored it: saving refuses it."""
    with with_environments.transaction() as tx:
        schedules.save(tx, "shop", "dev", {**DEV, "timezone": "Mars/Base"}, at=NOW)

    at = open_page("office_hours")

    line = table(at, "hours_schedules").iloc[0]
    assert line["Now"] == "! stays awake"
    assert "Mars/Base" in line["Problem"]
    assert "Stays awake" in said(at)


@pytest.mark.usefixtures("with_hours")
def test_without_a_problem_there_is_no_column_for_one(open_page):
    assert "Problem" not in table(open_page("office_hours"), "hours_schedules")


@pytest.mark.usefixtures("with_hours")
def test_namespaces_tell_which_schedule_they_follow(open_page):
    namespaces = table(open_page("office_hours"), "hours_namespaces").set_index("Namespace")

    assert namespaces.loc["shop-dev", "Follows"] == "dev"
    assert namespaces.loc["shop", "Follows"] == "label it"


@pytest.mark.usefixtures("with_hours")
def test_asking_brings_a_forecast_that_names_its_decision(open_page):
    at = open_page("office_hours")

    at.button(key="hours-ask").click().run()

    assert not at.exception
    assert "decision 1, just now" in html_of(at)
    assert "of 1" in table(at, "hours_schedules")["Workloads that sleep"].iloc[0]


@pytest.mark.usefixtures("with_environments")
def test_without_schedules_the_engine_has_no_advice_and_says_why(open_page):
    at = open_page("office_hours")

    at.button(key="hours-ask").click().run()

    assert "No advice, because there are no schedules" in at.info[0].value


def _submit(at):
    """The key of the form's button, which Streamlit makes of form and label."""
    return next(one.key for one in at.button if one.label == "Save")
