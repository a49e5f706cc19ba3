"""Workloads whose containers were killed. Times are hours before ``NOW``.

The usual one: Deployment shop/web with two pods on node-a; its container "main" asks for 256 MiB
and may use 512.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from engines.contracts.kubernetes import Pod, Workload
from engines.contracts.results import DecisionResponse, DecisionType
from engines.contracts.state import compile_state
from engines.oom_remediation import recommend_oom_remediation
from tests.builders import (
    NOW,
    a_document,
    a_node,
    a_pod,
    a_request,
    a_workload,
    an_object,
    an_on_demand_price,
)
from tests.engines.rightsizing.builders import MIB, POD_NAMES, REPLICA_SET, a_container

Json = dict[str, Any]
USUAL = a_container(memory="256Mi", memory_limit="512Mi")


def at(hours_ago: float) -> datetime:
    """A moment."""
    return NOW - timedelta(hours=hours_ago)


def text(hours_ago: float) -> str:
    """The same as Kubernetes writes it."""
    return at(hours_ago).strftime("%Y-%m-%dT%H:%M:%SZ")


def ended(hours_ago: float | None = 1, *, reason: str = "OOMKilled", code: int = 137) -> Json:
    """How a container ended."""
    finished = {} if hours_ago is None else {"finishedAt": text(hours_ago)}
    return {"terminated": {"reason": reason, "exitCode": code, **finished}}


def a_status(
    container: str = "main", *, state: Json | None = None, last: Json | None = None
) -> Json:
    """A container's status: running now, killed an hour ago."""
    return {
        "name": container,
        "restartCount": 1,
        "state": state or {"running": {}},
        "lastState": ended() if last is None else last,
    }


def web(
    *containers: Mapping[str, Any],
    statuses: Iterable[Json] | None = None,
    init_statuses: Iterable[Json] = (),
    pod_containers: Iterable[Mapping[str, Any]] | None = None,
    **more: Any,
) -> tuple[Workload | Pod, ...]:
    """The Deployment and two pods; the first has the statuses (one kill), the second none."""
    extra = more.pop("pod_spec", {})
    spec = {"containers": list(containers or (USUAL,)), **extra}
    own = spec if pod_containers is None else {"containers": list(pod_containers), **extra}
    status = {
        "containerStatuses": list((a_status(),) if statuses is None else statuses),
        "initContainerStatuses": list(init_statuses),
    }
    return (
        a_workload("web", pod_spec=spec, **more),
        REPLICA_SET,
        a_pod(POD_NAMES[0], on="node-a", spec=own, status=status),
        a_pod(POD_NAMES[1], on="node-a", spec=own),
    )


def recorded(
    hours_ago: float, mib: int | None = 512, *, pod: str = POD_NAMES[0], container: str = "main"
) -> Json:
    """A row of the ledger."""
    return {
        "namespace": "shop",
        "pod": pod,
        "container": container,
        "time": at(hours_ago),
        "limit_bytes": None if mib is None else mib * MIB,
    }


def an_event(
    hours_ago: float,
    *,
    reason: str = "OOMKilled",
    count: int = 1,
    first: float | None = None,
    words: Mapping[str, str] | None = None,
    **subject: str,
) -> Any:
    """An event about the first pod's container, or about what ``subject`` says; ``words`` are its
    message or note."""
    about = {
        "kind": "Pod",
        "namespace": "shop",
        "name": POD_NAMES[0],
        "fieldPath": "spec.containers{main}",
        **subject,
    }
    return an_object(
        "Event",
        {
            "metadata": {"name": f"event-{hours_ago}", "namespace": "shop"},
            "involvedObject": about,
            "reason": reason,
            "count": count,
            "firstTimestamp": text(hours_ago if first is None else first),
            "lastTimestamp": text(hours_ago),
            **(words or {}),
        },
    )


def remedy(*objects: Any, usage: Iterable[Any] = (), **requirements: Any) -> DecisionResponse:
    """The answer about node-a and the objects; no rules exist unless they are given."""
    fields = {
        name: requirements.pop(name, ()) for name in ("limit_ranges", "resource_quotas", "events")
    }
    document = a_document(
        a_node(), *objects, usage=tuple(usage), on_demand=(an_on_demand_price(),), **fields
    )
    return recommend_oom_remediation(
        a_request(
            compile_state(document),
            decision_type=DecisionType.OOMKILLED_REMEDIATE,
            requirements=requirements,
        )
    )


def memory_of(response: DecisionResponse) -> tuple[int | None, int | None]:
    """Request and limit in MiB that the one recommendation has."""
    [one] = response.recommendations
    request = one.recommended["memory_request_bytes"]
    limit = one.recommended["memory_limit_bytes"]
    return (request and request // MIB, limit and limit // MIB)
