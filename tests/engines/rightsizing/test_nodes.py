"""Nodes by their use. Usual node: m7i.xlarge, 4 vCPU and 16 GiB allocatable, 0.20 USD an hour.

New nodes offer less than their type's name says: m7i.large 1,930m and 6,903 MiB, m7i.xlarge
3,920m and 14,162 MiB (docs: node capacity), t3.large as m7i.large with 35 pods: 6,837 MiB.
"""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import InstanceType
from engines.rightsizing.type_table import (
    FamilyClass,
    TypeTable,
    baseline_millicores,
    cell_of,
    class_of,
)
from tests.builders import (
    a_document,
    a_node,
    a_pod,
    a_price,
    a_workload,
    an_instance_type,
    an_on_demand_price,
    instance_id_for,
)
from tests.engines.rightsizing.builders import only, readings, reasons, size

LARGE = an_instance_type("m7i.large", vcpu=2, gib=8, max_pods=29)
XLARGE = an_instance_type("m7i.xlarge")
DOUBLE = an_instance_type("m7i.2xlarge", vcpu=8, gib=32)
PRICES = {"m7i.large": "0.10", "m7i.xlarge": "0.20", "m7i.2xlarge": "0.40"}


def a_type(name, *, vcpu=2, gib=8, generation=7, **more):
    family = name.partition(".")[0]
    return InstanceType(
        instance_type=name,
        vcpu=vcpu,
        memory_mib=gib * 1024,
        architecture=more.pop("architecture", "amd64"),
        family=family,
        generation=generation,
        max_pods=29,
        **more,
    )


def nodes_sized(
    *objects, types=(LARGE, XLARGE, DOUBLE), prices=(), usage=None, level="node", **more
):
    listed = dict(PRICES) | dict(prices)
    document = a_document(
        *objects,
        usage=None if usage is None else tuple(usage),
        instance_types=tuple(types),
        on_demand=tuple(
            an_on_demand_price(usd, instance_type=name) for name, usd in listed.items()
        ),
        **more,
    )
    return size(document, level=level)


def busy(cpu, mib=1000, *, ask_cpu=1.0, ask_gib=1.0, **more):
    """node-a with one pod that asks for something and used something."""
    pod = a_pod(on="node-a", cpu=ask_cpu, gib=ask_gib)
    usage = readings("web-1", cpu=cpu, mib=mib)
    return nodes_sized(a_node(), pod, usage=usage, **more)


def target(response):
    return only(response).recommended["instance_type"]


@pytest.mark.parametrize(("share", "is_down"), [(0.499, True), (0.5, False), (0.6, False)])
def test_a_node_used_by_less_than_half_is_too_large(share, is_down):
    """Of 4 vCPU; a large carries at most 80 % of 1,930m, so the pod's memory decides: 16 GiB."""
    response = busy(
        0.1,
        mib=share * 16 * 1024,
        types=(a_type("r7i.large", gib=16), XLARGE),
        prices={"r7i.large": "0.13"},
    )

    if is_down:
        assert target(response) == "r7i.large"
    else:
        assert reasons(response) == {"node-a": "well_used"}


@pytest.mark.parametrize(("cpu", "is_up"), [(3.19, False), (3.2, False), (3.21, True)])
def test_a_node_used_by_more_than_four_fifths_is_too_small(cpu, is_up):
    response = busy(cpu)

    if is_up:
        assert (target(response), only(response).action) == ("m7i.2xlarge", "use_larger_type")
        assert only(response).savings_usd_month == Decimal(-146)
    else:
        assert reasons(response) == {"node-a": "well_used"}


def test_the_larger_share_of_cpu_and_memory_counts():
    """CPU 5 %, memory 13,500 of 16,384 MiB: 82 %."""
    assert target(busy(0.2, mib=13_500)) == "m7i.2xlarge"


