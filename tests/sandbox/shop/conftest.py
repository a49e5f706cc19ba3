"""The pretend company's world, whose time moves only when a test says so.

moto keeps its accounts by their ids within the process, so a world is opened for each module and
no two of them are used at once.
"""

from datetime import UTC, datetime

import pytest

from sandbox.shop.opening import open_shop

NOW = datetime(2027, 1, 15, 19, 0, tzinfo=UTC)  # a Friday, at the busiest hour of the day


@pytest.fixture(scope="module")
def shop():
    """For tests that only look."""
    return open_shop(7, NOW, speed=0)


@pytest.fixture
def living_shop():
    """For tests that change something."""
    return open_shop(7, NOW, speed=0)
