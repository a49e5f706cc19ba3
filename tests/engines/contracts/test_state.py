"""The document and the compiled state: nothing lost on the way, and equal means equal bytes."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import Skipped, Subject
from engines.contracts.state import (
    CurrentState,
    DataSource,
    canonical_cluster_json,
    canonical_market_json,
    compile_state,
    digest,
    merge_documents,
    to_document,
)
from engines.contracts.usage import TrafficRow, UsageRow
from tests.builders import (
    a_document,
    a_namespace,
    a_node,
    a_pdb,
    a_pod,
    a_price,
    a_state,
    a_volume,
    a_workload,
    an_advisor_rate,
    an_instance,
    an_instance_type,
    an_on_demand_price,
)

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
BAD_POD = a_pod(
    "bad", on="node-a", spec={"containers": [{"name": "m", "resources": {"limits": {"cpu": "x"}}}]}
)
UNREAD = Skipped(
    subject=Subject(kind="Pod", namespace="shop", name="odd", node="node-b"),
    reason="unreadable_object",
    message="expected `int`",
)
OBJECTS = (
    a_node("node-a"),
    a_node("node-b", capacity_type="spot", taints=("dedicated=ml:NoSchedule",)),
    a_pod("web-1", on="node-a"),
    a_pod("web-2", on="gone"),
    a_pod("web-3", on="node-b"),
    a_pod("web-3", on="node-b", cpu=2),  # a second version
    BAD_POD,
    a_workload("web"),
    a_workload("nightly", kind="CronJob"),
    a_pdb("web"),
    a_namespace("shop", labels={"cloudoptim.io/environment": "dev"}),
)
TABLES = {
    "instances": (an_instance("i-1"), an_instance("i-2", lifecycle="spot")),
    "volumes": (a_volume("vol-1"), a_volume("vol-2")),
    "snapshots": (),
    "usage": (
        UsageRow(namespace="shop", pod="web-1", container="main", timestamp=NOON, cpu_cores=0.25),
        UsageRow(namespace="shop", pod="web-1", container="main", timestamp=NOON, memory_bytes=5),
    ),
    "traffic": (
        TrafficRow(from_namespace="a", from_pod="b", to_namespace="c", to_pod="d", bytes_per_day=7),
    ),
    "prices": (a_price("0.08"), a_price("0.10", zone="us-east-1b")),
    "on_demand": (
        an_on_demand_price("0.2000"),
        an_on_demand_price("0.10", instance_type="c5.large"),
    ),
    "advisor": (an_advisor_rate(), an_advisor_rate(instance_type="c5.large")),
    "instance_types": (an_instance_type(), an_instance_type("c5.large", vcpu=2, gib=4)),
    "unread": (UNREAD,),
    "sources": (DataSource(kind="Pod", name="dump.json", count=3, as_of=NOON),),
}


def everything():
    return a_document(*OBJECTS, **TABLES)


def reasons(state):
    return [(str(one.reason), one.subject.kind, one.subject.name) for one in state.problems]


def test_a_state_survives_being_stored():
    """The stored form compiles to the same state: same columns, same problems, same bytes."""
    state = compile_state(everything())

    text = msgspec.json.encode(to_document(state))
    again = compile_state(msgspec.json.decode(text, type=CurrentState))

    assert to_document(again) == to_document(state)
    assert again.problems == state.problems
    assert again.sources == state.sources
    assert again.cluster.listed == state.cluster.listed
    assert again.cluster.nodes.fully_read.tolist() == [False, False]
    assert reasons(again) == [
        ("unknown_node", "Node", "gone"),
        ("invalid_quantity", "Pod", "bad"),
        ("unreadable_object", "Pod", "odd"),
        ("contradictory_duplicate", "Pod", "web-3"),
    ]


def test_cluster_and_market_are_stored_apart_and_put_together_again():
    state = compile_state(everything())
    cluster, market = canonical_cluster_json(state), canonical_market_json(state)

    again = compile_state(
        merge_documents(
            msgspec.json.decode(cluster, type=CurrentState),
            msgspec.json.decode(market, type=CurrentState),
        )
    )

    assert canonical_cluster_json(again) == cluster
    assert canonical_market_json(again) == market
    assert b"prices" not in cluster
    assert b"nodes" not in market


def test_an_untouched_cluster_keeps_its_digest_when_prices_change():
    before = a_state(*OBJECTS, prices=(a_price("0.08"),))
    after = a_state(*OBJECTS, prices=(a_price("0.09"),))

    assert digest(canonical_cluster_json(before)) == digest(canonical_cluster_json(after))
    assert digest(canonical_market_json(before)) != digest(canonical_market_json(after))


def test_a_digest_is_sha_256():
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_lists_does_not_matter(random):
    shuffled = list(OBJECTS)
    random.shuffle(shuffled)
    tables = {name: tuple(random.sample(rows, len(rows))) for name, rows in TABLES.items()}

    state = compile_state(a_document(*shuffled, **tables))
    reference = compile_state(everything())

    assert canonical_cluster_json(state) == canonical_cluster_json(reference)
    assert canonical_market_json(state) == canonical_market_json(reference)
    assert state.problems == reference.problems
    assert (state.cluster.pods.node == reference.cluster.pods.node).all()


def test_compiling_does_not_change_the_document():
    document = everything()
    before = msgspec.json.encode(document)

    compile_state(document)

    assert msgspec.json.encode(document) == before


@pytest.mark.parametrize("name", ["usage", "instances", "volumes", "snapshots", "traffic"])
def test_a_table_that_was_not_given_is_none_and_an_empty_one_is_not(name):
    assert getattr(a_state(), name) is None
    assert getattr(a_state(**{name: ()}), name) is not None


def test_prices_become_columns_in_micro_dollars():
    state = a_state(prices=(a_price("0.0802"), a_price("0.1", zone="us-east-1b")))

    assert [series.availability_zone for series in state.spot_prices.series] == [
        "us-east-1a",
        "us-east-1b",
    ]
    assert state.spot_prices.micro_usd.tolist() == [80_200, 100_000]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_list_prices_of_one_day_the_cheaper_counts_and_it_is_a_problem(order):
    prices = (an_on_demand_price("0.20"), an_on_demand_price("0.19"))[::order]

    state = a_state(on_demand=prices)

    assert [price.hourly_price for price in state.on_demand] == [Decimal("0.19")]
    assert reasons(state) == [
        ("contradictory_duplicate", "OnDemandPrice", "m7i.xlarge in us-east-1")
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_advisor_rates_the_worse_counts_and_it_is_a_problem(order):
    rates = (
        an_advisor_rate(InterruptionBucket.UNDER_5),
        an_advisor_rate(InterruptionBucket.OVER_20),
    )[::order]

    state = a_state(advisor=rates)

    assert [rate.interruption_bucket for rate in state.advisor] == [InterruptionBucket.OVER_20]
    assert reasons(state) == [("contradictory_duplicate", "AdvisorRate", "m7i.xlarge in us-east-1")]


def test_an_instance_type_described_in_two_ways_is_left_out():
    types = (an_instance_type(), an_instance_type(vcpu=8), an_instance_type("c5.large"))

    state = a_state(instance_types=types)

    assert list(state.instance_types) == ["c5.large"]
    assert reasons(state) == [("contradictory_duplicate", "InstanceType", "m7i.xlarge")]


def test_exact_repeats_are_no_problem():
    state = a_state(
        on_demand=(an_on_demand_price(), an_on_demand_price()),
        advisor=(an_advisor_rate(), an_advisor_rate()),
        instance_types=(an_instance_type(), an_instance_type()),
        instances=(an_instance("i-1"), an_instance("i-1")),
        volumes=(a_volume(), a_volume()),
    )

    assert state.problems == ()
    assert (len(state.on_demand), len(state.advisor), len(state.instances)) == (1, 1, 1)


def test_a_volume_described_in_two_states_is_a_problem():
    volumes = (a_volume("vol-1", state="available"), a_volume("vol-1", state="in-use"))

    state, other = a_state(volumes=volumes), a_state(volumes=volumes[::-1])

    assert state.volumes == other.volumes
    assert len(state.volumes) == 1
    assert reasons(state) == [("contradictory_duplicate", "Volume", "vol-1")]


def test_one_amount_written_in_two_ways_has_one_digest():
    assert canonical_market_json(a_state(on_demand=(an_on_demand_price("0.2000"),))) == (
        canonical_market_json(a_state(on_demand=(an_on_demand_price("0.2"),)))
    )
    assert b'"hourly_price":100,' in canonical_market_json(
        a_state(on_demand=(an_on_demand_price("100.00"),))
    )


@pytest.mark.parametrize("usd", ["0", "-0.1", "NaN", "Infinity", "1E-9", "100001", "1E+999"])
def test_a_price_that_cannot_be_is_refused(usd):
    with pytest.raises(ValueError, match="must be between"):
        a_price(usd)
    with pytest.raises(ValueError, match="must be between"):
        an_on_demand_price(usd)


@pytest.mark.parametrize(
    ("text", "is_accepted"),
    [
        ("2026-07-20", True),
        ("2026-07-20T00:00:00Z", True),
        ("2026-07-20T02:00:00+02:00", True),
        ("2026-07-20T00:00:00", False),
        ("2026-13-20", False),
        ("0001-01-01", False),
        ("9999-12-31T23:59:59-23:59", False),
        ("yesterday", False),
    ],
)
def test_a_list_price_is_dated_by_a_day_or_a_moment_with_a_zone(text, is_accepted):
    row = {
        "region": "us-east-1",
        "instance_type": "m7i.xlarge",
        "operating_system": "Linux",
        "hourly_price": "0.2",
        "effective_date": text,
    }

    def compiled():
        return compile_state(msgspec.convert({"on_demand": [row]}, CurrentState))

    if is_accepted:
        assert compiled().on_demand[0].effective_date == datetime(2026, 7, 20, tzinfo=UTC)
    else:
        with pytest.raises(msgspec.ValidationError, match=r"effective_date.* - at `\$.on_demand"):
            compiled()


def test_traffic_that_contradicts_itself_is_refused():
    row = TABLES["traffic"][0]

    with pytest.raises(InvalidInputError, match="a/b to c/d: is given twice"):
        a_state(traffic=(row, msgspec.structs.replace(row, bytes_per_day=8)))
