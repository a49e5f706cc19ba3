"""Where volumes let a pod run: zones, attach limits, exclusive claims, claims not bound yet."""

import pytest

from engines.contracts.state import CurrentState, compile_state
from engines.scheduling import Occupancy, Refusal, RefusalReason, build_context, why_not
from tests.builders import a_node, a_pod, an_object
from tests.engines.scheduling_questions import (
    a_claim,
    a_volume_of,
    node_row,
    nodes_for,
    nodes_in,
    occupancy_of,
    reasons,
    refusals,
    row_of,
    with_claims,
    zone_terms,
)

R = RefusalReason
ZONES = (
    a_node(),
    a_node("node-b", zone="us-east-1b"),
    a_node("node-c", zone="us-east-1c"),
)
USER = a_pod("new", spec=with_claims("data"))


@pytest.mark.parametrize(
    ("affinity", "nodes"),
    [
        (None, ["node-a", "node-b", "node-c"]),
        (zone_terms("us-east-1b"), ["node-b"]),
        (zone_terms("us-east-1b", "us-east-1c"), ["node-b", "node-c"]),
        (zone_terms("us-west-2a"), []),
    ],
)
def test_a_bound_volume_is_reached_from_the_nodes_of_any_of_its_terms(affinity, nodes):
    volume = a_volume_of(nodeAffinity=affinity)

    assert nodes_for(USER, *ZONES, a_claim(), volume) == nodes


def test_two_volumes_must_both_be_reached():
    here = a_volume_of("one", nodeAffinity=zone_terms("us-east-1a", "us-east-1b"))
    there = a_volume_of("two", nodeAffinity=zone_terms("us-east-1b", "us-east-1c"))
    pod = a_pod("new", spec=with_claims("one", "two"))

    assert nodes_for(pod, *ZONES, a_claim("one"), a_claim("two"), here, there) == ["node-b"]
    assert refusals(pod, *ZONES, a_claim("one"), a_claim("two"), here, there, node="node-c") == (
        Refusal(R.VOLUME_NODE_AFFINITY, ("pv-one",)),
    )


@pytest.mark.parametrize(
    ("label", "value", "nodes"),
    [
        ("topology.kubernetes.io/zone", "us-east-1b", ["node-b"]),
        ("topology.kubernetes.io/zone", "us-east-1a__us-east-1b", ["node-a", "node-b"]),
        ("failure-domain.beta.kubernetes.io/zone", "us-east-1b", ["node-b"]),
        ("topology.kubernetes.io/region", "us-east-1", ["node-a", "node-b", "node-c"]),
        ("topology.kubernetes.io/region", "us-west-2", []),
    ],
)
def test_a_volume_labelled_with_a_zone_wants_its_zone(label, value, nodes):
    content = {"metadata": {"name": "pv-data", "labels": {label: value}}, "spec": {}}
    volume = an_object("PersistentVolume", content)

    assert nodes_for(USER, *ZONES, a_claim(), volume) == nodes


@pytest.mark.parametrize(
    ("claim", "refusal"),
    [
        (None, Refusal(R.CLAIM_MISSING, ("data",))),
        (a_claim(volumeName=""), Refusal(R.CLAIM_UNBOUND, ("data",))),
        (a_claim(volumeName="gone"), Refusal(R.VOLUME_MISSING, ("gone",))),
    ],
)
def test_a_claim_without_a_volume_keeps_its_pod_off_every_node(claim, refusal):
    objects = [*ZONES, *([claim] if claim else [])]

    assert refusals(USER, *objects) == (refusal,)
    assert nodes_for(USER, *objects) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": {"phase": "Lost"}}, R.CLAIM_LOST),
        ({"metadata": {"deletionTimestamp": "2026-08-03T12:00:00Z"}}, R.CLAIM_BEING_DELETED),
    ],
)
def test_a_claim_that_is_lost_or_going_is_refused(fields, reason):
    content = {
        "metadata": {"name": "data", "namespace": "shop", **fields.get("metadata", {})},
        "spec": {"volumeName": "pv-data"},
        "status": {"phase": "Bound", **fields.get("status", {})},
    }
    claim = an_object("PersistentVolumeClaim", content)

    assert reasons(USER, a_node(), claim, a_volume_of()) == [reason]


