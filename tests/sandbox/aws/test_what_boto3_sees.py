"""One table: what the real boto3 sees of moto alone, and of the sandbox around it.

The left column holds the trials that showed what moto lacks. A row that fails there says that
moto has learnt something, and that the sandbox may unlearn it.
"""

import threading
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sandbox.aws.scenario import ROLE_ARN
from sandbox.aws.server import QuietHandler
from tests.sandbox.aws.asking import a_launch, instances_of, launched_ids
from tests.sandbox.aws.conftest import Clients

ACCOUNT = "111122223333"  # of moto alone: its state is the process's, and kept by account
IMAGE = "ami-00000000000000000"


@pytest.fixture(scope="module")
def moto_alone():
    application = DomainDispatcherApplication(create_backend_app)

    def in_account(environ, start_response):
        return application({**environ, "HTTP_X_MOTO_ACCOUNT_ID": ACCOUNT}, start_response)

    server = make_server("127.0.0.1", 0, in_account, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    clients = Clients(f"http://127.0.0.1:{server.server_port}")
    yield World(clients, {"ImageId": IMAGE, "InstanceType": "m5.xlarge"})
    clients.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def the_sandbox(scenario, clients):
    return World(clients, a_launch(scenario))


@dataclass(frozen=True)
class World:
    """Clients, and parameters of a launch that this world takes."""

    clients: Clients
    launch: dict

    @property
    def ec2(self):
        return self.clients.make("ec2")

    @property
    def asg(self):
        return self.clients.make("autoscaling")

    def run(self, **changes):
        counts = {"MinCount": 1, "MaxCount": 1}
        return self.ec2.run_instances(**self.launch | counts | changes)


def seen(look, world):
    """What a look gives, or the code of the error it meets."""
    try:
        return look(world)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ResponseParserError:
        return "no AWS answer at all"


def token_twice(world):
    first, second = (launched_ids(world.run(ClientToken="twice")) for _ in range(2))
    return "same" if first == second else "others"


def token_with_other_parameters(world):
    world.run(ClientToken="mixed")
    world.run(ClientToken="mixed", InstanceType="c5.large")
    return "launched"


def unknown_type(world):
    world.run(InstanceType="zz9.enormous")
    return "launched"


def one_to_three(world):
    return len(launched_ids(world.run(MinCount=1, MaxCount=3)))


def spot_request(world):
    launched = world.run(InstanceMarketOptions={"MarketType": "spot"})["Instances"][0]
    found = instances_of(world.ec2.describe_instances(InstanceIds=[launched["InstanceId"]]))[0]
    return found.get("SpotInstanceRequestId", "none")[:4]


def distinct_prices(world):
    rows = world.ec2.describe_spot_price_history(InstanceTypes=["m5.xlarge"])["SpotPriceHistory"]
    return "constant" if len({row["SpotPrice"] for row in rows}) == 1 else "moving"


def price_page(world):
    asked = {"InstanceTypes": ["m5.xlarge", "c5.large"], "MaxResults": 3}
    count = len(world.ec2.describe_spot_price_history(**asked)["SpotPriceHistory"])
    return "page" if count == 3 else "everything"


def instance_page(world):
    """Two reservations of four: a page of five holds the first alone."""
    for _ in range(2):
        world.run(InstanceType="r7i.large", MinCount=4, MaxCount=4)
    asked = [{"Name": "instance-type", "Values": ["r7i.large"]}]
    return len(instances_of(world.ec2.describe_instances(MaxResults=5, Filters=asked)))


def wrong_token(world):
    return world.ec2.describe_instances(NextToken="wrong")


def volume_page(world):
    world.run(MinCount=6, MaxCount=6)
    count = len(world.ec2.describe_volumes(MaxResults=5)["Volumes"])
    return "page" if count == 5 else "everything"


def describe_dry(world):
    world.ec2.describe_volumes(DryRun=True)
    return "described"


def new_snapshot(world):
    volume = world.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    snapshot = world.ec2.create_snapshot(VolumeId=volume["VolumeId"])
    found = world.ec2.describe_snapshots(SnapshotIds=[snapshot["SnapshotId"]])
    return found["Snapshots"][0]["State"]


def lifecycle_action(world):
    return world.asg.complete_lifecycle_action(
        AutoScalingGroupName="g",
        LifecycleHookName="h",
        LifecycleActionResult="CONTINUE",
        InstanceId="i-0123456789abcdef0",
    )


def heartbeat(world):
    return world.asg.record_lifecycle_action_heartbeat(
        AutoScalingGroupName="g", LifecycleHookName="h", InstanceId="i-0123456789abcdef0"
    )


def foreign_instance_in_group(world):
    world.asg.terminate_instance_in_auto_scaling_group(
        InstanceId="i-0123456789abcdef0", ShouldDecrementDesiredCapacity=True
    )


def guessed_external_id(world):
    sts = world.clients.make("sts")
    sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="test", ExternalId="guessed")
    return "assumed"


def unknown_key(world):
    world.clients.make("ec2", key="AKIANOBODY0000000000").describe_volumes()
    return "described"


TABLE = [
    ("the same ClientToken twice brings", token_twice, "others", "same"),
    (
        "a ClientToken with other parameters",
        token_with_other_parameters,
        "launched",
        "IdempotentParameterMismatch",
    ),
    ("an unknown instance type", unknown_type, "launched", "InvalidParameterValue"),
    ("MinCount 1 and MaxCount 3 bring", one_to_three, 1, 3),
    ("a Spot instance's request id begins with", spot_request, "none", "sir-"),
    ("Spot prices are", distinct_prices, "constant", "moving"),
    ("MaxResults of Spot prices gives a", price_page, "everything", "page"),
    ("MaxResults 5 of instances, of two reservations of 4", instance_page, 8, 4),
    ("a wrong token", wrong_token, "no AWS answer at all", "InvalidNextToken"),
    ("MaxResults of volumes gives a", volume_page, "everything", "page"),
    ("DryRun of a describe call", describe_dry, "described", "DryRunOperation"),
    ("a snapshot that was just asked for is", new_snapshot, "completed", "pending"),
    (
        "CompleteLifecycleAction for nothing that waits",
        lifecycle_action,
        "no AWS answer at all",
        "ValidationError",
    ),
    (
        "RecordLifecycleActionHeartbeat for nothing that waits",
        heartbeat,
        "no AWS answer at all",
        "ValidationError",
    ),
    (
        "termination through no group",
        foreign_instance_in_group,
        "no AWS answer at all",
        "ValidationError",
    ),
    ("a guessed external id", guessed_external_id, "assumed", "AccessDenied"),
    ("an unknown access key", unknown_key, "described", "AuthFailure"),
]


@pytest.mark.parametrize(
    ("look", "expected"),
    [pytest.param(look, alone, id=sentence) for sentence, look, alone, _ in TABLE],
)
def test_moto_alone(moto_alone, look, expected):
    assert seen(look, moto_alone) == expected


@pytest.mark.parametrize(
    ("look", "expected"),
    [pytest.param(look, around, id=sentence) for sentence, look, _, around in TABLE],
)
def test_the_sandbox_around_it(the_sandbox, look, expected):
    assert seen(look, the_sandbox) == expected
