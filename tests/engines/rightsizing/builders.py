"""Clusters with a history. Times are counted back from ``NOW``, Monday 3 August 2026, 12:00 UTC.

The usual workload: Deployment shop/web with pods web-6d4b-..., one container "main" that asks for
1 CPU and 1 GiB; its node is an m7i.xlarge at 0.20 USD an hour.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from engines.contracts.kubernetes import Pod, Workload
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import ClusterState, CurrentState, compile_state
from engines.contracts.usage import UsageRow
from engines.rightsizing import recommend_rightsizing
from tests.builders import (
    NOW,
    a_document,
    a_node,
    a_pod,
    a_request,
    a_workload,
    an_on_demand_price,
)

MIB = 2**20
GIB = 2**30
REPLICA_SET = a_workload("web-6d4b", kind="ReplicaSet", owner=("Deployment", "web"))
POD_NAMES = ("web-6d4b-aaaaa", "web-6d4b-bbbbb")
ALL_LISTED = ("limit_ranges", "resource_quotas", "hpas")


def readings(
    pod: str = POD_NAMES[0],
    *,
    cpu: float | None = 0.2,
    mib: float | None = 200,
    container: str = "main",
    namespace: str = "shop",
    samples: int = 169,
    hours: float = 168.0,
    hours_ago: float = 0.0,
) -> tuple[UsageRow, ...]:
    """Equal readings, evenly spread over the ``hours`` that ended ``hours_ago``."""
    step = timedelta(hours=hours) / max(1, samples - 1)
    end = NOW - timedelta(hours=hours_ago)
    return tuple(
        UsageRow(
            namespace=namespace,
            pod=pod,
            container=container,
            timestamp=end - place * step,
            cpu_cores=cpu,
            memory_bytes=None if mib is None else mib * MIB,
        )
        for place in range(samples)
    )


def a_container(
    name: str = "main",
    *,
    cpu: str | None = "1",
    memory: str | None = "1Gi",
    cpu_limit: str | None = None,
    memory_limit: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A container as JSON; an amount that is None is not set."""
    amounts = {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": cpu_limit, "memory": memory_limit},
    }
    resources = {
        part: {name: text for name, text in some.items() if text is not None}
        for part, some in amounts.items()
    }
    return {"name": name, "resources": resources, **more}


def web(*containers: Mapping[str, Any], **more: Any) -> tuple[Workload | Pod, ...]:
    """The Deployment, its ReplicaSet, and two pods of it that run on node-a."""
    spec = {"containers": list(containers or (a_container(),)), **more.pop("pod_spec", {})}
    return (
        a_workload("web", pod_spec=spec, **more),
        REPLICA_SET,
        *(
            a_pod(name, on="node-a", owner=("ReplicaSet", "web-6d4b"), spec=spec)
            for name in POD_NAMES
        ),
    )


def a_history_of(
    *objects: Any, usage: Iterable[UsageRow], listed: bool = True, **fields: Any
) -> CurrentState:
    """A document with node-a, the objects and their readings; all rules count as read."""
    rules = dict.fromkeys(ALL_LISTED, ()) if listed else {}
    by_hand = {name: fields.pop(name, some) for name, some in rules.items()}
    return a_document(
        a_node(),
        *objects,
        usage=tuple(usage),
        on_demand=(an_on_demand_price(),),
        **by_hand,
        **fields,
    )


def size(document: CurrentState | ClusterState, **requirements: Any) -> DecisionResponse:
    """The answer about workloads (or what ``level`` says)."""
    state = document if isinstance(document, ClusterState) else compile_state(document)
    return recommend_rightsizing(
        a_request(
            state,
            decision_type=DecisionType.RIGHTSIZE,
            requirements={"level": "workload", **requirements},
        )
    )


def both_pods(**more: Any) -> tuple[UsageRow, ...]:
    """The same readings for both pods."""
    return tuple(row for name in POD_NAMES for row in readings(name, **more))


def only(response: DecisionResponse) -> Any:
    """The one recommendation."""
    [recommendation] = response.recommendations
    return recommendation


def reasons(response: DecisionResponse) -> dict[str, str]:
    """The reason of each skipped subject: by name, and container where there is one."""
    return {
        "/".join(filter(None, (one.subject.name, one.subject.container))): one.reason
        for one in response.skipped
    }
