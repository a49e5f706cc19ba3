"""Evidence in words: the unit goes from the name to the value, times into the viewer's zone."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ui.components.facts import Facts, in_prose, in_short, label_of, read_facts, write

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("before_usd_per_hour", 9.714, "$9.7140/h"),
        ("usd_per_hour", 0, "$0/h"),
        ("usd_month", Decimal("12.337"), "$12.34/month"),
        ("cross_zone_bytes_per_day", 190_000_000_000, "190 GB/day"),
        ("slope_bytes_per_hour", -2_621_440, "-2.5 MiB/hour"),
        ("memory_limit_bytes", 2_415_919_104, "2.25 GiB"),  # 2.25 x 1,073,741,824
        ("memory_limit_bytes", 512, "512 B"),
        ("cpu_request_millicores", 940, "0.94 vCPU"),
        ("span_hours", 24.0, "24 h"),
        ("kills_older_than_24_hours", 7, "7"),
        ("price_age_seconds", 7_300, "2 hours"),
        ("share_of_allocatable", 0.487, "48.7%"),
        ("gap", 0.0, "0.0%"),
        ("headroom_percent", 10.0, "10%"),
        ("vcpu", 158.642, "158.6 vCPU"),
        ("ratio", 1.049567, "1.05"),
        ("samples", 12_345, "12,345"),
        ("is_base_known", True, "yes"),
        ("capped_by", None, "—"),
        ("newest_at", "2026-11-21T08:27:41.423787+00:00", "21 Nov 2026, 09:27"),
        ("pools", [], "none"),
        ("zones", ["a", "b"], "a, b"),
    ],
)
def test_a_value_is_written_with_the_unit_that_its_name_says(name, value, text):
    assert write(name, value, BERLIN) == text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("usd_per_hour", "Price"),
        ("after_usd_per_hour", "After"),
        ("cpu_request_millicores", "CPU request"),
        ("is_base_known", "Base known"),
        ("p95_millicores", "CPU, 95th percentile"),
        ("shop/inventory-1", "shop/inventory-1"),
    ],
)
def test_a_label_says_what_it_is_without_the_unit(name, label):
    assert label_of(name) == label


def test_long_lists_name_the_first_eight():
    names = [f"node-{number}" for number in range(10)]

    assert write("nodes", names, BERLIN).endswith("node-7 and 2 more")


def test_what_is_nested_has_its_title_and_the_unit_of_its_owner():
    read = read_facts({"samples": 3, "usd_month_by_level": {"node": 12.337}}, BERLIN)

    assert read.lines == (("Samples", "3"),)
    assert read.nested == (
        ("By level", Facts(lines=(("Node", "$12.34/month"),), lists=(), nested=())),
    )


def test_a_list_of_objects_becomes_rows():
    read = read_facts(
        {"kills": [{"pod": "web-1", "time": "2026-11-21T05:21:12Z", "limit_bytes": 1_073_741_824}]},
        BERLIN,
    )

    assert read.lists == (
        ("Kills", ({"Pod": "web-1", "Time": "21 Nov 2026, 06:21", "Limit": "1 GiB"},)),
    )


def test_in_short_leaves_out_what_is_not_known_or_nested():
    values = {"usd_per_hour": 0.096, "limit": None, "launch": [{"count": 1}], "cpu_millicores": 500}

    assert in_short(values, BERLIN) == "price $0.0960/h, CPU 0.5 vCPU"


def test_a_sentence_gets_local_times_large_sizes_and_codes_as_words():
    told = in_prose(
        "i-1 was first seen 2026-11-21T08:27:41.423787+00:00, offers 3265265664 bytes "
        "(also do_not_disrupt); raise utilization_threshold",
        BERLIN,
    )

    assert told == (
        "i-1 was first seen 21 Nov 2026, 09:27, offers 3.04 GiB (also do not disrupt); "
        "raise utilization_threshold"
    )
