"""The heatmap: what filters and orders leave, and what each cell says."""

from datetime import UTC, datetime

import numpy as np

from engines.contracts.pricing import OperatingSystem
from services.workflows.browse_market import UNKNOWN_BUCKET, UNKNOWN_SAVINGS, Heatmap
from ui.pricing.advisor import LAYERS, ORDERS, View, ordered, select_types, to_cells, to_rows

TYPES = ("c5.xlarge", "m5.12xlarge", "m5.large", "m5.metal", "m5.xlarge", "t3.nano")
REGIONS = ("eu-west-1", "us-east-1")
# interruption buckets and savings of each type in the two regions; t3.nano is published nowhere
BUCKETS = [[0, 4], [1, 1], [0, 0], [4, 4], [2, UNKNOWN_BUCKET], [UNKNOWN_BUCKET] * 2]
SAVINGS = [[50, 60], [70, 70], [65, -5], [40, 40], [80, UNKNOWN_SAVINGS], [UNKNOWN_SAVINGS] * 2]
MATRIX = Heatmap(
    operating_system=OperatingSystem.LINUX,
    published_at=datetime(2026, 8, 3, tzinfo=UTC),
    instance_types=TYPES,
    regions=REGIONS,
    bucket=np.array(BUCKETS, np.int8),
    savings_percent=np.array(SAVINGS, np.int16),
)


def names(rows: list[int]) -> list[str]:
    return [TYPES[row] for row in rows]


def test_types_stand_in_the_natural_order_of_their_sizes():
    rows = select_types(MATRIX, families=["m5"], sizes=[])

    assert names(rows) == ["m5.large", "m5.xlarge", "m5.12xlarge", "m5.metal"]


def test_an_empty_filter_leaves_every_type():
    assert len(select_types(MATRIX, families=[], sizes=[])) == 6


def test_family_and_size_filter_together():
    assert names(select_types(MATRIX, families=["m5", "c5"], sizes=["xlarge"])) == [
        "c5.xlarge",
        "m5.xlarge",
    ]


def test_the_safest_stand_first_and_the_unpublished_last():
    """Means over both regions: m5.large 0, m5.12xlarge 1, c5.xlarge 2, m5.xlarge 2, metal 4."""
    rows = ordered(MATRIX, list(range(6)), [0, 1], ORDERS[1])

    assert names(rows) == [
        "m5.large",
        "m5.12xlarge",
        "c5.xlarge",
        "m5.xlarge",
        "m5.metal",
        "t3.nano",
    ]


def test_the_largest_saving_stands_first_and_the_unpublished_last():
    """Means: m5.xlarge 80, m5.12xlarge 70, c5.xlarge 55, metal 40, m5.large 30."""
    rows = ordered(MATRIX, list(range(6)), [0, 1], ORDERS[2])

    assert names(rows)[0] == "m5.xlarge"
    assert names(rows)[-2:] == ["m5.large", "t3.nano"]


def test_the_order_looks_at_the_chosen_regions_only():
    assert names(ordered(MATRIX, [0, 1], [0], ORDERS[1])) == ["c5.xlarge", "m5.12xlarge"]
    assert names(ordered(MATRIX, [0, 1], [1], ORDERS[1])) == ["m5.12xlarge", "c5.xlarge"]


def test_a_cell_says_its_rate_and_its_hover_both_layers():
    cells = to_cells(MATRIX, View(rows=[0], columns=[0, 1], layer=LAYERS[0]))

    assert cells.texts == [["<5", ">20"]]
    assert cells.hovers[0][1] == ("<b>c5.xlarge</b> in us-east-1<br>interrupted >20%<br>saves 60%")


def test_the_second_layer_shows_savings_and_keeps_negative_ones():
    cells = to_cells(MATRIX, View(rows=[2], columns=[0, 1], layer=LAYERS[1]))

    assert cells.texts == [["65", "-5"]]
    assert cells.values.tolist() == [[65.0, -5.0]]


def test_a_cell_that_is_not_published_is_empty():
    cells = to_cells(MATRIX, View(rows=[4], columns=[1], layer=LAYERS[0]))

    assert np.isnan(cells.values[0, 0])
    assert cells.texts == [[""]]
    assert "not published" in cells.hovers[0][0]


def test_the_export_has_every_published_cell_of_the_view():
    rows = to_rows(MATRIX, View(rows=[4, 5], columns=[0, 1], layer=LAYERS[0]))

    assert rows == [
        {
            "instance_type": "m5.xlarge",
            "region": "eu-west-1",
            "interruption_rate": "10-15%",
            "savings": 0.8,
        }
    ]
