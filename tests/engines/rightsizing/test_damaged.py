"""Damaged documents: never a traceback, and nothing is forgotten."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.kubernetes import template_of
from engines.contracts.results import DecisionType
from engines.resource_policy.attribution import is_topmost
from engines.rightsizing import recommend_rightsizing
from tests.builders import a_node, a_pod, a_price, a_workload, an_instance_type, an_object
from tests.engines.rightsizing.builders import (
    a_container,
    a_history_of,
    both_pods,
    readings,
    web,
)
from tests.engines.rightsizing.damage import a_damaged_request, as_json, check_amounts


def a_rich_document():
    """Each kind of object that the engine looks at, once or twice."""
    rules = {
        "limit_ranges": (
            an_object(
                "LimitRange",
                {
                    "metadata": {"name": "limits", "namespace": "shop"},
                    "spec": {
                        "limits": [
                            {
                                "type": "Container",
                                "min": {"cpu": "20m"},
                                "defaultRequest": {"cpu": "50m"},
                                "maxLimitRequestRatio": {"cpu": "8"},
                            },
                            {"type": "Pod", "max": {"cpu": "8"}},
                        ]
                    },
                },
            ),
        ),
        "resource_quotas": (
            an_object(
                "ResourceQuota",
                {
                    "metadata": {"name": "team", "namespace": "shop"},
                    "spec": {"hard": {"limits.memory": "64Gi", "requests.cpu": "40"}},
                    "status": {
                        "hard": {"limits.memory": "64Gi", "requests.cpu": "40"},
                        "used": {"limits.memory": "2Gi"},
                    },
                },
            ),
        ),
        "hpas": (
            an_object(
                "HorizontalPodAutoscaler",
                {
                    "metadata": {"name": "db", "namespace": "shop"},
                    "spec": {
                        "scaleTargetRef": {"kind": "StatefulSet", "name": "db"},
                        "maxReplicas": 5,
                        "metrics": [
                            {
                                "type": "Resource",
                                "resource": {
                                    "name": "cpu",
                                    "target": {"type": "Utilization", "averageUtilization": 60},
                                },
                            }
                        ],
                    },
                },
            ),
        ),
    }
    spec = {"initContainers": [a_container("migrate"), a_container("mesh", restartPolicy="Always")]}
    return a_history_of(
        *web(a_container(cpu_limit="2", memory_limit="1Gi"), a_container("side"), pod_spec=spec),
        a_node("node-b", instance_type="t3.large", cpu=2, gib=8, capacity_type="spot"),
        a_workload("db", kind="StatefulSet", replicas=1),
        a_pod(
            "db-0",
            on="node-b",
            owner=("StatefulSet", "db"),
        ),
        a_workload("agent", kind="DaemonSet", cpu=0.1),
        a_pod("agent-xvr4q", on="node-b", cpu=0.1, owner=("DaemonSet", "agent")),
        a_workload("report", kind="CronJob"),
        a_pod("alone", on="node-b", owner=None),
        usage=(
            *both_pods(samples=120, hours=30, cpu=0.2),
            *both_pods(samples=120, hours=30, container="side"),
            *readings("db-0", samples=110, hours=26, cpu=1.5),
            *readings("report-29700000-xvr4q", samples=110, hours=26),
        ),
        instance_types=(
            an_instance_type("m7i.xlarge"),
            an_instance_type("m7i.large", vcpu=2, gib=8, max_pods=29),
            an_instance_type("t3.large", vcpu=2, gib=8, max_pods=35),
        ),
        prices=(
            a_price("0.03", instance_type="m7i.large"),
            a_price("0.06", instance_type="t3.large"),
        ),
        **rules,
    )


DOCUMENT = as_json(a_rich_document())


def test_the_whole_document_is_answered():
    """So that the fuzz below damages something."""
    request = a_damaged_request(DOCUMENT, DecisionType.RIGHTSIZE, random.Random(0), 0)

    response = recommend_rightsizing(request)

    assert len(response.recommendations) >= 3
    check_amounts(response)


@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from(["both", "node", "workload"]))
@settings(max_examples=250, deadline=None)
def test_a_damaged_cluster_is_answered_and_nothing_is_forgotten(seed, hits, level):
    rng = random.Random(seed)
    request = a_damaged_request(DOCUMENT, DecisionType.RIGHTSIZE, rng, hits, level=level)
    if request is None:
        return

    response = recommend_rightsizing(request)

    check_amounts(response)
    if response.status == "refused":
        return
    told = {one.subject for one in (*response.recommendations, *response.skipped)}
    cluster = request.current_state.cluster
    if level != "workload":
        assert {one.node for one in told if one.kind == "Node"} == set(cluster.nodes.names)
    if level != "node":
        named = {(one.kind, one.namespace, one.name) for one in told}
        expected = {
            (one.kind, one.metadata.namespace, one.metadata.name)
            for one in cluster.workloads
            if is_topmost(one, cluster) and template_of(one).spec.containers
        }
        assert expected <= named
