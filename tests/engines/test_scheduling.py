"""May this pod run on this node: each rule on both sides of its limit.

Every node has 4 vCPU, 16 GiB and room for 58 pods and lies in us-east-1a; every pod asks for
1 vCPU and 1 GiB. ``reasons(pod, ...)`` are the codes of the refusals of node-a.
"""

import pytest

from engines.scheduling import Refusal, RefusalReason, why_not
from tests.builders import a_namespace, a_node, a_pod, a_workload
from tests.engines.scheduling_questions import (
    nodes_for,
    nodes_in,
    occupancy_of,
    reasons,
    refusals,
    row_of,
)

R = RefusalReason
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"


# --- resources ---


@pytest.mark.parametrize(
    ("cpu", "gib", "short"),
    [
        (3, 15, []),
        (3.001, 15, ["cpu"]),
        (3, 15.001, ["memory"]),
        (3.001, 15.001, ["cpu", "memory"]),
        (0, 0, []),
    ],
)
def test_a_pod_fits_into_what_the_pods_there_leave_of_the_allocatable(cpu, gib, short):
    """Another pod takes 1 vCPU and 1 GiB of 4 and 16, so 3 and 15 are left."""
    pod = a_pod("new", cpu=cpu, gib=gib)

    found = refusals(pod, a_node(), a_pod("old", on="node-a"))

    assert [one.subjects for one in found] == [(name,) for name in short]
    assert all(one.reason is R.INSUFFICIENT_RESOURCE for one in found)


@pytest.mark.parametrize(("cpu", "is_resolvable"), [(4, True), (4.001, False)])
def test_preemption_may_help_only_where_the_empty_node_would_hold_the_pod(cpu, is_resolvable):
    found = refusals(a_pod("new", cpu=cpu), a_node(), a_pod("old", on="node-a"))

    assert found == (Refusal(R.INSUFFICIENT_RESOURCE, ("cpu",), is_resolvable),)


def test_a_pod_without_requests_fits_on_a_node_that_is_overdrawn():
    crowded = (a_node(cpu=1), a_pod("a", on="node-a"), a_pod("b", on="node-a"))

    assert reasons(a_pod("new", cpu=0, gib=0), *crowded) == []
    assert reasons(a_pod("new", cpu=0.001, gib=0), *crowded) == ["insufficient_resource"]


@pytest.mark.parametrize(("max_pods", "expected"), [(2, []), (1, ["too_many_pods"])])
def test_a_pod_without_requests_still_counts_as_one_pod(max_pods, expected):
    pod = a_pod("new", cpu=0, gib=0)

    assert reasons(pod, a_node(max_pods=max_pods), a_pod("old", on="node-a")) == expected


@pytest.mark.parametrize(
    ("resource", "amount", "expected"),
    [
        ("ephemeral-storage", "20Gi", []),
        ("ephemeral-storage", "20481Mi", ["insufficient_resource"]),
        ("nvidia.com/gpu", "2", []),
        ("nvidia.com/gpu", "3", ["insufficient_resource"]),
        ("example.com/never-heard-of", "1", ["insufficient_resource"]),
        ("hugepages-2Mi", "4Mi", []),
        ("hugepages-2Mi", "6Mi", ["insufficient_resource"]),
    ],
)
def test_other_resources_are_counted_like_cpu_and_memory(resource, amount, expected):
    """20 GiB is 20,480 MiB."""
    amounts = {
        "cpu": "4",
        "memory": "16Gi",
        "pods": "58",
        "ephemeral-storage": "20Gi",
        "nvidia.com/gpu": "2",
        "hugepages-2Mi": "4Mi",
    }
    container = {"name": "c", "resources": {"requests": {resource: amount}}}
    pod = a_pod("new", spec={"containers": [container]})

    assert reasons(pod, a_node(status={"allocatable": amounts})) == expected


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        ({"phase": "Succeeded"}, []),
        ({"phase": "Failed"}, []),
        ({"metadata": {"deletionTimestamp": "2026-08-03T12:00:00Z"}}, ["insufficient_resource"]),
    ],
)
def test_finished_pods_take_no_room_and_terminating_ones_do(old, expected):
    full = a_pod("old", on="node-a", cpu=4, **old)

    assert reasons(a_pod("new"), a_node(), full) == expected


# --- taints, cordon, names, labels ---


