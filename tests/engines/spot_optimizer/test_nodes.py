"""Which nodes a plan may replace, and why it leaves the others alone."""

import pytest

from engines.contracts.plan import LaunchInstance, TerminateInstance
from engines.contracts.pricing import InterruptionBucket
from engines.contracts.verdict import SafetyLimits
from engines.pools import pool_scores
from engines.safety import judge_plan
from tests.builders import NOW, a_pdb, a_pod, an_instance, an_object
from tests.engines.spot_optimizer.market import (
    ZONES,
    Market,
    a_cluster_state,
    allocation_of,
    decide,
    node,
    nodes,
    pods_on,
    reasons,
)

TEN = nodes(10)
BUSY = (*TEN, *pods_on(*TEN))
IN_US_EAST_1 = {"topology.kubernetes.io/region": "us-east-1"}


def odd_one(**more):
    """An eleventh node beside ten ordinary ones."""
    return node("odd", zone=ZONES[0], **more)


def reason_for(one, *more, **requirements):
    response = decide(a_cluster_state(*BUSY, one, *more), **requirements)
    assert not any(getattr(step, "node", None) == "odd" for step in response.execution_plan)
    return reasons(response, "Node")["odd"]


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (odd_one(is_ready=False), "node_not_ready"),
        (
            odd_one(metadata={"deletionTimestamp": "2026-08-03T11:59:00Z", "finalizers": ["x"]}),
            "node_deleting",
        ),
        (
            odd_one(taints=("aws-node-termination-handler/spot-itn=true:NoSchedule",)),
            "under_notice",
        ),
        (odd_one(spec={"providerID": ""}), "no_instance_id"),
        (node("odd", zone="us-east-1-bos-1a", labels=IN_US_EAST_1), "special_zone"),
        (node("odd", zone="us-east-1-wl1-bos-wlz-1", labels=IN_US_EAST_1), "special_zone"),
        (odd_one(labels={"karpenter.sh/nodepool": "default"}), "managed_by_another_controller"),
        (
            odd_one(labels={"eks.amazonaws.com/compute-type": "auto"}),
            "managed_by_another_controller",
        ),
        (
            odd_one(labels={"node.kubernetes.io/instance-type": None}),
            "unknown_instance_type",
        ),
        (odd_one(labels={"topology.kubernetes.io/zone": None}), "unknown_zone"),
        (
            odd_one(labels={"eks.amazonaws.com/capacityType": None}),
            "unknown_capacity_type",
        ),
        (
            odd_one(
                labels={
                    "karpenter.sh/capacity-type": "reserved",
                    "eks.amazonaws.com/capacityType": None,
                }
            ),
            "reserved_capacity",
        ),
        (odd_one(instance_type="m5.unheard"), "price_unknown"),
        (odd_one(unschedulable=True), "node_cordoned"),
        (odd_one(taints=("dedicated=gpu:NoSchedule",)), "node_tainted"),
        (odd_one(labels={"kubernetes.io/arch": "arm64"}), "other_architecture"),
        (odd_one(annotations={"karpenter.sh/do-not-disrupt": "true"}), "node_protected"),
    ],
)
def test_a_node_that_may_not_be_replaced_says_why(odd, reason):
    assert reason_for(odd) == reason


def test_managed_nodes_may_be_replaced_where_the_parameter_says_so():
    odd = odd_one(labels={"karpenter.sh/nodepool": "default"})
    state = a_cluster_state(*BUSY, odd)

    recommended = allocation_of(decide(state, replace_managed_nodes=True)).recommended

    assert "odd" in (*recommended["keep"], *recommended["remove"])


def test_an_instance_that_aws_manages_is_left_alone():
    odd = odd_one()
    instance_id = odd.spec.provider_id.rpartition("/")[2]
    instance = an_instance(
        instance_id, instance_type="m5.large", Operator={"Managed": True, "Principal": "eks"}
    )
    state = a_cluster_state(*BUSY, odd, instances=(instance,))

    assert reasons(decide(state), "Node")["odd"] == "managed_by_another_controller"


