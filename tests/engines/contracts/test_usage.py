"""Usage and traffic as columns."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.usage import (
    ContainerKey,
    TrafficRow,
    TrafficTable,
    UsageRow,
    UsageTable,
    to_traffic_rows,
    to_usage_rows,
)

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
NOON_SECONDS = 1_785_758_400


def reading(pod="web-1", minutes=0, cpu=None, memory=None):
    return UsageRow(
        namespace="shop",
        pod=pod,
        container="main",
        timestamp=NOON + timedelta(minutes=minutes),
        cpu_cores=cpu,
        memory_bytes=memory,
    )


def test_readings_are_grouped_by_container_and_sorted_by_time():
    table = UsageTable.from_rows(
        [reading("b", 5, cpu=3), reading("a", 0, cpu=1), reading("b", 0, cpu=2)]
    )

    assert table.containers == (
        ContainerKey("shop", "a", "main"),
        ContainerKey("shop", "b", "main"),
    )
    assert table.starts.tolist() == [0, 1, 3]
    assert table.timestamps.tolist() == [NOON_SECONDS, NOON_SECONDS, NOON_SECONDS + 300]
    assert table.cpu_cores.tolist() == [1, 2, 3]


def test_what_was_not_measured_is_not_zero():
    table = UsageTable.from_rows([reading(cpu=0.5)])

    assert table.cpu_cores.tolist() == [0.5]
    assert np.isnan(table.memory_bytes).tolist() == [True]


def test_of_two_readings_of_one_second_the_larger_counts_and_a_reading_beats_none():
    table = UsageTable.from_rows(
        [reading(cpu=0.5), reading(cpu=0.7, memory=10), reading(memory=30), reading(cpu=0.6)]
    )

    assert (table.cpu_cores.tolist(), table.memory_bytes.tolist()) == ([0.7], [30])


def test_no_readings_are_an_empty_table():
    table = UsageTable.from_rows([])

    assert (table.containers, table.starts.tolist(), len(table.cpu_cores)) == ((), [0], 0)


@given(
    st.lists(
        st.builds(
            reading,
            st.sampled_from("abc"),
            st.integers(0, 3),
            st.none() | st.floats(0, 64),
            st.none() | st.floats(0, 2**40),
        )
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_readings_does_not_matter(rows, random):
    table = UsageTable.from_rows(rows)
    random.shuffle(rows)

    assert to_usage_rows(UsageTable.from_rows(rows)) == to_usage_rows(table)
    assert to_usage_rows(UsageTable.from_rows(to_usage_rows(table))) == to_usage_rows(table)


@pytest.mark.parametrize("value", [-0.001, float("inf"), float("nan"), 2.0**48 + 1])
def test_an_amount_that_cannot_be_is_refused(value):
    with pytest.raises(ValueError, match="cpu_cores must be a number between 0 and"):
        reading(cpu=value)
    with pytest.raises(ValueError, match="memory_bytes must be a number between 0 and"):
        reading(memory=value)


@pytest.mark.parametrize(
    ("year", "is_accepted"), [(1969, False), (1970, True), (2199, True), (2200, False)]
)
def test_a_time_of_another_age_is_refused(year, is_accepted):
    row = {"namespace": "a", "pod": "b", "container": "c", "timestamp": f"{year}-01-01T00:00:00Z"}

    if is_accepted:
        assert msgspec.convert(row, UsageRow).timestamp.year == year
    else:
        with pytest.raises(msgspec.ValidationError, match="not a time of this age"):
            msgspec.convert(row, UsageRow)


def transfer(sender, receiver, amount):
    return TrafficRow(
        from_namespace="shop",
        from_pod=sender,
        to_namespace="data",
        to_pod=receiver,
        bytes_per_day=amount,
    )


def test_traffic_is_a_sparse_matrix_over_sorted_pods():
    table = TrafficTable.from_rows([transfer("z", "db", 5), transfer("a", "db", 7)])

    assert [pod.name for pod in table.pods] == ["db", "a", "z"]  # sorted by namespace first
    assert table.senders.tolist() == [1, 2]
    assert table.receivers.tolist() == [0, 0]
    assert table.bytes_per_day.tolist() == [7, 5]


def test_an_exact_repeat_of_a_pair_counts_once():
    table = TrafficTable.from_rows([transfer("a", "db", 7), transfer("a", "db", 7)])

    assert to_traffic_rows(table) == (transfer("a", "db", 7),)


@pytest.mark.parametrize("amount", [-1, 2**53 + 1])
def test_an_amount_of_traffic_that_cannot_be_is_refused(amount):
    with pytest.raises(ValueError, match="bytes_per_day must be"):
        transfer("a", "b", amount)


def test_traffic_that_no_network_moves_is_refused():
    """512 x 2^53 are 2^62, which is the most; one more pod is too much."""
    rows = [transfer(f"pod-{number}", "db", 2**53) for number in range(513)]

    assert int(TrafficTable.from_rows(rows[:512]).bytes_per_day.sum()) == 2**62
    with pytest.raises(InvalidInputError, match="4 exabytes"):
        TrafficTable.from_rows(rows)