@pytest.mark.parametrize(
    ("taint", "toleration", "is_let_in"),
    [
        ("gpu=yes:NoSchedule", None, False),
        ("gpu=yes:NoExecute", None, False),
        ("gpu=yes:PreferNoSchedule", None, True),
        ("gpu=yes:NoSchedule", {"key": "gpu", "operator": "Equal", "value": "yes"}, True),
        ("gpu=yes:NoSchedule", {"key": "gpu", "operator": "Equal", "value": "no"}, False),
        ("gpu=yes:NoSchedule", {"key": "gpu", "value": "yes"}, True),
        ("gpu=yes:NoSchedule", {"key": "gpu", "operator": "", "value": "yes"}, True),
        ("gpu:NoSchedule", {"key": "gpu"}, True),
        ("gpu:NoSchedule", {"key": "gpu", "value": "yes"}, False),
        ("gpu=yes:NoSchedule", {"key": "gpu", "operator": "Exists"}, True),
        ("gpu=yes:NoSchedule", {"key": "tpu", "operator": "Exists"}, False),
        ("gpu=yes:NoSchedule", {"operator": "Exists"}, True),
        ("gpu=yes:NoExecute", {"operator": "Exists", "effect": "NoSchedule"}, False),
        ("gpu=yes:NoExecute", {"operator": "Exists", "effect": "NoExecute"}, True),
        ("gpu=7:NoSchedule", {"key": "gpu", "operator": "Gt", "value": "5"}, False),
        ("node.kubernetes.io/memory-pressure:NoSchedule", None, False),
    ],
)
def test_taints_keep_out_whom_no_toleration_covers(taint, toleration, is_let_in):
    pod = a_pod("new", spec={"tolerations": [toleration] if toleration else []})

    found = refusals(pod, a_node(taints=(taint,)))

    expected = () if is_let_in else (Refusal(R.UNTOLERATED_TAINT, (taint,)),)
    assert found == expected


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (None, ["node_unschedulable"]),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}, []),
        ({"operator": "Exists"}, []),
        ({"operator": "Exists", "effect": "NoExecute"}, ["node_unschedulable"]),
    ],
)
def test_a_cordoned_node_is_closed_to_those_who_do_not_tolerate_it(toleration, expected):
    pod = a_pod("new", spec={"tolerations": [toleration] if toleration else []})
    cordon = "node.kubernetes.io/unschedulable:NoSchedule"

    assert reasons(pod, a_node(unschedulable=True, taints=(cordon,))) == expected
    assert reasons(pod, a_node(unschedulable=True)) == expected


def test_the_taint_of_a_cordon_that_is_just_being_lifted_still_keeps_pods_out():
    node = a_node(taints=("node.kubernetes.io/unschedulable:NoSchedule",))

    assert reasons(a_pod("new"), node) == ["untolerated_taint"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, []),
        ({"disk": "ssd"}, []),
        ({"disk": "hdd"}, ["node_affinity"]),
        ({"disk": "ssd", "absent": ""}, ["node_affinity"]),
    ],
)
def test_all_labels_of_a_node_selector_must_be_there(selector, expected):
    pod = a_pod("new", spec={"nodeSelector": selector})

    assert reasons(pod, a_node(labels={"disk": "ssd"})) == expected


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        (("disk", "In", ["ssd", "nvme"]), True),
        (("disk", "In", ["hdd"]), False),
        (("absent", "In", ["x"]), False),
        (("disk", "NotIn", ["hdd"]), True),
        (("disk", "NotIn", ["ssd"]), False),
        (("absent", "NotIn", ["x"]), True),
        (("disk", "Exists", []), True),
        (("absent", "Exists", []), False),
        (("disk", "DoesNotExist", []), False),
        (("absent", "DoesNotExist", []), True),
        (("generation", "Gt", ["6"]), True),
        (("generation", "Gt", ["7"]), False),
        (("generation", "Lt", ["8"]), True),
        (("generation", "Lt", ["7"]), False),
        (("disk", "Gt", ["1"]), False),
        (("disk", "Lt", ["1"]), False),
        (("absent", "Lt", ["1"]), False),
        (("generation", "Gt", ["x"]), False),
        (("generation", "Gt", ["6", "5"]), False),
        (("generation", "Gt", ["9223372036854775808"]), False),
        (("generation", "Lt", ["9223372036854775807"]), True),
        (("generation", "Lt", ["9223372036854775808"]), False),
        (("disk", "Resembles", ["ssd"]), False),
    ],
)
def test_each_operator_of_node_affinity(expression, matches):
    """The node has disk=ssd and generation=7."""
    pod = a_pod("new", spec=requires([term(expression)]))

    found = reasons(pod, a_node(labels={"disk": "ssd", "generation": "7"}))

    assert found == ([] if matches else ["node_affinity"])


