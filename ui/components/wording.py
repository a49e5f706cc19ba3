"""Codes to words: one place where what the product calls a thing is decided."""

from decimal import Decimal

from engines.contracts.plan import (
    CordonNode,
    DeleteVolume,
    DrainNode,
    LaunchInstance,
    PatchServiceRouting,
    PatchWorkloadAffinity,
    PatchWorkloadResources,
    PlanStep,
    ScaleWorkload,
    SnapshotVolume,
    SuspendCronjob,
    TagResource,
    TerminateInstance,
    UncordonNode,
    Verify,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.pricing import InterruptionBucket
from engines.contracts.results import DecisionType
from engines.contracts.verdict import SafetyLayer, VerdictAction
from services.workflows.browse_system import Event
from ui.components.formatting import money

DECISION_TYPES = {
    DecisionType.SPOT_OPTIMIZE: "Spot optimizer",
    DecisionType.BIN_PACK: "Bin packing",
    DecisionType.RIGHTSIZE: "Rightsizing",
    DecisionType.SCHEDULE: "Office hours",
    DecisionType.GHOST_PROBE: "Ghost probe",
    DecisionType.VOLUME_CLEANUP: "Zombie volumes",
    DecisionType.NETWORK_OPTIMIZE: "Network optimizer",
    DecisionType.OOMKILLED_REMEDIATE: "OOM remediation",
}

LAYERS = {
    SafetyLayer.RISK: "Risk",
    SafetyLayer.AZ_DISTRIBUTION: "AZ distribution",
    SafetyLayer.POOL_CONCENTRATION: "Pool concentration",
    SafetyLayer.ON_DEMAND_BUFFER: "On-demand buffer",
    SafetyLayer.ALL_TOGETHER: "All together",
}

LAYER_RULES = {
    SafetyLayer.RISK: "every Spot pool that the plan adds scores at least the limit",
    SafetyLayer.AZ_DISTRIBUTION: "the cluster stands in at least so many zones",
    SafetyLayer.POOL_CONCENTRATION: "no Spot pool carries more than this share",
    SafetyLayer.ON_DEMAND_BUFFER: "at least this share stays on-demand",
    SafetyLayer.ALL_TOGETHER: "all four layers hold at every step",
}

CREDENTIALS = {
    "token": "service account token",
    "renewed_token": "token that renews itself",
    "eks": "EKS token of AWS IAM",
    "certificate": "client certificate",
}

OWNERS = {
    "auto_scaling_group": "Auto Scaling group",
    "managed_node_group": "Node group",
    "karpenter": "Karpenter",
    "eks_auto_mode": "EKS Auto Mode",
    "aws_service": "AWS service",
    "self_managed": "Self-managed",
}

VERDICTS = {
    VerdictAction.APPROVED: "Safe",
    VerdictAction.SAFE_ALTERNATIVE_CREATED: "Safe alternative made",
    VerdictAction.REJECTED: "Rejected",
    VerdictAction.NOT_APPLICABLE: "Nothing to judge",
}

VERDICT_SIGNS = {
    VerdictAction.APPROVED: "✓",
    VerdictAction.SAFE_ALTERNATIVE_CREATED: "⇄",
    VerdictAction.REJECTED: "✕",
    VerdictAction.NOT_APPLICABLE: "-",
}

VERDICT_COLORS = {
    VerdictAction.APPROVED: "green",
    VerdictAction.SAFE_ALTERNATIVE_CREATED: "yellow",
    VerdictAction.REJECTED: "red",
    VerdictAction.NOT_APPLICABLE: "gray",
}

INTERRUPTION_BUCKETS = {
    InterruptionBucket.UNDER_5: "<5%",
    InterruptionBucket.FROM_5_TO_10: "5-10%",
    InterruptionBucket.FROM_10_TO_15: "10-15%",
    InterruptionBucket.FROM_15_TO_20: "15-20%",
    InterruptionBucket.OVER_20: ">20%",
}

DATA_KINDS = {
    "spot_prices": "Spot prices",
    "spot_advisor": "Spot Advisor",
    "on_demand_prices": "On-demand prices",
    "instance_types": "Instance types",
}

PARAMETER_WORDS = {
    "cpu": "CPU",
    "gb": "GB",
    "hpa": "HPA",
    "iops": "IOPS",
    "m": "millicores",
    "max": "maximum",
    "mib": "MiB",
    "min": "minimum",
    "percent": "%",
    "spot": "Spot",
    "usd": "USD",
    "vcpu": "vCPU",
    "vpc": "VPC",
}

EVIDENCE = {
    "basis": "Judged by",
    "capped_by": "Held down by",
    "cells": "Sizes in the table",
    "cost_share": "Share of the cluster's cost",
    "disruption": "Disruption (weighted pods)",
    "disruption_share": "Share of the cluster's disruption",
    "has_step": "The plan changes it",
    "is_saving_known": "Saving known",
    "lower_bound_usd_per_hour": "No plan can cost less than",
    "managed_by": "Managed by",
    "needs_consent": "Consent needed to",
    "p95_millicores": "CPU, 95th percentile",
    "peak_millicores": "CPU, peak",
    "average_millicores": "CPU, average",
    "peak_bytes": "Memory, peak",
    "average_bytes": "Memory, average",
    "prediction": "Model's prediction",
    "qos_class": "QoS class",
    "r_squared": "Fit of the growth (R²)",
    "ratio": "Saving for its disruption",
    "realisable": "Saves money by itself",
    "realisable_after": "When it saves money",
    "requires_approval": "Needs a person's approval",
    "span_hours": "Seen over",
    "spec.trafficDistribution": "Traffic distribution",
    "usd_month_realisable_now": "Realisable now",
}

RISK_COMPONENTS = {
    "public_rate": "Public interruption rate",
    "volatility": "Price volatility",
    "gap": "Gap to on-demand",
    "time": "Time of day",
}


def in_words(code: str) -> str:
    """A code as readable words, for codes that have no entry of their own."""
    words = code.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]


