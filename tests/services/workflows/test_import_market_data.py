"""Importing market files: a whole file or nothing, a record of each run, the same twice is once."""

from datetime import UTC, datetime, timedelta

import pytest

from db.records import DataKind, ImportStatus, SeriesFilter
from db.repositories import advisor, imports, instance_types, on_demand, spot_prices
from services.errors import InvalidInputError
from services.files.recognise import MarketKind
from services.files.source import SourceFile
from services.workflows.import_market_data import (
    ImportProgress,
    ImportStage,
    import_market_data,
    import_market_file,
)
from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    NOW,
    ON_DEMAND_CSV,
    SPOT_CSV,
    SPOT_HEADER,
    advisor_json,
    packed,
    source,
)

PUBLISHED = datetime(2026, 7, 19, tzinfo=UTC)
FILES = {
    MarketKind.SPOT_PRICES: SPOT_CSV,
    MarketKind.ON_DEMAND_PRICES: ON_DEMAND_CSV,
    MarketKind.SPOT_ADVISOR: advisor_json(),
    MarketKind.INSTANCE_TYPES: INSTANCE_TYPES_CSV,
}
ROWS = {
    MarketKind.SPOT_PRICES: 4,
    MarketKind.ON_DEMAND_PRICES: 3,
    MarketKind.SPOT_ADVISOR: 4,
    MarketKind.INSTANCE_TYPES: 2,
}


def clock():
    return NOW


def runs(database, kind=None):
    with database.reader() as reader:
        return imports.list_runs(reader, kind=kind)


def stored_prices(database):
    with database.reader() as reader:
        history = spot_prices.load_history(
            reader,
            SeriesFilter(products=None),
            since=datetime(2020, 1, 1, tzinfo=UTC),
            until=NOW + timedelta(days=1),
        )
    return history.micro_usd.tolist()


@pytest.mark.parametrize("kind", MarketKind)
def test_a_file_of_each_kind_is_stored_and_its_run_recorded(database, kind):
    report = import_market_file(
        database, source(FILES[kind], "a/file.csv"), as_of=PUBLISHED, clock=clock
    )

    (run,) = runs(database)
    assert report.kind is kind
    assert report.source == "a/file.csv"
    assert (report.rows_read, report.rows_new) == (ROWS[kind], ROWS[kind])
    assert (report.rows_known, report.rows_changed, report.rows_dropped) == (0, 0, 0)
    assert run.kind is DataKind(kind.value)
    assert run.status is ImportStatus.SUCCEEDED
    assert (run.source_name, run.digest) == ("a/file.csv", report.digest)
    assert (run.rows_read, run.rows_new) == (ROWS[kind], ROWS[kind])
    assert (run.started_at, run.finished_at) == (NOW, NOW)


@pytest.mark.parametrize("kind", MarketKind)
def test_the_same_file_again_changes_nothing(database, kind):
    first = import_market_file(database, source(FILES[kind]), as_of=PUBLISHED, clock=clock)

    again = import_market_file(database, source(FILES[kind]), as_of=PUBLISHED, clock=clock)

    assert (again.rows_new, again.rows_known, again.rows_changed) == (0, ROWS[kind], 0)
    assert again.digest == first.digest
    assert len(runs(database)) == 2


def test_what_was_imported_is_what_decisions_will_read(database):
    for text in FILES.values():
        import_market_file(database, source(text), as_of=PUBLISHED, clock=clock)

    with database.reader() as reader:
        rates = advisor.load_rates(reader, regions=("us-east-1",))
        edition = advisor.load_edition(reader)
        prices = on_demand.load(reader, at=NOW, regions=("us-east-1",))
        types = instance_types.load(reader)
    assert stored_prices(database) == [70_000, 35_000, 36_000, 41_000]
    assert [(rate.instance_type, rate.savings_percent) for rate in rates] == [
        ("m5.large", 62),
        ("p5.48xlarge", -62),
    ]
    assert edition is not None
    assert edition.published_at == PUBLISHED
    assert edition.document_digest is not None
    assert [str(price.hourly_price) for price in prices] == ["0.096000"]
    assert types["m5.large"].max_pods == 29