@pytest.mark.parametrize(
    ("terms", "matches"),
    [
        ([[("disk", "In", ["hdd"])], [("generation", "Exists", [])]], True),
        ([[("disk", "In", ["hdd"])], [("generation", "In", ["1"])]], False),
        ([[("disk", "In", ["ssd"]), ("generation", "Exists", [])]], True),
        ([[("disk", "In", ["ssd"]), ("generation", "In", ["1"])]], False),
        ([[]], False),
        ([[], [("disk", "Exists", [])]], True),
        ([], False),
    ],
)
def test_terms_are_alternatives_and_their_expressions_all_count(terms, matches):
    pod = a_pod("new", spec=requires([term(*some) for some in terms]))

    found = reasons(pod, a_node(labels={"disk": "ssd", "generation": "7"}))

    assert found == ([] if matches else ["node_affinity"])


@pytest.mark.parametrize(
    ("field", "nodes"),
    [
        (("metadata.name", "In", ["node-b"]), ["node-b"]),
        (("metadata.name", "NotIn", ["node-b"]), ["node-a"]),
        (("metadata.name", "In", ["node-z"]), []),
        (("metadata.name", "In", ["node-a", "node-b"]), []),
        (("metadata.name", "Exists", []), []),
        (("metadata.uid", "In", ["x"]), []),
        (("metadata.uid", "NotIn", ["x"]), ["node-a", "node-b"]),
    ],
)
def test_fields_know_the_name_only_and_one_value(field, nodes):
    key, operator, values = field
    by_field = {"matchFields": [{"key": key, "operator": operator, "values": values}]}

    assert nodes_for(a_pod("new", spec=requires([by_field])), a_node(), a_node("node-b")) == nodes


def test_node_selector_and_node_affinity_must_both_hold():
    spec = {**requires([term(("disk", "Exists", []))]), "nodeSelector": {"generation": "8"}}

    assert reasons(a_pod("new", spec=spec), a_node(labels={"disk": "ssd", "generation": "7"})) == [
        "node_affinity"
    ]


def test_a_bound_pod_is_judged_as_its_replacement_would_be():
    """It is bound to node-a by the scheduler's choice, so node-b will do as well."""
    occupancy = occupancy_of(a_node(), a_node("node-b"), a_pod("old", on="node-a"))

    occupancy.remove(0)

    assert nodes_in("shop/old", occupancy) == ["node-a", "node-b"]


def test_a_template_that_names_a_node_pins_its_pods():
    workload = a_workload("web", kind="ReplicaSet", pod_spec={"nodeName": "node-b"})
    pod = a_pod("new", owner=("ReplicaSet", "web"))

    assert nodes_for(pod, workload, a_node(), a_node("node-b")) == ["node-b"]
    assert refusals(pod, workload, a_node(), a_node("node-b")) == (
        Refusal(R.OTHER_NODE_NAMED, ("node-b",)),
    )


def test_a_scheduling_gate_and_a_resource_claim_keep_a_pod_off_every_node():
    gated = a_pod("gated", spec={"schedulingGates": [{"name": "example.com/wait"}]})
    claiming = a_pod(
        "claiming", spec={"resourceClaims": [{"name": "gpu", "resourceClaimName": "one"}]}
    )

    assert refusals(gated, a_node()) == (Refusal(R.SCHEDULING_GATED, ("example.com/wait",)),)
    assert refusals(claiming, a_node()) == (Refusal(R.RESOURCE_CLAIMS_NOT_JUDGED, ("gpu",)),)
    assert nodes_for(gated, a_node()) == nodes_for(claiming, a_node()) == []


def test_every_rule_that_refuses_is_named_in_the_order_of_the_filters():
    pod = a_pod("new", cpu=5, spec={"nodeSelector": {"disk": "ssd"}})
    node = a_node(unschedulable=True, taints=("gpu:NoSchedule",))

    assert reasons(pod, node) == [
        "node_unschedulable",
        "untolerated_taint",
        "node_affinity",
        "insufficient_resource",
    ]


