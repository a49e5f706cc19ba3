"""Who may change a workload's template, and what a change does to its pods."""

from collections.abc import Iterable
from enum import StrEnum

from engines.contracts.kubernetes import (
    CronJob,
    DaemonSet,
    Deployment,
    HorizontalPodAutoscaler,
    Job,
    ReplicaSet,
    StatefulSet,
    Workload,
)
from engines.contracts.kubernetes.workloads import IntOrPercent
from engines.resource_policy.settings import Resource

_GITOPS_ANNOTATIONS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "meta.helm.sh/release-name": "Helm",
}
_GITOPS_LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
REVERTING = ("Argo CD", "Flux")
"""Controllers that put back what is changed in the cluster; Helm does so at its next upgrade."""


def managed_by(workload: Workload) -> str | None:
    """The tool that the workload's manifest comes from, by its annotations and labels; else None.

    Controllers that revert changes come before Helm.
    """
    metadata = workload.metadata
    found = {name for key, name in _GITOPS_ANNOTATIONS.items() if key in metadata.annotations}
    found |= {name for key, name in _GITOPS_LABELS.items() if key in metadata.labels}
    for name in (*REVERTING, "Helm"):
        if name in found:
            return name
    return None


def foreign_owner(workload: Workload) -> str | None:
    """Kind/name of what owns the workload and would revert a change of its template, else None.

    (A custom resource such as a Rollout, or a workload that was not read.)
    """
    owner = workload.metadata.controller
    return None if owner is None else f"{owner.kind}/{owner.name}"


class RolloutRisk(StrEnum):
    """What makes a change of the template more than a gentle rollout."""

    SINGLE_REPLICA = "single_replica"
    ALL_AT_ONCE = "all_at_once"
    MORE_THAN_HALF_AT_ONCE = "more_than_half_at_once"


def rollout_risk(workload: Workload) -> RolloutRisk | None:
    """Whether a change of the template takes away more than half of the pods at once.

    Changes of what starts pods later (Jobs, CronJobs) are gentle by nature.
    """
    match workload:
        case Job() | CronJob():
            return None
        case DaemonSet():
            update = workload.spec.update_strategy.rolling_update
            at_once = update.max_unavailable if update else None
            return _risk_of_share(at_once, workload.status.desired_number_scheduled)
        case Deployment() if workload.spec.replicas > 1:
            return _deployment_risk(workload)
        case _ if workload.spec.replicas == 1:
            return RolloutRisk.SINGLE_REPLICA
        case StatefulSet():
            update = workload.spec.update_strategy.rolling_update
            at_once = update.max_unavailable if update else None
            return _risk_of_share(at_once, workload.spec.replicas)
        case _:
            return None


def _deployment_risk(workload: Deployment) -> RolloutRisk | None:
    strategy = workload.spec.strategy
    if strategy.type == "Recreate":
        return RolloutRisk.ALL_AT_ONCE
    at_once = strategy.rolling_update.max_unavailable if strategy.rolling_update else None
    return _risk_of_share(at_once, workload.spec.replicas)


def _risk_of_share(at_once: IntOrPercent | None, replicas: int) -> RolloutRisk | None:
    """Kubernetes' defaults (25 % of a Deployment, one pod of the others) are gentle."""
    if at_once is None or replicas < 2:
        return None
    text = str(at_once)
    if text.endswith("%") and text[:-1].isdigit():
        is_more_than_half = int(text[:-1]) > 50
    else:
        is_more_than_half = text.isdigit() and 2 * int(text) > replicas
    return RolloutRisk.MORE_THAN_HALF_AT_ONCE if is_more_than_half else None


def is_rolled_out_by_hand(workload: Workload) -> bool:
    """Whether a changed template reaches running pods only when somebody lets it: paused
    Deployments, updates on delete, ordinals below a partition, ReplicaSets of their own."""
    match workload:
        case Deployment():
            return workload.spec.paused
        case StatefulSet():
            update = workload.spec.update_strategy
            partition = update.rolling_update.partition if update.rolling_update else None
            return update.type == "OnDelete" or bool(partition)
        case DaemonSet():
            return workload.spec.update_strategy.type == "OnDelete"
        case ReplicaSet():
            return True
        case _:
            return False


def scaled_on(
    hpas: Iterable[HorizontalPodAutoscaler], workload: Workload, container: str
) -> dict[Resource, str]:
    """The resources whose **request** an autoscaler of the workload measures by, with its name.

    An absolute target (AverageValue) does not move with the request, so it does not count.
    """
    found: dict[Resource, str] = {}
    for hpa in hpas:
        target = hpa.spec.scale_target_ref
        here = (hpa.metadata.namespace, target.kind, target.name)
        if here == (workload.metadata.namespace, workload.kind, workload.metadata.name):
            for resource in _utilisation_of(hpa, container):
                found.setdefault(resource, f"HorizontalPodAutoscaler/{hpa.metadata.name}")
    return found


def _utilisation_of(hpa: HorizontalPodAutoscaler, container: str) -> set[Resource]:
    names = set()
    if hpa.spec.target_cpu is not None or not hpa.spec.metrics:
        names.add("cpu")  # an autoscaler without any metric holds cpu at 80 %
    for metric in hpa.spec.metrics:
        own = metric.container_resource
        measured = own if own is not None and own.container == container else metric.resource
        if measured is not None and measured.target.average_utilization is not None:
            names.add(measured.name)
    return {one for one in Resource if one.value in names}
