"""Quantities in the server's own spelling."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube import quantities


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("0.150", "150m"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("0.1", "100m"),
        ("2", "2"),
        ("1500", "1500"),
        ("5000", "5k"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("512", "512"),
        ("1000Ki", "1000Ki"),
        ("1e8", "100e6"),
        ("1e3", "1e3"),
        ("0", "0"),
        ("-1", "-1"),
        ("128974848", "128974848"),
    ],
)
def test_the_server_gives_a_quantity_back_as(given_, expected):
    assert quantities.canonical(given_) == expected


@pytest.mark.parametrize("text", ["abc", "", "1 Gi", "1x", "Mi"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="quantit"):
        quantities.canonical(text)


def test_a_parsed_quantity_is_exact():
    assert quantities.parse("100m") == Fraction(1, 10)
    assert quantities.parse("1Ki") == 1024
    assert quantities.parse("3E") == 3 * 10**18


@given(st.integers(0, 10**15), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_the_spelling_never_changes_the_value(number, suffix):
    text = f"{number}{suffix}"

    assert quantities.parse(quantities.canonical(text)) == quantities.parse(text)