def test_a_smaller_type_saves_the_difference_of_two_prices():
    response = busy(0.5)

    assert target(response) == "m7i.large"
    assert only(response).savings_usd_month == Decimal(73)  # 0.10 x 730
    assert response.estimated_savings == Decimal(73)
    assert only(response).evidence["basis"] == "usage"


def test_a_node_is_named_with_its_instance():
    response = busy(0.2)

    assert only(response).subject.instance_id == instance_id_for("node-a")


@pytest.mark.parametrize(("down", "up", "is_taken"), [(0.4, 0.41, True), (0.4, 0.4, False)])
def test_the_two_limits_of_a_node_must_leave_room_between_them(down, up, is_taken):
    document = a_document(a_node(), a_pod(on="node-a"))

    def answer():
        return size(document, level="node", node_down_below=down, node_up_above=up)

    if is_taken:
        assert answer().status == "ok"
    else:
        with pytest.raises(InvalidInputError, match="node_down_below must be less"):
            answer()


@pytest.mark.parametrize(("down", "is_down"), [(0.3, False), (0.31, True)])
def test_what_is_too_large_is_a_parameter(down, is_down):
    """4,916 MiB of 16 GiB are 30.005 %."""
    pod = a_pod(on="node-a")
    document = a_document(
        a_node(),
        pod,
        usage=readings("web-1", cpu=0.1, mib=4916),
        instance_types=(LARGE, XLARGE),
        on_demand=tuple(an_on_demand_price(usd, instance_type=n) for n, usd in PRICES.items()),
    )

    response = size(document, level="node", node_down_below=down)

    assert bool(response.recommendations) is is_down


def test_measured_advice_has_steps():
    response = busy(0.5)

    kinds = [type(one).__name__ for one in response.execution_plan]
    assert kinds == [
        "LaunchInstance",
        "WaitForNode",
        "CordonNode",
        "DrainNode",
        "WaitForPods",
        "TerminateInstance",
        "Verify",
    ]
    assert response.execution_plan[0].instance_type == "m7i.large"


def test_day_zero_advises_from_requests_and_has_no_steps():
    pod = a_pod(on="node-a", cpu=1, gib=1)

    response = nodes_sized(a_node(), pod)

    assert target(response) == "m7i.large"
    assert only(response).evidence["basis"] == "requests"
    assert only(response).evidence["has_step"] is False
    assert response.execution_plan == ()


def test_requests_alone_do_not_call_for_a_larger_node():
    """What is asked for in full is well packed."""
    response = nodes_sized(a_node(), a_pod(on="node-a", cpu=3.9, gib=1))

    assert reasons(response) == {"node-a": "well_used"}


@pytest.mark.parametrize(("ask_gib", "holds"), [(6.7, True), (6.8, False)])
def test_a_type_must_hold_what_the_pods_ask_for(ask_gib, holds):
    """The large offers 6,903 MiB: 6.7 GiB are 6,861, 6.8 are 6,963."""
    response = busy(0.5, ask_gib=ask_gib)

    if holds:
        assert target(response) == "m7i.large"
    else:
        assert reasons(response) == {"node-a": "requests_hold_it"}


def test_daemonset_pods_must_fit_too():
    daemon = a_pod("agent-x", on="node-a", owner=("DaemonSet", "agent"), cpu=0.5, gib=6)

    response = nodes_sized(a_node(), a_pod(on="node-a"), daemon, usage=readings("web-1", cpu=0.2))

    assert reasons(response) == {"node-a": "requests_hold_it"}


@pytest.mark.parametrize(("count", "holds"), [(29, True), (30, False)])
def test_the_number_of_pods_must_fit(count, holds):
    """A large takes 29 pods."""
    pods = [a_pod(f"web-{n}", on="node-a", cpu=0.01, gib=0.01) for n in range(count)]

    response = nodes_sized(a_node(), *pods)

    if holds:
        assert target(response) == "m7i.large"
    else:
        assert reasons(response) == {"node-a": "requests_hold_it"}


