"""Resource quantities as the API server gives them back: `0.150` is `150m`, `1024Mi` is `1Gi`.

The rules are those of k8s.io/apimachinery/pkg/api/resource: the suffix says which of three
notations is kept, the number is written without a fraction under the largest suffix that allows.
"""

import re
from decimal import Decimal
from fractions import Fraction

PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
"""The pattern named in the server's error message."""

_NUMBER = re.compile(r"^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(.*)$")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_EXPONENT = re.compile(r"^[eE]([+-]?[0-9]+)$")


def parse(text: str) -> Fraction:
    """The exact number of a quantity; ValueError if it is none."""
    return _split(text)[0]


def canonical(text: str) -> str:
    """The quantity in the server's own spelling; ValueError if it is none."""
    number, notation = _split(text)
    if notation == "binary" and abs(number) >= 1024 and number.denominator == 1:
        return _binary(number)
    return _decimal(number, exponent=notation == "exponent")


def _split(text: str) -> tuple[Fraction, str]:
    found = _NUMBER.match(text)
    if found is None:
        raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
    number, suffix = Fraction(Decimal(found[1])), found[2]
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix], "binary"
    if suffix in _DECIMAL:
        return number * Fraction(1000) ** _DECIMAL[suffix], "decimal"
    exponent = _EXPONENT.match(suffix)
    if exponent is None:
        raise ValueError("unable to parse quantity's suffix")
    return number * Fraction(10) ** int(exponent[1]), "exponent"


def _binary(number: Fraction) -> str:
    whole, suffix = int(number), ""
    for name in _BINARY:
        if whole % 1024:
            break
        whole, suffix = whole // 1024, name
    return f"{whole}{suffix}"


def _decimal(number: Fraction, *, exponent: bool) -> str:
    power = -3
    number *= 10**9
    whole = -(-number.numerator // number.denominator)  # finer than nano rounds up
    while whole and whole % 1000 == 0 and power < 6:
        whole, power = whole // 1000, power + 1
    if whole == 0:
        return "0"
    if exponent:
        return f"{whole}e{3 * power}" if power else str(whole)
    suffix = next(name for name, value in _DECIMAL.items() if value == power)
    return f"{whole}{suffix}"
