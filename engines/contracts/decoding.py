"""Turning JSON into contract types, and its failures into errors that say what and where."""

import re
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

DECODING_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec's JSON decoder raises on bad input."""

_AT_PATH = re.compile(r"(?P<reason>.*) - at `(?P<path>[^`]*)`", re.DOTALL)
_AT_BYTE = re.compile(r"(?P<reason>.*) \(byte (?P<offset>[0-9]+)\)", re.DOTALL)


class JsonFailure(NamedTuple):
    """Why some JSON could not be used: ``path`` and ``offset`` where they are known."""

    reason: str
    path: str = ""  # "$.items[3].spec": where the type is wrong
    offset: int | None = None  # bytes from the start: where the text is wrong


def explain(error: Exception, data: bytes | memoryview) -> JsonFailure:
    """Say what ``error``, one of ``DECODING_ERRORS``, means for ``data``."""
    if isinstance(error, RecursionError):
        return JsonFailure("is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return JsonFailure("is not UTF-8 text", offset=_first_bad_byte(bytes(data)))
    text = str(error)
    if at_path := _AT_PATH.fullmatch(text):
        return JsonFailure(_lower_first(at_path["reason"]), path=at_path["path"])
    if at_byte := _AT_BYTE.fullmatch(text):
        return JsonFailure(_lower_first(at_byte["reason"]), offset=int(at_byte["offset"]))
    if "truncated" in text:
        return JsonFailure("ends in the middle of the JSON", offset=len(data))
    return JsonFailure(_lower_first(text))


def _first_bad_byte(data: bytes) -> int | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None  # the text is UTF-8; an escape in it is not a character


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def decode_tolerant(data: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode, reading null as "not set" where the type knows no null, as Kubernetes itself does.

    Raises one of ``DECODING_ERRORS``.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        tree = msgspec.json.decode(data)
        bare = without_nulls(tree)
        if bare == tree:
            raise
        return decoder.decode(msgspec.json.encode(bare))


def without_nulls(tree: Any) -> Any:
    """The same JSON tree without object members that are null."""
    if isinstance(tree, dict):
        return {key: without_nulls(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [without_nulls(value) for value in tree]
    return tree
