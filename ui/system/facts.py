"""What a job's run found out, in words and with units."""

from collections.abc import Mapping

from engines.contracts.pricing import to_usd
from engines.contracts.results import DecisionType
from ui.components import formatting, wording

_MILLICORES = 1000
_TOLD_ELSEWHERE = {"seconds"}


def facts_in_words(facts: Mapping[str, object]) -> str:
    """The facts of a run in one line; how long it took has a column of its own."""
    return ", ".join(
        _said(name, value) for name, value in facts.items() if name not in _TOLD_ELSEWHERE
    )


def _said(name: str, value: object) -> str:
    words = name.replace("_", " ")
    if isinstance(value, Mapping):  # what belongs to one region or to the engines
        return f"{words} ({facts_in_words(value)})"
    if isinstance(value, bool):
        return words.removeprefix("is ") if value else f"not {words.removeprefix('is ')}"
    return _counted(name, words, value) if isinstance(value, int) else f"{words} {value}"


def _counted(name: str, words: str, value: int) -> str:
    """A whole number with the unit that its name stands for in the record of a run."""
    if name.startswith("cost_"):
        return f"{words} {formatting.money(to_usd(value))}/h"
    if name.startswith("cpu_"):
        return f"{words} {formatting.number(value / _MILLICORES, 1)} cores"
    if name.startswith(("memory_", "bytes_")):
        return f"{words} {formatting.data_size(value)}"
    if name in wording.DATA_KINDS:
        return f"{wording.data_kind(name)} {formatting.duration(value)} old"
    if name in set(DecisionType):
        return f"{wording.decision_type(name)} No. {value}"
    return f"{words} {value:,}"