def test_a_longer_file_adds_only_what_is_new(database):
    import_market_file(database, source(SPOT_CSV), clock=clock)
    more = "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.037,2026-07-20T10:00:00Z\n"

    report = import_market_file(database, source(SPOT_CSV + more), clock=clock)

    assert (report.rows_new, report.rows_known) == (1, 4)


def test_a_corrected_price_replaces_the_stored_one_and_is_counted(database):
    import_market_file(database, source(SPOT_CSV), clock=clock)

    report = import_market_file(database, source(SPOT_CSV.replace("0.0410", "0.0420")), clock=clock)

    assert (report.rows_new, report.rows_known, report.rows_changed) == (0, 3, 1)
    assert stored_prices(database) == [70_000, 35_000, 36_000, 42_000]


def test_a_file_refused_at_its_last_row_stores_nothing_and_is_recorded(database):
    import_market_file(database, source(SPOT_CSV), clock=clock)
    bad = SPOT_CSV.replace("0.0350", "0.0390") + "m5.large,us-east-1a,us-east-1,Linux/UNIX,-1,x\n"

    with pytest.raises(InvalidInputError, match="line 6: timestamp 'x'"):
        import_market_file(database, source(bad), clock=clock)

    newest = runs(database)[0]
    assert newest.status is ImportStatus.FAILED
    assert newest.error is not None
    assert "line 6: timestamp 'x'" in newest.error
    assert stored_prices(database) == [70_000, 35_000, 36_000, 41_000]


@pytest.mark.parametrize(
    "bad",
    [advisor_json(rates="{}"), advisor_json(ranges="[]"), advisor_json()[:200], "{}"],
    ids=["no rates", "changed ranges", "cut off", "another file"],
)
def test_a_failing_advisor_import_keeps_the_last_good_rates(database, bad):
    import_market_file(database, source(advisor_json()), as_of=PUBLISHED, clock=clock)

    with pytest.raises(InvalidInputError):
        import_market_data(database, source(bad), MarketKind.SPOT_ADVISOR, as_of=NOW, clock=clock)

    with database.reader() as reader:
        edition = advisor.load_edition(reader)
    assert edition is not None
    assert (edition.published_at, edition.rates) == (PUBLISHED, 4)
    assert runs(database)[0].status is ImportStatus.FAILED


def test_a_file_of_another_kind_than_was_asked_for_is_refused(database):
    with pytest.raises(InvalidInputError, match="it has no column"):
        import_market_data(database, source(SPOT_CSV), MarketKind.ON_DEMAND_PRICES, clock=clock)

    assert runs(database, DataKind.ON_DEMAND_PRICES)[0].status is ImportStatus.FAILED


def test_a_file_of_no_known_kind_is_refused(database):
    with pytest.raises(InvalidInputError, match="none of the kinds of market data"):
        import_market_file(database, source("a,b\n1,2\n"), clock=clock)


def test_a_cut_off_gz_stores_nothing(database):
    with pytest.raises(InvalidInputError, match="damaged or cut off"):
        import_market_data(
            database, source(packed(SPOT_CSV)[:-9]), MarketKind.SPOT_PRICES, clock=clock
        )

    assert stored_prices(database) == []


def test_an_interrupted_import_stores_nothing_and_says_so(database):
    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_market_file(database, source(SPOT_CSV), on_progress=interrupt, clock=clock)

    (run,) = runs(database)
    assert (run.status, run.error) == (ImportStatus.FAILED, "interrupted; nothing of it was stored")
    assert stored_prices(database) == []


