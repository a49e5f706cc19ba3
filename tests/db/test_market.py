"""Spot Advisor, the heatmap, on-demand prices and instance types."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import DatabaseConstraintError
from db.records import (
    UNKNOWN_BUCKET,
    UNKNOWN_SAVINGS,
    AdvisorObservation,
    DataKind,
    PriceSource,
    Stored,
)
from db.repositories import (
    advisor,
    data_versions,
    heatmap,
    instance_types,
    on_demand,
    snapshots,
)
from engines.contracts.pricing import InstanceType, InterruptionBucket, OperatingSystem
from tests.db.builders import a_rate, an_on_demand_price

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)
LINUX, WINDOWS = OperatingSystem.LINUX, OperatingSystem.WINDOWS

M5 = InstanceType(
    instance_type="m5.large",
    vcpu=2,
    memory_mib=8192,
    architecture="amd64",
    family="m5",
    generation=5,
    network_gbps=10.0,
    max_enis=3,
    ipv4_per_eni=10,
    max_pods=29,
)
C7G = InstanceType(
    instance_type="c7g.metal",
    vcpu=64,
    memory_mib=131_072,
    architecture="arm64",
    family="c7g",
    generation=7,
    is_bare_metal=True,
)


def publish(database, published_at, *rates, document=None):
    with database.transaction() as tx:
        return advisor.save_rates(
            tx, rates, published_at=published_at, source="spot-advisor.json", document=document
        )


class TestAdvisor:
    def test_the_newest_edition_is_what_counts(self, database):
        publish(database, JUNE, a_rate("m5.large", bucket=0), a_rate("c5.large", bucket=0))
        publish(database, JULY, a_rate("m5.large", bucket=4, savings=-62))

        with database.reader() as reader:
            rates = advisor.load_rates(reader)
            edition = advisor.load_edition(reader)

        assert rates == (a_rate("m5.large", bucket=4, savings=-62),)
        assert edition is not None
        assert (edition.published_at, edition.rates) == (JULY, 1)

    def test_an_older_moment_sees_the_edition_of_its_time(self, database):
        publish(database, JUNE, a_rate(bucket=0))
        publish(database, AUGUST, a_rate(bucket=4))

        with database.reader() as reader:
            july = advisor.load_rates(reader, at=JULY)
            june = advisor.load_rates(reader, at=JUNE)

        assert july == june == (a_rate(bucket=0),)

    def test_before_all_editions_the_earliest_stands_in(self, database):
        publish(database, JULY, a_rate(bucket=2))
        publish(database, AUGUST, a_rate(bucket=4))

        with database.reader() as reader:
            assert advisor.load_rates(reader, at=JUNE) == (a_rate(bucket=2),)

    def test_an_unchanged_publication_is_seen_again_and_not_stored_again(self, database):
        publish(database, JUNE, a_rate("m5.large"), a_rate("c5.large"))

        stored = publish(database, JULY, a_rate("c5.large"), a_rate("m5.large"))

        with database.reader() as reader:
            edition = advisor.load_edition(reader)
        assert stored == Stored(new=0, known=2)
        assert edition is not None
        assert (edition.published_at, edition.last_seen_at) == (JUNE, JULY)

    def test_another_edition_of_the_same_time_replaces_the_first(self, database):
        publish(database, JUNE, a_rate(bucket=1))

        stored = publish(database, JUNE, a_rate(bucket=3))

        with database.reader() as reader:
            assert advisor.load_rates(reader) == (a_rate(bucket=3),)
        assert stored == Stored(new=1, known=0)

    def test_the_history_of_a_type_has_one_entry_for_each_edition(self, database):
        publish(database, JULY, a_rate(bucket=2, savings=55), a_rate("c5.large"))
        publish(database, JUNE, a_rate(bucket=1, savings=60))  # imported later
        publish(database, AUGUST, a_rate("c5.large", bucket=4))

        with database.reader() as reader:
            history = advisor.load_history(
                reader, region="us-east-1", operating_system=LINUX, instance_type="m5.large"
            )

        assert history == (
            AdvisorObservation(
                published_at=JUNE,
                interruption_bucket=InterruptionBucket.FROM_5_TO_10,
                savings_percent=60,
            ),
            AdvisorObservation(
                published_at=JULY,
                interruption_bucket=InterruptionBucket.FROM_10_TO_15,
                savings_percent=55,
            ),
        )

    def test_the_published_file_is_kept_with_its_edition(self, database):
        publish(database, JUNE, a_rate(), document=b'{"spot_advisor": {}}')

        with database.reader() as reader:
            edition = advisor.load_edition(reader)
            assert edition is not None
            assert edition.document_digest is not None
            document = snapshots.load_document(reader, edition.document_digest)
        assert document == b'{"spot_advisor": {}}'

    def test_rates_can_be_asked_for_by_region_system_and_type(self, database):
        rates = (
            a_rate(),
            a_rate(system=WINDOWS),
            a_rate(region="eu-west-1"),
            a_rate("c5.large"),
        )
        publish(database, JUNE, *rates)

        with database.reader() as reader:
            everything = advisor.load_rates(reader, operating_system=None)
            windows = advisor.load_rates(reader, operating_system=WINDOWS)
            regions = advisor.load_rates(reader, regions=["eu-west-1"])
            types = advisor.load_rates(reader, instance_types=["c5.large"])

        assert len(everything) == 4
        assert windows == (rates[1],)
        assert regions == (rates[2],)
        assert types == (rates[3],)

    def test_a_bucket_that_is_none_is_refused(self, database):
        wrong = msgspec.structs.replace(a_rate(), interruption_bucket=5)

        with pytest.raises(DatabaseConstraintError, match="bucket_is_known"):
            publish(database, JUNE, wrong)

    def test_nothing_stored_is_no_edition_and_no_rates(self, database):
        with database.reader() as reader:
            assert advisor.load_edition(reader) is None
            assert advisor.load_rates(reader) == ()
            assert heatmap.load(reader) is None


class TestHeatmap:
    def test_types_are_rows_regions_columns_and_gaps_say_so(self, database):
        publish(
            database,
            JUNE,
            a_rate("m5.large", region="us-east-1", bucket=0, savings=70),
            a_rate("m5.large", region="eu-west-1", bucket=3, savings=-5),
            a_rate("c5.large", region="us-east-1", bucket=4, savings=0),
            a_rate("r5.large", region="us-east-1", system=WINDOWS),
        )

        with database.reader() as reader:
            found = heatmap.load(reader)

        assert found is not None
        assert found.instance_types == ("c5.large", "m5.large")
        assert found.regions == ("eu-west-1", "us-east-1")
        assert found.published_at == JUNE
        assert np.array_equal(found.bucket, [[UNKNOWN_BUCKET, 4], [3, 0]])
        assert np.array_equal(found.savings_percent, [[UNKNOWN_SAVINGS, 0], [-5, 70]])

    def test_an_edition_without_the_system_is_an_empty_matrix(self, database):
        publish(database, JUNE, a_rate(system=WINDOWS))

        with database.reader() as reader:
            found = heatmap.load(reader, operating_system=LINUX)

        assert found is not None
        assert found.bucket.shape == (0, 0)


class TestOnDemand:
    def save(self, database, *prices, source="list.csv"):
        with database.transaction() as tx:
            return on_demand.save(tx, prices, source=source)

    @pytest.mark.parametrize(
        ("at", "price"),
        [
            (datetime(2025, 1, 1, tzinfo=UTC), "0.1"),  # before all: the earliest stands in
            (datetime(2026, 1, 1, tzinfo=UTC), "0.1"),  # in force from this very moment
            (datetime(2026, 6, 30, 23, 59, tzinfo=UTC), "0.1"),
            (datetime(2026, 7, 1, tzinfo=UTC), "0.2"),
            (datetime(2030, 1, 1, tzinfo=UTC), "0.2"),
        ],
    )
    def test_a_price_is_in_force_from_its_date_until_the_next(self, database, at, price):
        self.save(
            database,
            an_on_demand_price("0.1", date="2026-01-01"),
            an_on_demand_price("0.2", date="2026-07-01"),
        )

        with database.reader() as reader:
            (found,) = on_demand.load(reader, at=at)

        assert found.hourly_price == Decimal(price)

    def test_a_repeated_import_changes_nothing_and_a_corrected_price_is_taken(self, database):
        first = (an_on_demand_price("0.1"), an_on_demand_price("0.3", instance_type="c5.large"))
        assert self.save(database, *first) == Stored(new=2, known=0)
        assert self.save(database, *first) == Stored(new=0, known=2)

        corrected = self.save(database, an_on_demand_price("0.15"), source="right.csv")

        with database.reader() as reader:
            prices = on_demand.load(reader, at=AUGUST)
            sources = on_demand.sources(reader)
        assert corrected == Stored(new=0, known=0, changed=1)
        assert {one.instance_type: one.hourly_price for one in prices} == {
            "c5.large": Decimal("0.3"),
            "m5.large": Decimal("0.15"),
        }
        assert [(one.source, one.rows) for one in sources] == [("list.csv", 1), ("right.csv", 1)]

    def test_prices_can_be_asked_for_by_region_system_and_type(self, database):
        self.save(database, an_on_demand_price(), an_on_demand_price(instance_type="c5.large"))

        with database.reader() as reader:
            assert len(on_demand.load(reader, at=AUGUST)) == 2
            assert on_demand.load(reader, at=AUGUST, regions=["eu-west-1"]) == ()
            assert on_demand.load(reader, at=AUGUST, operating_system=WINDOWS) == ()
            (one,) = on_demand.load(reader, at=AUGUST, instance_types=["c5.large"])
        assert one == an_on_demand_price(instance_type="c5.large")

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(micro_usd=st.integers(1, 10**12))
    def test_any_price_of_six_places_comes_back_exactly(self, database, micro_usd):
        price = an_on_demand_price(str(Decimal(micro_usd).scaleb(-6)))

        self.save(database, price)

        with database.reader() as reader:
            assert on_demand.load(reader, at=AUGUST) == (price,)

    def test_a_free_instance_is_refused(self, database):
        with pytest.raises(DatabaseConstraintError, match="price_is_positive"):
            self.save(database, an_on_demand_price("0"))


class TestInstanceTypes:
    def save(self, database, *types, as_of=JULY, source="catalogue"):
        with database.transaction() as tx:
            return instance_types.save(tx, types, source=source, as_of=as_of)

    def test_a_type_comes_back_whole_with_what_is_not_known_about_it(self, database):
        stored = self.save(database, M5, C7G)

        with database.reader() as reader:
            assert instance_types.load(reader) == {"c7g.metal": C7G, "m5.large": M5}
            assert instance_types.load(reader, ["m5.large", "x9.large"]) == {"m5.large": M5}
            assert instance_types.load(reader)["c7g.metal"].network_gbps is None
        assert stored == Stored(new=2, known=0)

    def test_newer_facts_replace_older_ones_and_never_the_other_way(self, database):
        more_pods = msgspec.structs.replace(M5, max_pods=110)
        self.save(database, M5, as_of=JULY)

        older = self.save(database, more_pods, as_of=JUNE)
        same_age = self.save(database, M5, as_of=JULY)
        newer = self.save(database, more_pods, as_of=AUGUST, source="live")

        with database.reader() as reader:
            assert instance_types.load(reader)["m5.large"].max_pods == 110
            assert instance_types.sources(reader) == (
                PriceSource(source="live", rows=1, as_of=AUGUST),
            )
        assert older == Stored(new=0, known=1, changed=0)
        assert same_age == Stored(new=0, known=1, changed=0)
        assert newer == Stored(new=0, known=0, changed=1)

    def test_no_types_are_no_error(self, database):
        assert self.save(database) == Stored(new=0, known=0)


def test_each_kind_of_data_has_a_version_of_its_own(database):
    publish(database, JUNE, a_rate())
    publish(database, JUNE, a_rate())
    with database.transaction() as tx:
        instance_types.save(tx, [M5], source="catalogue", as_of=JULY)

    with database.reader() as reader:
        versions = data_versions.current(reader)

    assert versions[DataKind.SPOT_ADVISOR] == 2
    assert versions[DataKind.INSTANCE_TYPES] == 1
    assert versions[DataKind.ON_DEMAND_PRICES] == 0
