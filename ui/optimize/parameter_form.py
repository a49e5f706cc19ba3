"""A form for the parameters of any engine, made from the engine's own definition.

Only what differs from the defaults is sent. Plain values stand in the address, so a pasted link
asks the same question; lists and objects are written as JSON.
"""

import json
from typing import Any

import streamlit as st

from engines.contracts.results import DecisionType
from services.errors import InvalidInputError
from services.workflows.engine_parameters import Parameter, ParameterKind, describe_parameters
from ui.components import wording

COLUMNS = 4


def ask_parameters(decision_type: DecisionType) -> dict[str, Any]:
    """Draw the form; what was asked beyond the defaults. Raises InvalidInputError for bad JSON."""
    parameters = describe_parameters(decision_type)
    plain = [one for one in parameters if one.kind is not ParameterKind.JSON]
    plain.sort(key=lambda one: one.kind is ParameterKind.FLAG)  # switches stand beside switches
    asked = {}
    for row in (plain[at : at + COLUMNS] for at in range(0, len(plain), COLUMNS)):
        for column, one in zip(st.columns(COLUMNS, vertical_alignment="bottom"), row, strict=False):
            with column:
                asked[one.name] = _ask(one, f"optimize_{decision_type}_{one.name}")
    with st.expander("Lists and ledgers, as JSON", key=f"optimize-json-{decision_type}"):
        names = ", ".join(f"`{one.name}`" for one in parameters if one not in plain)
        text = st.text_area(
            f"One object; it may hold {names}",
            key=f"optimize_{decision_type}_json",
            placeholder="{}",
            height=120,
        )
    defaults = {one.name: one.default for one in plain}
    given = {
        name: value
        for name, value in asked.items()
        if value not in (None, "") and value != defaults[name]
    }
    return given | _parsed(text)


def _ask(one: Parameter, key: str) -> Any:
    """The widget of one plain parameter."""
    label = wording.parameter(one.name)
    common: dict[str, Any] = {"key": key, "help": one.meaning, "bind": "query-params"}
    match one.kind:
        case ParameterKind.FLAG:
            return st.toggle(label, bool(one.default), **common)
        case ParameterKind.CHOICE:
            chosen = one.choices.index(str(one.default)) if one.default is not None else None
            return st.selectbox(label, one.choices, index=chosen, placeholder="Auto", **common)
        case ParameterKind.TEXT:
            return st.text_input(label, one.default or "", placeholder="Auto", **common)
        case _:
            return _ask_number(label, one, common)


def _ask_number(label: str, one: Parameter, common: dict[str, Any]) -> float | int | None:
    as_number = int if one.kind is ParameterKind.INTEGER else float
    return st.number_input(
        label,
        min_value=None if one.minimum is None else as_number(one.minimum),
        max_value=None if one.maximum is None else as_number(one.maximum),
        value=None if one.default is None else as_number(one.default),
        step=as_number(1) if one.kind is ParameterKind.INTEGER else None,
        placeholder="Auto",
        **common,
    )


def _parsed(text: str | None) -> dict[str, Any]:
    if not (text or "").strip():
        return {}
    try:
        value = json.loads(text or "")
    except json.JSONDecodeError as error:
        raise InvalidInputError(
            "parameters",
            f"are no JSON: {error.msg} at character {error.pos}",
            next_step='write one object, such as {"first_seen": {"i-0abc": "2026-11-01"}}',
        ) from error
    if not isinstance(value, dict):
        raise InvalidInputError(
            "parameters", "are not one JSON object", next_step="put them between { and }"
        )
    return value
