"""Describe calls: pages, dry runs, and the types that the pretend region offers."""

import pytest

from tests.sandbox.aws.asking import a_launch, instances_of, refusal

PAGED = {
    "describe_instances": lambda page: [one["InstanceId"] for one in instances_of(page)],
    "describe_volumes": lambda page: [one["VolumeId"] for one in page["Volumes"]],
    "describe_snapshots": lambda page: [one["SnapshotId"] for one in page["Snapshots"]],
    "describe_launch_templates": lambda page: [
        one["LaunchTemplateId"] for one in page["LaunchTemplates"]
    ],
    "describe_instance_types": lambda page: [one["InstanceType"] for one in page["InstanceTypes"]],
}


@pytest.mark.parametrize("operation", PAGED)
def test_pages_hold_at_most_what_was_asked_for_and_together_everything(ec2, operation):
    ids_of = PAGED[operation]
    whole = ids_of(getattr(ec2, operation)())

    pages = list(ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 7}))

    assert all(len(ids_of(page)) <= 7 for page in pages)
    assert sorted(one for page in pages for one in ids_of(page)) == sorted(whole)
    assert len(whole) == len(set(whole)) > 7


def test_a_reservation_larger_than_the_page_stays_whole(scenario, ec2):
    for count in (1, 6, 1):
        asked = a_launch(scenario, InstanceType="c7i.large", MinCount=count, MaxCount=count)
        ec2.run_instances(**asked)

    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-type", "Values": ["c7i.large"]}],
        PaginationConfig={"PageSize": 5},
    )

    assert [len(instances_of(page)) for page in pages] == [1, 6, 1]


def test_a_filter_that_finds_nothing_finds_nothing(ec2):
    asked = [{"Name": "instance-type", "Values": ["c7g.large"]}]

    assert ec2.describe_instances(Filters=asked)["Reservations"] == []


def test_an_unknown_filter_is_refused(ec2):
    asked = [{"Name": "colour", "Values": ["blue"]}]

    assert refusal(ec2.describe_instances, Filters=asked) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize("size", [4, 1001])
def test_page_sizes_beyond_the_limits_are_refused(ec2, size):
    assert refusal(ec2.describe_instances, MaxResults=size) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize("size", [5, 1000])
def test_page_sizes_at_the_limits_are_taken(ec2, size):
    assert len(instances_of(ec2.describe_instances(MaxResults=size))) == min(size, 49)


def test_ids_and_page_size_do_not_go_together(scenario, ec2):
    asked = {"InstanceIds": [scenario.node_ids[0]], "MaxResults": 5}

    assert refusal(ec2.describe_instances, **asked) == ("InvalidParameterCombination", 400)


def test_a_token_of_another_question_is_refused(ec2):
    token = ec2.describe_instances(MaxResults=5)["NextToken"]
    other = {"Filters": [{"Name": "instance-state-name", "Values": ["stopped"]}]}

    assert refusal(ec2.describe_instances, MaxResults=5, NextToken=token, **other) == (
        "InvalidNextToken",
        400,
    )


def test_filters_go_together_with_pages(ec2):
    asked = [{"Name": "tag:eks:nodegroup-name", "Values": ["general"]}]

    pages = list(
        ec2.get_paginator("describe_instances").paginate(
            Filters=asked, PaginationConfig={"PageSize": 5}
        )
    )

    assert [len(instances_of(page)) for page in pages] == [5, 5, 2]


def test_the_region_offers_the_types_of_the_catalogue_and_no_others(ec2):
    types = ec2.describe_instance_types()["InstanceTypes"]
    by_name = {one["InstanceType"]: one for one in types}

    assert len(by_name) == 72
    assert by_name["m5.large"]["VCpuInfo"]["DefaultVCpus"] == 2
    assert by_name["m5.large"]["MemoryInfo"]["SizeInMiB"] == 8192
    assert refusal(ec2.describe_instance_types, InstanceTypes=["zz.large"]) == (
        "InvalidInstanceType",
        400,
    )


def test_each_zone_offers_each_type_but_the_old_one(ec2):
    """72 types in 5 of 6 zones: us-east-1e has none of them, as in the real region."""
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", PaginationConfig={"PageSize": 100}
    )
    offerings = [one for page in pages for one in page["InstanceTypeOfferings"]]

    assert len(offerings) == 72 * 5
    assert {one["Location"] for one in offerings} == {f"us-east-1{one}" for one in "abcdf"}


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("region", ["us-east-1"]),
        ("availability-zone", [f"us-east-1{one}" for one in "abcdf"]),
        ("availability-zone-id", ["use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"]),
    ],
)
def test_offerings_name_places_as_they_are_asked_for(ec2, kind, places):
    answer = ec2.describe_instance_type_offerings(
        LocationType=kind, Filters=[{"Name": "instance-type", "Values": ["m5.large"]}]
    )

    offerings = answer["InstanceTypeOfferings"]
    assert sorted(one["Location"] for one in offerings) == places
    assert {(one["InstanceType"], one["LocationType"]) for one in offerings} == {("m5.large", kind)}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("describe_instances", {}),
        ("describe_volumes", {}),
        ("describe_snapshots", {}),
        ("describe_spot_price_history", {}),
        ("describe_instance_types", {}),
        ("describe_availability_zones", {}),
        ("terminate_instances", {"InstanceIds": ["i-00000000000000000"]}),
        ("create_snapshot", {"VolumeId": "vol-00000000000000000"}),
        ("delete_volume", {"VolumeId": "vol-00000000000000000"}),
        ("create_tags", {"Resources": ["i-0"], "Tags": [{"Key": "a", "Value": "b"}]}),
    ],
)
def test_a_dry_run_of_any_call_says_that_it_would_have_succeeded(ec2, operation, parameters):
    call = getattr(ec2, operation)

    assert refusal(call, DryRun=True, **parameters) == ("DryRunOperation", 412)


def test_a_dry_run_of_a_launch_is_checked_and_launches_nothing(scenario, ec2):
    before = len(instances_of(ec2.describe_instances()))

    good = refusal(ec2.run_instances, **a_launch(scenario, DryRun=True))
    bad = refusal(ec2.run_instances, **a_launch(scenario, DryRun=True, InstanceType="zz.large"))

    assert good == ("DryRunOperation", 412)
    assert bad == ("InvalidParameterValue", 400)
    assert len(instances_of(ec2.describe_instances())) == before