@pytest.mark.parametrize(("owner", "expected"), [("new", []), ("other", ["claim_of_another_pod"])])
def test_the_claim_of_an_ephemeral_volume_must_be_the_pods_own(owner, expected):
    owners = [{"kind": "Pod", "name": owner, "controller": True}]
    metadata = {"name": "new-scratch", "namespace": "shop", "ownerReferences": owners}
    spec = {"volumeName": "pv-data"}
    claim = an_object(
        "PersistentVolumeClaim",
        {"metadata": metadata, "spec": spec, "status": {"phase": "Bound"}},
    )
    template = {"volumeClaimTemplate": {"spec": {}}}
    pod = a_pod("new", spec={"volumes": [{"name": "scratch", "ephemeral": template}]})

    assert reasons(pod, a_node(), claim, a_volume_of()) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [({}, R.CLAIMS_NOT_READ), ({"pvcs": (a_claim(),)}, R.VOLUMES_NOT_READ)],
)
def test_claims_and_volumes_that_were_not_read_are_not_taken_for_absent(given, reason):
    document = CurrentState(nodes=(a_node(),), pods=(USER,), **given)
    occupancy = Occupancy(build_context(compile_state(document).cluster))

    assert [one.reason for one in why_not(0, 0, occupancy)] == [reason]


# --- claims that wait for their pod ---


def a_class(mode="WaitForFirstConsumer", provisioner="ebs.csi.aws.com", zones=()):
    key = "topology.kubernetes.io/zone"
    terms = [{"matchLabelExpressions": [{"key": key, "values": list(zones)}]}] if zones else []
    content = {
        "metadata": {"name": "gp3"},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
        "allowedTopologies": terms,
    }
    return an_object("StorageClass", content)


@pytest.mark.parametrize(
    ("storage_class", "nodes"),
    [
        (a_class(), ["node-a", "node-b", "node-c"]),
        (a_class(zones=["us-east-1b"]), ["node-b"]),
        (a_class(mode="Immediate"), []),
        (a_class(provisioner="kubernetes.io/no-provisioner"), []),
    ],
)
def test_an_unbound_claim_waits_for_its_pod_where_its_class_can_make_a_volume(storage_class, nodes):
    assert nodes_for(USER, *ZONES, a_claim(volumeName=""), storage_class) == nodes


@pytest.mark.parametrize(
    ("fields", "nodes"),
    [
        ({}, ["node-b"]),
        ({"capacity": {"storage": "10239Mi"}}, []),
        ({"accessModes": ["ReadOnlyMany"]}, []),
        ({"storageClassName": "other"}, []),
        ({"volumeMode": "Block"}, []),
        ({"claimRef": {"namespace": "shop", "name": "other"}}, []),
        ({"claimRef": {"namespace": "shop", "name": "data"}}, ["node-b"]),
    ],
)
def test_a_volume_made_beforehand_serves_a_claim_that_it_suits(fields, nodes):
    """The claim wants 10 GiB = 10,240 MiB to read and write by one node, class gp3."""
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "nodeAffinity": zone_terms("us-east-1b"),
        "local": {"path": "/data"},
        **fields,
    }
    content = {"metadata": {"name": "disk"}, "spec": spec, "status": {"phase": "Available"}}
    volume = an_object("PersistentVolume", content)
    storage_class = a_class(provisioner="kubernetes.io/no-provisioner")

    assert nodes_for(USER, *ZONES, a_claim(volumeName=""), storage_class, volume) == nodes


def test_a_claim_that_is_being_made_for_a_node_waits_for_that_node():
    chosen = {"volume.kubernetes.io/selected-node": "node-c"}
    content = {
        "metadata": {"name": "data", "namespace": "shop", "annotations": chosen},
        "spec": {"storageClassName": "gp3"},
    }
    claim = an_object("PersistentVolumeClaim", content)

    assert nodes_for(USER, *ZONES, claim, a_class()) == ["node-c"]


