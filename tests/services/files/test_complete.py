"""Files appear complete or not at all."""

import pytest

from services.files.complete import complete_file


def test_the_content_stands_there_at_the_end_with_its_rights(tmp_path):
    path = tmp_path / "prices.csv"

    with complete_file(path, mode=0o640) as file:
        file.write(b"a,b\n")
        assert not path.exists()

    assert path.read_bytes() == b"a,b\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["prices.csv"]


def test_what_was_there_stays_where_the_writing_fails(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_bytes(b"old")

    def write_half():
        with complete_file(path, mode=0o640) as file:
            file.write(b"new")
            raise ValueError("half of it")

    with pytest.raises(ValueError, match="half"):
        write_half()

    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["prices.csv"]
