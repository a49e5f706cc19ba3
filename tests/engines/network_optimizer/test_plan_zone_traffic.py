"""Three zones with one m7i.xlarge each (4 vCPU, 16 GiB, all allocatable); every pod asks for 1 vCPU
and 1 GiB. 100 GB a day across zones are 100 x 730 / 24 x 0.02 = 60.83 USD a month."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.plan import (
    PatchServiceRouting,
    PatchWorkloadAffinity,
    RoutingSetting,
    WorkloadRef,
    inverse_of,
)
from engines.contracts.results import DecisionStatus, DecisionType
from engines.contracts.state import CurrentState, DataSource, compile_state
from engines.contracts.usage import TrafficRow
from engines.network_optimizer import plan_zone_traffic
from tests.builders import (
    NOW,
    a_node,
    a_pod,
    a_request,
    a_state,
    a_workload,
    an_object,
    uid_of_workload,
)

GB = 10**9
ZONES = ("a", "b", "c")
NODES = tuple(a_node(f"node-{zone}", zone=f"us-east-1{zone}") for zone in ZONES)


def app(name, placement, *, kind="StatefulSet", **fields):
    """A workload and its pods: "aab" are pods name-0 and name-1 in zone a and name-2 in zone b."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": name,
        "uid": uid_of_workload(kind, name),
        "controller": True,
    }
    pods = tuple(
        a_pod(
            f"{name}-{number}",
            on=f"node-{zone}",
            labels={"app": name},
            metadata={"ownerReferences": [owner]},
            **fields.get("pod", {}),
        )
        for number, zone in enumerate(placement)
    )
    workload = a_workload(name, kind=kind, replicas=len(placement), **fields.get("workload", {}))
    return (workload, *pods)


def talk(one, other, gigabytes, namespace="shop"):
    return TrafficRow(
        from_namespace=namespace,
        from_pod=one,
        to_namespace="shop",
        to_pod=other,
        bytes_per_day=round(gigabytes * GB),
    )


def plan(*objects, traffic, nodes=NODES, requirements=None, **fields):
    if not any(one.kind == "Service" for one in objects):
        fields = {"services": ()} | fields
    state = a_state(*nodes, *objects, traffic=tuple(traffic), **fields)
    return plan_zone_traffic(
        a_request(state, decision_type=DecisionType.NETWORK_OPTIMIZE, requirements=requirements)
    )


def cents(usd):
    return usd.quantize(Decimal("0.01"))


def moves(response):
    return {
        one.subject.name: one.recommended["zone"][-1]
        for one in response.recommendations
        if one.action == "prefer_zone"
    }


def reasons(response):
    return {
        one.subject.name: str(one.reason)
        for one in response.skipped
        if one.subject.kind == "TrafficPair"
    }


TOPOLOGY_MODE = 'metadata.annotations["service.kubernetes.io/topology-mode"]'
PAIR = "StatefulSet/shop/db - StatefulSet/shop/web"


def test_a_workload_moves_to_the_zone_of_the_one_that_it_talks_to():
    response = plan(*app("web", "a"), *app("db", "bb"), traffic=[talk("web-0", "db-0", 100)])

    assert moves(response) == {"web": "b"}
    assert response.recommendations[0].recommended["near"] == "StatefulSet/shop/db"
    assert response.recommendations[0].current == {"pods_by_zone": {"us-east-1a": 1}}
    assert cents(response.estimated_savings) == Decimal("60.83")
    assert cents(response.evidence["cross_zone_usd_month"]) == Decimal("60.83")
    assert response.evidence["cross_zone_bytes_per_day_after"] == 0
    assert response.skipped == ()


def test_the_step_adds_a_wish_to_stand_near_and_knows_what_was_there():
    response = plan(*app("web", "a"), *app("db", "bb"), traffic=[talk("web-0", "db-0", 100)])

    step = response.execution_plan[0]
    assert isinstance(step, PatchWorkloadAffinity)
    assert step.workload == WorkloadRef(kind="StatefulSet", namespace="shop", name="web")
    assert step.previous_json == "null"
    assert msgspec.json.decode(step.affinity_json) == {
        "podAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "topologyKey": "topology.kubernetes.io/zone",
                        "labelSelector": {"matchLabels": {"app": "db"}},
                    },
                }
            ]
        }
    }
    assert [type(one).__name__ for one in response.execution_plan] == [
        "PatchWorkloadAffinity",
        "WaitForPods",
        "Verify",
    ]
    assert [one.code for one in response.warnings] == ["pods_restart"]


