"""A risk score taken apart: weight x value of each part, and what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from engines import risk
from ui.components import amount_charts, plot_style, wording

WEIGHTS = {
    "public_rate": risk.PUBLIC_RATE_WEIGHT,
    "volatility": risk.VOLATILITY_WEIGHT,
    "gap": risk.GAP_WEIGHT,
    "time": risk.TIME_WEIGHT,
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a score: its code, its value 0..1, and what it rests on."""

    code: str
    value: float
    measured: str = ""


def show_parts(parts: Sequence[Part], *, key: str) -> None:
    """A bar for each part, as long as what it adds to the score."""
    figure = amount_charts.bar_chart(
        [_bar(part) for part in parts], value_format=".2f", text_room=1.9
    )
    st.plotly_chart(figure, key=key, config=plot_style.PLOT_CONFIG)


def _bar(part: Part) -> amount_charts.Bar:
    weight = WEIGHTS[part.code]
    added = f"{weight:.2f} x {part.value:.3f} = {weight * part.value:.3f}"
    return amount_charts.Bar(
        label=wording.RISK_COMPONENTS[part.code],
        value=weight * part.value,
        text=f"{added} · {part.measured}" if part.measured else added,
        color=plot_style.BLUE,
    )