@pytest.mark.parametrize(
    ("own", "count", "holds"),
    [
        (44, 22, True),  # an interface is kept for security groups: 29 x 44 / 58 = 22
        (44, 23, False),
        (110, 30, True),  # prefixes: as many on the smaller type
        (110, 110, True),
        (234, 111, False),  # AWS advises no more than 110 on small nodes
        (0, 29, True),  # not told
        (0, 30, False),
    ],
)
def test_a_new_node_takes_as_many_pods_as_this_one_s_network_allows(own, count, holds):
    """By the formula an m7i.xlarge takes 58 pods and a large 29."""
    pods = [a_pod(f"web-{n}", on="node-a", cpu=0.01, gib=0.01) for n in range(count)]

    response = nodes_sized(a_node(max_pods=own), *pods)

    assert bool(response.recommendations) is holds


def test_the_evidence_of_a_node_says_how_many_pods_the_other_type_takes():
    response = nodes_sized(a_node(max_pods=44), a_pod(on="node-a"))

    assert only(response).evidence["allocatable_then"]["pods"] == 22


@pytest.mark.parametrize(("mib", "carries"), [(5_520, True), (5_525, False)])
def test_what_is_used_stays_below_four_fifths_of_the_target(mib, carries):
    """80 % of 6,903 MiB are 5,522, whatever the pod asks for (1 GiB)."""
    response = busy(0.2, mib=mib)

    if carries:
        assert target(response) == "m7i.large"
    else:
        assert reasons(response) == {"node-a": "no_smaller_type"}


def test_of_an_empty_node_nothing_was_measured():
    response = nodes_sized(a_node(), usage=())

    assert only(response).evidence["basis"] == "requests"
    assert response.execution_plan == ()


@pytest.mark.parametrize(("hours", "basis"), [(24.0, "usage"), (23.9, "requests")])
def test_a_pod_is_measured_after_a_day(hours, basis):
    usage = readings("web-1", samples=100, hours=hours)

    response = nodes_sized(a_node(), a_pod(on="node-a"), usage=usage)

    assert only(response).evidence["basis"] == basis


def test_a_pod_that_was_not_measured_counts_with_its_requests():
    """One pod used 200m; the new one asks for 0.3 of 1.3 CPU, so 77 % are measured: too little."""
    pods = (a_pod("web-1", on="node-a"), a_pod("new", on="node-a", cpu=0.3, gib=0.1))

    response = nodes_sized(a_node(), *pods, usage=readings("web-1"))

    assert only(response).evidence["basis"] == "requests"


@pytest.mark.parametrize("measured", [{"mib": None}, {"cpu": None}])
def test_a_pod_is_measured_when_both_resources_are(measured):
    usage = readings("web-1", **measured)

    response = nodes_sized(a_node(), a_pod(on="node-a"), usage=usage)

    assert only(response).evidence["basis"] == "requests"


def test_a_container_that_a_pod_no_longer_has_does_not_count():
    """A StatefulSet's pods keep their names: db-0 had a container "old" that used 3 CPU."""
    pod = a_pod("db-0", on="node-a", owner=("StatefulSet", "db"))
    usage = (*readings("db-0", cpu=0.4), *readings("db-0", cpu=3, container="old"))

    evidence = only(nodes_sized(a_node(), pod, usage=usage)).evidence

    assert (evidence["basis"], evidence["load"]["cpu_millicores"]) == ("usage", 400)


@pytest.mark.parametrize(
    ("measured", "basis"), [(("main", "proxy"), "usage"), (("main", "old"), "requests")]
)
def test_a_pod_is_measured_when_its_sidecar_is(measured, basis):
    spec = {
        "initContainers": [
            {"name": "migrate"},
            {"name": "proxy", "restartPolicy": "Always"},
        ]
    }
    usage = [row for name in measured for row in readings("web-1", container=name)]

    response = nodes_sized(a_node(), a_pod(on="node-a", spec=spec), usage=usage)

    assert only(response).evidence["basis"] == basis


