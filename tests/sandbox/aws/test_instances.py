"""Launches: checked, idempotent by token, Spot by request, limited by the capacity there is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.aws.faults import CapacityLimit
from sandbox.aws.spot_prices import Pool
from tests.sandbox.aws.asking import a_launch, instance, launched_ids, refusal
from tests.sandbox.aws.conftest import NOW

SPOT = {"MarketType": "spot"}


def test_the_same_token_brings_the_same_instances_as_they_are_now(scenario, ec2):
    asked = a_launch(scenario, MinCount=2, MaxCount=2, ClientToken="step-1")
    first = ec2.run_instances(**asked)

    second = ec2.run_instances(**asked)

    assert launched_ids(second) == launched_ids(first)
    assert second["ReservationId"] == first["ReservationId"]
    assert [one["State"]["Name"] for one in first["Instances"]] == ["pending", "pending"]
    assert [one["State"]["Name"] for one in second["Instances"]] == ["running", "running"]


def test_a_token_remembers_instances_that_are_gone(scenario, ec2):
    asked = a_launch(scenario, ClientToken="step-1")
    ids = launched_ids(ec2.run_instances(**asked))
    ec2.terminate_instances(InstanceIds=ids)

    again = ec2.run_instances(**asked)

    assert launched_ids(again) == ids
    assert again["Instances"][0]["State"]["Name"] == "terminated"


def test_a_token_with_other_parameters_is_a_mismatch(scenario, ec2):
    ec2.run_instances(**a_launch(scenario, ClientToken="step-1"))
    other = a_launch(scenario, ClientToken="step-1", MaxCount=2)

    assert refusal(ec2.run_instances, **other) == ("IdempotentParameterMismatch", 400)


def test_ten_at_once_with_one_token_launch_one_instance(scenario, ec2):
    asked = a_launch(scenario, ClientToken="step-1")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ec2.run_instances(**asked), range(10)))

    assert len({one for answer in answers for one in launched_ids(answer)}) == 1


def test_an_image_fits_the_processors_it_was_made_for(scenario, ec2):
    template = {"LaunchTemplateId": scenario.launch_template_ids["graviton"]}
    asked = a_launch(scenario, LaunchTemplate=template, InstanceType="m7g.xlarge")

    seen = instance(ec2, launched_ids(ec2.run_instances(**asked))[0])

    assert seen["Architecture"] == "arm64"
    assert refusal(ec2.run_instances, **asked | {"InstanceType": "m5.large"}) == (
        "InvalidParameterValue",
        400,
    )


def test_other_tokens_bring_other_instances(scenario, ec2):
    first = ec2.run_instances(**a_launch(scenario, ClientToken="step-1"))
    second = ec2.run_instances(**a_launch(scenario, ClientToken="step-2"))

    assert launched_ids(first) != launched_ids(second)


def test_a_refused_launch_uses_no_token_up(scenario, ec2):
    scenario.cloud.faults.set_capacity([CapacityLimit(times=1)])
    asked = a_launch(scenario, ClientToken="step-1")
    assert refusal(ec2.run_instances, **asked) == ("InsufficientInstanceCapacity", 500)

    assert len(launched_ids(ec2.run_instances(**asked))) == 1


def test_a_spot_launch_has_a_request_and_says_that_it_is_spot(scenario, ec2):
    answer = ec2.run_instances(**a_launch(scenario, InstanceMarketOptions=SPOT))
    launched = answer["Instances"][0]

    seen = instance(ec2, launched["InstanceId"])

    assert launched["InstanceLifecycle"] == seen["InstanceLifecycle"] == "spot"
    assert launched["SpotInstanceRequestId"] == seen["SpotInstanceRequestId"]
    assert seen["SpotInstanceRequestId"].startswith("sir-")
    assert len(seen["SpotInstanceRequestId"]) == 12


def test_an_on_demand_launch_has_neither(scenario, ec2):
    seen = instance(ec2, launched_ids(ec2.run_instances(**a_launch(scenario)))[0])

    assert "InstanceLifecycle" not in seen
    assert "SpotInstanceRequestId" not in seen


def test_a_launch_template_gives_type_image_market_and_tags(scenario, ec2):
    template = {"LaunchTemplateId": scenario.launch_template_ids["memory-spot"]}
    asked = a_launch(
        scenario,
        LaunchTemplate=template,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "cloudoptim/plan", "Value": "17"}]}
        ],
    )

    seen = instance(ec2, launched_ids(ec2.run_instances(**asked))[0])

    tags = {tag["Key"]: tag["Value"] for tag in seen["Tags"]}
    assert seen["InstanceType"] == "r6i.xlarge"
    assert seen["InstanceLifecycle"] == "spot"
    assert seen["ImageId"].startswith("ami-0")
    assert tags["eks:nodegroup-name"] == "memory-spot"
    assert tags["cloudoptim/plan"] == "17"


def test_the_request_wins_over_the_launch_template(scenario, ec2):
    asked = a_launch(scenario, InstanceType="c7i.large")

    seen = instance(ec2, launched_ids(ec2.run_instances(**asked))[0])

    assert seen["InstanceType"] == "c7i.large"


def test_an_instance_tells_zone_platform_and_launch_time(scenario, ec2):
    asked = a_launch(scenario, SubnetId=scenario.network.subnet_ids[1])

    seen = instance(ec2, launched_ids(ec2.run_instances(**asked))[0])

    assert seen["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert seen["Placement"]["AvailabilityZoneId"] == "use1-az1"
    assert seen["PlatformDetails"] == "Linux/UNIX"
    assert int(seen["LaunchTime"].timestamp()) == NOW


def test_an_instance_has_the_one_root_volume_of_its_template(scenario, ec2):
    seen = instance(ec2, launched_ids(ec2.run_instances(**a_launch(scenario)))[0])
    devices = seen["BlockDeviceMappings"]
    volume = ec2.describe_volumes(VolumeIds=[devices[0]["Ebs"]["VolumeId"]])["Volumes"][0]

    assert [one["DeviceName"] for one in devices] == ["/dev/xvda"]
    assert (volume["Size"], volume["VolumeType"], volume["State"]) == (80, "gp3", "in-use")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"InstanceType": "zz9.large"}, "InvalidParameterValue"),
        ({"InstanceType": "p5.48xlarge"}, "InvalidParameterValue"),
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "m7g.xlarge"}, "InvalidParameterValue"),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue"),
        (
            {"LaunchTemplate": {"LaunchTemplateId": "lt-00000000000000000"}},
            "InvalidLaunchTemplateId.NotFound",
        ),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
    ],
)
def test_what_cannot_be_is_refused(scenario, ec2, changes, code):
    assert refusal(ec2.run_instances, **a_launch(scenario, **changes)) == (code, 400)


def test_a_zone_that_lacks_the_type_is_refused(scenario, ec2):
    asked = a_launch(scenario, Placement={"AvailabilityZone": "us-east-1e"})
    del asked["SubnetId"]

    assert refusal(ec2.run_instances, **asked) == ("Unsupported", 400)


def test_a_price_limit_just_below_the_market_is_too_low_and_at_the_market_is_enough(scenario, ec2):
    micro_usd = scenario.cloud.market.price_at(Pool("m5.xlarge", "us-east-1a"), NOW)

    def launch(limit_micro_usd):
        price = f"0.{limit_micro_usd:06d}"
        options = SPOT | {"SpotOptions": {"MaxPrice": price}}
        return a_launch(scenario, InstanceMarketOptions=options)

    assert refusal(ec2.run_instances, **launch(micro_usd - 1)) == ("SpotMaxPriceTooLow", 400)
    assert len(launched_ids(ec2.run_instances(**launch(micro_usd)))) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InsufficientInstanceCapacity", 500),
        ("MaxSpotInstanceCountExceeded", 400),
        ("VcpuLimitExceeded", 400),
        ("SpotMaxPriceTooLow", 400),
    ],
)
def test_capacity_can_be_taken_away_from_one_pool_and_lifecycle(scenario, ec2, code, status):
    limit = CapacityLimit(instance_type="m5.xlarge", zone="us-east-1a", lifecycle="spot", code=code)
    scenario.cloud.faults.set_capacity([limit])
    spot = a_launch(scenario, InstanceMarketOptions=SPOT)
    other_zone = spot | {"SubnetId": scenario.network.subnet_ids[1]}

    assert refusal(ec2.run_instances, **spot) == (code, status)
    assert launched_ids(ec2.run_instances(**other_zone))
    assert launched_ids(ec2.run_instances(**a_launch(scenario)))


def test_a_pool_that_has_two_left_gives_two_of_five_and_then_none(scenario, ec2):
    scenario.cloud.faults.set_capacity([CapacityLimit(available=2)])
    wanted = a_launch(scenario, MinCount=1, MaxCount=5)

    assert len(launched_ids(ec2.run_instances(**wanted))) == 2
    assert refusal(ec2.run_instances, **wanted) == ("InsufficientInstanceCapacity", 500)


def test_all_or_nothing_takes_nothing_where_too_few_are_left(scenario, ec2):
    scenario.cloud.faults.set_capacity([CapacityLimit(available=2)])
    three = a_launch(scenario, MinCount=3, MaxCount=3)
    two = a_launch(scenario, MinCount=2, MaxCount=2)

    assert refusal(ec2.run_instances, **three) == ("InsufficientInstanceCapacity", 500)
    assert len(launched_ids(ec2.run_instances(**two))) == 2


def test_terminating_twice_is_no_error_and_terminating_nothing_is(scenario, ec2):
    ids = launched_ids(ec2.run_instances(**a_launch(scenario)))
    ec2.terminate_instances(InstanceIds=ids)

    again = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"][0]

    assert again["PreviousState"]["Name"] == "terminated"
    assert refusal(ec2.terminate_instances, InstanceIds=["i-00000000000000000"]) == (
        "InvalidInstanceID.NotFound",
        400,
    )


def test_a_snapshot_is_pending_before_it_is_completed(scenario, ec2):
    made = ec2.create_snapshot(VolumeId=scenario.zombie_volume_ids[0])

    def state():
        found = ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])
        return found["Snapshots"][0]["State"]

    assert made["State"] == state() == "pending"
    scenario.cloud.clock.advance(4.9)
    assert state() == "pending"
    scenario.cloud.clock.advance(0.1)
    assert state() == "completed"
