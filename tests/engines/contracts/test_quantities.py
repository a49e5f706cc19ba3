"""Quantities by the grammar of k8s.io/apimachinery, exact to a billionth."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.quantities import cpu_millicores, parse_quantity, whole_units

NANO = 10**9


@pytest.mark.parametrize(
    ("quantity", "units"),
    [
        ("128974848", 128_974_848),
        ("123Mi", 128_974_848),  # 123 x 1,048,576
        ("128.97M", 128_970_000),
        ("128974848000m", 128_974_848),
        ("1e9", 1_000_000_000),
        ("129e6", 129_000_000),
        ("1E3", 1_000),  # an exponent
        ("1E", 10**18),  # exa
        ("1Ei", 2**60),
        ("1Ki", 1024),
        ("1k", 1000),
        ("2e-1", 1),  # 0.2, rounded up
        ("1.5Gi", 1_610_612_736),
        (".5", 1),
        ("5.", 5),
        ("+7", 7),
        ("0", 0),
        ("-0", 0),
        (2, 2),
        (0.25, 1),
        (9_223_372_036_854_775_807, 2**63 - 1),
    ],
)
def test_every_way_to_write_an_amount_is_read_and_rounded_up(quantity, units):
    assert whole_units(quantity) == units


@pytest.mark.parametrize(
    ("quantity", "millicores"),
    [
        ("250m", 250),
        ("2", 2000),
        ("0.1", 100),
        ("1n", 1),
        ("1000u", 1),
        ("1001u", 2),
        ("0.0005", 1),
        ("1.0001", 1001),
        (1, 1000),
        (1e-07, 1),
    ],
)
def test_cpu_is_millicores_rounded_up(quantity, millicores):
    assert cpu_millicores(quantity) == millicores


def test_sums_before_rounding_are_exact():
    """0.4m + 0.4m is 0.8m, one millicore; rounding each would make two."""
    assert parse_quantity("400u") + parse_quantity("400u") == 800_000
    assert parse_quantity("0.1n") == 1  # Kubernetes keeps billionths and rounds up below


@pytest.mark.parametrize(
    ("quantity", "reason"),
    [
        ("-1", "is negative"),
        ("-1m", "is negative"),
        ("9Ei", "is larger than Kubernetes allows"),
        ("1e999", "is larger than Kubernetes allows"),
        (2**63, "is larger than Kubernetes allows"),
        ("", "is not a Kubernetes quantity"),
        (".", "is not a Kubernetes quantity"),
        ("Ki", "is not a Kubernetes quantity"),
        ("e3", "is not a Kubernetes quantity"),
        ("1 Mi", "is not a Kubernetes quantity"),
        ("1mi", "is not a Kubernetes quantity"),
        ("1MB", "is not a Kubernetes quantity"),
        ("1e9999", "is not a Kubernetes quantity"),
        ("1_000", "is not a Kubernetes quantity"),
        ("NaN", "is not a Kubernetes quantity"),
        ("\u0661", "is not a Kubernetes quantity"),  # a digit, but not of this grammar
        ("1" * 65, "is not a Kubernetes quantity"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_reason(quantity, reason):
    with pytest.raises(InvalidInputError, match=reason) as caught:
        parse_quantity(quantity)

    assert "250m" in caught.value.next_step


@given(st.text(max_size=80))
def test_any_text_is_an_amount_or_refused(text):
    amount = 0
    with suppress(InvalidInputError):
        amount = parse_quantity(text)

    assert 0 <= amount <= (2**63 - 1) * NANO


@given(st.integers(0, 2**53), st.sampled_from(["", "Ki", "Mi", "k", "M", "m", "u"]))
def test_a_whole_number_with_a_suffix_is_that_many(number, suffix):
    per_unit = {"": NANO, "Ki": NANO * 1024, "Mi": NANO * 2**20, "k": NANO * 1000}
    expected = number * {**per_unit, "M": NANO * 10**6, "m": 10**6, "u": 1000}[suffix]

    if expected <= (2**63 - 1) * NANO:
        assert parse_quantity(f"{number}{suffix}") == expected