def test_affinity_that_is_there_stays():
    rule = {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": "web"}},
                    },
                }
            ]
        }
    }
    web = app("web", "a", workload={"pod_spec": {"affinity": rule}})

    response = plan(*web, *app("db", "bb"), traffic=[talk("web-0", "db-0", 100)])

    step = response.execution_plan[0]
    assert msgspec.json.decode(step.previous_json) == rule
    after = msgspec.json.decode(step.affinity_json)
    assert after["podAntiAffinity"] == rule["podAntiAffinity"]
    assert "podAffinity" in after


def test_each_stands_near_its_own_partner_and_not_near_the_one_that_saves_most():
    pinned = {"workload": {"owner": ("Operator", "x")}}
    objects = (
        *app("web", "a"),
        *app("api", "c"),
        *app("db", "b", **pinned),
        *app("cache", "b", **pinned),
    )

    response = plan(*objects, traffic=[talk("web-0", "db-0", 100), talk("api-0", "cache-0", 300)])

    near = {one.subject.name: one.recommended["near"] for one in response.recommendations}
    assert near == {"web": "StatefulSet/shop/db", "api": "StatefulSet/shop/cache"}


def test_both_directions_count_once_each():
    """60 GB there and 40 GB back are 100 GB that change zones."""
    traffic = [talk("web-0", "db-0", 60), talk("db-0", "web-0", 40)]

    response = plan(*app("web", "a"), *app("db", "bb"), traffic=traffic)

    assert cents(response.estimated_savings) == Decimal("60.83")


def test_the_rate_and_the_gigabyte_are_parameters():
    """100 x 730 / 24 x 2 x 0.02 = 121.67; 100e9 / 2^30 = 93.1323 GB, x 0.608333 = 56.66."""
    traffic = [talk("web-0", "db-0", 100)]
    objects = (*app("web", "a"), *app("db", "bb"))

    dearer = plan(*objects, traffic=traffic, requirements={"cross_az_rate_per_gb_each_way": 0.02})
    binary = plan(*objects, traffic=traffic, requirements={"bytes_per_gb": 2**30})

    assert cents(dearer.estimated_savings) == Decimal("121.67")
    assert cents(binary.estimated_savings) == Decimal("56.66")


@pytest.mark.parametrize(("gigabytes", "expected"), [(10, "below_threshold"), (10.001, None)])
def test_pairs_count_from_more_than_ten_gigabytes_a_day_on(gigabytes, expected):
    response = plan(*app("web", "a"), *app("db", "bb"), traffic=[talk("web-0", "db-0", gigabytes)])

    assert reasons(response).get(PAIR) == expected
    assert bool(moves(response)) is (expected is None)


def test_the_pods_of_two_workloads_are_summed_up():
    """Four pairs of pods with 3 GB each are 12 GB."""
    traffic = [talk(f"web-{i}", f"db-{j}", 3) for i in (0, 1) for j in (0, 1)]

    response = plan(*app("web", "aa"), *app("db", "bb"), traffic=traffic)

    assert cents(response.estimated_savings) == Decimal("7.30")  # 12 x 730 / 24 x 0.02


def test_within_one_zone_nothing_costs_and_nothing_moves():
    response = plan(*app("web", "a"), *app("db", "a"), traffic=[talk("web-0", "db-0", 500)])

    assert (response.recommendations, response.skipped) == ((), ())
    assert response.evidence["cross_zone_usd_month"] == 0


def test_zones_that_keep_a_workload_alive_are_not_given_up():
    response = plan(*app("web", "abc"), *app("db", "bca"), traffic=[talk("web-0", "db-0", 100)])

    assert reasons(response) == {PAIR: "zone_diversity_would_be_lost"}
    assert response.estimated_savings == 0


def test_fewer_zones_may_be_required():
    """web and db each stand in two zones; with one zone required they may come together."""
    objects = (*app("web", "ab"), *app("db", "bc"))
    traffic = [talk("web-0", "db-1", 100)]

    strict = plan(*objects, traffic=traffic)
    loose = plan(*objects, traffic=traffic, requirements={"required_zones": 1})

    assert reasons(strict) == {PAIR: "zone_diversity_would_be_lost"}
    assert cents(loose.estimated_savings) == Decimal("60.83")


