"""docs/engines.md knows every parameter, every default and every reason code of the engines."""

import re
from pathlib import Path

import msgspec
import pytest

from engines.spot_optimizer import PARAMETERS
from engines.spot_optimizer.candidates import PoolReason
from engines.spot_optimizer.decision import ClusterReason, KeptReason
from engines.spot_optimizer.nodes import NodeReason
from engines.spot_optimizer.situation import RefusalReason

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", DOCUMENT, re.MULTILINE))
WORDS = {"None": "not set", "()": "none", "True": "true", "False": "false"}


def test_the_table_lists_each_parameter_with_its_default():
    fields = {field.name: field.default for field in msgspec.structs.fields(PARAMETERS)}

    assert {name: WORDS.get(str(default), str(default)) for name, default in fields.items()} == ROWS


@pytest.mark.parametrize(
    "reasons",
    [RefusalReason, ClusterReason, KeptReason, PoolReason, NodeReason],
    ids=lambda one: one.__name__,
)
def test_each_reason_code_is_listed(reasons):
    missing = [reason.value for reason in reasons if f"`{reason.value}`" not in DOCUMENT]

    assert missing == []
