"""Waste as rows: what was found, what waits with its countdown, what is only reported."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db.records import ClusterStatus
from db.repositories import clusters
from engines.contracts.results import DecisionType
from services.access import LOCAL_ADMIN
from services.workflows.browse_waste import WASTE_TYPES, load_waste
from services.workflows.ledgers import scan_for_waste
from services.workflows.recommend import Question, recommend
from tests.builders import a_node, a_volume, an_instance, instance_id_for
from tests.services.workflows.test_ledgers import CUSTOMER, read

FIRST = datetime(2026, 11, 12, 12, 0, tzinfo=UTC)
AT = FIRST + timedelta(days=8)
OURS = {"kubernetes.io/cluster/shop": "owned"}
GHOST, FRESH, STOPPED = "i-0123456789abcdef0", "i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2"
NODE = an_instance(instance_id_for("node-a"), tags=OURS)
OLD_INSTANCES = (NODE, an_instance(GHOST, tags={**OURS, "Name": "left-over"}))
OLD_VOLUMES = (a_volume("vol-old", tags={"Name": "scratch"}),)
NEW_INSTANCES = (
    *OLD_INSTANCES,
    an_instance(FRESH, tags=OURS),
    an_instance(STOPPED, state="stopped", tags=OURS),
)
NEW_VOLUMES = (
    *OLD_VOLUMES,
    a_volume("vol-new"),
    a_volume("vol-kept", tags={"backup": "true"}),
    a_volume("vol-used", state="in-use"),
)


def scan(database, at, instances, volumes, name="shop"):
    read(database, name, a_node("node-a"), at=at, instances=instances, volumes=volumes)
    scan_for_waste(database, CUSTOMER, at=at)


def look(database, at, name="shop", kinds=WASTE_TYPES):
    return tuple(
        recommend(
            database,
            Question(cluster_id=name, decision_type=kind, as_of=at),
            actor=LOCAL_ADMIN,
            at=at,
        )
        for kind in kinds
    )


@pytest.fixture
def looked(database):
    """Eight days after the first scan: the ids of both decisions."""
    scan(database, FIRST, OLD_INSTANCES, OLD_VOLUMES)
    scan(database, AT, NEW_INSTANCES, NEW_VOLUMES)
    return look(database, AT)


def test_before_anybody_looked_there_is_nothing_to_tell(database):
    assert load_waste(database).looks == ()


def test_a_ghost_stands_with_its_evidence_and_its_decision(database, looked):
    (ghost,) = load_waste(database, "shop").ghosts

    assert (ghost.resource_id, ghost.name, ghost.instance_type) == (
        GHOST,
        "left-over",
        "m7i.xlarge",
    )
    assert (ghost.first_seen, ghost.scans) == (FIRST, 2)
    assert (ghost.owner, ghost.owner_tags) == ("ours", ("shop",))
    assert ghost.decision_id == looked[0]


def test_a_ghost_costs_its_list_price_over_a_month(database, looked):
    """An m7i.xlarge at 0.2016 USD/h over 730 hours: 147.168."""
    waste = load_waste(database, "shop")

    assert waste.ghosts[0].usd_month == waste.ghost_usd_month == Decimal("147.168")


def test_a_cost_that_is_not_known_is_no_zero(database):
    """Licences beyond plain Linux and Windows have no price here."""
    licensed = an_instance(GHOST, tags=OURS, PlatformDetails="Red Hat Enterprise Linux")
    for at in (FIRST, AT):
        scan(database, at, (NODE, licensed), ())
    look(database, AT)

    waste = load_waste(database, "shop")

    assert waste.ghosts[0].usd_month is None
    assert waste.ghost_usd_month == Decimal(0)
    assert "price_unknown" in {one.code for one in waste.looks[0].warnings}


def test_a_zombie_stands_with_both_prices_and_the_difference(database, looked):
    """100 GiB of gp3 at 0.08 are 8 USD a month, a snapshot of all of it at 0.05 is 5."""
    waste = load_waste(database, "shop")

    (zombie,) = waste.volumes
    assert (zombie.resource_id, zombie.name, zombie.size_gib) == ("vol-old", "scratch", 100)
    assert (zombie.usd_month, zombie.snapshot_usd_month) == (Decimal(8), Decimal(5))
    assert zombie.net_saving_usd_month == waste.volume_saving_usd_month == Decimal(3)
    assert (zombie.available_since, zombie.decision_id) == (FIRST, looked[1])


def test_what_is_within_grace_tells_when_it_is_due(database, looked):
    """A day for an instance, seven for a volume, from the first scan that saw it."""
    waiting = {one.resource_id: one for one in load_waste(database, "shop").waiting}

    assert waiting.keys() == {FRESH, "vol-new"}
    assert (waiting[FRESH].first_seen, waiting[FRESH].scans) == (AT, 1)
    assert waiting[FRESH].due_at == AT + timedelta(hours=24)
    assert waiting["vol-new"].due_at == AT + timedelta(days=7)


def test_what_no_scan_saw_yet_has_no_due_time(database):
    read(database, "shop", a_node("node-a"), at=AT, instances=OLD_INSTANCES, volumes=())
    look(database, AT)

    (waiting,) = load_waste(database).waiting

    assert (waiting.resource_id, waiting.first_seen, waiting.due_at) == (GHOST, None, None)


def test_other_classes_are_told_with_their_sentence_and_volumes_in_use_counted(database, looked):
    waste = load_waste(database, "shop")

    others = {one.resource_id: one for one in waste.others}
    assert {name: one.reason for name, one in others.items()} == {
        STOPPED: "stopped",
        "vol-kept": "protected_by_tag",
    }
    assert "costs nothing itself" in others[STOPPED].message
    assert waste.in_use == 1


def test_a_refusal_is_told_and_older_advice_is_not(database, looked):
    read(database, "stage", a_node("node-b"), at=AT)
    with database.transaction() as tx:
        clusters.set_status(tx, "stage", ClusterStatus.UNREACHABLE, at=AT)
    look(database, AT + timedelta(minutes=1), kinds=(DecisionType.GHOST_PROBE,))

    waste = load_waste(database, "shop")

    assert "could not be read: stage" in waste.looks[0].refusal
    assert waste.ghosts == ()
    assert len(waste.volumes) == 1


def test_clusters_of_one_account_count_a_resource_once(database):
    """Both see the same ghost and the same volumes; each decision tells of them."""
    for at, instances, volumes in (
        (FIRST, OLD_INSTANCES, OLD_VOLUMES),
        (AT, NEW_INSTANCES, NEW_VOLUMES),
    ):
        for name in ("shop", "stage"):
            read(database, name, a_node("node-a"), at=at, instances=instances, volumes=volumes)
        scan_for_waste(database, CUSTOMER, at=at)
    look(database, AT, "shop")
    look(database, AT, "stage")

    both, one = load_waste(database), load_waste(database, "shop")

    assert len(both.looks) == 4
    assert (both.ghosts, both.volumes, both.waiting) == (one.ghosts, one.volumes, one.waiting)
    assert both.in_use == 1


def test_what_one_cluster_still_waits_for_is_no_ghost_of_the_other(database):
    """shop looked eight days on and names a ghost; stage looked on the first day."""
    for name in ("shop", "stage"):
        read(database, name, a_node("node-a"), at=FIRST, instances=OLD_INSTANCES, volumes=())
    scan_for_waste(database, CUSTOMER, at=FIRST)
    look(database, FIRST, "stage")
    for name in ("shop", "stage"):
        read(database, name, a_node("node-a"), at=AT, instances=OLD_INSTANCES, volumes=())
    scan_for_waste(database, CUSTOMER, at=AT)
    look(database, AT, "shop")

    assert [one.resource_id for one in load_waste(database, "shop").ghosts] == [GHOST]
    both = load_waste(database)
    assert both.ghosts == ()
    assert [one.resource_id for one in both.waiting] == [GHOST]
