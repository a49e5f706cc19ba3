"""From a request to an answer: every instance is a node, a ghost, or stands in ``skipped``."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from engines.contracts.aws import Instance
from engines.contracts.plan import PlanStep, TerminateInstance, Verify
from engines.contracts.pricing import HOURS_PER_MONTH, to_usd
from engines.contracts.requests import DecisionRequest, convert_part, input_digest, refused
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
    Json,
    Notice,
    Recommendation,
    Skipped,
    Subject,
)
from engines.contracts.verdict import SafetyLimits
from engines.contracts.wording import counted
from engines.ghost_probe.costs import micro_usd_per_hour
from engines.ghost_probe.judgement import (
    Exempt,
    Ghost,
    Refusal,
    find_refusal,
    node_instance_ids,
    probe_of,
    volumes_of,
)
from engines.ghost_probe.ownership import Marks, Owner
from engines.ghost_probe.parameters import GhostParameters
from engines.ghost_probe.reasons import WarningCode

NAME = "ghost_probe"
VERSION = "1.0.0"

TERMINATE = "terminate_instance"
TERMINATE_IN_GROUP = "terminate_in_auto_scaling_group"

_LONG_SEEN_DAYS = 7  # after a week without a node nobody is still about to fix the join
_SECONDS_PER_DAY = 86_400


def find_ghosts(request: DecisionRequest) -> DecisionResponse:
    """Name the EC2 instances that run for a cluster of ours and are none of its nodes.

    Raises InvalidInputError for a parameter that cannot be used.
    """
    parameters = convert_part(request.requirements, GhostParameters, "requirements")
    convert_part(request.constraints, SafetyLimits, "constraints")
    refusal = find_refusal(request.current_state, parameters)
    if refusal is not None:
        return _refused(request, refusal)
    return _answer(request, parameters)


def _refused(request: DecisionRequest, refusal: Refusal) -> DecisionResponse:
    return refused(
        request, EngineIdentity(name=NAME, version=VERSION), refusal.reason, refusal.message
    )


def _answer(request: DecisionRequest, parameters: GhostParameters) -> DecisionResponse:
    state = request.current_state
    instances = {one.instance_id: one for one in state.instances or ()}
    own_ids = node_instance_ids(state.cluster)
    node_ids = own_ids | frozenset(parameters.nodes_of_other_clusters)
    nodes = {key: one for key, one in instances.items() if key in own_ids}
    probe = probe_of(state, nodes, parameters, request.now)
    judged = {key: probe.judge(one) for key, one in instances.items() if key not in node_ids}
    ghosts = [one for one in judged.values() if isinstance(one, Ghost)]
    costs = micro_usd_per_hour((one.instance for one in ghosts), state, request.now)
    recommendations = tuple(
        _recommendation(one, costs.get(one.instance.instance_id), parameters, request.now)
        for one in ghosts
    )
    skipped = tuple(
        _skipped(instances[key], one) for key, one in judged.items() if isinstance(one, Exempt)
    )
    return DecisionResponse(
        request_id=request.request_id,
        decision_type=DecisionType.GHOST_PROBE,
        engine=EngineIdentity(name=NAME, version=VERSION),
        input_digest=input_digest(request),
        status=DecisionStatus.OK,
        recommendations=recommendations,
        skipped=skipped,
        execution_plan=tuple(_steps(ghosts)),
        estimated_savings=sum((one.savings_usd_month for one in recommendations), Decimal(0)),
        confidence_score=_confidence(ghosts, costs, request.now),
        warnings=tuple(_warnings(ghosts, costs)),
        evidence={
            "instances": len(instances),
            "known_nodes": len(instances.keys() & node_ids),
            "nodes_without_listed_instance": len(own_ids - instances.keys()),
            "ghosts": len(ghosts),
            "skipped_by_reason": dict(sorted(Counter(one.reason for one in skipped).items())),
            "cluster_names": sorted(probe.owners.marks.clusters),
            "previous_node_count": parameters.previous_node_count,
            "requires_approval": any(one.evidence["requires_approval"] for one in recommendations),
        },
    )


def _subject(instance: Instance) -> Subject:
    return Subject(
        kind="Instance",
        name=instance.tag_values.get("Name", ""),
        instance_id=instance.instance_id,
        instance_type=instance.instance_type,
        availability_zone=instance.placement.availability_zone,
    )


def _skipped(instance: Instance, exempt: Exempt) -> Skipped:
    return Skipped(
        subject=_subject(instance),
        reason=exempt.reason,
        message=f"{instance.instance_id} {exempt.message}",
        subjects=exempt.subjects,
    )


def _recommendation(
    ghost: Ghost, cost: int | None, parameters: GhostParameters, now: datetime
) -> Recommendation:
    usd_per_hour = None if cost is None else to_usd(cost)
    seen_hours = (now - ghost.first_seen).total_seconds() / 3600
    needs_approval = not parameters.terminate_without_approval or ghost.owner is Owner.UNCONFIRMED
    cost_said = "an unknown amount" if usd_per_hour is None else f"{usd_per_hour.normalize():f} USD"
    return Recommendation(
        subject=_subject(ghost.instance),
        action=TERMINATE if ghost.group is None else TERMINATE_IN_GROUP,
        savings_usd_month=(usd_per_hour or Decimal(0)) * HOURS_PER_MONTH,
        reason=f"Has run without a node for at least {counted(round(seen_hours), 'hour')}, over"
        f" {counted(ghost.scans, 'scan')}, for {cost_said} an hour;"
        " its tags say that it was made for a cluster.",
        current={
            "state": ghost.instance.state.name,
            "usd_per_hour": usd_per_hour,
            "capacity_type": "spot" if ghost.instance.instance_lifecycle == "spot" else "on-demand",
        },
        recommended=_how(ghost),
        evidence=_evidence(ghost, now) | {"requires_approval": needs_approval},
    )


def _how(ghost: Ghost) -> dict[str, Json]:
    """What to do; an instance of a group is taken out of it, else the group replaces it."""
    known = ghost.instance.instance_id
    before = (
        [f"cancel the Spot request {ghost.instance.spot_instance_request_id} if it is persistent"]
        if ghost.instance.spot_instance_request_id
        else []
    )
    if ghost.group is None:
        return {"state": "terminated", "before": before}
    return {
        "state": "terminated",
        "before": before,
        "auto_scaling_group": ghost.group,
        "command": "aws autoscaling terminate-instance-in-auto-scaling-group --instance-id"
        f" {known} --should-decrement-desired-capacity",
    }


def _evidence(ghost: Ghost, now: datetime) -> dict[str, Json]:
    marks, launched = Marks.of(ghost.instance), ghost.instance.launch_time
    return {
        "first_seen": ghost.first_seen.isoformat(),
        "seen_for_hours": round((now - ghost.first_seen).total_seconds() / 3600, 3),
        "scans": ghost.scans,
        "last_started_at": None if launched is None else launched.isoformat(),
        "owner": ghost.owner,
        "clusters": sorted(marks.clusters),
        "pools": sorted(marks.pools),
        "auto_scaling_state": ghost.group_state,
        "volumes": list(volumes_of(ghost.instance)),
        "vpc_id": ghost.instance.vpc_id,
    }


def _steps(ghosts: Sequence[Ghost]) -> Iterator[PlanStep]:
    """Terminations of ghosts that no group holds; there is no step that shrinks a group."""
    alone = [one.instance.instance_id for one in ghosts if one.group is None]
    for known in alone:
        yield TerminateInstance(id=f"terminate-{known}", instance_id=known)
    if alone:
        yield Verify(
            id="verify",
            expectation=f"{counted(len(alone), 'instance is', 'instances are')} terminated and"
            " no node of a cluster went along",
        )


def _warnings(ghosts: Sequence[Ghost], costs: Mapping[str, int]) -> Iterator[Notice]:
    ids = [one.instance.instance_id for one in ghosts]
    if unpriced := tuple(one for one in ids if one not in costs):
        yield Notice(
            code=WarningCode.PRICE_UNKNOWN,
            message="what these ghosts cost is not known, so it is in no sum; import the prices of"
            " their types",
            subjects=unpriced,
        )
    unconfirmed = tuple(
        one.instance.instance_id for one in ghosts if one.owner is Owner.UNCONFIRMED
    )
    if unconfirmed:
        yield Notice(
            code=WarningCode.CLUSTER_NAMES_UNKNOWN,
            message="no tag tells what our own clusters are called, so these may belong to one that"
            " is not registered; give cluster_names",
            subjects=unconfirmed,
        )
    held = tuple(
        one.instance.instance_id for one in ghosts if one.group and one.group_state is None
    )
    if held:
        yield Notice(
            code=WarningCode.GROUP_STATE_UNKNOWN,
            message="the groups of these were not asked, so they may wait in a warm pool or on"
            " standby on purpose; look there first",
            subjects=held,
        )


def _confidence(ghosts: Sequence[Ghost], costs: Mapping[str, int], now: datetime) -> float:
    """0..1, the mean over the ghosts of 0.5 x owner + 0.3 x time seen + 0.2 x price known.

    The owner counts 1 where the tag of a cluster or node pool of ours tells, else 0.5; time seen
    grows to 1 over seven days. Without a ghost nothing is claimed: 1.
    """
    if not ghosts:
        return 1.0
    total = 0.0
    for one in ghosts:
        days = (now - one.first_seen).total_seconds() / _SECONDS_PER_DAY
        owner = 1.0 if one.owner is Owner.OURS else 0.5
        is_priced = one.instance.instance_id in costs
        total += 0.5 * owner + 0.3 * min(1.0, days / _LONG_SEEN_DAYS) + 0.2 * is_priced
    return round(total / len(ghosts), 4)