def test_a_spread_workload_stays_spread_where_that_keeps_more():
    """web-0 and web-1 each talk with a db of their own zone; the 11 GB across are less."""
    traffic = [
        talk("web-0", "dba-0", 100),
        talk("web-1", "dbb-0", 100),
        talk("web-0", "dbb-0", 11),
    ]
    pinned = {"workload": {"owner": ("Operator", "x")}}
    objects = (*app("web", "ab"), *app("dba", "a", **pinned), *app("dbb", "b", **pinned))

    response = plan(*objects, traffic=traffic, requirements={"required_zones": 1})

    assert moves(response) == {}
    assert list(reasons(response).values()) == ["not_worth_moving"]


def test_peers_of_one_workload_talk_across_zones_on_purpose():
    response = plan(*app("db", "abc"), traffic=[talk("db-0", "db-1", 100)])

    assert list(reasons(response).values()) == ["peers_of_one_workload"]


def test_the_placement_is_joint_and_not_pair_by_pair():
    """web in a talks with db in b (100) and with cache in c (60), db with cache (30). Pair by pair
    web goes to b; jointly all three stand in one zone and nothing changes zones."""
    traffic = [
        talk("web-0", "db-0", 100),
        talk("web-0", "cache-0", 60),
        talk("db-0", "cache-0", 30),
    ]

    response = plan(*app("web", "a"), *app("db", "b"), *app("cache", "c"), traffic=traffic)

    assert len(moves(response)) == 2
    assert response.evidence["cross_zone_bytes_per_day_after"] == 0
    assert cents(response.estimated_savings) == Decimal("115.58")  # 190 GB: 60.83 + 36.50 + 18.25


def test_a_move_that_sends_more_of_other_traffic_across_zones_is_not_made():
    """web and db stand still for their partners in their own zones, which cannot move."""
    pinned = {"workload": {"owner": ("Operator", "x")}}
    traffic = [
        talk("web-0", "db-0", 50),
        talk("web-0", "near-0", 80),
        talk("db-0", "far-0", 80),
    ]
    objects = (
        *app("web", "a"),
        *app("db", "b"),
        *app("near", "a", **pinned),
        *app("far", "b", **pinned),
    )

    response = plan(*objects, traffic=traffic)

    assert reasons(response) == {PAIR: "not_worth_moving"}
    assert response.recommendations == ()


def test_what_begins_to_change_zones_is_subtracted():
    """100 GB come to rest and 40 GB begin to change zones: 60 x 0.608333 = 36.50."""
    db = app("db", "ab", workload={"owner": ("Operator", "x")})
    traffic = [talk("web-0", "db-1", 100), talk("web-0", "db-0", 40)]

    response = plan(*app("web", "a"), *db, traffic=traffic)

    assert moves(response) == {"web": "b"}
    assert cents(response.estimated_savings) == Decimal("36.50")
    assert response.evidence["cross_zone_bytes_per_day_after"] == 40 * GB
    assert cents(response.evidence["cross_zone_usd_month_after"]) == Decimal("24.33")


@pytest.mark.parametrize(
    ("web", "db", "mover"),
    [
        ("Deployment", "StatefulSet", {"web": "b"}),
        ("StatefulSet", "Deployment", {"db": "a"}),
    ],
)
def test_of_two_moves_that_save_the_same_the_one_without_data_is_made(web, db, mover):
    objects = (*app("web", "a", kind=web), *app("db", "b", kind=db))

    assert moves(plan(*objects, traffic=[talk("web-0", "db-0", 100)])) == mover


def test_pods_that_ended_or_are_going_hold_no_zone():
    web = app("web", "ac")
    ended = msgspec.structs.replace(
        web[2], status=msgspec.structs.replace(web[2].status, phase="Succeeded")
    )
    going = a_pod(
        "web-2",
        on="node-b",
        metadata={
            "deletionTimestamp": "2026-08-03T11:00:00Z",
            "ownerReferences": [
                msgspec.to_builtins(one) for one in web[1].metadata.owner_references
            ],
        },
    )

    db = app("db", "bb", workload={"owner": ("Operator", "x")})
    response = plan(*web[:2], ended, going, *db, traffic=[talk("web-0", "db-0", 100)])

    assert moves(response) == {"web": "b"}