def test_a_pod_that_runs_must_be_taken_off_before_it_is_asked_about():
    occupancy = occupancy_of(a_node(), a_pod("old", on="node-a"))

    with pytest.raises(ValueError, match="shop/old is placed; remove it"):
        why_not(0, 0, occupancy)


# --- host ports ---


@pytest.mark.parametrize(
    ("wanted", "collides"),
    [
        ({"hostPort": 8080}, True),
        ({"hostPort": 8081}, False),
        ({"hostPort": 8080, "protocol": "UDP"}, False),
        ({"hostPort": 8080, "hostIP": "10.0.0.1"}, True),
        ({"hostPort": 8080, "hostIP": "::"}, True),
        ({"containerPort": 8080}, False),
    ],
)
def test_a_host_port_on_all_addresses_is_taken_on_each_of_them(wanted, collides):
    old = a_pod("old", on="node-a", spec=with_port({"hostPort": 8080}))

    found = reasons(a_pod("new", spec=with_port(wanted)), a_node(), old)

    assert found == (["host_port_taken"] if collides else [])


@pytest.mark.parametrize(
    ("address", "collides"),
    [("10.0.0.1", True), ("10.0.0.2", False), ("0.0.0.0", True), ("::", True), ("", True)],
)
def test_a_host_port_on_one_address_collides_on_that_address_only(address, collides):
    old = a_pod("old", on="node-a", spec=with_port({"hostPort": 80, "hostIP": "10.0.0.1"}))
    new = a_pod("new", spec=with_port({"hostPort": 80, "hostIP": address}))

    assert reasons(new, a_node(), old) == (["host_port_taken"] if collides else [])


@pytest.mark.parametrize(("restart", "collides"), [("Always", True), (None, False)])
def test_sidecars_hold_host_ports_and_init_containers_do_not(restart, collides):
    init = {"name": "i", "ports": [{"hostPort": 80}], "restartPolicy": restart}
    old = a_pod("old", on="node-a", spec={"initContainers": [init]})
    new = a_pod("new", spec=with_port({"hostPort": 80}))

    assert reasons(new, a_node(), old) == (["host_port_taken"] if collides else [])


def with_port(port):
    return {"containers": [{"name": "c", "ports": [port]}]}


# --- inter-pod affinity and anti-affinity ---


def test_a_pod_keeps_away_from_those_it_dislikes_in_the_whole_domain():
    nodes = (a_node(), a_node("node-b"), a_node("node-c", zone="us-east-1b"))
    old = a_pod("old", on="node-a", labels={"app": "db"})

    by_host = a_pod("new", spec=avoids(labels={"app": "db"}, key=HOST))
    by_zone = a_pod("new", spec=avoids(labels={"app": "db"}, key=ZONE))

    assert nodes_for(by_host, *nodes, old) == ["node-b", "node-c"]
    assert nodes_for(by_zone, *nodes, old) == ["node-c"]
    assert refusals(by_zone, *nodes, old, node="node-b") == (
        Refusal(R.POD_ANTI_AFFINITY, (ZONE,), is_resolvable=True),
    )


def test_a_pod_is_kept_away_by_those_who_dislike_it():
    nodes = (a_node(), a_node("node-b", zone="us-east-1b"))
    loner = a_pod("loner", on="node-a", spec=avoids(labels={"app": "web"}, key=ZONE))

    assert nodes_for(a_pod("new", labels={"app": "web"}), *nodes, loner) == ["node-b"]
    assert nodes_for(a_pod("new", labels={"app": "db"}), *nodes, loner) == ["node-a", "node-b"]
    assert reasons(a_pod("new", labels={"app": "web"}), *nodes, loner) == ["existing_anti_affinity"]


def test_a_node_without_the_topology_label_is_no_obstacle_for_anti_affinity():
    bare = a_node(labels={ZONE: None})
    old = a_pod("old", on="node-a", labels={"app": "db"}, spec=avoids({"app": "web"}, ZONE))

    assert reasons(a_pod("new", spec=avoids({"app": "db"}, ZONE)), bare, old) == []


