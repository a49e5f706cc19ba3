"""Decisions as tables for people: what was looked at, what is advised, and what safety says."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from commands.output import note, print_facts, print_table
from engines.contracts.results import DecisionResponse, DecisionStatus, Subject
from engines.contracts.verdict import SafetyVerdict
from engines.planning import CombinedPlan
from services.workflows.analyze import Analysis

MOST_ROWS = 20  # of one table; `--format json` has all of them


def show_analysis(analysis: Analysis) -> None:
    """The whole offline look."""
    print_table(
        f"Looked at, judged as of {analysis.generated_at:%Y-%m-%d %H:%M} UTC",
        ("kind", "count", "age", "file"),
        [
            (one.kind + (" (ignored)" if one.is_ignored else ""), one.count, age(one.age), one.path)
            for one in analysis.inputs
        ],
    )
    summary = analysis.cluster
    print_facts(
        "\nCluster",
        [
            ("nodes", summary.node_count),
            ("of them Spot / on-demand", f"{summary.spot_count} / {summary.on_demand_count}"),
            ("pods", summary.pod_count),
            ("allocatable vCPU", round(summary.total_cpu, 2)),
            ("allocatable memory, GiB", round(summary.total_memory, 2)),
            ("cost, USD/hour", round(summary.current_cost_per_hour, 4)),
            ("nodes without a known price", len(summary.unpriced_nodes)),
        ],
    )
    for decision in analysis.decisions:
        show_response(decision)
    if analysis.combined is not None:
        _show_combined(analysis.combined)


def _show_combined(plan: CombinedPlan) -> None:
    """Stage by stage, what all of it comes to, and which orders of the engines were tried."""
    print_table(
        "\nCombined plan: nothing counted twice",
        ("stage", "USD/hour before", "USD/hour after", "saves USD/month", "note"),
        [
            *(
                (
                    one.decision_type,
                    round(one.cost_per_hour_before, 4),
                    round(one.cost_per_hour_after, 4),
                    round(one.saving_usd_month, 2),
                    one.note,
                )
                for one in plan.stages
            ),
            *(
                (one.decision_type, "-", "-", round(one.saving_usd_month, 2), "another bill")
                for one in plan.other_bills
            ),
        ],
    )
    print_table(
        "\nOrders of the engines that were tried",
        ("carried out in this order", "USD/hour after", "nodes", "steps", ""),
        [
            (
                ", ".join(one.moves) or "nothing",
                round(one.cost_per_hour_after, 4),
                one.node_count,
                one.step_count,
                "chosen" if one.is_chosen else one.problem,
            )
            for one in plan.routes
        ],
    )
    print_facts(
        "\nAll together",
        [
            ("saves, USD/month", round(plan.saving_usd_month, 2)),
            ("nodes then", plan.final_summary.node_count),
            ("of them Spot", plan.final_summary.spot_count),
            ("steps", len(plan.execution_plan)),
        ],
    )
    if plan.safety is not None:
        _show_verdict(plan.safety)


def show_response(response: DecisionResponse) -> None:
    """One decision."""
    facts: list[tuple[str, object]] = [("status", response.status)]
    if response.status is DecisionStatus.REFUSED:
        facts += [("reason", response.reason), ("", response.message)]
    else:
        facts += [
            ("estimated savings, USD/month", round(response.estimated_savings, 2)),
            ("confidence", round(response.confidence_score, 2)),
            ("steps of the plan", len(response.execution_plan)),
        ]
    title = f"\n{response.decision_type} by {response.engine.name} {response.engine.version}"
    print_facts(title, facts)
    _show_recommendations(response)
    _show_skipped(response)
    if response.safety is not None:
        _show_verdict(response.safety)
    for warning in response.warnings:
        note(f"warning: {warning.message}")


def age(seconds: float | None) -> str:
    """How old something is, in the largest unit that makes sense; ``-`` for not known."""
    if seconds is None:
        return "-"
    if seconds < 0:
        return f"{age(-seconds)} later"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} s"


def name_of(subject: Subject) -> str:
    """A subject in as few words as identify it."""
    parts = (subject.namespace, subject.name or subject.node, subject.container)
    pool = (subject.instance_type, subject.availability_zone)
    for words in (parts, (subject.instance_id,), (subject.volume_id,), pool):
        if named := "/".join(filter(None, words)):
            return named
    return subject.kind


def _show_recommendations(response: DecisionResponse) -> None:
    rows = [
        (one.action, name_of(one.subject), round(one.savings_usd_month, 2), one.reason)
        for one in islice(response.recommendations, MOST_ROWS)
    ]
    if rows:
        title = f"\n{_part(rows, len(response.recommendations))} recommendations"
        print_table(title, ("action", "subject", "USD/month", "why"), rows)


def _show_skipped(response: DecisionResponse) -> None:
    """Reasons with how many they kept out, and one example each."""
    if not response.skipped:
        return
    counts = Counter(one.reason for one in response.skipped)
    first = {one.reason: one for one in reversed(response.skipped)}
    print_table(
        f"\n{len(response.skipped)} without advice, by reason",
        ("reason", "count", "for example"),
        [
            (reason, count, f"{name_of(first[reason].subject)}: {first[reason].message}")
            for reason, count in counts.most_common()
        ],
    )


def _show_verdict(verdict: SafetyVerdict) -> None:
    print_facts(
        "\nSafety",
        [("verdict", verdict.action_taken), ("", verdict.message)],
    )
    rows = [
        (one.layer.value, one.severity, one.subject, f"{one.measured:.3f}", f"{one.limit:.3f}")
        for one in islice(verdict.violations, MOST_ROWS)
    ]
    if rows:
        title = f"\n{_part(rows, len(verdict.violations))} limits not met"
        print_table(title, ("layer", "severity", "subject", "measured", "limit"), rows)
    if verdict.alternative:
        print_table(
            "\nSafe alternative",
            ("instance type", "zone", "bought as", "count", "USD/hour each"),
            [
                (
                    one.instance_type,
                    one.availability_zone,
                    one.capacity_type,
                    one.count,
                    one.usd_per_hour,
                )
                for one in verdict.alternative
            ],
        )


def _part(shown: Sequence[object], total: int) -> str:
    return str(total) if len(shown) == total else f"{len(shown)} of {total}"