def test_a_run_that_died_with_its_process_is_closed_by_the_next_one(database):
    with database.transaction() as tx:
        imports.start(
            tx,
            DataKind.SPOT_PRICES,
            source_name="dead",
            digest=None,
            at=NOW - timedelta(hours=1, seconds=1),
        )

    import_market_file(database, source(SPOT_CSV), clock=clock)

    assert [run.status for run in runs(database)] == [ImportStatus.SUCCEEDED, ImportStatus.FAILED]


def test_progress_tells_rows_read_and_then_storing(database):
    told = []

    import_market_file(database, source(SPOT_CSV), on_progress=told.append, clock=clock)

    assert told == [ImportProgress(ImportStage.READING, 4), ImportProgress(ImportStage.STORING, 4)]


def test_rows_left_out_are_told_with_reason_and_line(database):
    row = "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.035,2026-07-18T10:00:00Z\n"

    report = import_market_file(database, source(SPOT_HEADER + row + row), clock=clock)

    (dropped,) = report.dropped
    assert (report.rows_read, report.rows_new, report.rows_dropped) == (2, 1, 1)
    assert (dropped.reason, dropped.count, dropped.first_line) == (
        "the row repeats another one exactly",
        1,
        3,
    )
    assert runs(database)[0].rows_refused == 1


def test_stored_on_demand_prices_judge_spot_prices(database):
    """m5.large at 0.011 USD on-demand: at most 20 x 0.011 = 0.22 USD, so 0.23 is refused."""
    cheap = ON_DEMAND_CSV.replace("m5.large,Linux,0.096", "m5.large,Linux,0.011")
    import_market_file(database, source(cheap), clock=clock)
    text = SPOT_HEADER + "m5.large,us-east-1a,us-east-1,Linux/UNIX,0.23,2026-07-18T10:00:00Z\n"

    with pytest.raises(InvalidInputError, match=r"m5\.large costs 0\.011 USD on-demand"):
        import_market_file(database, source(text), clock=clock)


def test_without_a_date_the_files_own_time_counts_and_is_said(database, tmp_path):
    path = tmp_path / "advisor.json"
    path.write_text(advisor_json())

    report = import_market_file(database, SourceFile.at(path))

    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert report.as_of == written_at
    assert report.warnings == (
        "the file does not say when its data were published; "
        f"{written_at:%Y-%m-%d %H:%M} UTC, when the file was written, is taken",
    )


def test_an_upload_without_a_date_counts_as_of_now_and_says_so(database):
    report = import_market_file(database, source(advisor_json()), clock=clock)

    assert report.as_of == NOW
    assert "the time of this import, is taken" in report.warnings[0]


def test_data_cannot_be_of_the_future(database):
    with pytest.raises(InvalidInputError, match="which is in the future"):
        import_market_file(
            database, source(advisor_json()), as_of=NOW + timedelta(seconds=1), clock=clock
        )


def test_a_zone_cannot_move_to_another_region(database):
    import_market_file(
        database,
        source(SPOT_CSV.replace("us-east-1a", "use1-az2").replace("us-east-1b", "use1-az4")),
        clock=clock,
    )
    moved = SPOT_HEADER + "m5.large,use1-az2,us-west-2,Linux/UNIX,0.035,2026-07-18T10:00:00Z\n"

    with pytest.raises(InvalidInputError, match="region is given as us-west-2"):
        import_market_file(database, source(moved), clock=clock)

    assert runs(database)[0].status is ImportStatus.FAILED


@pytest.mark.real_data
def test_the_largest_public_history_is_stored_once(database, shared_data):
    path = shared_data / "spot_price_history" / "us-east-1_2021-03_2021-04.csv.gz"

    first = import_market_file(database, SourceFile.at(path))
    again = import_market_file(database, SourceFile.at(path))

    assert (first.rows_read, first.rows_new) == (604_944, 604_944)
    assert (again.rows_new, again.rows_known, again.rows_changed) == (0, 604_944, 0)