def test_capacity_is_shared_by_all_that_come():
    """Zone b has room for one more pod: of two that want to come, the one that saves more does."""
    traffic = [talk("web-0", "db-0", 50), talk("api-0", "db-0", 100)]
    pinned = {"workload": {"owner": ("Operator", "x")}}
    objects = (*app("web", "a"), *app("api", "a"), *app("db", "bbb", **pinned))

    response = plan(*objects, traffic=traffic)

    assert moves(response) == {"api": "b"}
    assert cents(response.estimated_savings) == Decimal("60.83")
    assert list(reasons(response).values()) == ["not_worth_moving"]


def test_room_in_sum_is_no_room_for_a_large_pod():
    """Each of zone b's two nodes has 2 vCPU free: 4 in sum, and web wants 3."""
    nodes = (*NODES, a_node("node-b2", zone="us-east-1b"))
    pinned = {"workload": {"owner": ("Operator", "x")}}
    other = app("other", "bb", **pinned)
    fill = tuple(a_pod(f"fill-{n}", on="node-b2") for n in range(2))
    objects = (*app("web", "a", pod={"cpu": 3}), *other, *fill)

    response = plan(*objects, nodes=nodes, traffic=[talk("web-0", "other-0", 100)])

    assert moves(response) == {}
    assert list(reasons(response).values()) == ["no_room_in_zone"]


def test_two_that_fit_in_sum_but_not_on_the_nodes_are_not_both_moved():
    """3 vCPU are free on each of two nodes of zone b: 6 in sum. Of three pods of 2 vCPU two fit."""
    nodes = (*NODES, a_node("node-b2", zone="us-east-1b"), a_node("node-a2", zone="us-east-1a"))
    pinned = {"workload": {"owner": ("Operator", "x")}}
    objects = (
        *app("web", "a", pod={"cpu": 2}),
        *app("api", "a", pod={"cpu": 2}),
        *app("job", "c", pod={"cpu": 2}),
        *app("db", "b", **pinned),
        a_pod("fill", on="node-b2"),
    )
    traffic = [talk(f"{name}-0", "db-0", 20 + n) for n, name in enumerate(("web", "api", "job"))]

    response = plan(*objects, nodes=nodes, traffic=traffic)

    assert moves(response) == {"api": "b", "job": "b"}


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        (app("web", "a", kind="DaemonSet"), "not_movable"),
        (app("web", "a", kind="Job"), "not_movable"),
        (app("web", "a", workload={"owner": ("Rollout", "web")}), "managed_by_operator"),
        (
            app("web", "a", pod={"spec": {"nodeSelector":
                {"topology.kubernetes.io/zone": "us-east-1a"}}}),
            "no_room_in_zone",
        ),
        (app("web", "a", pod={"cpu": 5}), "no_room_in_zone"),
        ((a_pod("web-0", on="node-a", owner=None),), "not_movable"),
    ],
)  # fmt: skip
def test_what_cannot_move_says_why(web, expected):
    """Its partner is a DaemonSet in zone b, which moves neither."""
    partner = app("agent", "b", kind="DaemonSet")

    response = plan(*web, *partner, traffic=[talk("web-0", "agent-0", 100)])

    assert list(reasons(response).values()) == [expected]


def test_a_volume_holds_its_pod_in_its_zone():
    volume = an_object(
        "PersistentVolume",
        {
            "metadata": {"name": "pv-1"},
            "spec": {
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"},
                "claimRef": {"namespace": "shop", "name": "data"},
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {
                                        "key": "topology.kubernetes.io/zone",
                                        "operator": "In",
                                        "values": ["us-east-1a"],
                                    }
                                ]
                            }
                        ]
                    }
                },
            },
            "status": {"phase": "Bound"},
        },
    )
    claim = an_object(
        "PersistentVolumeClaim",
        {
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv-1"},
            "status": {"phase": "Bound"},
        },
    )
    mount = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    bound = app("web", "a", pod={"spec": mount})

    alone = plan(
        *bound,
        *app("agent", "b", kind="DaemonSet"),
        volume,
        claim,
        traffic=[talk("web-0", "agent-0", 100)],
    )
    followed = plan(*bound, *app("db", "b"), volume, claim, traffic=[talk("web-0", "db-0", 100)])

    assert list(reasons(alone).values()) == ["no_room_in_zone"]
    assert moves(followed) == {"db": "a"}


