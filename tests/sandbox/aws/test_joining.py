"""Instances of the pretend account become nodes of the pretend Kubernetes."""

import pytest

from sandbox.aws.catalogue import offered_types
from sandbox.aws.joining import allocatable_mib, allocatable_millicores, join, new_node
from sandbox.aws.scenario import CLUSTER
from sandbox.kube.cluster import Cluster
from sandbox.kube.resources import NODES
from sandbox.kube.world import Settings
from tests.sandbox.aws.asking import a_launch, launched_ids


@pytest.fixture
def kube(scenario):
    cluster = Cluster(Settings(speed=0))
    join(scenario.cloud, cluster, CLUSTER)
    return cluster


def node_names(kube):
    return {node["metadata"]["name"] for node in kube.world.store.all(NODES)}


def test_a_launched_instance_joins_and_is_ready_later(scenario, ec2, kube):
    launched = launched_ids(ec2.run_instances(**a_launch(scenario)))[0]

    (node,) = kube.world.store.all(NODES)
    before = _is_ready(node)
    kube.world.clock.advance(30)
    (node,) = kube.world.store.all(NODES)

    labels = node["metadata"]["labels"]
    assert node["spec"]["providerID"] == f"aws:///us-east-1a/{launched}"
    assert labels["eks.amazonaws.com/nodegroup"] == "general"
    assert labels["eks.amazonaws.com/capacityType"] == "ON_DEMAND"
    assert labels["node.kubernetes.io/instance-type"] == "m5.xlarge"
    assert labels["topology.k8s.aws/zone-id"] == "use1-az6"
    assert (before, _is_ready(node)) == (False, True)


def _is_ready(node):
    conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
    return conditions["Ready"] == "True"


def test_a_terminated_instance_leaves(scenario, ec2, kube):
    launched = launched_ids(ec2.run_instances(**a_launch(scenario)))

    ec2.terminate_instances(InstanceIds=launched)

    assert node_names(kube) == set()


def test_an_instance_without_the_clusters_tag_stays_away(scenario, ec2, kube):
    asked = a_launch(scenario, InstanceType="t3.micro", ImageId=_an_image(ec2))
    del asked["LaunchTemplate"]

    ec2.run_instances(**asked)

    assert node_names(kube) == set()


def _an_image(ec2):
    asked = [{"Name": "architecture", "Values": ["x86_64"]}]
    return ec2.describe_images(Filters=asked)["Images"][0]["ImageId"]


def test_the_replacement_of_a_group_joins_where_the_old_one_leaves(scenario, asg, kube):
    old = scenario.nodes()[0]
    kube.add_node(new_node(old))

    asg.terminate_instance_in_auto_scaling_group(
        InstanceId=old.instance_id, ShouldDecrementDesiredCapacity=False
    )

    (node,) = kube.world.store.all(NODES)
    assert node["metadata"]["name"] != old.private_dns_name
    assert node["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] == "general"


def test_all_seeded_nodes_can_join(scenario, kube):
    for machine in scenario.nodes():
        kube.add_node(new_node(machine, ready_after_seconds=0))

    assert len(node_names(kube)) == 40


@pytest.mark.parametrize(
    ("name", "millicores", "mebibytes"),
    [
        ("m5.large", 1930, 6903),
        ("m5.xlarge", 3920, 14162),
        ("m5.2xlarge", 7910, 29317),
        ("m5.4xlarge", 15890, 57691),
    ],
)
def test_allocatable_follows_the_reservations_of_eks(name, millicores, mebibytes):
    """m5.large: 2000 - 60 - 10; 8192 x 0.925 = 7577, less 255 + 29 x 11 + 100 = 674.

    m5.xlarge: 4000 - 60 - 10 - 2 x 5; 15155 - 255 - 58 x 11 - 100. m5.2xlarge: 8000 - 80 - 4 x
    2.5; 30310 - 993. m5.4xlarge: 16000 - 80 - 12 x 2.5; 60620 - 255 - 234 x 11 - 100 = 57691.
    """
    offered = offered_types()[name]

    assert allocatable_millicores(offered) == millicores
    assert allocatable_mib(offered) == mebibytes
