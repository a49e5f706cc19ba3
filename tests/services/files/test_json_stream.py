"""Cutting large JSON: the same items whatever the block size, and nothing passes for JSON."""

import codecs
import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from services.files import json_stream
from services.files.json_stream import Document, Items, read_json_stream
from services.files.source import SourceFile


def parts_of(text, block_bytes=1 << 22):
    source = SourceFile.of_bytes("dump.json", text)
    blocks = json_stream.BLOCK_BYTES
    json_stream.BLOCK_BYTES = block_bytes
    try:
        return list(read_json_stream(source))
    finally:
        json_stream.BLOCK_BYTES = blocks


def items_of(parts):
    return [
        item
        for part in parts
        if isinstance(part, Items)
        for item in msgspec.json.decode(part.json)[part.padding :]
    ]


def documents_of(parts):
    return [msgspec.json.decode(part.json) for part in parts if isinstance(part, Document)]


LIST = {"apiVersion": "v1", "items": [{"a": 1}, {"b": [1, {"items": [2]}]}], "kind": "List"}


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 64, 4096])
@pytest.mark.parametrize("indent", [None, 4])
def test_a_list_is_cut_into_its_items_and_the_rest(block_bytes, indent):
    parts = parts_of(json.dumps(LIST, indent=indent).encode(), block_bytes)

    assert items_of(parts) == LIST["items"]
    assert documents_of(parts) == [{**LIST, "items": []}]


def test_each_part_carries_the_document_up_to_its_list():
    text = b'{"kind":"PodList","apiVersion":"v1","items":[{"a":1}]}'

    (items, _) = parts_of(text)

    assert msgspec.json.decode(items.head) == {"kind": "PodList", "apiVersion": "v1", "items": []}


@pytest.mark.parametrize("block_bytes", [1, 5, 4096])
def test_documents_may_follow_each_other(block_bytes):
    text = b'{"items":[{"a":1}],"kind":"A"}\n\n {"kind":"B"}[{"c":3}]\n'

    parts = parts_of(text, block_bytes)

    assert items_of(parts) == [{"a": 1}, {"c": 3}]
    assert documents_of(parts) == [{"items": [], "kind": "A"}, {"kind": "B"}, []]


def test_brackets_and_quotes_inside_strings_do_not_count():
    tricky = {"a": 'x"}]}{[', "b\\": "\\", "c": '\\"', "d": "\\\\\\", "e": '["items": ['}
    document = {"items": [tricky, tricky], "kind": "List"}

    for block_bytes in (1, 3, 4096):
        assert items_of(parts_of(json.dumps(document).encode(), block_bytes)) == [tricky, tricky]


def test_only_the_list_of_the_document_itself_is_cut():
    inner = {"kind": "ConfigMap", "data": {"items": [1, 2]}}

    parts = parts_of(json.dumps(inner).encode())

    assert items_of(parts) == []
    assert documents_of(parts) == [inner]


def test_places_in_the_file_are_told():
    text = b'{\n "items": [\n  {"a": 1},\n  {"a": 2}\n ]\n}\n'

    parts = parts_of(text, 24)
    items = [part for part in parts if isinstance(part, Items)]

    for part in items:
        inside = part.json[part.prefix : -1]
        assert text[part.offset : part.offset + len(inside)] == inside
        assert part.line == text[: part.offset].count(b"\n") + 1
    assert items_of(parts) == [{"a": 1}, {"a": 2}]


def test_the_place_of_each_document_is_told():
    parts = parts_of(b'{"a":\n1}\n{"items":[{"b":2}]}\n{"c":3}')

    places = [(part.offset, part.line) for part in parts if isinstance(part, Document)]
    assert places == [(0, 1), (8, 2), (28, 3)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=6), JSON, max_size=3), max_size=6),
    st.dictionaries(st.text(max_size=6).filter(lambda key: key != "items"), JSON, max_size=3),
    st.integers(1, 40),
    st.sampled_from([None, 1, 4]),
    st.booleans(),
)
def test_cutting_loses_nothing(items, around, block_bytes, indent, ensure_ascii):
    document = {**around, "items": items}
    text = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii).encode()

    parts = parts_of(text, block_bytes)

    assert items_of(parts) == items
    assert documents_of(parts) == [{**document, "items": []}]


@given(st.binary(max_size=120), st.integers(1, 40))
@settings(max_examples=300)
def test_any_bytes_are_cut_without_loss_or_refused(text, block_bytes):
    """What the parts add to the text are the brackets and padding around each array of items."""
    given = len(text)
    with suppress(InvalidInputError):
        given = sum(len(part.json) - added_to(part) for part in parts_of(text, block_bytes))

    assert len(text.removeprefix(codecs.BOM_UTF8).rstrip()) <= given <= len(text)


def added_to(part):
    return part.prefix + len(b"]") if isinstance(part, Items) else 0


@pytest.mark.parametrize("cut_at", range(1, 60))
def test_a_file_that_was_cut_off_is_refused(cut_at):
    text = json.dumps(LIST).encode()
    assert len(text) > 60

    with pytest.raises(InvalidInputError, match="ends in the middle of the JSON"):
        parts_of(text[:cut_at])


def test_an_object_too_large_to_be_one_is_refused(monkeypatch):
    monkeypatch.setattr(json_stream, "MOST_PENDING_BYTES", 100)

    assert len(items_of(parts_of(b'{"items":[' + b",".join([b'{"a":1}'] * 90) + b"]}", 50))) == 90
    with pytest.raises(InvalidInputError, match="one object is larger"):
        parts_of(b'{"items":[{"a":"' + b"x" * 200, 50)


def test_utf_16_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="UTF-16") as caught:
        parts_of('{"items":[]}'.encode("utf-16"))

    assert "Out-File" in caught.value.next_step


def test_a_byte_order_mark_is_passed_over():
    assert documents_of(parts_of(b'\xef\xbb\xbf{"kind":"A"}')) == [{"kind": "A"}]
