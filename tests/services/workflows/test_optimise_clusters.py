"""The scheduler's advice: which engines are asked, what it waits for, and what a failure costs."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from db.records import DataKind, DecisionFilter
from db.repositories import clusters, decisions, imports
from engines.contracts.results import DecisionType
from scheduler.work import SCHEDULER
from services.access import LOCAL_ADMIN
from services.files.kubernetes_dump import read_dump_files
from services.files.source import SourceFile
from services.settings import Settings
from services.workflows.decide import ENGINES
from services.workflows.open_cluster import open_cluster
from services.workflows.optimise_clusters import (
    SWITCHES,
    EnginesFailedError,
    engines_to_ask,
    missing_for_optimisation,
    optimise_cluster,
)
from tests.believable_cluster import believable_dump
from tests.builders import a_document, a_node
from tests.services.workflows.market import store_market

AT = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
DUMP = read_dump_files([(SourceFile.of_bytes("cluster.json", believable_dump()), True)])


def open_prod(database, dump=DUMP, at=AT):
    open_cluster(database, name="prod", dump=dump, actor=LOCAL_ADMIN, at=at)


def optimise(database, **settings):
    return optimise_cluster(database, "prod", settings=Settings(**settings), actor=SCHEDULER, at=AT)


def logged(database):
    with database.reader() as reader:
        return decisions.list_page(reader, DecisionFilter(cluster_id="prod")).items


def test_every_engine_is_asked_about_the_same_state_and_moment(database):
    store_market(database, AT)
    open_prod(database)

    facts = optimise(database)

    found = logged(database)
    assert {one.id for one in found} == set(facts["decisions"].values())
    assert {str(one.decision_type) for one in found} == set(facts["decisions"])
    assert {one.decision_type for one in found} == set(engines_to_ask(Settings()))
    assert {(one.as_of, one.triggered_by) for one in found} == {(AT, "scheduler")}
    with database.reader() as reader:
        documents = {decisions.get(reader, one.id).market_snapshot_digest for one in found}
    assert len(documents) == 1


@pytest.mark.parametrize(("decision_type", "switch"), SWITCHES.items())
def test_an_engine_that_is_switched_off_is_not_asked(decision_type, switch):
    asked = engines_to_ask(Settings(**{switch: False}))

    assert decision_type not in asked
    assert set(engines_to_ask(Settings())) - set(asked) <= {decision_type}


def test_every_engine_but_the_spot_optimizer_has_a_switch():
    assert set(DecisionType) - set(SWITCHES) == {DecisionType.SPOT_OPTIMIZE}
    assert set(SWITCHES.values()) <= set(Settings.model_fields)
    assert DecisionType.SPOT_OPTIMIZE in ENGINES


def test_engines_that_cannot_answer_are_named_once_all_were_asked(database):
    """Its nodes lie in two regions, so there is no market to judge it by."""
    elsewhere = a_node(
        "node-b", zone="eu-west-1a", labels={"topology.kubernetes.io/region": "eu-west-1"}
    )
    open_prod(database, a_document(a_node(), elsewhere))

    with pytest.raises(EnginesFailedError) as failure:
        optimise(database)

    for decision_type in engines_to_ask(Settings()):
        assert f"{decision_type}: " in failure.value.problem
    assert "region" in failure.value.next_step


class TestWhatIsWaitedFor:
    def missing(self, database, minutes=1):
        return missing_for_optimisation(database, "prod", at=AT + timedelta(minutes=minutes))

    def test_first_a_state_then_prices_then_rates(self, database):
        open_prod(database)
        with database.reader() as reader:
            cluster = clusters.get(reader, "prod")
        unread = msgspec.structs.replace(
            cluster, id="new", name="new", latest_snapshot_digest=None, latest_snapshot_at=None
        )
        with database.transaction() as tx:
            clusters.add(tx, unread)

        assert missing_for_optimisation(database, "new", at=AT) == "the first state of the cluster"
        assert self.missing(database) == "Spot prices of us-east-1"
        store_market(database, AT)
        assert self.missing(database) == ""

    @pytest.mark.parametrize(("minutes", "waits"), [(5, True), (5.1, False)])
    def test_but_not_for_ever(self, database, minutes, waits):
        open_prod(database)

        assert bool(self.missing(database, minutes)) is waits

    def test_nor_for_what_could_not_be_fetched(self, database):
        open_prod(database)
        for kind in (DataKind.SPOT_PRICES, DataKind.SPOT_ADVISOR):
            with database.transaction() as tx:
                run = imports.start(tx, kind, source_name="EC2", digest=None, at=AT)
                imports.fail(tx, run, "no permission", at=AT)

        assert self.missing(database) == ""
