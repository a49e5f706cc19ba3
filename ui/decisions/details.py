"""One decision in full: what it saves, the verdict, pools, allocation, steps, skipped, inputs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import streamlit as st

from engines.contracts.plan import (
    LaunchInstance,
    PlanStep,
    TerminateInstance,
    Verify,
    WaitForNode,
    WaitForPods,
    inverse_of,
)
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    Notice,
)
from engines.contracts.state import DataSource
from engines.contracts.verdict import SafetyLimits, SafetyVerdict, VerdictAction
from services.errors import CloudOptimError
from services.workflows.browse_decisions import LoggedDecision
from ui import session
from ui.components import data, facts, formatting, tables, wording
from ui.components.cards import Card, Tone, show_cards, show_heading, show_problem
from ui.components.cluster_names import cluster_namer
from ui.components.formatting import plain
from ui.components.verdict import show_distribution, show_verdict
from ui.decisions.advice import show_advice
from ui.decisions.allocation import show_allocations
from ui.decisions.pools import show_pools
from ui.decisions.proof import show_proof
from ui.decisions.skipped import show_skipped

STEP_COLUMNS = (
    tables.Column(name="number", label="No.", kind="number", width="small"),
    tables.Column(name="step", label="Step"),
    tables.Column(name="what", label="What it does", width="large"),
    tables.Column(name="undo", label="Undone by"),
)
INPUT_COLUMNS = (
    tables.Column(name="kind", label="Input"),
    tables.Column(name="name", label="Source", width="large"),
    tables.Column(name="count", label="Rows", kind="number"),
    tables.Column(name="as_of", label="As of", kind="time"),
    tables.Column(name="age", label="Age when judged"),
)


_UNKNOWN_AGE = datetime.min.replace(tzinfo=UTC)


def show_decision(logged: LoggedDecision, *, key: str) -> None:
    """Cards on top; below, one tab for each question that a reader has."""
    response, zone = logged.response, session.viewer_zone()
    _show_identity(logged)
    if response.status is DecisionStatus.REFUSED:
        st.warning(
            "**The engine gives no advice.** "
            f"{plain(formatting.sentence(facts.in_prose(response.message, zone)))}",
            icon=":material/do_not_disturb_on:",
        )
    _show_cards(response)
    _show_warnings(response.warnings)
    tabs = st.tabs(list(PARTS), key=f"{key}_part", bind="query-params")
    for tab, show in zip(tabs, PARTS.values(), strict=True):
        if tab.open:  # the others are drawn when they are opened: a page is quick by what it omits
            with tab:
                show(logged, key)


def _show_identity(logged: LoggedDecision) -> None:
    summary = logged.summary
    zone = session.viewer_zone()
    show_heading(
        f"Decision {summary.id}: {wording.decision_type(summary.decision_type)}"
        f" for {cluster_namer()(summary.cluster_id)}",
        f"judged as of {formatting.moment(summary.as_of, zone)} "
        f"({formatting.zone_name(zone, summary.as_of)}; {formatting.moment_utc(summary.as_of)}), "
        f"asked by {summary.triggered_by} {formatting.age(summary.created_at, session.now())}, "
        f"engine {summary.engine_name} {summary.engine_version}",
    )


def _show_cards(response: DecisionResponse) -> None:
    verdict = response.safety
    launched = sum(isinstance(step, LaunchInstance) for step in response.execution_plan)
    gone = sum(isinstance(step, TerminateInstance) for step in response.execution_plan)
    show_cards(
        [
            Card(
                label="Costs more" if response.estimated_savings < 0 else "Saves",
                value=f"{formatting.money(abs(response.estimated_savings), 0)}/month",
                note="against the cluster's present cost",
                source="list prices, 730 hours a month",
                tone="good" if response.estimated_savings > 0 else "plain",
            ),
            Card(
                label="Safety verdict",
                value="none" if verdict is None else wording.verdict(verdict.action_taken),
                note=_violations(verdict),
                source="five layers, at every step",
                tone=_tone(response),
            ),
            Card(
                label="Plan",
                value=formatting.count_of(len(response.execution_plan), "step"),
                note=f"launches {launched}, terminates {gone}"
                if launched or gone
                else f"{formatting.count_of(len(response.recommendations), 'recommendation')}",
                source="nothing is executed by a dry run",
            ),
            Card(
                label="Confidence",
                value=formatting.percent(response.confidence_score),
                note="how much its inputs are worth",
                source="what it is made of: Proof",
            ),
        ]
    )


def _show_advice(logged: LoggedDecision, key: str) -> None:
    response = logged.response
    show = show_pools if response.decision_type is DecisionType.SPOT_OPTIMIZE else show_advice
    show(response, key=key)


def _show_plan(logged: LoggedDecision, key: str) -> None:
    response = logged.response
    if response.decision_type is DecisionType.SPOT_OPTIMIZE:
        show_allocations(response, key=key)
    show_steps(response, key=key)


def _show_proof(logged: LoggedDecision, _key: str) -> None:
    show_proof(logged.response, logged.requirements)


def _show_skipped(logged: LoggedDecision, key: str) -> None:
    show_skipped(logged.response.skipped, key=key)


def _tone(response: DecisionResponse) -> Tone:
    verdict = response.safety
    if verdict is None or verdict.action_taken is VerdictAction.NOT_APPLICABLE:
        return "plain"
    return "good" if verdict.is_safe else "bad"


def _violations(verdict: SafetyVerdict | None) -> str:
    if verdict is None:
        return "there was no plan"
    if verdict.action_taken is VerdictAction.NOT_APPLICABLE:
        return verdict.message
    found = verdict.violations
    errors = sum(one.severity == "error" and not one.inherited for one in found)
    remarks = formatting.count_of(len(found) - errors, "remark")
    return f"{formatting.count_of(errors, 'violation')}, {remarks}"


def _show_warnings(warnings: Sequence[Notice]) -> None:
    for notice in warnings:
        subjects = ", ".join(notice.subjects[:8])
        more = f" and {len(notice.subjects) - 8} more" if len(notice.subjects) > 8 else ""
        st.warning(
            plain(formatting.sentence(notice.message))
            + (f"  \n:small[{plain(subjects)}{more}]" if subjects else ""),
            icon=":material/info:",
        )


def _show_safety(logged: LoggedDecision, key: str) -> None:
    response = logged.response
    limits = msgspec.convert(dict(logged.constraints), SafetyLimits)
    if response.safety is None:
        st.info("There was no plan to judge.", icon=":material/info:")
        return
    show_verdict(response.safety, limits)
    show_heading(
        "As the plan leaves the cluster", "A share is the larger of its vCPU and its memory share"
    )
    show_distribution(response.safety.zones, response.safety.pools, limits, key=key)
    if response.alternative_safety is not None:
        show_heading("The safe alternative", "Judged by the same five layers")
        show_verdict(response.alternative_safety, limits)
        after = response.alternative_safety
        show_distribution(after.zones, after.pools, limits, key=f"{key}-alternative")


def _show_inputs(logged: LoggedDecision, key: str) -> None:
    response = logged.response
    show_heading("Inputs", "What the decision rests on, the oldest first")
    try:
        sources = data.decision_sources(logged.summary.id)
    except CloudOptimError as error:
        show_problem(error)
        sources = ()
    tables.show_table(
        [
            _source_row(source, logged)
            for source in sorted(sources, key=lambda one: one.as_of or _UNKNOWN_AGE)
            if not source.is_ignored
        ],
        INPUT_COLUMNS,
        key=f"{key}_inputs",
        file_name="inputs",
        noun="input",
    )
    show_heading("Question", f"Input digest {response.input_digest}")
    asked, limits = st.columns(2, gap="medium")
    with asked:
        st.markdown("**Parameters** (defaults where silent)")
        if logged.requirements:
            facts.show_facts(logged.requirements)
        else:
            st.caption("All as by default.")
    with limits:
        st.markdown("**Safety limits**")
        facts.show_facts(logged.constraints)
    st.download_button(
        "Whole answer as JSON",
        data=lambda: msgspec.json.format(
            msgspec.json.Encoder(decimal_format="number").encode(response)
        ),
        file_name=f"decision-{logged.summary.id}.json",
        mime="application/json",
        key=f"{key}-json",
        icon=":material/download:",
        on_click="ignore",
    )


def show_steps(response: DecisionResponse, *, key: str) -> None:
    """The plan's steps in order, each with what undoes it."""
    show_heading("Steps", "In order; a dry run executes none of them")
    steps = response.execution_plan
    if not steps:
        told = (
            "No step is planned: this advice is for a person to act on."
            if response.recommendations
            else "The plan has no step: nothing would change."
        )
        st.info(told, icon=":material/block:")
        return
    tables.show_table(
        [
            {
                "number": number,
                "step": wording.in_words(_kind(step)),
                "what": wording.describe_step(step),
                "undo": _undo(step),
            }
            for number, step in enumerate(steps, start=1)
        ],
        STEP_COLUMNS,
        key=f"{key}_steps",
        file_name="steps",
        noun="step",
    )


def _source_row(one: DataSource, logged: LoggedDecision) -> tables.Row:
    return {
        "kind": wording.data_kind(one.kind),
        "name": one.name,
        "count": one.count,
        "as_of": one.as_of,
        "age": formatting.age(one.as_of, logged.summary.as_of),
    }


def _undo(step: PlanStep) -> str:
    if isinstance(step, WaitForNode | WaitForPods | Verify):
        return "changes nothing"
    inverse = inverse_of(step)
    if inverse is None:
        return "cannot be undone"
    return wording.in_words(_kind(inverse)).lower()


def _kind(step: msgspec.Struct) -> str:
    return str(step.__struct_config__.tag)


PARTS: Mapping[str, Callable[[LoggedDecision, str], None]] = {
    "Advice": _show_advice,
    "Plan": _show_plan,
    "Verdict": _show_safety,
    "Proof": _show_proof,
    "Skipped": _show_skipped,
    "Inputs": _show_inputs,
}
"""One tab for each question that a reader has."""
