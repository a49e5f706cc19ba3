"""Spot Advisor as a heatmap: instance types by regions, interruption rate or savings.

About sixty of the nine hundred rows are drawn at a time: that is what a screen shows and a browser
draws without delay. Filters and pages reach the rest, and the export has all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from engines.contracts.pricing import InterruptionBucket
from services.workflows.browse_market import UNKNOWN_BUCKET, UNKNOWN_SAVINGS, Heatmap
from ui import session
from ui.components import amount_charts, data, formatting, plot_style, tables, wording
from ui.components.cards import show_empty, show_source

ROWS_PER_PAGE = 60
LAYERS = ("Interruption rate", "Savings")
ORDERS = ("By name", "Safest first", "Largest saving first")
SAVINGS_SCALE = ((0.0, "#f4f1e8"), (0.5, "#8fd3b9"), (1.0, "#0a7a5c"))
SIZE_ORDER = ("nano", "micro", "small", "medium", "large", "xlarge")

COLUMNS = (
    tables.Column(name="instance_type", label="Instance type"),
    tables.Column(name="region", label="Region"),
    tables.Column(name="interruption_rate", label="Interruption rate"),
    tables.Column(name="savings", label="Savings", kind="percent"),
)


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of the matrix that is looked at: indices of its rows and columns."""

    rows: list[int]
    columns: list[int]
    layer: str