def test_a_claim_that_is_bound_from_one_side_only_is_not_bound():
    """It names its volume, but the controller has not confirmed it."""
    content = {
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"storageClassName": "gp3", "volumeName": "pv-data"},
        "status": {"phase": "Pending"},
    }
    claim = an_object("PersistentVolumeClaim", content)

    assert reasons(USER, a_node(), claim, a_volume_of(), a_class()) == ["claim_unbound"]


# --- attach limits and exclusive use ---


def a_limit(count, node="node-a", driver="ebs.csi.aws.com"):
    allocatable = None if count is None else {"count": count}
    drivers = [{"name": driver, "nodeID": "i-1", "allocatable": allocatable}]
    return an_object("CSINode", {"metadata": {"name": node}, "spec": {"drivers": drivers}})


def used_on(node, *claims):
    """Pods on the node that use one claim each, with the claims and their volumes."""
    pods = [a_pod(f"user-of-{claim}", on=node, spec=with_claims(claim)) for claim in claims]
    return [*pods, *map(a_claim, claims), *map(a_volume_of, claims)]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(3, []), (2, ["too_many_volumes"]), (0, ["too_many_volumes"]), (None, [])],
)
def test_a_node_attaches_as_many_volumes_as_its_driver_says(limit, expected):
    """Two volumes are attached, the pod brings a third."""
    there = used_on("node-a", "one", "two")

    found = reasons(USER, a_node(), a_limit(limit), *there, a_claim(), a_volume_of())

    assert found == expected


def test_the_limit_of_another_driver_does_not_matter():
    limit = a_limit(0, driver="efs.csi.aws.com")

    assert reasons(USER, a_node(), limit, a_claim(), a_volume_of()) == []


def test_a_volume_that_is_attached_already_is_not_counted_again():
    """The limit of one is used up by the very volume that the pod shares."""
    sharing = a_pod("sharing", on="node-a", spec=with_claims("data"))

    assert reasons(USER, a_node(), a_limit(1), sharing, a_claim(), a_volume_of()) == []


def test_a_pod_that_brings_nothing_new_is_let_in_even_above_the_limit():
    sharing = a_pod("sharing", on="node-a", spec=with_claims("data"))

    assert nodes_for(USER, a_node(), a_limit(0), sharing, a_claim(), a_volume_of()) == ["node-a"]


def test_pods_that_share_a_volume_take_one_attachment_together():
    """One volume is attached for two pods, the limit of two leaves room for another."""
    pair = [a_pod(f"pair-{n}", on="node-a", spec=with_claims("one")) for n in (1, 2)]
    shared = (a_claim("one"), a_volume_of("one"))
    occupancy = occupancy_of(USER, a_node(), a_limit(1), *pair, *shared, a_claim(), a_volume_of())

    assert reasons(USER, a_node(), a_limit(2), *pair, *shared, a_claim(), a_volume_of()) == []
    occupancy.remove(row_of("shop/pair-1", occupancy))
    assert nodes_in(USER, occupancy) == []
    occupancy.remove(row_of("shop/pair-2", occupancy))
    assert nodes_in(USER, occupancy) == ["node-a"]


def test_two_claims_of_one_pod_count_twice_and_one_named_twice_once():
    twice = {
        "volumes": [
            *with_claims("data")["volumes"],
            {"name": "again", "persistentVolumeClaim": {"claimName": "data"}},
        ]
    }
    both = a_pod("new", spec=with_claims("data", "more"))
    volumes = (a_claim(), a_volume_of(), a_claim("more"), a_volume_of("more"))

    assert reasons(both, a_node(), a_limit(1), *volumes) == ["too_many_volumes"]
    assert reasons(a_pod("new", spec=twice), a_node(), a_limit(1), *volumes) == []