def test_a_pod_must_join_those_it_likes():
    nodes = (a_node(), a_node("node-b"), a_node("node-c", zone="us-east-1b"))
    old = a_pod("old", on="node-a", labels={"app": "db"})

    assert nodes_for(a_pod("new", spec=joins(labels={"app": "db"}, key=ZONE)), *nodes, old) == [
        "node-a",
        "node-b",
    ]
    assert refusals(
        a_pod("new", spec=joins(labels={"app": "db"}, key=HOST)), *nodes, old, node="node-b"
    ) == (Refusal(R.POD_AFFINITY, (HOST,)),)


def test_several_affinity_terms_must_be_met_by_one_and_the_same_pod():
    """One pod is app=db, another tier=back; nobody is both, so nobody counts."""
    spec = {"affinity": {"podAffinity": hard([a_term({"app": "db"}), a_term({"tier": "back"})])}}
    apart = (a_pod("a", on="node-a", labels={"app": "db"}), a_pod("b", on="node-a", labels={}))
    both = a_pod("c", on="node-a", labels={"app": "db", "tier": "back"})

    assert reasons(a_pod("new", spec=spec), a_node(), *apart) == ["pod_affinity"]
    assert reasons(a_pod("new", spec=spec), a_node(), both) == []


@pytest.mark.parametrize(
    ("labels", "others", "expected"),
    [
        ({"app": "web"}, (), []),
        ({"app": "other"}, (), ["pod_affinity"]),
        ({"app": "web"}, ("node-b",), ["pod_affinity"]),
    ],
)
def test_the_first_pod_of_its_own_group_is_let_in_and_the_next_must_join_it(
    labels, others, expected
):
    """``others``: where pods of the group run already."""
    pod = a_pod("new", labels=labels, spec=joins(labels={"app": "web"}, key=HOST))
    group = [a_pod(f"old-{name}", on=name, labels={"app": "web"}) for name in others]

    assert reasons(pod, a_node(), a_node("node-b"), *group) == expected


def test_even_the_first_of_its_group_needs_the_topology_label():
    pod = a_pod("new", labels={"app": "web"}, spec=joins(labels={"app": "web"}, key="rack"))

    assert reasons(pod, a_node()) == ["pod_affinity"]
    assert reasons(pod, a_node(labels={"rack": "1"})) == []


@pytest.mark.parametrize(
    ("term", "meets"),
    [
        ({}, {"shop"}),
        ({"namespaces": ["data"]}, {"data"}),
        ({"namespaces": ["data", "shop"]}, {"data", "shop"}),
        ({"namespaceSelector": {}}, {"shop", "data", "dev"}),
        ({"namespaceSelector": {"matchLabels": {"team": "core"}}}, {"data"}),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dev"}}}, {"dev"}),
        (
            {"namespaceSelector": {"matchLabels": {"team": "core"}}, "namespaces": ["shop"]},
            {"data", "shop"},
        ),
    ],
)
def test_terms_look_into_the_namespaces_that_they_name(term, meets):
    spaces = (a_namespace("shop"), a_namespace("data", labels={"team": "core"}))
    pod = a_pod("new", spec=avoids(labels={"app": "x"}, key=HOST, **term))

    met = {
        namespace
        for namespace in ("shop", "data", "dev")
        if reasons(
            pod,
            *spaces,
            a_node(),
            a_pod("old", namespace=namespace, on="node-a", labels={"app": "x"}),
        )
    }

    assert met == meets


@pytest.mark.parametrize(("selector", "is_met"), [(None, False), ({}, True)])
def test_an_absent_selector_meets_nobody_and_an_empty_one_everybody(selector, is_met):
    term = {"topologyKey": HOST, "labelSelector": selector}
    pod = a_pod("new", spec={"affinity": {"podAntiAffinity": hard([term])}})

    assert bool(reasons(pod, a_node(), a_pod("old", on="node-a"))) is is_met


@pytest.mark.parametrize(
    ("keys", "version", "is_met"),
    [
        ({"matchLabelKeys": ["version"]}, "1", True),
        ({"matchLabelKeys": ["version"]}, "2", False),
        ({"mismatchLabelKeys": ["version"]}, "1", False),
        ({"mismatchLabelKeys": ["version"]}, "2", True),
        ({"matchLabelKeys": ["absent"]}, "2", True),
    ],
)
def test_match_label_keys_narrow_a_term_to_pods_like_or_unlike_this_one(keys, version, is_met):
    pod = a_pod("new", labels={"app": "x", "version": "1"}, spec=avoids({"app": "x"}, HOST, **keys))
    old = a_pod("old", on="node-a", labels={"app": "x", "version": version})

    assert bool(reasons(pod, a_node(), old)) is is_met


