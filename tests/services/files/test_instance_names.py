"""What names of instance types tell."""

import pytest

from services.files.instance_names import (
    family_of,
    generation_of,
    is_burstable,
    is_metal,
    size_units,
)


@pytest.mark.parametrize(
    ("name", "family", "generation"),
    [
        ("m5.large", "m5", 5),
        ("c7i-flex.8xlarge", "c7i-flex", 7),
        ("x2iedn.metal", "x2iedn", 2),
        ("u-6tb1.112xlarge", "u-6tb1", 1),
        ("u7i-12tb.224xlarge", "u7i-12tb", 7),
        ("mac2-m2pro.metal", "mac2-m2pro", 2),
        ("hpc7a.96xlarge", "hpc7a", 7),
    ],
)
def test_family_and_generation(name, family, generation):
    assert family_of(name) == family
    assert generation_of(name) == generation


def test_only_the_t_families_from_the_second_generation_burst():
    assert is_burstable("t3.micro")
    assert is_burstable("t4g.small")
    assert not is_burstable("t1.micro")
    assert not is_burstable("trn1.2xlarge")


def test_metal_is_told_by_the_size():
    assert is_metal("m5.metal")
    assert is_metal("c8gn.metal-48xl")
    assert not is_metal("m5.large")


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("t3.nano", 0.25),
        ("t3.micro", 0.5),
        ("t3.small", 1),
        ("t3.medium", 2),
        ("m5.large", 4),
        ("m5.xlarge", 8),
        ("m5.24xlarge", 192),
        ("c8gn.metal-48xl", 384),
        ("m5.metal", None),
        ("x9.huge", None),
    ],
)
def test_sizes_are_counted_in_awss_factors(name, units):
    assert size_units(name) == units