@pytest.mark.parametrize(
    "pod",
    [
        a_pod("bare", on="odd", owner=None),
        a_pod("local", on="odd", spec={"volumes": [{"name": "scratch", "emptyDir": {}}]}),
        a_pod("pinned", on="odd", annotations={"karpenter.sh/do-not-disrupt": "true"}),
        a_pod(
            "unsafe",
            on="odd",
            annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        ),
    ],
)
def test_a_node_whose_pods_may_not_move_is_left_alone(pod):
    assert reason_for(odd_one(), pod) == "pods_cannot_move"


@pytest.mark.parametrize(("allowed", "is_left_alone"), [(0, True), (1, False)])
def test_an_exhausted_budget_keeps_the_node(allowed, is_left_alone):
    pod = a_pod("guarded", on="odd", labels={"app": "guarded"}, cpu=0.4, gib=1)
    budget = a_pdb("guarded", match_labels={"app": "guarded"}, allowed=allowed)
    state = a_cluster_state(*BUSY, odd_one(), pod, budget)

    found = reasons(decide(state), "Node").get("odd")

    assert (found == "pods_cannot_move") is is_left_alone


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"team": "ml"}},
        {"nodeSelector": {"node.kubernetes.io/instance-type": "m5.large"}},
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
                        ]
                    }
                }
            }
        },
    ],
)
def test_a_node_whose_pods_ask_for_its_labels_is_left_alone(spec):
    assert reason_for(odd_one(), a_pod("special", on="odd", spec=spec)) == "pods_need_this_node"


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "eks.amazonaws.com/compute-type",
                                        "operator": "NotIn",
                                        "values": ["fargate"],
                                    }
                                ]
                            }
                        ]
                    }
                }
            }
        },
    ],
)
def test_what_every_node_offers_keeps_no_pod_back(spec):
    pods = [
        a_pod(f"{one.metadata.name}-{i}", on=one.metadata.name, cpu=0.4, gib=1, spec=spec)
        for one in TEN
        for i in range(4)
    ]

    assert decide(a_cluster_state(*TEN, *pods)).execution_plan


def test_staying_nodes_count_in_the_shares_and_their_free_room_is_used():
    """Five protected nodes stay with their pods: of ten nodes five are on-demand already, and the
    other five become Spot: 0.50 becomes 0.20."""
    kept = nodes(5, annotations={"karpenter.sh/do-not-disrupt": "true"})
    free = [node(f"free-{i}", zone=ZONES[i % 3]) for i in range(5)]

    response = decide(a_cluster_state(*kept, *free, *pods_on(*kept, *free)))

    recommended = allocation_of(response).recommended
    assert {one["capacity_type"] for one in recommended["launch"]} == {"spot"}
    assert sum(one["count"] for one in recommended["launch"]) == 5
    assert str(recommended["usd_per_hour"]) == "0.200000"


@pytest.mark.parametrize("why", ["protected", "few_cheaper_types"])
def test_the_plan_does_not_shrink_the_cluster_around_a_pool_that_stays(why):
    """Two of ten nodes are a Spot pool that stays: a fifth. The others are nearly idle and could
    become fewer, but then the pool would be more than a fifth of what is left."""
    more = {"annotations": {"karpenter.sh/do-not-disrupt": "true"}} if why == "protected" else {}
    pool = [
        node(f"spot-{i}", zone=ZONES[0], instance_type="m7i.large", capacity_type="spot", **more)
        for i in range(2)
    ]
    others = nodes(8)
    state = a_cluster_state(*pool, *others, *pods_on(*pool), *pods_on(*others, each=1))

    response = decide(state)

    verdict = judge_plan(state, response.execution_plan, SafetyLimits(), pool_scores(state, NOW))
    assert response.execution_plan
    assert verdict.is_safe, verdict.message


