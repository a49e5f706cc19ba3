"""Kubernetes quantities ("250m", "128Mi", "1e9") as exact integers.

A quantity is parsed to nano-units, the finest step that Kubernetes keeps (it rounds up below
it), so sums are exact; cpu becomes millicores and all else whole units by rounding **up**, as
the scheduler does. Negative amounts and those beyond the API's own ceiling are refused.
"""

import re
from functools import lru_cache

from engines.contracts.errors import InvalidInputError

NANO = 10**9
_NANO_PER_MILLI = 10**6
_LARGEST = (2**63 - 1) * NANO  # Kubernetes caps quantities at the largest int64

_BINARY = {suffix: 2 ** (10 * power) for power, suffix in enumerate("KMGTPE", start=1)}
_DECIMAL_EXPONENTS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE])i|[eE](?P<exponent>[+-]?[0-9]{1,3})|(?P<decimal>[numkMGTPE]?))"
)
_LONGEST_TEXT = 64  # longer ones say nothing more, and cost time


def cpu_millicores(quantity: str | int | float) -> int:
    """Millicores, rounded up. Raises InvalidInputError on what is no amount of cpu."""
    return to_millicores(parse_quantity(quantity))


def whole_units(quantity: str | int | float) -> int:
    """Bytes, or a count, rounded up. Raises InvalidInputError on what is no amount."""
    return to_whole_units(parse_quantity(quantity))


def to_millicores(nano_units: int) -> int:
    """Nano-units of cpu to millicores, rounded up."""
    return -(-nano_units // _NANO_PER_MILLI)


def to_whole_units(nano_units: int) -> int:
    """Nano-units to whole units, rounded up."""
    return -(-nano_units // NANO)


@lru_cache(maxsize=65_536)
def parse_quantity(quantity: str | int | float) -> int:
    """The amount in nano-units (10^-9), rounded up.

    Grammar of k8s.io/apimachinery's resource.Quantity: a decimal number and a suffix Ki..Ei, n..E
    or a decimal exponent. Raises InvalidInputError on anything else and on negative or absurd ones.
    """
    text = str(quantity)
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None or not (match["whole"] or match["part"]):
        raise _refusal(text, "is not a Kubernetes quantity")
    digits = int(match["whole"] + (match["part"] or ""))
    if match["sign"] == "-" and digits:
        raise _refusal(text, "is negative")
    nano_units = _scaled(digits, match)
    if nano_units > _LARGEST:
        raise _refusal(text, "is larger than Kubernetes allows")
    return nano_units


def _scaled(digits: int, match: re.Match[str]) -> int:
    """``digits`` with its decimal places and suffix applied, in nano-units, rounded up."""
    exponent: int = 9 - len(match["part"] or "")
    factor: int = 1
    if match["binary"]:
        factor = _BINARY[match["binary"]]
    elif match["exponent"]:
        exponent += int(match["exponent"])
    elif match["decimal"] == "E":
        exponent += 18
    else:
        exponent += _DECIMAL_EXPONENTS[match["decimal"] or ""]
    power: int = 10 ** abs(exponent)
    return digits * factor * power if exponent >= 0 else -(-digits * factor // power)


def _refusal(text: str, reason: str) -> InvalidInputError:
    shown = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
    return InvalidInputError(
        "quantity",
        f'"{shown}" {reason}',
        next_step='write an amount such as "250m", "128Mi" or "2"',
    )
