"""Whatever a cluster and an account say, the three engines of the other bills answer: every subject
once, the same in any order, and nothing is advised that the state does not prove."""

from collections import Counter
from datetime import timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.contracts.plan import DeleteVolume, SnapshotVolume, TerminateInstance
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.state import CurrentState, compile_state
from engines.ghost_probe import find_ghosts
from engines.network_optimizer import plan_zone_traffic
from engines.volume_cleanup import find_zombie_volumes
from tests.builders import NOW, a_request

ZONES = ("us-east-1a", "us-east-1b", "us-east-1-bos-1a", "")
INSTANCES = ("i-1", "i-2", "i-3")
VOLUMES = ("vol-1", "vol-2", "vol-3")
NAMES = ("web", "db")
KEY = "arn:aws:kms:us-east-1:1:key/1"
SOMETIMES = st.booleans()
TIMES = st.sampled_from(
    [(NOW - timedelta(days=days)).isoformat() for days in (-1, 0, 0.9, 1, 1.1, 6.9, 7, 7.1, 400)]
)


def optional(**fields):
    """An object with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def item_with_a_turn(usual, **turns):
    """An object as an engine acts on it, or with one of these fields out of the ordinary."""
    turn = [st.fixed_dictionaries({name: value}) for name, value in turns.items()]
    change = st.one_of(st.just({}), st.just({}), *turn)
    return st.builds(lambda one, other: one | other, st.fixed_dictionaries(usual), change)


OWNED = {"Key": "kubernetes.io/cluster/prod", "Value": "owned"}
any_tags = st.lists(
    st.sampled_from(
        [
            ("kubernetes.io/cluster/prod", "owned"),
            ("kubernetes.io/cluster/other", "owned"),
            ("eks:cluster-name", "prod"),
            ("aws:autoscaling:groupName", "prod-general"),
            ("kubernetes.io/created-for/pvc/name", "data-db-0"),
            ("kubernetes.io/created-for/pvc/namespace", "shop"),
            ("backup", "true"),
            ("backup", "false"),
            ("cloudoptim:ignore", ""),
            ("Name", ""),
        ]
    ),
    max_size=3,
).map(lambda pairs: [{"Key": key, "Value": value} for key, value in pairs])
instances = item_with_a_turn(
    {
        "InstanceId": st.sampled_from(INSTANCES),
        "InstanceType": st.just("m7i.xlarge"),
        "State": st.just({"Name": "running"}),
        "Tags": st.just([OWNED]),
    },
    InstanceType=st.just(""),
    State=st.sampled_from([{"Name": name} for name in ("stopped", "pending", "terminated", "odd")]),
    Tags=any_tags,
    Placement=optional(
        AvailabilityZone=st.sampled_from(ZONES), Tenancy=st.sampled_from(["host", "default"])
    ),
    LaunchTime=TIMES,
    InstanceLifecycle=st.sampled_from(["spot", "capacity-block", None]),
    CapacityReservationId=st.sampled_from(["cr-1", None]),
    Operator=st.fixed_dictionaries({"Managed": SOMETIMES}),
    PlatformDetails=st.sampled_from(["", "Linux/UNIX", "Windows", "SUSE Linux"]),
)
members = st.fixed_dictionaries(
    {
        "InstanceId": st.sampled_from(INSTANCES),
        "AutoScalingGroupName": st.sampled_from(["prod", ""]),
        "LifecycleState": st.sampled_from(["InService", "Warmed:Stopped", "Standby", ""]),
    }
)
volumes = item_with_a_turn(
    {
        "VolumeId": st.sampled_from(VOLUMES),
        "VolumeType": st.just("gp3"),
        "State": st.just("available"),
        "Size": st.just(100),
        "AvailabilityZone": st.just("us-east-1a"),
    },
    VolumeType=st.sampled_from(["io2", "gp9", ""]),
    State=st.sampled_from(["in-use", "creating", "error", "deleting", "odd"]),
    Size=st.sampled_from([0, 1, 65_536]),
    Tags=any_tags,
    AvailabilityZone=st.sampled_from(ZONES),
    Iops=st.sampled_from([0, 16_000, 256_000]),
    Encrypted=SOMETIMES,
    KmsKeyId=st.sampled_from([KEY, "alias/odd"]),
    Attachments=st.lists(
        st.fixed_dictionaries({"InstanceId": st.sampled_from(INSTANCES)}), max_size=2
    ),
)
keys = st.fixed_dictionaries(
    {"Arn": st.just(KEY), "KeyState": st.sampled_from(["Enabled", "Disabled", "NotFound", ""])}
)
snapshots = st.fixed_dictionaries(
    {
        "SnapshotId": st.sampled_from(["snap-1", "snap-2"]),
        "VolumeId": st.sampled_from(VOLUMES),
        "State": st.sampled_from(["pending", "completed", "error", "odd"]),
        "VolumeSize": st.just(1),
    }
)
provider_ids = st.sampled_from(
    ["aws:///us-east-1a/i-0", f"aws:///us-east-1a/{INSTANCES[0]}", "eks-hybrid:///x/mi-1", "////"]
)


def node(name, zone, provider_id, version="v1.34.0", ready="True"):
    return {
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone} if zone else {}},
        "spec": {"providerID": provider_id},
        "status": {
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "58"},
            "nodeInfo": {"kubeletVersion": version},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


nodes = st.builds(
    node,
    st.sampled_from(["node-a", "node-b", "node-c"]),
    st.sampled_from([*ZONES[:2] * 3, *ZONES]),
    provider_ids,
    st.sampled_from(["", "v1.30.1", "v1.34.0", "odd"]),
    st.sampled_from(["True", "False", "Unknown"]),
)
THREE_NODES = [node(f"node-{zone}", f"us-east-1{zone}", f"aws:///x/i-{zone}") for zone in "abc"]
pods = st.builds(
    lambda app, number, node, phase, ready: {
        "metadata": {
            "name": f"{app}-{number}",
            "namespace": "shop",
            "uid": f"{app}-{number}",
            "labels": {"app": app},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "name": app,
                    "uid": app,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": node,
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
            "volumes": [{"name": "d", "awsElasticBlockStore": {"volumeID": "aws://z/vol-3"}}]
            if number == 3
            else [],
        },
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
    },
    st.sampled_from(NAMES),
    st.sampled_from([0, 0, 1, 3]),
    st.sampled_from([*["node-a", "node-b"] * 3, "node-c", "gone", ""]),
    st.sampled_from([*["Running"] * 6, "Pending", "Succeeded", "odd"]),
    st.sampled_from(["True", "True", "False"]),
)


def a_set(app, replicas, templates):
    return {
        "kind": "StatefulSet",
        "metadata": {"name": app, "namespace": "shop", "uid": app},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": {"containers": []}},
            "volumeClaimTemplates": [{"metadata": {"name": one}, "spec": {}} for one in templates],
        },
    }


sets = st.builds(
    a_set,
    st.sampled_from(NAMES),
    st.integers(0, 3),
    st.lists(st.just("data"), max_size=1),
)
services = st.builds(
    lambda app, address, wish: {
        "metadata": {"name": app, "namespace": "shop"},
        "spec": {
            "selector": {"app": app} if app else {},
            "clusterIP": address,
            "trafficDistribution": wish,
        },
    },
    st.sampled_from([*NAMES, ""]),
    st.sampled_from(["None", "10.0.0.1"]),
    st.sampled_from([None, "PreferClose"]),
)
pvs = st.builds(
    lambda name, handle, phase, policy: {
        "metadata": {"name": name},
        "spec": {
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": handle},
            "persistentVolumeReclaimPolicy": policy,
        },
        "status": {"phase": phase},
    },
    st.sampled_from(["pv-1", "pv-2"]),
    st.sampled_from([*VOLUMES, "aws://us-east-1a/vol-1", "", "odd"]),
    st.sampled_from(["Bound", "Released", "Available", "Failed", "odd", ""]),
    st.sampled_from(["Retain", "Delete", ""]),
)
pvcs = st.builds(
    lambda phase: {
        "metadata": {"name": "data-db-0", "namespace": "shop"},
        "spec": {},
        "status": {"phase": phase},
    },
    st.sampled_from(["Bound", "Pending", "Lost", "odd"]),
)
pod_names = st.sampled_from([*["web-0", "db-0"] * 3, "web-1", "gone-0"])
traffic = st.dictionaries(
    st.tuples(pod_names, pod_names),
    st.sampled_from([10**11, 10**11, 2**53, 10**10, 0]),
    min_size=1,
    max_size=6,
).map(
    lambda cells: [
        {
            "from_namespace": "shop",
            "from_pod": one,
            "to_namespace": "shop",
            "to_pod": other,
            "bytes_per_day": amount,
        }
        for (one, other), amount in cells.items()
    ]
)
LISTS = {
    "nodes": (nodes, 4),
    "pods": (pods, 8),
    "workloads": (sets, 2),
    "services": (services, 2),
    "pvs": (pvs, 2),
    "pvcs": (pvcs, 1),
    "instances": (instances, 4),
    "auto_scaling": (members, 2),
    "volumes": (volumes, 4),
    "snapshots": (snapshots, 2),
    "kms_keys": (keys, 1),
}


def documents(*needed):
    """Documents that hold what an engine needs, mostly, and anything of the rest."""
    lists = {name: st.lists(items, max_size=most) for name, (items, most) in LISTS.items()}
    lists["traffic"] = traffic
    full = {name: lists[name] for name in needed}
    rest = {name: one for name, one in lists.items() if name not in needed}
    return st.one_of(
        st.fixed_dictionaries(full, optional=rest),
        st.fixed_dictionaries(full, optional=rest),
        st.fixed_dictionaries({}, optional=lists),
    )


LONG_AGO = (NOW - timedelta(days=30)).isoformat()
talkative = st.builds(
    lambda document, some, flows: {
        **document,
        "nodes": THREE_NODES,
        "pods": some,
        "workloads": [a_set(app, 1, []) for app in NAMES],
        "traffic": flows,
    },
    documents(),
    st.lists(pods, min_size=4, max_size=8),
    traffic,
)
ledgers = item_with_a_turn(
    {"first_seen": st.just(dict.fromkeys(INSTANCES + VOLUMES, LONG_AGO))},
    first_seen=st.dictionaries(st.sampled_from(INSTANCES + VOLUMES), TIMES),
    cluster_names=st.just(["prod"]),
)
often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answers(engine, decision_type, document, requirements):
    """The answer about the document, the same about one whose lists are turned round."""
    turned = {name: items[::-1] for name, items in document.items()}
    first, second = (
        engine(
            a_request(
                compile_state(msgspec.convert(one, CurrentState)),
                decision_type=decision_type,
                requirements=requirements,
            )
        )
        for one in (document, turned)
    )
    encode = msgspec.json.Encoder(decimal_format="number").encode
    assert encode(first) == encode(second)
    return first


def ids(response, field):
    told = [one.subject for one in (*response.recommendations, *response.skipped)]
    return Counter(getattr(one, field) for one in told)


@often
@given(documents("nodes", "instances"), ledgers, st.integers(1, 3))
def test_ghosts_are_proven_or_nobody_is_accused(document, ledger, scans):
    requirements = ledger | {"scan_count": dict.fromkeys(INSTANCES, scans)}

    response = answers(find_ghosts, DecisionType.GHOST_PROBE, document, requirements)

    if response.status is DecisionStatus.REFUSED:
        assert (response.recommendations, response.execution_plan) == ((), ())
        return
    provided = {one["spec"]["providerID"].rpartition("/")[2] for one in document["nodes"]}
    listed = {one["InstanceId"] for one in document["instances"]}
    assert set(ids(response, "instance_id").values()) <= {1}
    assert listed - provided <= set(ids(response, "instance_id"))
    for one in response.recommendations:
        known = one.subject.instance_id
        assert known not in provided
        assert requirements["first_seen"][known] <= (NOW - timedelta(hours=24)).isoformat()
        assert scans >= 2
        assert "running" in {
            each["State"]["Name"] for each in document["instances"] if each["InstanceId"] == known
        }
    ended = [one for one in response.execution_plan if isinstance(one, TerminateInstance)]
    assert {one.instance_id for one in ended} <= {
        one.subject.instance_id for one in response.recommendations
    }


@often
@given(documents("volumes", "pvs"), ledgers, SOMETIMES)
def test_zombies_are_proven_or_nothing_is_deleted(document, ledger, snapshot_first):
    requirements = ledger | {"snapshot_before_delete": snapshot_first}

    response = answers(find_zombie_volumes, DecisionType.VOLUME_CLEANUP, document, requirements)

    if response.status is DecisionStatus.REFUSED:
        assert (response.recommendations, response.execution_plan) == ((), ())
        return
    assert ids(response, "volume_id") == Counter({one["VolumeId"] for one in document["volumes"]})
    held = {
        one["spec"]["csi"]["volumeHandle"].rpartition("/")[2] for one in document.get("pvs", ())
    }
    for one in response.recommendations:
        known = one.subject.volume_id
        assert one.savings_usd_month >= 0
        assert one.current["state"] == "available"
        assert known not in held
        assert requirements["first_seen"][known] < (NOW - timedelta(days=7)).isoformat()
    deleted = [one for one in response.execution_plan if isinstance(one, DeleteVolume)]
    saved = [one for one in response.execution_plan if isinstance(one, SnapshotVolume)]
    assert bool(deleted) is (bool(response.recommendations) and "pvs" in document)
    assert len(saved) == len(deleted) * snapshot_first


@often
@given(
    st.one_of(talkative, talkative, documents("nodes", "pods", "traffic")),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_traffic_advice_never_costs_more_and_never_gives_up_a_zone(document, zones, endpoints):
    requirements = {"required_zones": zones, "min_endpoints_per_zone": endpoints}

    response = answers(plan_zone_traffic, DecisionType.NETWORK_OPTIMIZE, document, requirements)

    if response.status is DecisionStatus.REFUSED:
        assert (response.recommendations, response.execution_plan) == ((), ())
        return
    before = response.evidence["cross_zone_bytes_per_day"]
    after = response.evidence["cross_zone_bytes_per_day_after"]
    assert 0 <= after <= before
    assert sum(one.evidence["bytes_per_day"] for one in response.recommendations) == before - after
    for one in response.recommendations:
        if one.action == "prefer_zone":
            assert min(zones, len(one.current["pods_by_zone"])) == 1
    assert len(response.execution_plan) >= len(response.recommendations)
    assert 0 <= response.confidence_score <= 1
