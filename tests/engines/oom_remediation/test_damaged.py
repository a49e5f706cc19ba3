"""Damaged documents: never a traceback, and no kill is forgotten."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.results import DecisionType
from engines.oom_remediation import recommend_oom_remediation
from engines.oom_remediation.kills import gather_kills
from engines.resource_policy.attribution import PodOwners
from tests.builders import NOW, a_document, a_node, a_pod, a_workload, an_object, an_on_demand_price
from tests.engines.oom_remediation.builders import (
    USUAL,
    a_status,
    an_event,
    ended,
    recorded,
    text,
    web,
)
from tests.engines.rightsizing.builders import POD_NAMES, a_container, readings
from tests.engines.rightsizing.damage import a_damaged_request, as_json, check_amounts


def a_rich_document():
    """Kills of several kinds in several kinds of workloads, and the rules of the namespace."""
    limits = {
        "metadata": {"name": "limits", "namespace": "shop"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "4Gi"}}]},
    }
    quota = {
        "metadata": {"name": "team", "namespace": "shop"},
        "status": {"hard": {"limits.memory": "64Gi"}, "used": {"limits.memory": "1Gi"}},
    }
    bare = {"containers": [a_container(memory="300Mi")]}
    killed = {"containerStatuses": [{**a_status(), "restartCount": 7}]}
    return a_document(
        a_node(status={"conditions": [{"type": "MemoryPressure", "status": "True"}]}),
        *web(
            USUAL,
            a_container("side", memory_limit="2Gi"),
            statuses=[a_status(last=ended(2)), a_status("side", state=ended(1), last=ended(3))],
        ),
        a_workload("db", kind="StatefulSet", replicas=1, pod_spec=bare),
        a_pod(
            "db-0",
            on="node-a",
            owner=("StatefulSet", "db"),
            metadata={"creationTimestamp": text(5)},
            spec=bare,
            status=killed,
        ),
        a_workload("report", kind="CronJob", pod_spec={"containers": [USUAL]}),
        a_pod("alone", on="node-a", owner=None, status=killed),
        usage=(*readings(samples=60, hours=48), *readings("db-0", samples=60, hours=48)),
        on_demand=(an_on_demand_price(),),
        limit_ranges=(an_object("LimitRange", limits),),
        resource_quotas=(an_object("ResourceQuota", quota),),
        hpas=(),
        events=(
            an_event(2),
            an_event(3, reason="OOMKilling", kind="Node", namespace="", name="node-a"),
        ),
    )


DOCUMENT = as_json(a_rich_document())
HISTORY = [
    recorded(1),
    recorded(5, 256),
    recorded(2, 700, pod="report-29700000-xvr4q"),
    recorded(200, 128, pod=POD_NAMES[1]),
]


def as_parameters(history):
    return [{**one, "time": one["time"].isoformat()} for one in history]


def a_request(seed, hits):
    return a_damaged_request(
        DOCUMENT,
        DecisionType.OOMKILLED_REMEDIATE,
        random.Random(seed),
        hits,
        oom_history=as_parameters(HISTORY),
    )


def test_the_whole_document_is_answered():
    """So that the fuzz below damages something."""
    response = recommend_oom_remediation(a_request(0, 0))

    assert {one.action for one in response.recommendations} == {
        "raise_memory",
        "escalate_manual_review",
    }
    check_amounts(response)


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=250, deadline=None)
def test_a_damaged_cluster_is_answered_and_no_kill_is_forgotten(seed, hits):
    request = a_request(seed, hits)
    if request is None:
        return

    response = recommend_oom_remediation(request)

    check_amounts(response)
    if response.status == "refused":
        return
    told = {one.subject for one in (*response.recommendations, *response.skipped)}
    cluster = request.current_state.cluster
    owners = PodOwners(cluster)
    for key in gather_kills(cluster, (), NOW).by_container:
        row = owners.workload_of(key.namespace, key.pod)
        name = key.pod if row < 0 else cluster.workloads[row].metadata.name
        assert (name, key.container) in {(one.name, one.container) for one in told}