def an_attachment(volume, node="node-a"):
    content = {
        "metadata": {"name": f"csi-{volume}"},
        "spec": {
            "attacher": "ebs.csi.aws.com",
            "nodeName": node,
            "source": {"persistentVolumeName": volume},
        },
        "status": {"attached": True},
    }
    return an_object("VolumeAttachment", content)


def test_a_volume_that_lingers_on_a_node_still_takes_its_place():
    lingering = (an_attachment("pv-old"), a_claim("old"), a_volume_of("old"))

    assert reasons(USER, a_node(), a_limit(1), *lingering, a_claim(), a_volume_of()) == [
        "too_many_volumes"
    ]
    assert reasons(USER, a_node(), a_limit(2), *lingering, a_claim(), a_volume_of()) == []


def test_the_attachment_of_a_volume_goes_with_its_last_user():
    there = (an_attachment("pv-one"), *used_on("node-a", "one"))
    occupancy = occupancy_of(USER, a_node(), a_limit(1), *there, a_claim(), a_volume_of())

    before = nodes_in(USER, occupancy)
    occupancy.remove(row_of("shop/user-of-one", occupancy))

    assert (before, nodes_in(USER, occupancy)) == ([], ["node-a"])


def test_in_tree_ebs_volumes_count_for_the_ebs_driver():
    """The same disk by two names: aws://zone/vol-... in-tree, vol-... by CSI."""
    in_tree = a_volume_of(
        "old", csi=None, awsElasticBlockStore={"volumeID": "aws://us-east-1a/vol-0abc"}
    )
    by_csi = a_volume_of(csi={"driver": "ebs.csi.aws.com", "volumeHandle": "vol-0abc"})
    user = a_pod("user", on="node-a", spec=with_claims("old"))

    assert (
        reasons(USER, a_node(), a_limit(1), user, a_claim("old"), in_tree, a_claim(), by_csi) == []
    )
    assert reasons(
        USER, a_node(), a_limit(1), user, a_claim("old"), in_tree, a_claim(), a_volume_of()
    ) == ["too_many_volumes"]


def test_volumes_that_move_make_room():
    occupancy = occupancy_of(
        USER, *ZONES, a_limit(1), *used_on("node-a", "one"), a_claim(), a_volume_of()
    )

    before = nodes_in(USER, occupancy)
    occupancy.remove(row_of("shop/user-of-one", occupancy))
    after = nodes_in(USER, occupancy)

    assert (before, after) == (["node-b", "node-c"], ["node-a", "node-b", "node-c"])


def test_a_claim_for_one_pod_only_is_refused_everywhere_while_it_is_used():
    claim = a_claim(accessModes=["ReadWriteOncePod"])
    user = a_pod("user", on="node-b", spec=with_claims("data"))
    occupancy = occupancy_of(USER, *ZONES, user, claim, a_volume_of())

    found = why_not(row_of(USER, occupancy), node_row("node-a", occupancy), occupancy)
    while_used = nodes_in(USER, occupancy)
    occupancy.remove(row_of(user, occupancy))

    assert found == (Refusal(R.EXCLUSIVE_CLAIM_IN_USE, ("shop/data",), is_resolvable=True),)
    assert while_used == []
    assert nodes_in(USER, occupancy) == ["node-a", "node-b", "node-c"]


def test_a_claim_for_one_node_may_be_shared_on_it():
    user = a_pod("user", on="node-a", spec=with_claims("data"))

    assert reasons(USER, a_node(), user, a_claim(), a_volume_of()) == []


def test_an_ebs_disk_named_in_two_pods_cannot_be_on_one_node_twice():
    disk = {"volumes": [{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-0abc"}}]}
    user = a_pod("user", on="node-a", spec=disk)

    assert nodes_for(a_pod("new", spec=disk), *ZONES, user) == ["node-b", "node-c"]
    assert refusals(a_pod("new", spec=disk), *ZONES, user) == (
        Refusal(R.DISK_IN_USE, ("vol-0abc",), is_resolvable=True),
    )