def test_terminating_pods_still_repel():
    leaving = {"deletionTimestamp": "2026-08-03T12:00:00Z"}
    old = a_pod("old", on="node-a", labels={"app": "db"}, metadata=leaving)

    assert reasons(a_pod("new", spec=avoids({"app": "db"}, HOST)), a_node(), old) == [
        "pod_anti_affinity"
    ]


# --- topology spread ---


@pytest.mark.parametrize(("skew", "nodes"), [(1, ["node-b"]), (2, ["node-a", "node-b"])])
def test_no_domain_may_run_ahead_of_the_emptiest_by_more_than_the_skew(skew, nodes):
    """One in a, none in b: another in a makes 2 - 0."""
    assert nodes_for(spread_pod(maxSkew=skew), *two_zones(), *web_on("node-a")) == nodes


def test_a_pod_that_its_own_constraint_does_not_select_adds_nothing_to_the_skew():
    pod = spread_pod(own_labels={"app": "other"})

    assert nodes_for(pod, *two_zones(), *web_on("node-a")) == ["node-a", "node-b"]
    assert nodes_for(pod, *two_zones(), *web_on("node-a", "node-a")) == ["node-b"]


@pytest.mark.parametrize(
    ("domains", "nodes"), [(2, ["node-a", "node-b"]), (3, []), (None, ["node-a", "node-b"])]
)
def test_fewer_domains_than_wanted_count_as_an_empty_one(domains, nodes):
    """One pod in each of two zones: with a third domain wanted the least is 0, and 2 - 0 > 1."""
    pod = spread_pod(minDomains=domains)

    assert nodes_for(pod, *two_zones(), *web_on("node-a", "node-b")) == nodes


def test_a_node_without_the_label_is_refused_and_its_pods_are_not_counted():
    bare = a_node("node-c", labels={ZONE: None})
    pod = spread_pod()

    assert nodes_for(pod, *two_zones(), bare, *web_on("node-c", "node-c")) == ["node-a", "node-b"]
    assert refusals(pod, *two_zones(), bare, node="node-c") == (
        Refusal(R.SPREAD_LABEL_MISSING, (ZONE,)),
    )


@pytest.mark.parametrize(("policy", "nodes"), [("Honor", ["node-a"]), ("Ignore", [])])
def test_a_zone_that_the_node_selector_shuts_out_counts_only_where_the_policy_says_so(
    policy, nodes
):
    pod = spread_pod(nodeAffinityPolicy=policy, pod_spec={"nodeSelector": {ZONE: "us-east-1a"}})

    assert nodes_for(pod, *two_zones(), *web_on("node-a")) == nodes


@pytest.mark.parametrize(("policy", "nodes"), [("Ignore", []), ("Honor", ["node-a"])])
@pytest.mark.parametrize(
    "closed", [{"taints": ("gpu:NoSchedule",)}, {"unschedulable": True}], ids=["taint", "cordon"]
)
def test_a_tainted_zone_counts_unless_the_policy_honours_taints(policy, nodes, closed):
    zones = (a_node(), a_node("node-b", zone="us-east-1b", **closed))

    assert nodes_for(spread_pod(nodeTaintsPolicy=policy), *zones, *web_on("node-a")) == nodes


def test_a_cordoned_zone_counts_for_a_pod_that_stands_the_cordon():
    zones = (a_node(), a_node("node-b", zone="us-east-1b", unschedulable=True, max_pods=0))
    tolerations = {"tolerations": [{"operator": "Exists"}]}
    pod = spread_pod(nodeTaintsPolicy="Honor", pod_spec=tolerations)

    assert nodes_for(pod, *zones, *web_on("node-a")) == []


def test_only_nodes_with_all_the_keys_count():
    """node-b has no rack, so for both constraints only node-a counts, and its least is its own."""
    constraints = [constraint(), constraint(topologyKey="rack")]
    pod = a_pod("new", labels={"app": "web"}, spec={"topologySpreadConstraints": constraints})
    zones = (a_node(labels={"rack": "1"}), a_node("node-b", zone="us-east-1b"))

    assert nodes_for(pod, *zones, *web_on("node-a", "node-a")) == ["node-a"]


