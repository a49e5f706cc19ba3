"""docs/engines.md knows every engine, and its parameters, defaults, limits and codes."""

import importlib
import re
from pathlib import Path

import msgspec
import pytest

from engines.contracts.verdict import SafetyLimits
from services.workflows.decide import ENGINES

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = re.split(
    r"^## ", (ROOT / "docs" / "engines.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
WORDS = {"None": "not set", "()": "none", "{}": "none", "True": "true", "False": "false"}
WARNINGS = re.findall(
    r'code="([a-z_]+)"', (ROOT / "engines" / "spot_optimizer" / "evidence.py").read_text()
)

engines = pytest.mark.parametrize(("decision_type", "engine"), ENGINES.items(), ids=list(ENGINES))


def _section(decision_type: str) -> str:
    (found,) = (one for one in SECTIONS if f"`{decision_type}`" in one.partition("\n")[0])
    return found


def _default(field: msgspec.structs.FieldInfo) -> str:
    factory = field.default_factory
    value = field.default if factory is msgspec.NODEFAULT else factory()
    if isinstance(value, tuple) and value:
        return ", ".join(map(str, value))
    return WORDS.get(str(value), str(value))


@engines
def test_the_table_lists_each_parameter_with_its_default(decision_type, engine):
    table = _section(decision_type).partition("### Parameters")[2].partition("###")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| .+ \|$", table, re.MULTILINE))

    assert {one.name: _default(one) for one in msgspec.structs.fields(engine.parameters)} == rows


@engines
def test_each_reason_code_is_listed(decision_type, engine):
    package = importlib.import_module(f"engines.{engine.name}")
    codes = [reason.value for reasons in package.REASONS for reason in reasons]

    assert codes
    assert [code for code in codes if f"`{code}`" not in _section(decision_type)] == []


@engines
def test_each_warning_is_listed(decision_type, engine):
    package = importlib.import_module(f"engines.{engine.name}")
    codes = [warning.value for warning in getattr(package, "WARNINGS", ())]

    assert [code for code in codes if f"`{code}`" not in _section(decision_type)] == []


def test_each_warning_of_the_spot_optimizer_is_listed():
    assert len(WARNINGS) > 5
    assert [code for code in WARNINGS if f"`{code}`" not in _section("spot_optimize")] == []


@pytest.mark.parametrize("limit", msgspec.structs.fields(SafetyLimits), ids=lambda one: one.name)
def test_every_safety_limit_is_named(limit):
    assert f"`{limit.name}`" in _section("spot_optimize")