def test_a_little_that_was_not_measured_does_not_spoil_the_use():
    pods = (a_pod("web-1", on="node-a"), a_pod("new", on="node-a", cpu=0.2, gib=0.2))

    response = nodes_sized(a_node(), *pods, usage=readings("web-1", cpu=0.4))

    evidence = only(response).evidence
    assert (evidence["basis"], evidence["load"]["cpu_millicores"]) == ("usage", 600)


@pytest.mark.parametrize(
    "other",
    [
        a_type("m7g.large", architecture="arm64"),
        a_type("m7id.large", local_nvme=True),
        a_type("g6.large", gpu_count=1),
        a_type("m7i.metal", is_bare_metal=True),
        a_type("t3.large", generation=7, is_burstable=True),
        a_type("m7i-flex.large"),
        a_type("m5.large", generation=5),
    ],
)
def test_types_of_another_kind_do_not_stand_in(other):
    response = busy(0.2, types=(XLARGE, other), prices={other.instance_type: "0.05"})

    assert reasons(response) == {"node-a": "no_smaller_type"}


def test_the_cheapest_type_of_the_class_is_taken():
    other = a_type("m7a.large")

    response = busy(0.2, types=(LARGE, XLARGE, other), prices={"m7a.large": "0.09"})

    assert target(response) == "m7a.large"


def test_a_type_of_the_same_price_saves_nothing():
    response = busy(0.2, types=(LARGE, XLARGE), prices={"m7i.large": "0.20"})

    assert reasons(response) == {"node-a": "no_smaller_type"}


@pytest.mark.parametrize(
    ("ask_cpu", "ask_gib", "basis"),
    [
        (0.1, 0.25, "usage"),
        (0.1, 0.26, "requests"),
        (0.25, 0.1, "usage"),
        (0.26, 0.1, "requests"),
    ],
)
def test_four_fifths_of_the_requests_must_be_measured(ask_cpu, ask_gib, basis):
    """Measured is 1 GiB of 1.25 GiB, 80 %, or of 1.26; and 1 CPU alike."""
    pods = (a_pod("web-1", on="node-a"), a_pod("new", on="node-a", cpu=ask_cpu, gib=ask_gib))

    response = nodes_sized(a_node(), *pods, usage=readings("web-1"))

    assert only(response).evidence["basis"] == basis


def test_equal_prices_go_by_name():
    other = a_type("m7a.large")

    assert (
        target(busy(0.2, types=(LARGE, XLARGE, other), prices={"m7a.large": "0.10"})) == "m7a.large"
    )


def test_a_feature_of_the_family_is_kept():
    """An m7in is bought for its network; an m7i has less of it."""
    node = a_node(instance_type="m7in.xlarge")
    types = (a_type("m7in.xlarge", vcpu=4, gib=16), LARGE, a_type("m7in.large"))
    prices = {"m7in.xlarge": "0.30", "m7in.large": "0.15"}

    response = nodes_sized(node, a_pod(on="node-a"), types=types, prices=prices)

    assert target(response) == "m7in.large"


T3 = {
    name: a_type(name, vcpu=vcpu, gib=gib, generation=3, is_burstable=True)
    for name, vcpu, gib in (("t3.large", 2, 8), ("t3.xlarge", 4, 16))
}


@pytest.mark.parametrize(("cpu", "expected"), [(0.6, "t3.large"), (0.61, "m7i.large")])
def test_a_burstable_type_must_earn_what_is_used(cpu, expected):
    """A t3.large earns 30 % of 2 vCPU: 600m."""
    node = a_node(instance_type="t3.xlarge")
    types = (*T3.values(), LARGE)
    prices = {"t3.large": "0.08", "t3.xlarge": "0.16", "m7i.large": "0.10"}

    response = nodes_sized(
        node,
        a_pod(on="node-a"),
        usage=readings("web-1", cpu=cpu),
        types=types,
        prices=prices,
    )

    assert target(response) == expected


