"""JSON bodies as Go reads them: the same refusals in the same words."""

import json
import string
from typing import Any

_LITERALS = {"n": "null", "t": "true", "f": "false"}


class JsonError(ValueError):
    """The text of Go's json.SyntaxError."""


class DuplicateKeys(list[str]):
    """Paths of the keys that a document names twice; the last one counts."""


def decode(body: bytes) -> Any:
    """The JSON value; JsonError in Go's words when it is none."""
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        raise JsonError(_words(body.decode("latin-1"))) from error


def duplicate_keys(body: bytes) -> list[str]:
    """The paths of doubled keys in a valid JSON document, in order of appearance."""

    def pairs(items: list[tuple[str, Any]]) -> Any:
        seen: dict[str, Any] = {}
        found: list[str] = []
        for name, value in items:
            inner = value if isinstance(value, DuplicateKeys) else []
            found += [f"{name}.{path}" for path in inner]
            if name in seen:
                found.append(name)
            seen[name] = value
        return DuplicateKeys(found)

    decoded = json.loads(body, object_pairs_hook=pairs)
    return list(decoded) if isinstance(decoded, DuplicateKeys) else []


def type_name(value: object) -> str:
    """Go's name of a JSON value's type in `cannot unmarshal`."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _words(text: str) -> str:
    """Go's message for a text that is no JSON; each byte is one character of it."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        message, position = error.msg, error.pos
    else:
        return "invalid UTF-8"
    while position < len(text) and text[position].isspace():
        position += 1
    if position >= len(text):
        return "unexpected end of JSON input"
    if message.startswith("Extra data"):
        return f"invalid character {_quoted(text[position])} after top-level value"
    if "escape" in message:
        return _in_escape(text, position)
    literal = _LITERALS.get(text[position])
    if literal is None:
        return f"invalid character {_quoted(text[position])} looking for beginning of value"
    return _in_literal(text, position, literal)


def _in_escape(text: str, position: int) -> str:
    digits = text[position + 1 : position + 5] if text[position] == "u" else text[position:][:4]
    # Go steps over the end as if a blank stood there.
    wrong = next((one for one in digits if one not in string.hexdigits), " ")
    return f"invalid character {_quoted(wrong)} in \\u hexadecimal character escape"


def _in_literal(text: str, position: int, literal: str) -> str:
    for offset, expected in enumerate(literal):
        found = text[position + offset : position + offset + 1] or " "
        if found != expected:
            told = f"in literal {literal} (expecting '{expected}')"
            return f"invalid character {_quoted(found)} {told}"
    return "unexpected end of JSON input"


def _quoted(letter: str) -> str:
    return f"'{letter}'" if letter.isprintable() else f"'\\u{ord(letter):04x}'"
