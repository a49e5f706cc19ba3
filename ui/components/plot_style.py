"""What all charts share: the product's colours, legible in the light and the dark theme.

Colours differ in lightness as well as in hue, and what a colour says is also said by text.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # plotly takes a third of a second to import
    from plotly.graph_objects import Figure

GREEN, BLUE, YELLOW, RED, GRAY = "#0d8a68", "#2f6fe4", "#d99a00", "#d0432a", "#8492a6"

KEPT_FIGURES = 128  # making one takes Plotly about 10 ms; they are drawn, and never changed
PLOT_CONFIG = {"displayModeBar": False, "responsive": True}


def empty_figure(height: int) -> "Figure":
    """An empty figure with the layout that all charts share."""
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 26, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0, "title": None},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure
