"""prices, advisor, on-demand and instance-types on the command line."""

import gzip
import json

import pytest

from tests.services.files.market_texts import (
    INSTANCE_TYPES_CSV,
    ON_DEMAND_CSV,
    SPOT_CSV,
    advisor_json,
)

FILES = {
    "prices": ("prices.csv", SPOT_CSV, 4),
    "on-demand": ("on-demand.csv", ON_DEMAND_CSV, 3),
    "advisor": ("advisor.json", advisor_json(), 4),
    "instance-types": ("types.csv", INSTANCE_TYPES_CSV, 2),
}


@pytest.fixture
def files(tmp_path):
    paths = {}
    for group, (name, text, _) in FILES.items():
        paths[group] = tmp_path / name
        paths[group].write_text(text)
    return paths


@pytest.mark.parametrize("group", FILES)
def test_a_file_is_imported_and_a_second_time_changes_nothing(terminal, files, group):
    first = terminal(group, "import", files[group], "--format", "json")
    again = terminal(group, "import", files[group], "--format", "json")

    rows = FILES[group][2]
    assert (first.code, again.code) == (0, 0)
    assert json.loads(first.stdout)["rows_new"] == rows
    assert json.loads(again.stdout)["rows_new"] == 0
    assert json.loads(again.stdout)["rows_known"] == rows


def test_the_report_for_programs_is_stable(terminal, files):
    report = json.loads(terminal("prices", "import", files["prices"], "--format", "json").stdout)

    assert report == {
        "kind": "spot_prices",
        "source": str(files["prices"]),
        "digest": report["digest"],
        "rows_read": 4,
        "rows_new": 4,
        "rows_known": 0,
        "rows_changed": 0,
        "rows_dropped": 0,
        "dropped": [],
        "as_of": "2026-07-19T11:00:00Z",
        "regions": ["us-east-1"],
        "warnings": [],
    }


