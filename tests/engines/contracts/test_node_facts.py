"""What labels and EC2 say about a node's machine."""

import pytest

from engines.contracts.node_facts import may_stand_on_any_instance, node_facts
from engines.contracts.pricing import CapacityType
from tests.builders import a_node, an_instance, instance_id_for

NO_CAPACITY_LABEL = {"karpenter.sh/capacity-type": None}


def facts_of(node, *instances):
    return node_facts(node, {one.instance_id: one for one in instances})


@pytest.mark.parametrize(
    ("labels", "capacity_type"),
    [
        ({"karpenter.sh/capacity-type": "spot"}, CapacityType.SPOT),
        ({"karpenter.sh/capacity-type": "on-demand"}, CapacityType.ON_DEMAND),
        ({"karpenter.sh/capacity-type": "reserved"}, CapacityType.RESERVED),
        ({"eks.amazonaws.com/capacityType": "SPOT"}, CapacityType.SPOT),
        ({"eks.amazonaws.com/capacityType": "ON_DEMAND"}, CapacityType.ON_DEMAND),
        ({"eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"}, CapacityType.RESERVED),
        ({"node.kubernetes.io/lifecycle": "spot"}, CapacityType.SPOT),
        ({"node.kubernetes.io/lifecycle": "normal"}, CapacityType.ON_DEMAND),
        ({"lifecycle": "Ec2Spot"}, CapacityType.SPOT),
        ({"scheduling.cast.ai/spot": "true"}, CapacityType.SPOT),
        ({"lifecycle": "production"}, None),  # a label of the customer's own
        ({"karpenter.sh/capacity-type": "cheap"}, None),
        ({}, None),
        # two labels that agree, and two that do not
        (
            {"karpenter.sh/capacity-type": "spot", "eks.amazonaws.com/capacityType": "SPOT"},
            CapacityType.SPOT,
        ),
        (
            {"karpenter.sh/capacity-type": "spot", "eks.amazonaws.com/capacityType": "ON_DEMAND"},
            None,
        ),
    ],
)
def test_the_capacity_type_is_what_the_labels_agree_on(labels, capacity_type):
    facts = facts_of(a_node(labels={**NO_CAPACITY_LABEL, **labels}))

    assert facts.capacity_type is capacity_type
    assert facts.capacity_type_is_unclear is (capacity_type is None)


@pytest.mark.parametrize(
    ("label", "lifecycle", "capacity_type"),
    [
        (None, "spot", CapacityType.SPOT),
        (None, None, CapacityType.ON_DEMAND),
        (None, "capacity-block", CapacityType.RESERVED),
        ("on-demand", "spot", CapacityType.SPOT),  # EC2 sends the bill
        ("spot", None, CapacityType.ON_DEMAND),
        ("reserved", None, CapacityType.RESERVED),  # EC2's lifecycle does not tell reservations
    ],
)
def test_ec2_knows_best_how_an_instance_was_bought(label, lifecycle, capacity_type):
    node = a_node("node-a", labels={"karpenter.sh/capacity-type": label})
    instance = an_instance(instance_id_for("node-a"), lifecycle=lifecycle)

    assert facts_of(node, instance).capacity_type is capacity_type


def test_ec2_fills_in_type_and_zone_that_labels_leave_open():
    node = a_node(
        "node-a",
        labels={"node.kubernetes.io/instance-type": None, "topology.kubernetes.io/zone": None},
    )
    instance = an_instance(instance_id_for("node-a"), instance_type="c5.large", zone="us-east-1b")

    alone, joined = facts_of(node), facts_of(node, instance)

    assert (alone.instance_type, alone.zone) == (None, None)
    assert (joined.instance_type, joined.zone) == ("c5.large", "us-east-1b")


