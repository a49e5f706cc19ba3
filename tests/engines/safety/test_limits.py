"""Which changes of the limits loosen them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.verdict import SafetyLimits
from engines.safety import loosened_fields

MIDDLE = SafetyLimits(
    min_risk_score=0.75,
    min_availability_zones=3,
    max_pool_share=0.2,
    min_on_demand_share=0.15,
    allow_small_cluster_exception=False,
)
LOOSER = {
    "min_risk_score": 0.74,
    "min_availability_zones": 2,
    "max_pool_share": 0.21,
    "min_on_demand_share": 0.14,
    "allow_small_cluster_exception": True,
}

all_limits = st.builds(
    SafetyLimits,
    min_risk_score=st.floats(0, 1),
    min_availability_zones=st.integers(1, 6),
    max_pool_share=st.floats(0, 1),
    min_on_demand_share=st.floats(0, 1),
    allow_small_cluster_exception=st.booleans(),
)


@pytest.mark.parametrize("field", SafetyLimits.__struct_fields__)
def test_loosening_one_limit_names_it_and_tightening_it_does_not(field):
    looser = msgspec.structs.replace(MIDDLE, **{field: LOOSER[field]})

    assert loosened_fields(MIDDLE, looser) == (field,)
    assert loosened_fields(looser, MIDDLE) == ()


def test_all_that_is_loosened_is_named_in_order():
    assert loosened_fields(MIDDLE, SafetyLimits(**LOOSER)) == tuple(sorted(LOOSER))


def test_tightening_one_limit_does_not_hide_the_loosening_of_another():
    mixed = SafetyLimits(max_pool_share=0.3, min_on_demand_share=0.5)

    assert loosened_fields(MIDDLE, mixed) == ("max_pool_share",)


@given(all_limits)
def test_limits_are_no_looser_than_themselves(limits):
    assert loosened_fields(limits, limits) == ()


@given(all_limits, all_limits)
def test_every_difference_is_looser_in_exactly_one_direction(one, other):
    differing = {
        name
        for name in SafetyLimits.__struct_fields__
        if getattr(one, name) != getattr(other, name)
    }

    there, back = set(loosened_fields(one, other)), set(loosened_fields(other, one))
    assert there | back == differing
    assert there & back == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_risk_score": -0.01},
        {"min_risk_score": 1.01},
        {"max_pool_share": float("nan")},
        {"min_on_demand_share": 2.0},
        {"min_availability_zones": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong):
    [name] = wrong

    with pytest.raises(ValueError, match=name):
        SafetyLimits(**wrong)
