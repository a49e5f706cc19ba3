"""Whatever the bytes, a reader answers with data or with ``InvalidInputError``: nothing else."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from services.files.instance_types import read_instance_types
from services.files.on_demand import read_on_demand_prices
from services.files.recognise import recognise
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.files.spot_prices import read_spot_prices
from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    NOW,
    ON_DEMAND_CSV,
    SPOT_API_JSON,
    SPOT_CSV,
    advisor_json,
)

READERS = {
    "spot prices": lambda source: read_spot_prices(source, now=NOW),
    "on-demand prices": lambda source: read_on_demand_prices(source, now=NOW),
    "spot advisor": read_spot_advisor,
    "instance types": read_instance_types,
    "recognise": recognise,
}
SOUND_FILES = [
    text.encode()
    for text in (SPOT_CSV, SPOT_API_JSON, ON_DEMAND_CSV, advisor_json(), INSTANCE_TYPES_CSV)
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "SpotPriceHistory",
                    "InstanceTypes",
                    "InstanceType",
                    "spot_advisor",
                    "ranges",
                    "instance_types",
                    "SpotPrice",
                    "region",
                    "vcpu",
                    "NetworkInfo",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@st.composite
def damaged_files(draw):
    """A sound file in which a few bytes were cut out, replaced or put in."""
    content = bytearray(draw(st.sampled_from(SOUND_FILES)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        content[start:end] = draw(st.binary(max_size=12) | st.sampled_from(DAMAGE))
    return bytes(content)


DAMAGE = [b",", b"\n", b'"', b"\r", b"\x00", b"-", b"NaN", b"1e999999", b"[", b"}", b"9" * 30]


def answers(reader, content):
    """Whether the reader took the file or refused it properly; another error fails the test."""
    try:
        READERS[reader](SourceFile.of_bytes("file", content))
    except InvalidInputError as refused:
        return refused.source == "file" and bool(refused.next_step)
    return True


@pytest.mark.parametrize("reader", READERS)
@given(content=st.binary(max_size=300))
def test_no_bytes_crash_a_reader(reader, content):
    assert answers(reader, content)


@pytest.mark.parametrize("reader", READERS)
@given(content=damaged_files())
def test_no_damage_crashes_a_reader(reader, content):
    assert answers(reader, content)


@pytest.mark.parametrize("reader", READERS)
@given(content=damaged_files(), at=st.integers(0, 400))
def test_no_damage_to_a_packed_file_crashes_a_reader(reader, content, at):
    assert answers(reader, gzip.compress(content, mtime=0)[:at])


@pytest.mark.parametrize("reader", READERS)
@given(value=JSON_VALUES)
def test_no_json_value_crashes_a_reader(reader, value):
    assert answers(reader, json.dumps(value).encode())
