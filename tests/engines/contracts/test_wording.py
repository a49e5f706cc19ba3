"""Counts with their nouns: what is one stands alone."""

import pytest

from engines.contracts.wording import counted


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 nodes"),
        (1, "1 node"),
        (2, "2 nodes"),
        (1_000_000, "1000000 nodes"),
        (1.0, "1 node"),
        (2.5, "2.5 nodes"),
    ],
)
def test_only_one_is_singular(count, expected):
    assert counted(count, "node") == expected


def test_where_an_s_is_not_enough_the_plural_is_given():
    assert counted(1, "pod runs", "pods run") == "1 pod runs"
    assert counted(3, "pod runs", "pods run") == "3 pods run"