def test_soft_constraints_keep_nobody_out():
    pod = spread_pod(whenUnsatisfiable="ScheduleAnyway")

    assert nodes_for(pod, *two_zones(), *web_on("node-a", "node-a")) == ["node-a", "node-b"]


def test_an_absent_selector_selects_nothing_to_spread():
    pod = spread_pod(labelSelector=None)

    assert nodes_for(pod, *two_zones(), *web_on("node-a", "node-a")) == ["node-a", "node-b"]


def test_terminating_pods_and_pods_of_other_namespaces_do_not_count_for_spread():
    leaving = {"deletionTimestamp": "2026-08-03T12:00:00Z"}
    uncounted = (
        a_pod("leaving", on="node-a", labels={"app": "web"}, metadata=leaving),
        a_pod("foreign", on="node-a", labels={"app": "web"}, namespace="other"),
    )

    assert nodes_for(spread_pod(), *two_zones(), *uncounted) == ["node-a", "node-b"]


@pytest.mark.parametrize(("hash_of_old", "nodes"), [("1", ["node-b"]), ("2", ["node-a", "node-b"])])
def test_match_label_keys_spread_each_revision_by_itself(hash_of_old, nodes):
    pod = spread_pod(
        own_labels={"app": "web", "pod-template-hash": "1"}, matchLabelKeys=["pod-template-hash"]
    )
    labels = {"app": "web", "pod-template-hash": hash_of_old}

    assert nodes_for(pod, *two_zones(), a_pod("old", on="node-a", labels=labels)) == nodes


def test_two_constraints_must_both_hold():
    """node-a and node-b lie in one zone, node-c in the other; the skew is 1 for zone and host.

    2, 0, 1 pods: only the other zone may grow, and there node-c would be 2 ahead of node-b.
    1, 1, 1: only the other zone may grow, and all hosts may. 1, 0, 1: only node-b may grow.
    """
    nodes = (a_node(), a_node("node-b"), a_node("node-c", zone="us-east-1b"))
    constraints = [constraint(), constraint(topologyKey=HOST)]
    pod = a_pod("new", labels={"app": "web"}, spec={"topologySpreadConstraints": constraints})

    assert nodes_for(pod, *nodes, *web_on("node-a", "node-a", "node-c")) == []
    assert nodes_for(pod, *nodes, *web_on("node-a", "node-b", "node-c")) == ["node-c"]
    assert nodes_for(pod, *nodes, *web_on("node-a", "node-c")) == ["node-b"]


def test_a_spread_rule_follows_moves():
    occupancy = occupancy_of(spread_pod(), *two_zones(), *web_on("node-a"))
    old = row_of("shop/old-0-node-a", occupancy)

    occupancy.remove(old)
    occupancy.place(old, 1)

    assert nodes_in("shop/new", occupancy) == ["node-a"]


# --- the words of the rules above ---


def requires(terms):
    by_node = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"affinity": {"nodeAffinity": by_node}}


def term(*expressions):
    return {
        "matchExpressions": [
            {"key": key, "operator": operator, "values": values}
            for key, operator, values in expressions
        ]
    }


def hard(terms):
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}


def a_term(labels, key=HOST, **fields):
    return {"topologyKey": key, "labelSelector": {"matchLabels": labels}, **fields}


def avoids(labels, key=HOST, **fields):
    return {"affinity": {"podAntiAffinity": hard([a_term(labels, key, **fields)])}}


def joins(labels, key=HOST, **fields):
    return {"affinity": {"podAffinity": hard([a_term(labels, key, **fields)])}}


def constraint(**fields):
    return {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        **fields,
    }


def spread_pod(own_labels=None, pod_spec=None, **fields):
    spec = {"topologySpreadConstraints": [constraint(**fields)], **(pod_spec or {})}
    return a_pod("new", labels=own_labels or {"app": "web"}, spec=spec)


def two_zones():
    return (a_node(), a_node("node-b", zone="us-east-1b"))


def web_on(*nodes):
    return [
        a_pod(f"old-{number}-{node}", on=node, labels={"app": "web"})
        for number, node in enumerate(nodes)
    ]
