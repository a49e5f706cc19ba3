"""Opening files: plain, packed, damaged, in the wrong encoding, endless."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from engines.contracts.errors import InvalidInputError
from services.files import source as source_module
from services.files.source import SourceFile, looks_like_json
from tests.services.files.market_texts import packed, source


def test_plain_and_packed_text_read_alike():
    text = "one\ntwo\nthree"

    plain = list(source(text).lines())
    unpacked = list(source(packed(text)).lines())

    assert plain == ["one\n", "two\n", "three"]
    assert unpacked == plain


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert list(source("\ufeffregion,os\n").lines()) == ["region,os\n"]
    assert source("\ufeff{}").json_documents() == [{}]


def test_characters_that_lie_across_blocks_are_decoded():
    """349,525 lines of 3 bytes end one byte before the first MiB: the euro sign lies across it."""
    text = "xy\n" * 349_525 + "€\n"

    assert list(source(text).lines())[-1] == "€\n"


def test_text_that_is_not_utf8_is_refused_with_its_line():
    with pytest.raises(InvalidInputError, match="not UTF-8 text") as refused:
        list(source(b"one\ntwo\nthr\xffee\n").lines())

    assert refused.value.line == 3


def test_the_lines_before_a_wrong_byte_are_still_given():
    lines = source(b"one\ntwo\n\xff\n").lines()

    assert [next(lines), next(lines)] == ["one\n", "two\n"]
    with pytest.raises(InvalidInputError, match="line 3"):
        next(lines)


def test_text_that_ends_within_a_character_is_refused():
    with pytest.raises(InvalidInputError, match="line 2: not UTF-8"):
        list(source(b"one\ntw\xe2\x82").lines())


def test_utf16_is_refused():
    with pytest.raises(InvalidInputError, match="not UTF-8"):
        list(source("region,os\n".encode("utf-16")).lines())


@pytest.mark.parametrize("kept", [12, 30])
def test_a_cut_off_gz_is_refused(kept):
    whole = packed("region,os\n" * 100)

    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        list(source(whole[:kept]).lines())


def test_a_gz_with_a_flipped_bit_is_refused():
    damaged = bytearray(packed("region,os\n" * 100))
    damaged[20] ^= 0xFF

    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        list(source(bytes(damaged)).lines())


def test_an_endless_line_is_refused():
    with pytest.raises(InvalidInputError, match="line 2: the line is longer than 1,048,576"):
        list(source("ok\n" + "x" * 3_000_000).lines())


def test_a_bomb_is_refused():
    bomb = source(packed("0" * 3_000_000))

    with pytest.raises(InvalidInputError, match="unpacks to more than"):
        list(bomb.blocks(most=2_000_000))


def test_a_document_too_large_to_hold_is_refused(monkeypatch):
    monkeypatch.setattr(source_module, "MAX_DOCUMENT_BYTES", 10)

    with pytest.raises(InvalidInputError, match="larger than"):
        source("[1, 2, 3, 4, 5]").json_documents()


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="No such file"):
        SourceFile.at(tmp_path / "none.csv").head()
    with pytest.raises(InvalidInputError, match="Is a directory"):
        SourceFile.at(tmp_path).digest()
    with pytest.raises(InvalidInputError, match="No such file"):
        SourceFile.at(tmp_path / "none.csv").modified_at()


def test_the_digest_is_that_of_the_file_as_it_lies_there(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(packed("text"))

    assert SourceFile.at(path).digest() == sha256(packed("text")).hexdigest()


def test_an_upload_has_no_time_of_its_own_and_a_file_has(tmp_path):
    path = tmp_path / "file"
    path.write_text("x")

    assert source("x").modified_at() is None
    written = SourceFile.at(path).modified_at()
    assert written is not None
    assert written <= datetime.now(UTC)
    assert written.tzinfo is UTC


def test_documents_written_one_after_another_are_all_read():
    assert source('{"a": 1}\n{"a": 2} [3]').json_documents() == [{"a": 1}, {"a": 2}, [3]]


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ('{"a": 1,\n "b": }', "not valid JSON", 2),
        ('{"a": NaN}', "NaN is not a JSON value", 1),
        ("[1, 2", "not valid JSON", 1),
        ("[" * 100_000, "nested too deeply", None),
        ("  ", "the file is empty", None),
        ('{"a": 1} rubbish', "not valid JSON", 1),
        ("[" + "9" * 5000 + "]", "not valid JSON", 1),
    ],
)
def test_broken_json_is_refused_with_its_line(text, reason, line):
    with pytest.raises(InvalidInputError, match=reason) as refused:
        source(text).json_documents()

    assert refused.value.line == line


def test_json_is_told_from_csv_by_its_first_character():
    assert looks_like_json(b'\xef\xbb\xbf  {"a": 1}')
    assert looks_like_json(b"\n[1]")
    assert not looks_like_json(b"region,os\n")
    assert not looks_like_json(b"")
