"""The band in which a price is believed."""

from decimal import Decimal

from services.files.price_band import bundled_on_demand, price_band

KNOWN = {"m5.large": Decimal("0.10")}


def limits(instance_type, product="Linux/UNIX", known=KNOWN):
    band = price_band(instance_type, product, known)
    return band.low_micro_usd, band.high_micro_usd


def test_a_known_type_lies_between_a_hundredth_and_twenty_times_on_demand():
    """0.10 / 100 = 0.001 USD; 0.10 x 20 = 2 USD."""
    assert limits("m5.large") == (1_000, 2_000_000)


def test_an_unknown_type_is_judged_by_its_size():
    """2xlarge = 16 units: 16 x 0.0001 = 0.0016 USD; 16 x 2 = 32 USD."""
    assert limits("x9.2xlarge") == (1_600, 32_000_000)


def test_an_unknown_size_may_cost_what_the_dearest_machine_costs():
    assert limits("x9.metal") == (100, 500_000_000)


def test_a_licence_adds_to_the_upper_end_only():
    """2 USD + 0.40 + 4 units x 0.05 = 2.60 USD."""
    assert limits("m5.large", "SUSE Linux") == (1_000, 2_600_000)
    assert limits("m5.large", "Windows") == (1_000, 2_600_000)


def test_plain_linux_has_several_names_and_no_licence():
    assert limits("m5.large", "Linux/UNIX (Amazon VPC)") == (1_000, 2_000_000)
    assert limits("m5.large", "Linux") == (1_000, 2_000_000)


def test_the_reason_says_what_the_band_is_made_of():
    known = price_band("m5.large", "Linux/UNIX", KNOWN).reason
    unknown = price_band("x9.large", "Linux/UNIX", KNOWN).reason

    assert "between 0.001 and 2 USD an hour (m5.large costs 0.1 USD on-demand)" in known
    assert "between 0.0004 and 8 USD an hour (no instance type of the size of x9" in unknown


def test_the_bundled_catalogue_knows_common_types():
    assert bundled_on_demand()["m5.large"] == Decimal("0.0960")
