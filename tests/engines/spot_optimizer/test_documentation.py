"""docs/engines.md names every parameter and every code of the Spot optimizer."""

import re
from pathlib import Path

import pytest

from engines.contracts.verdict import SafetyLimits
from engines.spot_optimizer import PARAMETERS
from engines.spot_optimizer.candidates import PoolReason
from engines.spot_optimizer.decision import ClusterReason, KeptReason
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.situation import RefusalReason

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "engines.md").read_text()
PARAMETER_TABLE = TEXT.partition("### Parameters")[2].partition("###")[0]
CODES = set(re.findall(r"`([a-z_]+)`", TEXT))
SOURCE = (ROOT / "engines" / "spot_optimizer" / "evidence.py").read_text()


@pytest.mark.parametrize("name", PARAMETERS.__struct_fields__)
def test_every_parameter_stands_in_the_table(name):
    assert re.search(rf"\b{name}\b", PARAMETER_TABLE)


@pytest.mark.parametrize("name", SafetyLimits.__struct_fields__)
def test_every_limit_is_named(name):
    assert name in PARAMETER_TABLE


@pytest.mark.parametrize(
    "code", [*PoolReason, *NodeReason, *ClusterReason, *KeptReason, *RefusalReason]
)
def test_every_reason_code_is_named(code):
    assert code in CODES


@pytest.mark.parametrize("code", re.findall(r'code="([a-z_]+)"', SOURCE))
def test_every_warning_is_named(code):
    assert code in CODES
