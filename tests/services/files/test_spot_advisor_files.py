"""Spot Advisor files: AWS's shape, its changes, and the CSV form."""

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import AdvisorRate, InterruptionBucket, OperatingSystem
from services.files.reading import DroppedRows
from services.files.spot_advisor import AdvisorSize, read_spot_advisor
from tests.services.files.market_texts import ADVISOR_RANGES, advisor_json, packed, source

CSV = (
    "region,os,instance_type,savings_pct,interruption_bucket\n"
    "us-east-1,Linux,m5.large,62,0\n"
    "us-east-1,Linux,p5.48xlarge,-62,4\n"
    "us-east-1,Windows,m5.large,31,1\n"
    "eu-west-1,Linux,m5.large,55,2\n"
)


def rate(region, system, instance_type, bucket, savings):
    return AdvisorRate(
        region=region,
        operating_system=OperatingSystem(system),
        instance_type=instance_type,
        interruption_bucket=InterruptionBucket(bucket),
        savings_percent=savings,
    )


RATES = (
    rate("eu-west-1", "Linux", "m5.large", 2, 55),
    rate("us-east-1", "Linux", "m5.large", 0, 62),
    rate("us-east-1", "Linux", "p5.48xlarge", 4, -62),
    rate("us-east-1", "Windows", "m5.large", 1, 31),
)


@pytest.mark.parametrize("text", [advisor_json(), packed(advisor_json()), CSV])
def test_rates_of_both_systems_are_read_and_negative_savings_kept(text):
    reading = read_spot_advisor(source(text))

    assert reading.data.rates == RATES
    assert reading.rows_read == 4
    assert reading.regions == ("eu-west-1", "us-east-1")
    assert reading.as_of is None


def test_the_sizes_of_the_types_are_read():
    reading = read_spot_advisor(source(advisor_json()))

    assert reading.data.sizes == {"m5.large": AdvisorSize(cores=2, ram_gb=8.0)}


def test_the_label_says_ten_percent_and_the_max_eleven():
    """The published max of the second range is 11, its label 5-10%: both are kept to."""
    with pytest.raises(InvalidInputError, match="the ranges are"):
        read_spot_advisor(source(advisor_json(ranges=ADVISOR_RANGES.replace("11", "10"))))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (advisor_json(ranges=ADVISOR_RANGES.replace('">20%"', '">25%"')), "the ranges are"),
        (advisor_json(ranges="[]"), "the ranges are"),
        (advisor_json(rates="{}"), "it holds no rates"),
        (advisor_json(rates='{"us-east-1": {"Linux": {}}}'), "it holds no rates"),
        (advisor_json(rates="[]"), "Expected `object`"),
        (advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": 1}}}}'), "field `r`"),
        (
            advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": 1, "r": 5}}}}'),
            "range 5 is none of the five",
        ),
        (
            advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": 1, "r": -1}}}}'),
            "range -1 is none of the five",
        ),
        (
            advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": 101, "r": 0}}}}'),
            "savings of 101 % cannot be",
        ),
        (
            advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": "1", "r": 0}}}}'),
            "Expected `int`",
        ),
        (
            advisor_json(rates='{"USA": {"Linux": {"m5.large": {"s": 1, "r": 0}}}}'),
            "is not a region's code",
        ),
        (
            advisor_json(rates='{"us-east-1": {"Linux": {"=x": {"s": 1, "r": 0}}}}'),
            "is not the name of an instance type",
        ),
        ('{"spot_advisor": {}}', "not the Spot Advisor file as it is known"),
    ],
)
def test_a_changed_shape_or_an_empty_file_is_refused(text, reason):
    with pytest.raises(InvalidInputError) as refused:
        read_spot_advisor(source(text))

    assert reason in refused.value.reason
    assert "the data that are stored stay" in refused.value.next_step


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("{}", "holds no Spot Advisor rates"),
        ("[]", "holds no Spot Advisor rates"),
        (advisor_json()[:-20], "not valid JSON"),
        (CSV.replace("62,0", "62,5"), "line 2: interruption_bucket '5' range 5 is none"),
        (CSV.replace("62,0", "62,0.5"), "line 2: interruption_bucket '0.5' is not a whole"),
        (CSV.replace(",62,0", ",x,0"), "line 2: savings_percent 'x' is not a whole number"),
        (CSV.replace("Windows", "BeOS"), "line 4: operating_system 'BeOS' is none of Linux"),
        (CSV + "us-east-1,Linux,m5.large,61,0\n", "line 6: an earlier row says otherwise"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(text, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read_spot_advisor(source(text))


def test_savings_up_to_one_hundred_percent_are_believed():
    text = advisor_json(rates='{"us-east-1": {"Linux": {"m5.large": {"s": 100, "r": 0}}}}')

    assert read_spot_advisor(source(text)).data.rates[0].savings_percent == 100


def test_a_system_that_no_decision_uses_is_counted_and_left_out():
    rates = (
        '{"us-east-1": {"Linux": {"m5.large": {"s": 1, "r": 0}},'
        ' "Mac": {"mac2.metal": {"s": 1, "r": 0}, "mac1.metal": {"s": 1, "r": 0}}}}'
    )

    reading = read_spot_advisor(source(advisor_json(rates=rates)))

    assert reading.rows_read == 3
    assert len(reading.data.rates) == 1
    assert reading.dropped == (
        DroppedRows(reason="operating system 'Mac' is not known", count=2, first_line=1),
    )


def test_repeated_rows_of_a_table_are_counted_once():
    reading = read_spot_advisor(source(CSV + CSV.splitlines()[1] + "\n"))

    assert reading.rows_read == 5
    assert reading.rows_dropped == 1
    assert reading.data.rates == RATES