def parameter(name: str) -> str:
    """The label of an engine's parameter: its words, with units written as units."""
    first, *others = (PARAMETER_WORDS.get(word, word) for word in name.split("_"))
    capital = first if first == "vCPU" else first[:1].upper() + first[1:]
    return " ".join((capital, *others))


def source_name(kind: str, name: str) -> str:
    """A source of data: its kind, with its name where that says more; else the file's name."""
    if kind not in DATA_KINDS:
        return name.rpartition("://")[2]  # an address is no link here
    says_more = name not in {"Spot price history", "on-demand price list", "Spot Advisor"}
    return f"{DATA_KINDS[kind]} ({name})" if says_more else DATA_KINDS[kind]


def data_kind(code: str) -> str:
    """The name of a kind of data on screen."""
    return DATA_KINDS.get(code, in_words(code))


def decision_type(code: str) -> str:
    """The name of a decision type on screen."""
    known = {str(kind): name for kind, name in DECISION_TYPES.items()}
    return known.get(code, in_words(code))


def verdict(action: str) -> str:
    """A verdict with its sign, so that it does not speak by colour alone."""
    for known, words in VERDICTS.items():
        if known == action:
            return f"{VERDICT_SIGNS[known]} {words}"
    return in_words(action)


def event(happened: Event) -> tuple[str, str]:
    """A domain event as a sign and a sentence; the subject stands before the sentence."""
    facts = happened.payload
    match happened.type:
        case "optimization.completed":
            ended = str(facts.get("verdict") or facts.get("status", ""))
            saving = _saving(Decimal(str(facts.get("estimated_savings", 0))))
            kind = decision_type(str(facts.get("decision_type")))
            known = {str(one): sign for one, sign in VERDICT_SIGNS.items()}
            return known.get(ended, "✕"), f"{kind}: {_ending(ended)}{saving}"
        case "cluster.state.changed":
            verb = "changed" if facts.get("source") == "api" else "opened"
            return "◇", f"{verb}: {facts.get('nodes')} nodes, {facts.get('pods')} pods"
        case "cluster.state.failed":
            return "!", "cannot be read; its last good state stays"
        case "cluster.state.recovered":
            return "✓", "can be read again"
        case "safety.limits.changed":
            return "!", "safety limits loosened" if facts.get("loosened") else "limits tightened"
        case _:
            return "·", in_words(happened.type).lower()


def _saving(usd_month: Decimal) -> str:
    """What a decision would save or cost; nothing where it changes no bill."""
    if not round(usd_month):
        return ""
    verb = "saves" if usd_month > 0 else "costs"
    return f", {verb} {money(abs(usd_month), 0)} a month"


def _ending(code: str) -> str:
    known = {str(one): words.lower() for one, words in VERDICTS.items()}
    return known.get(code, in_words(code).lower())


def describe_step(step: PlanStep) -> str:  # noqa: C901, PLR0912 - one case for each type of step
    """What a step does, in one line."""
    match step:
        case LaunchInstance():
            replaced = f" in place of {step.replaces_node}" if step.replaces_node else ""
            kind = "Spot" if step.capacity_type == "spot" else "on-demand"
            return f"Launch {step.instance_type} in {step.availability_zone} ({kind}){replaced}"
        case CordonNode():
            return f"Cordon {step.node}"
        case UncordonNode():
            return f"Uncordon {step.node}"
        case DrainNode():
            return f"Drain {step.node}, waiting at least {step.grace_seconds} s for each pod"
        case TerminateInstance():
            node = f" ({step.node})" if step.node else ""
            return f"Terminate {step.instance_id}{node}"
        case ScaleWorkload():
            return f"Scale {_name(step)} from {step.previous_replicas} to {step.replicas}"
        case PatchWorkloadResources():
            return f"Set requests and limits of {_name(step)}"
        case PatchWorkloadAffinity():
            return f"Set the affinity of {_name(step)}"
        case PatchServiceRouting():
            wish = step.value or "to no zone in particular"
            return f"Route the traffic of Service {step.namespace}/{step.service}: {wish}"
        case SuspendCronjob():
            return f"{'Suspend' if step.suspend else 'Resume'} {_name(step)}"
        case SnapshotVolume():
            return f"Snapshot {step.volume_id} and wait for it"
        case DeleteVolume():
            return f"Delete {step.volume_id}"
        case TagResource():
            if step.value is None:
                return f"Remove tag {step.key} from {step.resource_id}"
            return f"Tag {step.resource_id} with {step.key}={step.value}"
        case WaitForNode():
            return f"Wait until the node of step {step.launch_step} is Ready"
        case WaitForPods():
            where = ", ".join(step.namespaces) or "all namespaces"
            return f"Wait until no moved pod is Pending ({where})"
        case Verify():
            return f"Verify: {step.expectation}"


def _name(
    step: ScaleWorkload | PatchWorkloadResources | PatchWorkloadAffinity | SuspendCronjob,
) -> str:
    return f"{step.workload.kind} {step.workload.namespace}/{step.workload.name}"