@pytest.mark.parametrize(
    ("name", "vcpu", "millicores"),
    [
        ("t3.nano", 2, 100),
        ("t3.micro", 2, 200),
        ("t3a.small", 2, 400),
        ("t4g.medium", 2, 400),
        ("t3.large", 2, 600),
        ("t3.xlarge", 4, 1600),
        ("t3.2xlarge", 8, 3200),
        ("t2.micro", 1, 100),
        ("t2.large", 2, 600),
        ("t2.xlarge", 4, 900),
        ("t2.2xlarge", 8, 1360),
        ("t9.wide", 2, 0),
        ("m7i.large", 2, None),
    ],
)
def test_what_a_burstable_type_gives_for_good(name, vcpu, millicores):
    """By the EC2 user guide: of each vCPU 5, 10, 20, 20, 30, 40 and 40 %; t2.xlarge 22.5 %,
    t2.2xlarge 17 %."""
    instance_type = a_type(name, vcpu=vcpu, is_burstable=name.startswith("t"))

    assert baseline_millicores(instance_type) == millicores


def test_a_burstable_size_whose_credits_nobody_knows_is_no_target():
    types = (
        a_type("t9.xlarge", vcpu=4, gib=16, generation=9, is_burstable=True),
        a_type("t9.wide", generation=9, is_burstable=True),
        a_type("m9.large", generation=9),
    )
    prices = {"t9.xlarge": "0.16", "t9.wide": "0.05", "m9.large": "0.10"}

    response = nodes_sized(
        a_node(instance_type="t9.xlarge"),
        a_pod(on="node-a"),
        usage=readings("web-1"),
        types=types,
        prices=prices,
    )

    assert target(response) == "m9.large"


def test_a_burstable_node_whose_credits_nobody_knows_is_judged_by_its_share():
    types = (
        a_type("t9.wide", vcpu=4, gib=16, generation=9, is_burstable=True),
        a_type("m9.large", generation=9),
    )

    response = nodes_sized(
        a_node(instance_type="t9.wide"),
        a_pod(on="node-a"),
        usage=readings("web-1", cpu=1.0),
        types=types,
        prices={"t9.wide": "0.16", "m9.large": "0.10"},
    )

    assert target(response) == "m9.large"


def test_a_burstable_node_above_its_credits_is_too_small():
    """A t3.xlarge earns 40 % of 4 vCPU, 1,600m; 1,700m are 42 % of it."""
    node = a_node(instance_type="t3.xlarge")
    prices = {"t3.large": "0.08", "t3.xlarge": "0.16"}

    response = nodes_sized(
        node,
        a_pod(on="node-a"),
        usage=readings("web-1", cpu=1.7),
        types=(*T3.values(), XLARGE),
        prices=prices,
    )

    assert (target(response), only(response).action) == ("m7i.xlarge", "use_larger_type")


def test_a_spot_node_is_compared_with_spot_prices_of_its_zone():
    node = a_node(capacity_type="spot")
    prices = (
        a_price("0.08"),
        a_price("0.03", instance_type="m7i.large"),
        a_price("0.01", instance_type="m7i.large", zone="us-east-1b"),
    )

    document = a_document(node, a_pod(on="node-a"), prices=prices, instance_types=(LARGE, XLARGE))
    response = size(document, level="node")

    assert only(response).savings_usd_month == Decimal("36.50")  # 0.05 x 730


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (a_node(is_ready=False), "not_in_service"),
        (a_node(labels={"karpenter.sh/nodepool": "default"}), "type_chosen_elsewhere"),
        (a_node(labels={"eks.amazonaws.com/compute-type": "auto"}), "type_chosen_elsewhere"),
        (a_node(labels={"kubernetes.io/os": "windows"}), "other_operating_system"),
        (a_node(capacity_type="reserved"), "reserved_capacity"),
        (a_node(instance_type="q9.large"), "unknown_instance_type"),
        (a_node(labels={"node.kubernetes.io/instance-type": None}), "unknown_instance_type"),
        (a_node(instance_type="m7i.2xlarge", capacity_type="spot"), "price_unknown"),
    ],
)
def test_some_nodes_are_left_alone(node, reason):
    assert reasons(nodes_sized(node, a_pod(on="node-a"))) == {"node-a": reason}


