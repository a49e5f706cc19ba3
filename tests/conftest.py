"""What all tests share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real public data that lies beside the checkout on machines that have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data sets are not beside this checkout")
    return SHARED_DATA
