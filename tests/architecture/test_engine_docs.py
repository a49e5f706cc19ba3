"""docs/engines.md knows every parameter, default, limit and code of the engines."""

import re
from pathlib import Path

import msgspec
import pytest

from engines.contracts.verdict import SafetyLimits
from engines.spot_optimizer import PARAMETERS
from engines.spot_optimizer.candidates import PoolReason
from engines.spot_optimizer.decision import ClusterReason, KeptReason
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.situation import RefusalReason

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "engines.md").read_text()
SPOT = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1]
PARAMETER_TABLE = SPOT.partition("### Parameters")[2].partition("###")[0]
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", PARAMETER_TABLE, re.MULTILINE))
WORDS = {"None": "not set", "()": "none", "True": "true", "False": "false"}
WARNINGS = re.findall(
    r'code="([a-z_]+)"', (ROOT / "engines" / "spot_optimizer" / "evidence.py").read_text()
)


def test_the_table_lists_each_parameter_with_its_default():
    fields = {field.name: field.default for field in msgspec.structs.fields(PARAMETERS)}

    assert {name: WORDS.get(str(default), str(default)) for name, default in fields.items()} == ROWS


@pytest.mark.parametrize("limit", msgspec.structs.fields(SafetyLimits), ids=lambda one: one.name)
def test_every_safety_limit_is_named(limit):
    assert f"`{limit.name}`" in PARAMETER_TABLE


@pytest.mark.parametrize(
    "reasons",
    [RefusalReason, ClusterReason, KeptReason, PoolReason, NodeReason],
    ids=lambda one: one.__name__,
)
def test_each_reason_code_is_listed(reasons):
    assert [reason.value for reason in reasons if f"`{reason.value}`" not in SPOT] == []


def test_each_warning_is_listed():
    assert len(WARNINGS) > 5
    assert [code for code in WARNINGS if f"`{code}`" not in SPOT] == []