def test_special_hardware_is_left_alone():
    node = a_node(instance_type="g6.xlarge")
    types = (a_type("g6.xlarge", vcpu=4, gib=16, gpu_count=1), LARGE)

    response = nodes_sized(node, types=types, prices={"g6.xlarge": "0.80"})

    assert reasons(response) == {"node-a": "not_interchangeable"}


def test_without_pods_nothing_is_known_of_a_nodes_use():
    document = replace(a_document(a_node()), pods=None)

    assert reasons(size(document, level="node")) == {"node-a": "pods_not_read"}


@pytest.mark.parametrize(
    "amounts", [{"cpu": "0", "memory": "16Gi"}, {"cpu": "4", "memory": "0"}, {}]
)
def test_a_node_that_offers_nothing_is_left(amounts):
    node = a_node(status={"allocatable": {"pods": "58", **amounts}})

    response = nodes_sized(node, a_pod(on="node-a"), usage=readings("web-1"))

    assert reasons(response) == {"node-a": "not_in_service"}


def required(key, operator, *values):
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    terms = {"nodeSelectorTerms": [term]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


TYPE = "node.kubernetes.io/instance-type"
BY_NAME = {"key": "metadata.name", "operator": "In", "values": ["node-a"]}


@pytest.mark.parametrize(
    ("spec", "is_advised"),
    [
        ({"nodeSelector": {TYPE: "m7i.xlarge"}}, False),
        ({"nodeSelector": {"kubernetes.io/hostname": "node-a"}}, False),
        ({"nodeSelector": {"topology.kubernetes.io/zone": "us-east-1a"}}, True),
        (required(TYPE, "In", "m7i.xlarge", "m7i.2xlarge"), False),
        (required(TYPE, "In", "m7i.xlarge", "m7i.large"), True),
        (required(TYPE, "NotIn", "m7i.large"), False),
        (required("kubernetes.io/hostname", "NotIn", "node-b"), True),
        (required("kubernetes.io/arch", "Exists"), True),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [{"matchFields": [BY_NAME]}]
                        }
                    }
                }
            },
            False,
        ),
    ],
)
def test_a_pod_that_asks_for_the_node_or_its_type_ties_it(spec, is_advised):
    response = nodes_sized(a_node(), a_pod(on="node-a", spec=spec), usage=readings("web-1"))

    assert bool(response.recommendations) is is_advised
    assert reasons(response).get("node-a") == (None if is_advised else "pods_require_it")


def test_a_type_that_the_pods_allow_is_taken_even_if_another_is_cheaper():
    """The r7i costs less, and the pod wants an m7i."""
    spec = required(TYPE, "In", "m7i.xlarge", "m7i.large")
    types = (a_type("r7i.large"), LARGE, XLARGE)

    response = nodes_sized(
        a_node(),
        a_pod(on="node-a", spec=spec),
        usage=readings("web-1"),
        types=types,
        prices={"r7i.large": "0.09"},
    )

    assert target(response) == "m7i.large"


def test_a_daemonset_s_pod_that_names_its_node_ties_nothing():
    agent = a_workload("agent", kind="DaemonSet", cpu=0.1)
    pod = a_pod(
        "agent-1",
        on="node-a",
        cpu=0.1,
        owner=("DaemonSet", "agent"),
        spec={
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchFields": [BY_NAME]}]
                    }
                }
            }
        },
    )

    response = nodes_sized(a_node(), agent, pod, a_pod(on="node-a"), usage=readings("web-1"))

    assert target(response) == "m7i.large"


