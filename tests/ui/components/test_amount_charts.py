"""Charts of amounts: each says its value in text, and nothing by colour alone."""

import numpy as np

from ui.components import amount_charts
from ui.components.amount_charts import Bar, Cells, Dumbbell
from ui.components.plot_style import RED


def test_bars_say_their_value_in_text_and_the_limit_is_drawn():
    figure = amount_charts.bar_chart(
        [Bar(label="a", value=0.3, text="30%", color=RED)],
        value_format=".0%",
        limit=0.2,
        limit_text="limit 20%",
    )

    assert list(figure.data[0].text) == ["30%"]
    assert figure.layout.shapes[0].x0 == 0.2
    assert figure.layout.annotations[0].text == "limit 20%"


def test_a_stepped_scale_gives_each_value_its_own_flat_colour():
    assert amount_charts.stepped_scale(["red", "blue"]) == [
        [0.0, "red"],
        [0.5, "red"],
        [0.5, "blue"],
        [1.0, "blue"],
    ]


def test_a_heatmap_has_its_first_row_on_top_and_a_hover_for_each_cell():
    figure = amount_charts.heatmap(
        Cells(
            rows=["a", "b"],
            columns=["x"],
            values=np.array([[0.0], [np.nan]]),
            texts=[["<5"], [""]],
            hovers=[["a in x"], ["b in x"]],
            scale=amount_charts.stepped_scale(amount_charts.BUCKET_COLORS),
            lowest=-0.5,
            highest=4.5,
        )
    )

    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.data[0].customdata[1][0] == "b in x"


def test_a_dumbbell_joins_both_prices_and_names_the_saving():
    figure = amount_charts.dumbbell_chart(
        [Dumbbell(label="m5.large", low=0.04, high=0.1, text="60%")],
        low_name="cheapest Spot",
        high_name="on-demand",
    )

    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0.04, 0.1)
    assert figure.data[1].text[0].strip() == "60%"