def test_the_report_for_people_names_what_was_left_out(terminal, tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(SPOT_CSV + SPOT_CSV.splitlines()[1] + "\n")

    answer = terminal("prices", "import", path)

    assert answer.code == 0
    assert "Imported prices.csv" in answer.stdout
    assert "the row repeats another one exactly  1, first in line 6" in answer.stdout
    assert "2026-07-19 11:00 UTC" in answer.stdout


def test_many_regions_are_counted_instead_of_named(terminal, tmp_path):
    path = tmp_path / "prices.csv"
    header = "instance_type,az,product,price,date\n"
    regions = [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-west-2",
        "sa-east-1",
    ]
    rows = [f"m5.large,{region}a,Linux/UNIX,0.04,2026-07-01T00:00:00Z\n" for region in regions]
    path.write_text(header + "".join(rows))

    assert "regions       7 regions" in terminal("prices", "import", path).stdout


def test_a_bad_row_is_exit_code_3_with_its_line_and_no_result(terminal, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(SPOT_CSV + "m5.large,us-east-1a,us-east-1,Linux/UNIX,-1,2026-07-01T00:00:00Z\n")

    answer = terminal("prices", "import", path, "--format", "json")

    assert answer.code == 3
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"error: {path}, line 6: spot_price '-1' is negative\n  next:")


def test_a_file_that_is_not_there_is_exit_code_3(terminal, tmp_path):
    answer = terminal("prices", "import", tmp_path / "none.csv")

    assert answer.code == 3
    assert "No such file or directory" in answer.stderr


def test_a_missing_argument_is_exit_code_2(terminal):
    answer = terminal("prices", "import")

    assert answer.code == 2
    assert "Missing argument 'FILE'" in answer.stderr


def test_a_wrong_format_is_exit_code_2(terminal, files):
    assert terminal("prices", "import", files["prices"], "--format", "xml").code == 2


def test_as_of_dates_what_does_not_date_itself(terminal, files):
    answer = terminal(
        "advisor", "import", files["advisor"], "--as-of", "2026-07-01", "--format", "json"
    )

    assert json.loads(answer.stdout)["as_of"] == "2026-07-01T00:00:00Z"
    assert answer.stderr == ""


def test_without_as_of_a_note_on_stderr_says_what_was_taken(terminal, files):
    answer = terminal("advisor", "import", files["advisor"], "--format", "json")

    assert answer.stderr.startswith("note: the file does not say when its data were published")
    assert json.loads(answer.stdout)["rows_new"] == 4


@pytest.mark.parametrize("text", ["yesterday", "2026-07-01T00:00:00", "2026-02-30"])
def test_a_wrong_as_of_is_exit_code_2(terminal, files, text):
    answer = terminal("advisor", "import", files["advisor"], "--as-of", text)

    assert answer.code == 2
    assert text in answer.stderr


def test_coverage_lists_what_is_stored(terminal, files):
    empty = terminal("prices", "coverage")
    terminal("prices", "import", files["prices"])

    listed = terminal("prices", "coverage", "--format", "json")

    assert empty.code == 0
    assert "no Spot prices are stored yet" in empty.stderr
    (region,) = json.loads(listed.stdout)["regions"]
    assert (region["region"], region["series"], region["points"]) == ("us-east-1", 3, 4)


def test_coverage_of_a_region_marks_each_day(terminal, files):
    """m5.large has 24 h of zone a, 18 to 19 July, and one point of zone b: no day is whole."""
    terminal("prices", "import", files["prices"])
    words = ("prices", "coverage", "--region", "us-east-1", "--type", "m5.*")
    days = ("--from", "2026-07-17", "--to", "2026-07-19")

    table = terminal(*words, *days)
    document = json.loads(terminal(*words, *days, "--format", "json").stdout)

    assert table.stdout.splitlines()[0] == ("us-east-1, Linux/UNIX: days 2026-07-17 to 2026-07-19")
    assert table.stdout.splitlines()[-1].endswith("++")
    assert document["instance_types"][0]["instance_type"] == "m5.large"
    assert document["instance_types"][0]["days"][1:] == ["partial", "partial"]
    assert document["days"] == ["2026-07-17", "2026-07-18", "2026-07-19"]


def test_coverage_of_an_unknown_region_is_exit_code_1(terminal):
    answer = terminal("prices", "coverage", "--region", "eu-west-1")

    assert answer.code == 1
    assert "no Spot price of Linux/UNIX in 'eu-west-1' is stored" in answer.stderr


def test_coverage_of_a_backward_span_is_exit_code_3(terminal):
    days = ("--from", "2026-07-02", "--to", "2026-07-01")

    assert terminal("prices", "coverage", "--region", "us-east-1", *days).code == 3


@pytest.mark.parametrize("group", FILES)
def test_what_was_imported_can_be_exported(terminal, files, tmp_path, group):
    terminal(group, "import", files[group])
    path = tmp_path / "export.csv.gz"

    answer = terminal(group, "export", path, "--format", "json")

    assert answer.code == 0
    assert json.loads(answer.stdout)["rows"] == FILES[group][2]
    assert gzip.decompress(path.read_bytes()).count(b"\n") == FILES[group][2] + 1


def test_an_export_can_be_narrowed(terminal, files, tmp_path):
    terminal("prices", "import", files["prices"])
    path = tmp_path / "export.json"

    terminal(
        "prices", "export", path, "--type", "m5.*", "--region", "us-east-1",
        "--since", "2026-07-19", "--until", "2026-07-19T10:30:00Z",
    )  # fmt: skip

    (record,) = json.loads(path.read_text())
    assert (record["availability_zone"], record["spot_price"]) == ("us-east-1a", 0.036)


def test_an_unknown_ending_is_exit_code_3(terminal, tmp_path):
    assert terminal("prices", "export", tmp_path / "x.parquet").code == 3


def test_a_folder_that_is_not_there_is_exit_code_1(terminal, tmp_path):
    assert terminal("prices", "export", tmp_path / "no" / "x.csv").code == 1
