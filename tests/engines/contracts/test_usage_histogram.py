"""CPU histograms: where buckets begin, what percentiles they give, and how they are stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.usage_histogram import (
    BUCKETS,
    bucket_starts,
    count_cores,
    pack_counts,
    percentile_cores,
    unpack_counts,
)

CORES = st.lists(st.floats(0, 900), min_size=1, max_size=50)


def test_buckets_begin_where_those_of_the_vertical_pod_autoscaler_do():
    """0.01 x (1.05^n - 1) / 0.05: 0; 0.01; 0.01 x 0.1025 / 0.05 = 0.0205; 0.031525."""
    starts = bucket_starts()

    assert starts[:4] == pytest.approx([0, 0.01, 0.0205, 0.031525])
    assert len(starts) == BUCKETS == 176
    assert starts[-2] < 1000 < starts[-1]


@pytest.mark.parametrize(
    ("cores", "bucket"),
    [(0.0, 0), (0.00999, 0), (0.01, 1), (0.0204, 1), (0.0205001, 2), (5000.0, 175)],
)
def test_a_reading_falls_into_the_bucket_that_it_lies_in(cores, bucket):
    assert np.flatnonzero(count_cores(np.array([cores]))).tolist() == [bucket]


def test_no_reading_is_not_counted_as_zero():
    with pytest.raises(ValueError, match="without a value"):
        count_cores(np.array([0.1, np.nan]))

    assert percentile_cores(np.zeros(BUCKETS, np.int64), 0.95) is None


def test_the_percentile_is_the_end_of_the_bucket_in_which_it_is_reached():
    """95 readings below 0.01 cores and 5 in 0.0205-0.031525: P95 is 0.01, P96 0.031525."""
    counts = count_cores(np.array([0.005] * 95 + [0.025] * 5))

    assert percentile_cores(counts, 0.95) == pytest.approx(0.01)
    assert percentile_cores(counts, 0.96) == pytest.approx(0.031525)


@given(CORES)
def test_a_percentile_is_never_below_the_true_one_and_at_most_a_bucket_above(cores):
    ordered = sorted(cores)
    true = ordered[int(np.ceil(0.95 * len(ordered))) - 1]

    found = percentile_cores(count_cores(np.array(cores)), 0.95)

    assert true <= found <= true * 1.05 + 0.0105


@given(CORES, CORES)
def test_histograms_of_parts_add_up_and_survive_storing(some, others):
    both = count_cores(np.array(some + others))

    added = count_cores(np.array(some)) + unpack_counts(pack_counts(count_cores(np.array(others))))

    assert added.tolist() == both.tolist()
    assert len(pack_counts(both)) == 6 * np.count_nonzero(both)


def test_bytes_that_are_no_histogram_are_refused():
    with pytest.raises(ValueError, match="more buckets"):
        unpack_counts(b"\xff\xff\x01\x00\x00\x00")