def test_a_pod_with_a_device_ties_its_node():
    amounts = {"cpu": "1", "memory": "1Gi", "example.com/fpga": "1"}
    spec = {
        "containers": [
            {"name": "main", "resources": {"requests": amounts, "limits": {"example.com/fpga": 1}}}
        ]
    }

    response = nodes_sized(a_node(), a_pod(on="node-a", spec=spec), usage=readings("web-1"))

    assert reasons(response) == {"node-a": "pods_require_it"}
    assert "example.com/fpga" in response.skipped[0].message


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_ties_nothing(phase):
    spec = {"nodeSelector": {TYPE: "m7i.xlarge"}}
    done = a_pod("done", on="node-a", phase=phase, spec=spec)

    response = nodes_sized(a_node(), done, a_pod(on="node-a"), usage=readings("web-1"))

    assert target(response) == "m7i.large"


def test_a_plan_exchanges_a_tenth_of_the_nodes():
    """Of eleven nodes two, rounded up; all are advised."""
    names = [f"node-{n:02}" for n in range(11)]
    pods = [a_pod(f"web-{name}", on=name) for name in names]
    usage = [row for name in names for row in readings(f"web-{name}", samples=100, hours=48)]

    response = nodes_sized(*map(a_node, names), *pods, usage=usage)

    assert len(response.recommendations) == 11
    launches = [one for one in response.execution_plan if hasattr(one, "replaces_node")]
    assert [one.replaces_node for one in launches] == ["node-00", "node-01"]


def test_a_node_whose_pods_may_not_move_has_no_steps():
    bare = a_pod(on="node-a", owner=None)

    response = nodes_sized(a_node(), bare, usage=readings("web-1"))

    assert only(response).evidence["has_step"] is False
    assert response.execution_plan == ()


def test_both_levels_count_the_larger_saving_once():
    """The workload's freed requests are worth less than the smaller node saves."""
    workload = a_workload("web", replicas=1)
    replica_set = a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web"))
    pod = a_pod("web-6d4b-aaaaa", on="node-a")
    usage = readings("web-6d4b-aaaaa")

    response = nodes_sized(a_node(), workload, replica_set, pod, usage=usage, level="both")

    by_level = response.evidence["usd_month_by_level"]
    assert by_level["node"] == Decimal(73)
    assert Decimal(0) < by_level["workload"] < Decimal(73)
    assert response.estimated_savings == Decimal(73)
    assert not any(hasattr(one, "replaces_node") for one in response.execution_plan)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m7i.large", FamilyClass.PLAIN),
        ("x8g.large", FamilyClass.PLAIN),
        ("m7i-flex.large", FamilyClass.FLEX),
        ("t4g.large", FamilyClass.BURSTABLE),
        ("m5d.large", FamilyClass.LOCAL_STORAGE),
        ("i4i.large", FamilyClass.LOCAL_STORAGE),
        ("im4gn.large", FamilyClass.LOCAL_STORAGE),
        ("d3en.xlarge", FamilyClass.LOCAL_STORAGE),
        ("g5g.xlarge", FamilyClass.ACCELERATED),
        ("p6-b200.48xlarge", FamilyClass.ACCELERATED),
        ("trn1n.32xlarge", FamilyClass.ACCELERATED),
        ("inf2.xlarge", FamilyClass.ACCELERATED),
        ("hpc7g.4xlarge", FamilyClass.SPECIAL),
        ("mac2-m2.metal", FamilyClass.SPECIAL),
        ("u7i-12tb.224xlarge", FamilyClass.SPECIAL),
    ],
)
def test_the_class_of_a_type_is_told_by_its_family(name, expected):
    assert class_of(a_type(name)) is expected


def test_the_table_is_total_and_its_version_tells_it():
    types = {one.instance_type: one for one in (LARGE, XLARGE, DOUBLE, *T3.values())}
    table = TypeTable(types)

    assert sorted(name for names in table.cells.values() for name in names) == sorted(types)
    assert all(name in table.cells[cell_of(one)] for name, one in types.items())
    assert table.of("q9.large") is None
    assert table.version == TypeTable(dict(reversed(types.items()))).version
    assert table.version != TypeTable({"m7i.large": LARGE}).version