def _with_a_volume(name, on):
    """A pod of 0.1 vCPU with an EBS volume of its own that any zone reaches."""
    pod = a_pod(
        name,
        on=on,
        cpu=0.1,
        gib=0.5,
        spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]},
    )
    volume = {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{name}"}}
    claim = {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"volumeName": name},
        "status": {"phase": "Bound"},
    }
    return (
        pod,
        an_object("PersistentVolume", {"metadata": {"name": name}, "spec": volume}),
        an_object("PersistentVolumeClaim", claim),
    )


def _volume_limit(on, count):
    driver = {"name": "ebs.csi.aws.com", "nodeID": on, "allocatable": {"count": count}}
    return an_object("CSINode", {"metadata": {"name": on}, "spec": {"drivers": [driver]}})


@pytest.mark.parametrize(("limit", "least_nodes"), [(4, 10), (None, 1)])
def test_new_nodes_attach_no_more_volumes_than_the_present_ones(limit, least_nodes):
    """Ten nodes with four volumes each; their pods would fit on a few by vCPU and memory. A new
    node's own limit is not known before it is there."""
    volumes = [
        one
        for at, host in enumerate(TEN)
        for i in range(4)
        for one in _with_a_volume(f"data-{at}-{i}", host.metadata.name)
    ]
    limits = [] if limit is None else [_volume_limit(one.metadata.name, limit) for one in TEN]

    response = decide(a_cluster_state(*TEN, *volumes, *limits))

    launched = sum(isinstance(step, LaunchInstance) for step in response.execution_plan)
    gone = sum(isinstance(step, TerminateInstance) for step in response.execution_plan)
    assert len(TEN) - gone + launched >= least_nodes
    assert (gone - launched > 2) is (limit is None)


def test_pods_with_a_volume_keep_room_in_its_zone():
    """Four pods of 0.4 vCPU with volumes in zone c: 1.76 vCPU with the head-room, one node."""
    volume = an_object(
        "PersistentVolume",
        {
            "metadata": {"name": "pv"},
            "spec": {
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "topology.ebs.csi.aws.com/zone",
                                        "operator": "In",
                                        "values": [ZONES[2]],
                                    }
                                ]
                            }
                        ]
                    }
                }
            },
        },
    )
    claim = an_object(
        "PersistentVolumeClaim",
        {
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv"},
            "status": {"phase": "Bound"},
        },
    )
    with_volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    tied = pods_on(TEN[2], spec=with_volume)
    others = pods_on(*[one for one in TEN if one is not TEN[2]])

    response = decide(a_cluster_state(*TEN, *tied, *others, claim, volume))

    assert response.evidence["required"]["in_zones"] == {
        ZONES[2]: {"vcpu": 1.76, "memory_gib": 4.4, "pods": 5}
    }
    recommended = allocation_of(response).recommended
    launched = sum(
        one["count"] for one in recommended["launch"] if one["availability_zone"] == ZONES[2]
    )
    kept = {"node-02", "node-05", "node-08"} & set(recommended["keep"])
    assert launched + len(kept) >= 1
    assert "pods_find_no_place" not in reasons(response, "Node").values()


def test_nodes_of_pools_that_became_unsafe_leave_where_that_saves_money():
    """Eight Spot nodes at 0.09 in a pool that Spot Advisor no longer likes: a new pool at 0.04 is
    safe and cheaper."""
    market = Market(spot={"m5.large": "0.09"}, buckets={"m5.large": InterruptionBucket.OVER_20})
    on_spot = nodes(8, capacity_type="spot")
    on_demand = [node(f"od-{i}", zone=ZONES[i]) for i in range(2)]
    state = a_cluster_state(*on_spot, *on_demand, *pods_on(*on_spot, *on_demand), market=market)

    response = decide(state)

    assert len(allocation_of(response).recommended["remove"]) == 8
    assert "unsafe_pools_in_use" in {one.code for one in response.warnings}
    verdict = judge_plan(state, response.execution_plan, SafetyLimits(), pool_scores(state, NOW))
    assert verdict.is_safe, verdict.message
