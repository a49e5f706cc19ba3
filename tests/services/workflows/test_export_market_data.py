"""Exports: the columns that imports read, complete files only, no formulas."""

import csv
import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import InvalidInputError
from services.files.recognise import MarketKind
from services.files.source import SourceFile
from services.workflows.export_market_data import (
    ExportError,
    ExportFilter,
    export_market_data,
    neutralised,
)
from services.workflows.import_market_data import import_market_file
from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    NOW,
    ON_DEMAND_CSV,
    SPOT_CSV,
    advisor_json,
    source,
)

FILES = {
    MarketKind.SPOT_PRICES: SPOT_CSV,
    MarketKind.ON_DEMAND_PRICES: ON_DEMAND_CSV,
    MarketKind.SPOT_ADVISOR: advisor_json(),
    MarketKind.INSTANCE_TYPES: INSTANCE_TYPES_CSV,
}
ALL = ExportFilter()


@pytest.fixture
def stocked(database):
    for text in FILES.values():
        import_market_file(database, source(text), as_of=NOW, clock=lambda: NOW)
    return database


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("kind", MarketKind)
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "json", "json.gz"])
def test_an_export_can_be_imported_again_and_changes_nothing(stocked, tmp_path, kind, ending):
    path = tmp_path / f"export.{ending}"

    exported = export_market_data(stocked, kind, path, ALL)
    again = import_market_file(stocked, SourceFile.at(path), as_of=NOW, clock=lambda: NOW)

    assert again.kind is kind
    assert exported.rows == again.rows_read > 0
    assert (again.rows_new, again.rows_changed) == (0, 0)


def test_spot_prices_are_written_with_the_documented_columns(stocked, tmp_path):
    path = tmp_path / "prices.csv"

    report = export_market_data(stocked, MarketKind.SPOT_PRICES, path, ALL)

    assert report.rows == 4
    assert rows_of(path)[0] == {
        "instance_type": "c5.xlarge",
        "availability_zone": "us-east-1a",
        "region": "us-east-1",
        "product_description": "Linux/UNIX",
        "spot_price": "0.070000",
        "timestamp": "2026-07-18T09:00:00Z",
    }


def test_negative_savings_stay_numbers(stocked, tmp_path):
    path = tmp_path / "advisor.csv"

    export_market_data(stocked, MarketKind.SPOT_ADVISOR, path, ALL)

    assert "-62" in [row["savings_percent"] for row in rows_of(path)]


def test_json_holds_money_as_numbers(stocked, tmp_path):
    path = tmp_path / "prices.json"

    export_market_data(stocked, MarketKind.ON_DEMAND_PRICES, path, ALL)

    assert json.loads(path.read_text())[0]["hourly_price"] == 0.107


def test_regions_types_and_times_narrow_an_export(stocked, tmp_path):
    def count(kind, **wanted):
        return export_market_data(
            stocked, kind, tmp_path / "export.csv", ExportFilter(**wanted)
        ).rows

    assert count(MarketKind.SPOT_PRICES, instance_types=("m5.*",)) == 3
    assert count(MarketKind.SPOT_PRICES, since=datetime(2026, 7, 19, 10, tzinfo=UTC)) == 2
    assert count(MarketKind.SPOT_PRICES, until=datetime(2026, 7, 18, 9, tzinfo=UTC)) == 1
    assert count(MarketKind.SPOT_PRICES, regions=("eu-west-1",)) == 0
    assert count(MarketKind.ON_DEMAND_PRICES, regions=("eu-west-1",)) == 1
    assert count(MarketKind.ON_DEMAND_PRICES, instance_types=("c5.*",)) == 0
    assert count(MarketKind.SPOT_ADVISOR, instance_types=("p5.*",)) == 1
    assert count(MarketKind.INSTANCE_TYPES, instance_types=("m6g.*",)) == 1


def test_an_empty_selection_is_an_empty_table(database, tmp_path):
    path = tmp_path / "none.json"

    report = export_market_data(database, MarketKind.SPOT_ADVISOR, path, ALL)

    assert report.rows == 0
    assert json.loads(path.read_text()) == []


def test_a_packed_export_is_the_same_bytes_each_time(stocked, tmp_path):
    paths = tmp_path / "one.csv.gz", tmp_path / "two.csv.gz"

    for path in paths:
        export_market_data(stocked, MarketKind.SPOT_PRICES, path, ALL)

    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert gzip.decompress(paths[0].read_bytes()).count(b"\n") == 5


def test_another_ending_is_refused(database, tmp_path):
    with pytest.raises(InvalidInputError, match="the name tells no known format"):
        export_market_data(database, MarketKind.SPOT_PRICES, tmp_path / "x.xlsx", ALL)


def test_a_folder_that_is_not_there_is_said(database, tmp_path):
    with pytest.raises(ExportError, match="No such file or directory"):
        export_market_data(database, MarketKind.SPOT_PRICES, tmp_path / "no" / "x.csv", ALL)


def test_an_interrupted_export_leaves_the_old_file_and_no_other(stocked, tmp_path, monkeypatch):
    path = tmp_path / "prices.csv"
    path.write_text("old")
    monkeypatch.setattr("services.workflows.export_market_data.PROGRESS_ROWS", 1)

    def interrupt(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_market_data(stocked, MarketKind.SPOT_PRICES, path, ALL, on_progress=interrupt)

    assert path.read_text() == "old"
    assert list(tmp_path.glob(".prices*")) == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("m5.large", "m5.large"),
        (-62, "-62"),
        (Decimal("-0.5"), "-0.5"),
        (Decimal("1E-6"), "0.000001"),
        (True, "true"),
        (None, ""),
        (0.75, "0.75"),
        (datetime(2026, 7, 20, tzinfo=UTC), "2026-07-20T00:00:00Z"),
    ],
)
def test_texts_never_start_a_formula_and_numbers_stay_numbers(cell, text):
    assert neutralised(cell) == text


@given(st.text())
def test_no_text_starts_a_formula(text):
    assert not neutralised(text).startswith(("=", "+", "-", "@", "\t", "\r"))
