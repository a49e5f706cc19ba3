"""``pytest tests/golden --update-golden`` rewrites the expected answers; review the diff."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected answers of the golden cases (run on tests/golden only)",
    )