def a_service(**spec):
    return an_object(
        "Service",
        {
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"selector": {"app": "db"}, "clusterIP": "10.0.0.1", **spec},
        },
    )


OWNED_SERVICE = msgspec.structs.replace(
    a_service(), metadata=app("db", "a", workload={"owner": ("Operator", "x")})[0].metadata
)
BIG = tuple(a_node(f"node-{zone}", zone=f"us-east-1{zone}", cpu=16, gib=64) for zone in ZONES)
ROUTED = (*app("web", "ab"), *app("db", "aaabbb"))
CROSSING = (talk("web-0", "db-5", 100), talk("web-1", "db-5", 100))


def test_a_service_with_enough_endpoints_in_every_zone_of_its_clients_routes_within_them():
    response = plan(*ROUTED, a_service(), nodes=BIG, traffic=CROSSING)

    [route] = response.recommendations
    assert route.subject.kind == "Service"
    assert route.recommended == {"spec.trafficDistribution": "PreferClose"}
    assert cents(route.savings_usd_month) == Decimal("60.83")
    assert response.skipped == ()


def test_the_step_of_a_route_knows_what_was_there_and_can_be_taken_back():
    response = plan(*ROUTED, a_service(), nodes=BIG, traffic=CROSSING)

    step, verify = response.execution_plan
    assert step == PatchServiceRouting(
        id="route-shop-db",
        namespace="shop",
        service="db",
        setting=RoutingSetting.TRAFFIC_DISTRIBUTION,
        value="PreferClose",
        previous=None,
    )
    assert inverse_of(step).value is None
    assert verify.expectation == "Service shop/db serves clients in their own zone"
    assert response.warnings == ()  # no pod restarts


@pytest.mark.parametrize(
    ("zone", "moved", "usd"),
    [("b", {"web": "b"}, "182.50"), ("c", {}, "60.83")],
)
def test_a_client_of_routed_traffic_moves_only_where_it_is_served(zone, moved, usd):
    """web's 100 GB with db are routed: db serves a and b. cache draws web with 200 GB, 121.67 USD:
    to b it may go, in c its traffic with db would change zones again."""
    cache = app("cache", zone, workload={"owner": ("Operator", "x")})
    traffic = (talk("web-0", "db-5", 100), talk("web-0", "cache-0", 200))

    response = plan(
        *app("web", "a"), *app("db", "aaabbb"), *cache, a_service(), nodes=BIG, traffic=traffic
    )

    assert moves(response) == moved
    assert cents(response.estimated_savings) == Decimal(usd)
    assert reasons(response) == (
        {} if moved else {"StatefulSet/shop/cache - StatefulSet/shop/web": "held_by_route"}
    )


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("v1.34.2-eks-1234", "PreferSameZone"),
        ("v1.33.9", "PreferClose"),
        ("v2.0.0", "PreferSameZone"),
        ("v1.x", "PreferClose"),
        ("vx.34", "PreferClose"),
        ("v2", "PreferClose"),
        ("", "PreferClose"),
    ],
)
def test_newer_nodes_know_the_newer_word(version, word):
    status = {"nodeInfo": {"kubeletVersion": version}}
    nodes = tuple(
        a_node(f"node-{zone}", zone=f"us-east-1{zone}", cpu=16, status=status) for zone in ZONES
    )

    response = plan(*ROUTED, a_service(), nodes=nodes, traffic=CROSSING)

    assert response.recommendations[0].recommended == {"spec.trafficDistribution": word}


@pytest.mark.parametrize(
    ("versions", "setting", "value"),
    [
        (("v1.31.0", "v1.33.0", "v1.31.2"), "spec.trafficDistribution", "PreferClose"),
        (("v1.30.9", "v1.33.0", "v1.34.0"), TOPOLOGY_MODE, "Auto"),
        (("v1.28.1", "", "v1.28.1"), TOPOLOGY_MODE, "Auto"),
        (("v1.34.1", "", "v1.34.1"), "spec.trafficDistribution", "PreferClose"),
    ],
)
def test_older_nodes_are_told_by_the_annotation(versions, setting, value):
    nodes = tuple(
        a_node(
            f"node-{zone}",
            zone=f"us-east-1{zone}",
            cpu=16,
            status={"nodeInfo": {"kubeletVersion": version}},
        )
        for zone, version in zip(ZONES, versions, strict=True)
    )

    response = plan(*ROUTED, a_service(), nodes=nodes, traffic=CROSSING)

    assert response.recommendations[0].recommended == {setting: value}
    assert response.execution_plan[0].setting == setting


