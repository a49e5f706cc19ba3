"""What the name of an EC2 instance type tells: family, generation and size."""

import re

_GENERATION = re.compile(r"[a-z]+-?([0-9]+)")
_ANY_NUMBER = re.compile(r"[0-9]+")
_BURSTABLE = re.compile(r"t[2-9]")  # t1 has no CPU credits
_SIZE = re.compile(r"(metal-)?([0-9]*)(xlarge|xl)")

# AWS's normalisation factors: what the size of a Reserved Instance counts within its family.
SMALL_SIZES = {"nano": 0.25, "micro": 0.5, "small": 1.0, "medium": 2.0, "large": 4.0}
XLARGE_UNITS = 8.0


def family_of(instance_type: str) -> str:
    """``m5`` of ``m5.large``."""
    return instance_type.partition(".")[0]


def generation_of(instance_type: str) -> int:
    """5 of ``m5.large``, 7 of ``u7i-12tb.224xlarge``, 1 of ``u-6tb1.metal``; 1 if no number.

    The ``u-...tb1`` family puts its size before its generation, so there the last number counts.
    """
    family = family_of(instance_type)
    if family.startswith("u-"):
        numbers = _ANY_NUMBER.findall(family)
        return int(numbers[-1]) if numbers else 1
    found = _GENERATION.match(family)
    return int(found[1]) if found else 1


def is_burstable(instance_type: str) -> bool:
    """Whether the type earns and spends CPU credits: the ``t`` families."""
    return _BURSTABLE.match(instance_type) is not None


def is_metal(instance_type: str) -> bool:
    """Whether the type is the bare machine, by its name."""
    return instance_type.partition(".")[2].startswith("metal")


def size_units(instance_type: str) -> float | None:
    """The size in AWS's normalisation factors (large = 4, xlarge = 8); None: the name has none."""
    size = instance_type.partition(".")[2]
    if size in SMALL_SIZES:
        return SMALL_SIZES[size]
    found = _SIZE.fullmatch(size)
    return XLARGE_UNITS * int(found[2] or 1) if found else None