def show_advisor() -> None:
    """Filters, legend, heatmap and export of the newest Spot Advisor edition."""
    matrix = data.advisor_heatmap()
    if matrix is None:
        show_empty(
            "No Spot Advisor data yet",
            "Import AWS's `spot-advisor-data.json` on the **Import** tab.",
            "grid_on",
        )
        return
    view = _ask_view(matrix)
    if not view.rows or not view.columns:
        show_empty("Nothing matches", "Remove a filter above.", "filter_alt_off")
        return
    _show_legend(view.layer)
    pages = -(-len(view.rows) // ROWS_PER_PAGE)
    page = 1
    if pages > 1:
        page = st.pagination(pages, key="pricing_advisor_page", bind="query-params")
    rows = view.rows[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE]
    cells = to_cells(matrix, View(rows=rows, columns=view.columns, layer=view.layer))
    st.plotly_chart(
        amount_charts.heatmap(cells), key="pricing-advisor", config=plot_style.PLOT_CONFIG
    )
    show_source([("Spot Advisor", matrix.published_at)], session.now())
    _show_export(matrix, view)


def _ask_view(matrix: Heatmap) -> View:
    family_box, size_box, region_box, order_box, layer_box = st.columns(
        (3, 3, 4, 3, 4), vertical_alignment="bottom"
    )
    families = sorted({name.partition(".")[0] for name in matrix.instance_types})
    sizes = sorted({name.partition(".")[2] for name in matrix.instance_types}, key=_size_key)
    chosen_families = family_box.multiselect(
        "Family",
        families,
        key="pricing_advisor_family",
        bind="query-params",
        placeholder="All families",
    )
    chosen_sizes = size_box.multiselect(
        "Size", sizes, key="pricing_advisor_size", bind="query-params", placeholder="All sizes"
    )
    chosen_regions = region_box.multiselect(
        "Regions",
        matrix.regions,
        key="pricing_advisor_regions",
        bind="query-params",
        placeholder="All regions",
    )
    order = order_box.selectbox("Order", ORDERS, key="pricing_advisor_order", bind="query-params")
    layer = layer_box.segmented_control(
        "Show",
        LAYERS,
        default=LAYERS[0],
        required=True,
        key="pricing_advisor_layer",
        bind="query-params",
    )
    rows = select_types(matrix, families=chosen_families, sizes=chosen_sizes)
    columns = [
        index
        for index, region in enumerate(matrix.regions)
        if not chosen_regions or region in chosen_regions
    ]
    return View(
        rows=ordered(matrix, rows, columns, order or ORDERS[0]),
        columns=columns,
        layer=layer or LAYERS[0],
    )


def select_types(matrix: Heatmap, *, families: Sequence[str], sizes: Sequence[str]) -> list[int]:
    """The rows that the filters leave, in the natural order of their names."""
    rows = []
    for index, name in enumerate(matrix.instance_types):
        family, _, size = name.partition(".")
        if (not families or family in families) and (not sizes or size in sizes):
            rows.append(index)
    return sorted(rows, key=lambda index: _type_key(matrix.instance_types[index]))


def ordered(matrix: Heatmap, rows: list[int], columns: list[int], order: str) -> list[int]:
    """The rows in the order asked for, by their mean over the chosen regions.

    Types that are published nowhere there come last; equal ones keep their order.
    """
    if order == ORDERS[0] or not rows:
        return rows
    is_by_rate = order == ORDERS[1]
    table, unknown = (
        (matrix.bucket, UNKNOWN_BUCKET)
        if is_by_rate
        else (-matrix.savings_percent.astype(np.int32), -UNKNOWN_SAVINGS)
    )
    cells = table[np.ix_(rows, columns)].astype(np.float64)
    known = cells != unknown
    counts = known.sum(axis=1)
    means = np.where(known, cells, 0.0).sum(axis=1) / np.maximum(counts, 1)
    means[counts == 0] = np.inf
    return [rows[position] for position in np.argsort(means, kind="stable")]


def to_cells(matrix: Heatmap, view: View) -> amount_charts.Cells:
    """The chosen part of the matrix as a drawing; both layers stand in every hover."""
    buckets = matrix.bucket[np.ix_(view.rows, view.columns)]
    savings = matrix.savings_percent[np.ix_(view.rows, view.columns)]
    types = [matrix.instance_types[row] for row in view.rows]
    regions = [matrix.regions[column] for column in view.columns]
    is_rate = view.layer == LAYERS[0]
    unknown = UNKNOWN_BUCKET if is_rate else UNKNOWN_SAVINGS
    shown = (buckets if is_rate else savings).astype(np.float64)
    shown[shown == unknown] = np.nan
    texts = [
        [_cell_text(bucket, saving, is_rate) for bucket, saving in pairs]
        for pairs in _pairs(buckets.tolist(), savings.tolist())
    ]
    hovers = [
        [
            f"<b>{name}</b> in {region}<br>interrupted {_rate_text(bucket) or 'not published'}"
            f"<br>saves {_savings_text(saving) or 'not published'}"
            for region, (bucket, saving) in zip(regions, pairs, strict=True)
        ]
        for name, pairs in zip(types, _pairs(buckets.tolist(), savings.tolist()), strict=True)
    ]
    return amount_charts.Cells(
        rows=types,
        columns=regions,
        values=shown,
        texts=texts,
        hovers=hovers,
        scale=amount_charts.stepped_scale(amount_charts.BUCKET_COLORS)
        if is_rate
        else SAVINGS_SCALE,
        lowest=-0.5 if is_rate else 0,
        highest=4.5 if is_rate else 90,
    )


def _pairs(buckets: list[list[int]], savings: list[list[int]]) -> list[list[tuple[int, int]]]:
    return [
        list(zip(bucket_row, saving_row, strict=True))
        for bucket_row, saving_row in zip(buckets, savings, strict=True)
    ]


def _cell_text(bucket: int, saving: int, is_rate: bool) -> str:
    """What stands in a narrow cell: the percent sign is left to legend and hover."""
    return (_rate_text(bucket) if is_rate else _savings_text(saving)).removesuffix("%")


def _rate_text(bucket: int) -> str:
    if bucket == UNKNOWN_BUCKET:
        return ""
    return wording.INTERRUPTION_BUCKETS[InterruptionBucket(bucket)]


def _savings_text(saving: int) -> str:
    return "" if saving == UNKNOWN_SAVINGS else f"{saving}%"


def _show_legend(layer: str) -> None:
    if layer != LAYERS[0]:
        st.caption("Savings over on-demand as AWS publishes them; an empty cell is not published.")
        return
    chips = "".join(
        f'<span class="co-chip" style="background:{color};color:{ink}">{label}</span>'
        for color, ink, label in zip(
            amount_charts.BUCKET_COLORS,
            amount_charts.BUCKET_INK,
            wording.INTERRUPTION_BUCKETS.values(),
            strict=True,
        )
    )
    st.html(
        f'<div class="co-legend">Interrupted in the past month: {chips}'
        "<span>an empty cell is not published</span></div>"
    )


def _show_export(matrix: Heatmap, view: View) -> None:
    total = formatting.count_of(len(view.rows), "type")
    regions = formatting.count_of(len(view.columns), "region")
    st.download_button(
        f"CSV of {total} x {regions}",
        data=lambda: tables.to_csv(to_rows(matrix, view), COLUMNS).encode(),
        file_name="spot-advisor.csv",
        mime="text/csv",
        key="pricing-advisor-csv",
        icon=":material/download:",
        on_click="ignore",
    )


def to_rows(matrix: Heatmap, view: View) -> list[tables.Row]:
    """Every published cell of the view as one row."""
    return [
        {
            "instance_type": matrix.instance_types[row],
            "region": matrix.regions[column],
            "interruption_rate": _rate_text(int(matrix.bucket[row, column])),
            "savings": int(matrix.savings_percent[row, column]) / 100,
        }
        for row in view.rows
        for column in view.columns
        if matrix.bucket[row, column] != UNKNOWN_BUCKET
    ]


def _type_key(name: str) -> tuple[str, tuple[int, int, str]]:
    family, _, size = name.partition(".")
    return family, _size_key(size)


def _size_key(size: str) -> tuple[int, int, str]:
    """Sizes in their natural order: large, xlarge, 2xlarge, 12xlarge, metal."""
    if size in SIZE_ORDER:
        return SIZE_ORDER.index(size), 0, size
    multiple = size.removesuffix("xlarge")
    if multiple.isdigit():
        return len(SIZE_ORDER), int(multiple), size
    return len(SIZE_ORDER) + 1, 0, size
