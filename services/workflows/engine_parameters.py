"""What an engine can be asked: its parameters with kind, default, limits and meaning.

Screens build their forms from this, so that no engine's parameters are written down twice.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any, cast

import msgspec

from engines.contracts.results import DecisionType
from services.workflows.decide import engine_for


class ParameterKind(StrEnum):
    """How a value is asked for. ``json``: a list or an object, written as JSON."""

    FLAG = "flag"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    JSON = "json"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter. ``default`` None: the engine works it out or leaves it out."""

    name: str
    kind: ParameterKind
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


_KINDS: tuple[tuple[type[msgspec.inspect.Type], ParameterKind], ...] = (
    (msgspec.inspect.BoolType, ParameterKind.FLAG),
    (msgspec.inspect.IntType, ParameterKind.INTEGER),
    (msgspec.inspect.FloatType, ParameterKind.NUMBER),
    (msgspec.inspect.StrType, ParameterKind.TEXT),
)


def describe_parameters(decision_type: DecisionType) -> tuple[Parameter, ...]:
    """The parameters of the engine of a decision type, in the order of its definition."""
    parameters = engine_for(decision_type).parameters
    meanings = dict(_meanings(parameters))
    info = cast("msgspec.inspect.StructType", msgspec.inspect.type_info(parameters))
    return tuple(_described(field, meanings.get(field.name, "")) for field in info.fields)


def _described(field: msgspec.inspect.Field, meaning: str) -> Parameter:
    kind, choices, limits = _kind_of(_without_none(field.type))
    return Parameter(
        name=field.name,
        kind=kind,
        default=_default(field),
        meaning=meaning,
        choices=choices,
        minimum=limits[0],
        maximum=limits[1],
    )


def _default(field: msgspec.inspect.Field) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _without_none(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """The type of a value where one is given."""
    if isinstance(kind, msgspec.inspect.UnionType):
        given = [one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)]
        if len(given) == 1:
            return given[0]
    return kind


def _kind_of(
    kind: msgspec.inspect.Type,
) -> tuple[ParameterKind, tuple[str, ...], tuple[float | None, float | None]]:
    """Kind, choices, and the least and greatest value allowed."""
    if isinstance(kind, msgspec.inspect.LiteralType):
        return ParameterKind.CHOICE, tuple(map(str, kind.values)), (None, None)
    if isinstance(kind, msgspec.inspect.EnumType):
        return ParameterKind.CHOICE, tuple(str(one.value) for one in kind.cls), (None, None)
    for one, name in _KINDS:
        if isinstance(kind, one):
            low = getattr(kind, "ge", None)
            if low is None:
                low = getattr(kind, "gt", None)
            return name, (), (low, getattr(kind, "le", None))
    return ParameterKind.JSON, (), (None, None)


def _meanings(parameters: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The texts that stand below the fields in the source: name, meaning."""
    source = ast.parse(textwrap.dedent(inspect.getsource(parameters)))
    body = cast("ast.ClassDef", source.body[0]).body
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            yield field.target.id, " ".join(str(text.value.value).split())