@pytest.mark.parametrize(
    "objects",
    [
        (*ROUTED, a_service(clusterIP="None")),  # headless: clients choose by themselves
        (*ROUTED, a_service(trafficDistribution="PreferClose")),
        (*ROUTED, OWNED_SERVICE),  # an operator would undo the change
        (*ROUTED, a_service(selector={"app": "other"})),
        (*ROUTED, a_service(selector={"app": "db", "tier": "x"})),
        ROUTED,
    ],
)
def test_without_a_service_that_can_route_traffic_is_not_routed(objects):
    response = plan(*objects, nodes=BIG, traffic=(talk("web-0", "db-4", 100),))

    assert response.recommendations == ()
    assert reasons(response) == {PAIR: "zone_diversity_would_be_lost"}


@pytest.mark.parametrize(
    ("placement", "requirements", "there_are"),
    [
        ("aaabb", {}, "3 ready pods in each: there are 2 in us-east-1b"),
        ("aaabbb", {"min_endpoints_per_zone": 4},
         "4 ready pods in each: there are 3 in us-east-1a, 3 in us-east-1b"),
        ("aaaccc", {}, "3 ready pods in each: there are 0 in us-east-1b"),
    ],
)  # fmt: skip
def test_a_service_with_too_few_endpoints_says_where_they_are_missing(
    placement, requirements, there_are
):
    """web has a pod in a and one in b; both talk with db's last one."""
    last = f"db-{len(placement) - 1}"

    response = plan(
        *app("web", "ab"),
        *app("db", placement),
        a_service(),
        nodes=BIG,
        traffic=(talk("web-0", last, 100), talk("web-1", last, 100)),
        requirements=requirements,
    )

    [left] = response.skipped
    assert left.reason == "too_few_endpoints"
    assert left.message.endswith(
        f"Service db could serve the clients of StatefulSet/shop/db within"
        f" their zones with {there_are}"
    )
    assert response.execution_plan == ()


def test_pods_that_are_not_ready_are_no_endpoints():
    sick = app("db", "aaabbb")
    last = msgspec.structs.replace(
        sick[-1], status=msgspec.structs.replace(sick[-1].status, conditions=())
    )

    response = plan(*app("web", "ab"), *sick[:-1], last, a_service(), nodes=BIG, traffic=CROSSING)

    assert response.recommendations == ()


def test_a_node_without_a_zone_switches_routing_off():
    lost = a_node("node-x", labels={"topology.kubernetes.io/zone": None})

    response = plan(*ROUTED, a_service(), nodes=(*BIG, lost), traffic=CROSSING)

    assert response.recommendations == ()
    assert [one.code for one in response.warnings] == ["nodes_without_zone"]


def test_pods_that_nobody_knows_count_for_nothing_and_are_named():
    """Of 200 GB a day 100 are known: 0.8 x 0.5 + 0.2 = 0.6."""
    pending = a_pod("late-0")
    traffic = [
        talk("web-0", "db-0", 100),
        talk("gone-0", "db-0", 60),
        talk("late-0", "db-0", 40),
    ]

    response = plan(*app("web", "a"), *app("db", "bb"), pending, traffic=traffic)

    assert {one.subject.name: str(one.reason) for one in response.skipped} == {
        "gone-0": "unknown_pod",
        "late-0": "unknown_zone",
    }
    assert response.evidence["unknown_bytes_per_day"] == 100 * GB
    assert response.confidence_score == 0.6
    assert response.warnings[0].code == "traffic_of_unknown_pods"


def test_without_services_the_reader_is_told():
    response = plan(
        *app("web", "a"), *app("db", "bb"), traffic=[talk("web-0", "db-0", 9)], services=None
    )

    assert [one.code for one in response.warnings] == ["services_not_read"]
    assert response.confidence_score == 0.8


