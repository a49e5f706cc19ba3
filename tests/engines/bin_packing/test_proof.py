"""The engine does not stand by a placement that the independent checker objects to."""

import dataclasses

import numpy as np
import pytest

from engines.bin_packing.decision import decide
from engines.bin_packing.engine import _verify
from engines.bin_packing.parameters import read_parameters
from engines.bin_packing.proof import objections
from engines.bin_packing.reasons import RefusalReason
from engines.bin_packing.situation import Refusal, read_situation
from engines.contracts.results import DecisionType
from engines.placement_check import PlacementRule
from tests.builders import a_node, a_pod, a_request, a_state
from tests.engines.bin_packing.builders import MARKET


@pytest.fixture
def decision():
    """node-a goes, its pod of 1.5 vCPU to node-b; node-c has 1 vCPU left."""
    state = a_state(
        a_node("node-a"),
        a_node("node-b"),
        a_node("node-c"),
        a_pod("web-1", on="node-a", cpu=1.5),
        a_pod("web-2", on="node-b", cpu=2),
        a_pod("web-3", on="node-c", cpu=3),
        **MARKET,
    )
    request = a_request(state, decision_type=DecisionType.BIN_PACK)
    return decide(read_situation(request, read_parameters(request)))


def sent_to(decision, node):
    """The same decision with every moving pod on another node."""
    target = np.full_like(decision.packing.target, node)
    return dataclasses.replace(decision, packing=decision.packing._replace(target=target))


def test_what_the_search_found_passes(decision):
    assert objections(decision) == ()
    _verify(decision)


def test_a_pod_on_a_full_node_is_refused(decision):
    wrong = sent_to(decision, 2)

    assert [one.rule for one in objections(wrong)] == [PlacementRule.RESOURCES]
    with pytest.raises(Refusal, match="shop/web-1 on node-c") as refused:
        _verify(wrong)
    assert refused.value.reason is RefusalReason.PLACEMENT_NOT_VERIFIED


def test_a_pod_on_a_node_that_goes_is_refused(decision):
    wrong = sent_to(decision, 0)

    assert [one.rule for one in objections(wrong)] == [PlacementRule.UNKNOWN_NODE]


def test_a_pod_that_is_forgotten_is_refused(decision):
    packing = decision.packing._replace(
        movers=decision.packing.movers[:0], target=decision.packing.target[:0]
    )

    found = objections(dataclasses.replace(decision, packing=packing))

    assert [one.rule for one in found] == [PlacementRule.LEFT_BEHIND]
