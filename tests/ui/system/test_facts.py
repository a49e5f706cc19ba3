"""What a job found out is told in words and with units."""

import pytest

from ui.system.facts import facts_in_words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"nodes": 40, "seconds": 3.9}, "nodes 40"),
        ({"is_changed": False}, "not changed"),
        ({"is_unchanged": True}, "unchanged"),
        ({"cost_total": 9_714_800}, "cost total $9.71/h"),
        ({"cpu_allocatable": 224_660}, "cpu allocatable 224.7 cores"),
        ({"bytes_read": 1_572_864}, "bytes read 1.5 MiB"),
        ({"spot_prices": 240}, "Spot prices 4 minutes old"),
        ({"decisions": {"bin_pack": 2}}, "decisions (Bin packing No. 2)"),
        ({"us-east-1": {"read": 15_941}}, "us-east-1 (read 15,941)"),
        ({"status": "degraded"}, "status degraded"),
    ],
)
def test_every_fact_carries_its_unit(facts, words):
    assert facts_in_words(facts) == words