@pytest.mark.parametrize(
    ("as_of", "codes", "told"),
    [
        (NOW - timedelta(days=14), [], "2026-07-20T12:00:00+00:00"),
        (NOW - timedelta(days=14, seconds=1), ["traffic_is_old"], "2026-07-20T11:59:59+00:00"),
        (None, [], None),
    ],
)
def test_the_age_of_the_traffic_is_told_and_old_traffic_pointed_at(as_of, codes, told):
    source = DataSource(kind="traffic", name="flow.log", count=1, as_of=as_of)
    other = DataSource(kind="spot_prices", name="prices", count=1, as_of=NOW)

    response = plan(*app("web", "a"), traffic=[talk("web-0", "web-0", 1)], sources=(source, other))

    assert [one.code for one in response.warnings] == codes
    assert response.evidence["traffic_as_of"] == told


@pytest.mark.parametrize("traffic", [None, ()])
def test_without_traffic_data_nothing_is_judged(traffic):
    fields = {} if traffic is None else {"traffic": traffic}
    state = a_state(*NODES, **fields)

    response = plan_zone_traffic(a_request(state, decision_type=DecisionType.NETWORK_OPTIMIZE))

    assert (response.status, response.reason) == (DecisionStatus.REFUSED, "no_traffic_data")


@pytest.mark.parametrize(
    ("listed", "reason"), [({}, "pods_not_given"), ({"pods": ()}, "nodes_not_given")]
)
def test_without_the_cluster_nothing_is_judged(listed, reason):
    state = compile_state(CurrentState(traffic=(talk("a", "b", 1),), **listed))

    response = plan_zone_traffic(a_request(state, decision_type=DecisionType.NETWORK_OPTIMIZE))

    assert response.reason == reason


@pytest.mark.parametrize(
    "requirements", [{"cross_az_rate_per_gb_each_way": -1}, {"required_zones": 0}, {"zones": 1}]
)
def test_parameters_that_cannot_be_used_are_refused(requirements):
    with pytest.raises(InvalidInputError):
        plan(*app("web", "a"), traffic=[], requirements=requirements)


NAMES = ("api", "cache", "db", "web")


@st.composite
def clusters(draw):
    objects = [
        one for name in NAMES for one in app(name, draw(st.text("abc", min_size=1, max_size=2)))
    ]
    pods = [one.metadata.name for one in objects if one.kind == "Pod"]
    pairs = draw(st.sets(st.tuples(st.sampled_from(pods), st.sampled_from(pods)), max_size=8))
    traffic = [talk(one, other, draw(st.integers(0, 50))) for one, other in sorted(pairs)]
    return objects, traffic


@settings(max_examples=40, deadline=None)
@given(
    case=clusters(),
    required=st.integers(1, 3),
    shuffle=st.randoms(use_true_random=False),
)
def test_savings_are_the_difference_of_two_bills_in_any_order(case, required, shuffle):
    """Every crossing pair gains by some advice or says why not; no pair does both."""
    objects, traffic = case
    mixed, rows = list(objects), list(traffic)
    shuffle.shuffle(mixed)
    shuffle.shuffle(rows)
    if not traffic:
        return

    first = plan(*objects, traffic=traffic, requirements={"required_zones": required})
    second = plan(*mixed, traffic=rows, requirements={"required_zones": required})

    assert first == second
    before = first.evidence["cross_zone_bytes_per_day"]
    after = first.evidence["cross_zone_bytes_per_day_after"]
    assert 0 <= after <= before
    assert sum(one.evidence["bytes_per_day"] for one in first.recommendations) == before - after
    gaining = {
        " - ".join(pair["between"])
        for one in first.recommendations
        for pair in one.evidence["pairs"]
        if pair["kept_bytes_per_day"] > 0
    }
    crossing = gaining | reasons(first).keys()
    assert not gaining & reasons(first).keys()
    assert crossing >= _crossing(objects, traffic)


def _crossing(objects, traffic):
    """The pairs of workloads that talk across zones, by a naive count."""
    zone = {one.metadata.name: one.spec.node_name for one in objects if one.kind == "Pod"}
    names = set()
    for row in traffic:
        if row.bytes_per_day and zone[row.from_pod] != zone[row.to_pod]:
            ends = sorted(
                f"StatefulSet/shop/{pod.rpartition('-')[0]}" for pod in (row.from_pod, row.to_pod)
            )
            names.add(" - ".join(ends))
    return names