def test_labels_of_old_clusters_are_read():
    node = a_node(
        labels={
            "kubernetes.io/arch": None,
            "kubernetes.io/os": None,
            "node.kubernetes.io/instance-type": None,
            "topology.kubernetes.io/zone": None,
            "topology.kubernetes.io/region": None,
            "beta.kubernetes.io/arch": "arm64",
            "beta.kubernetes.io/os": "windows",
            "beta.kubernetes.io/instance-type": "m6g.large",
            "failure-domain.beta.kubernetes.io/zone": "eu-west-1c",
            "failure-domain.beta.kubernetes.io/region": "eu-west-1",
        }
    )

    facts = facts_of(node)

    assert facts.instance_type == "m6g.large"
    assert (facts.zone, facts.region) == ("eu-west-1c", "eu-west-1")
    assert (facts.architecture, facts.operating_system) == ("arm64", "windows")


def test_the_kubelet_tells_the_architecture_where_no_label_does():
    node = a_node(labels={"kubernetes.io/arch": None, "kubernetes.io/os": None})

    assert facts_of(node).architecture == "amd64"
    assert facts_of(node).operating_system == "linux"


@pytest.mark.parametrize(
    ("provider_id", "instance_id"),
    [
        ("aws:///us-east-1a/i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("aws:////i-0123abcd", "i-0123abcd"),
        ("aws:///us-east-1a/fargate-ip-10-0-0-1.ec2.internal", None),
        ("eks-hybrid:///eu-west-1/cluster/mi-0123456789abcdef0", None),
        ("gce://project/us-central1-a/gke-node", None),
        ("", None),
    ],
)
def test_only_an_ec2_provider_id_names_an_instance(provider_id, instance_id):
    assert facts_of(a_node(spec={"providerID": provider_id})).instance_id == instance_id


@pytest.mark.parametrize(
    ("fields", "capacity_type", "may_be_any"),
    [
        ({"spec": {"providerID": "aws:///us-east-1a/fargate-ip-10-0-0-1"}}, "on-demand", False),
        ({"spec": {"providerID": "aws:///us-east-1a/1f2e/fargate-ip-10-0-0"}}, "on-demand", False),
        ({"labels": {"eks.amazonaws.com/compute-type": "fargate"}}, "on-demand", False),
        ({"labels": {"eks.amazonaws.com/compute-type": "hybrid"}}, "on-demand", False),
        ({"spec": {"providerID": "eks-hybrid:///eu-west-1/cluster/mi-0123"}}, "on-demand", False),
        ({"labels": {"eks.amazonaws.com/compute-type": "auto"}}, None, True),
        ({}, None, True),
        ({"spec": {"providerID": "aws:///us-east-1a/i-0123abcd"}}, None, False),
        ({"spec": {"providerID": "gce://project/zone/gke-node"}}, None, False),
    ],
)  # fmt: skip
def test_fargate_and_hybrid_nodes_are_no_instances_and_nothing_takes_them_back(
    fields, capacity_type, may_be_any
):
    labels = {**NO_CAPACITY_LABEL, **fields.get("labels", {})}
    node = a_node(labels=labels, spec=fields.get("spec", {"providerID": ""}))

    assert facts_of(node).capacity_type == capacity_type
    assert may_stand_on_any_instance(node) is may_be_any


def test_a_node_outside_ec2_is_not_asked_how_it_was_bought():
    node = a_node(labels=NO_CAPACITY_LABEL, spec={"providerID": "gce://p/z/n"})

    assert not facts_of(node).capacity_type_is_unclear


@pytest.mark.parametrize(
    ("node", "is_deleting"),
    [
        (a_node(), False),
        (a_node(unschedulable=True), False),
        (a_node(metadata={"deletionTimestamp": "2026-08-03T11:00:00Z"}), True),
        (a_node(taints=("ToBeDeletedByClusterAutoscaler=1:NoSchedule",)), True),
        (a_node(taints=("karpenter.sh/disrupted:NoSchedule",)), True),
        (a_node(taints=("aws-node-termination-handler/spot-itn=event:NoSchedule",)), True),
        (a_node(taints=("cloudoptim.io/interruption:NoSchedule",)), True),
        (a_node(taints=("karpenter.sh/disruption=disrupting:NoSchedule",)), True),
        (a_node(taints=("DeletionCandidateOfClusterAutoscaler=1:PreferNoSchedule",)), False),
    ],
)
def test_a_node_that_another_controller_removes_counts_as_going(node, is_deleting):
    assert facts_of(node).is_deleting is is_deleting
