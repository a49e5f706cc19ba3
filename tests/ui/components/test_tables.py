"""Tables: filters, and exports that no spreadsheet executes."""

import csv
import io
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.components.tables import Column, defused, matching, row_height, to_csv

ROWS = [
    {"name": "m5.large", "zone": "us-east-1a", "price": Decimal("0.0416")},
    {"name": "m5.xlarge", "zone": "us-east-1b", "price": Decimal("0.0759")},
]
COLUMNS = (
    Column(name="name", label="Type"),
    Column(name="price", label="Price", kind="price"),
    Column(name="at", label="At", kind="time"),
)


def test_an_empty_filter_keeps_every_row():
    assert matching(ROWS, "  ") == ROWS


def test_every_word_of_a_filter_must_be_found_in_some_cell_whatever_the_case():
    assert matching(ROWS, "M5 east-1B") == [ROWS[1]]
    assert matching(ROWS, "m5.large us-east-1b") == []


def test_an_export_has_the_exact_values_and_the_chosen_columns():
    assert to_csv(ROWS, COLUMNS) == ("name,price,at\r\nm5.large,0.0416,\r\nm5.xlarge,0.0759,\r\n")


def test_times_are_exported_in_utc():
    """14:00 at UTC+2 is 12:00 UTC."""
    at = datetime(2026, 8, 3, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    assert "2026-08-03T12:00:00+00:00" in to_csv([{"at": at}], COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx"])
def test_what_a_spreadsheet_would_execute_is_defused(text):
    assert defused(text) == "'" + text


def test_plain_text_and_numbers_stay_as_they_are():
    rows = [{"name": "a=b", "price": Decimal("-1.5")}]

    assert defused("m5.large") == "m5.large"
    assert to_csv(rows, COLUMNS).splitlines()[1] == "a=b,-1.5,"


@given(st.text(max_size=30))
def test_whatever_the_text_an_exported_cell_never_starts_a_formula(text):
    exported = to_csv([{"name": text}], (Column(name="name", label="Name"),))
    [_, *lines] = csv.reader(io.StringIO(exported, newline=""))
    cell = lines[0][0] if lines and lines[0] else ""

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("characters", "height"),
    [(0, None), (50, None), (51, 66), (125, 66), (126, 86), (251, 126), (999, 126)],
)
def test_rows_grow_with_their_longest_sentence(characters, height):
    """280 - 16 pixels hold 264 / 6.3 = 41.9 characters: 125 take 3 lines, 126 take 4."""
    why = Column(name="why", label="Why", kind="prose", width=280)

    assert row_height([{"why": "-"}, {"why": "a" * characters}], [why]) == height


def test_a_column_of_a_named_width_holds_what_it_is_wide():
    """400 - 16 pixels hold 60.95 characters: 182 take 3 lines, 183 take 4."""
    why = Column(name="why", label="Why", kind="prose", width="large")

    assert row_height([{"why": "a" * 182}], [why]) == 66
    assert row_height([{"why": "a" * 183}], [why]) == 86


def test_rows_of_plain_text_stay_in_one_line():
    name = Column(name="name", label="Name")

    assert row_height([{"name": "a" * 500}], [name]) is None
    assert row_height([], [name]) is None
