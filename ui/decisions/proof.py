"""How an answer was worked out, in sentences: what was looked at, what was checked, how good it is.

Every engine has its own lines, made from the evidence of its answer. A line whose numbers the
evidence does not hold (an older answer, another version) is left out, never guessed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from engines.contracts.results import DecisionResponse, DecisionStatus, DecisionType
from services.workflows.engine_parameters import describe_parameters
from ui import session
from ui.components import facts
from ui.components.cards import show_heading
from ui.components.formatting import count_of, plain

CONFIDENCE = {
    DecisionType.SPOT_OPTIMIZE: "40% fresh prices, 30% fresh interruption rates, 20% how much of "
    "7 days the prices cover, 10% nodes whose price is known",
    DecisionType.BIN_PACK: "40% nodes whose price is known, 30% objects that could be read, 20% "
    "disruption budgets read, 10% drains rehearsed",
    DecisionType.RIGHTSIZE: "50% containers with enough data, 30% how much of 7 days was seen, "
    "20% nodes whose price is known",
    DecisionType.SCHEDULE: "40% schedules that are understood, 30% the cluster could be read, "
    "30% savings that are known",
    DecisionType.GHOST_PROBE: "50% how sure the owner is, 30% how long it was seen, 20% price "
    "known",
    DecisionType.VOLUME_CLEANUP: "40% claims read, 20% snapshots read, 30% how long it is "
    "available, 10% price known",
    DecisionType.NETWORK_OPTIMIZE: "80% traffic between known pods in known zones, 20% Services "
    "read",
    DecisionType.OOMKILLED_REMEDIATE: "60% kills whose limit is known, 20% containers measured, "
    "20% pods read",
}
"""What each engine's confidence is made of, as docs/engines.md has it."""


class Evidence:
    """The numbers behind an answer, asked by their path and written with their units."""

    def __init__(self, values: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._values = values
        self.zone = zone

    def value(self, path: str) -> Any:
        """What stands at a path such as ``cost.gap``; None: nothing."""
        found: Any = self._values
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def text(self, path: str) -> str | None:
        """The same as text; None: nothing."""
        value = self.value(path)
        return None if value is None else facts.write(path.rpartition(".")[2], value, self.zone)

    def count(self, path: str, noun: str, plural: str = "") -> str | None:
        """A number with its noun; None: nothing."""
        value = self.value(path)
        return None if value is None else count_of(value, noun, plural)


def show_proof(response: DecisionResponse, asked: Mapping[str, Any]) -> None:
    """The sentences; all numbers stand folded away below them. ``asked``: its parameters."""
    show_heading("How it was worked out", "What was looked at, what was checked, how good it is")
    lines = read_proof(response, asked, session.viewer_zone())
    st.markdown("\n".join(f"- {plain(line)}" for line in lines))
    if response.evidence:
        with st.expander("All numbers"):
            facts.show_facts(response.evidence)


def read_proof(response: DecisionResponse, asked: Mapping[str, Any], zone: ZoneInfo) -> list[str]:
    """The lines about one answer to a question with these parameters, else the defaults."""
    if response.status is DecisionStatus.REFUSED:
        return [f"No judgement was made: {facts.in_prose(response.message, zone)}."]
    kind = response.decision_type
    defaults = {one.name: one.default for one in describe_parameters(kind)}
    known = Evidence({**response.evidence, "parameters": {**defaults, **asked}}, zone)
    return [
        *_LINES[kind](known),
        f"Confidence {response.confidence_score:.0%}, made of {CONFIDENCE[kind]}.",
    ]


def _say(text: str, **values: str | None) -> Iterator[str]:
    """The sentence, where all that it needs is known."""
    if all(value is not None for value in values.values()):
        yield text.format(**values)


def _spot(known: Evidence) -> Iterator[str]:
    yield from _say(
        "{pools} in {region} were scored; {safe} of them are safe enough, and {needed} are needed.",
        pools=known.count("pools", "Spot pool"),
        region=known.text("region"),
        safe=known.text("safe_pools"),
        needed=known.text("pools_needed"),
    )
    yield from _say(
        "Needed: {cpu} and {memory} for {pods}, with {headroom} of headroom; at least {own} of "
        "that on-demand.",
        cpu=known.text("required.total.vcpu"),
        memory=known.text("required.total.memory_gib"),
        pods=known.count("required.total.pods", "pod"),
        headroom=known.text("required.headroom_percent"),
        own=known.text("required.on_demand.vcpu"),
    )
    yield from _say(
        "The cheapest safe allocation costs {cost}. Weighed with the risk of interruptions it is "
        "{weighed}, and none can be below {bound}: the gap is {gap}.",
        cost=known.text("allocation.usd_per_hour"),
        weighed=known.text("allocation.weighed_usd_per_hour"),
        bound=known.text("allocation.lower_bound_usd_per_hour"),
        gap=known.text("allocation.gap"),
    )
    if known.value("placement.was_tried"):
        yield from _say(
            "Every pod was then placed: {left}.",
            left="each found its place"
            if known.value("placement.pods_without_place") == 0
            else known.count("placement.pods_without_place", "found no place", "found no place"),
        )
    yield from _say(
        "Spot prices were {age} old, the interruption rates of {advisor}.",
        age=known.text("spot_prices_age_seconds"),
        advisor=known.text("advisor_as_of"),
    )


def _packing(known: Evidence) -> Iterator[str]:
    if known.value("placement_check.verified"):
        yield from _say(
            "Placement checked: a second program that shares no code with the search found a "
            "place for each of the {pods} pods that move.",
            pods=known.text("placement_check.pods"),
        )
    yield from _say(
        "Cost: {before} before, {after} after. No plan for the same pods can cost less than "
        "{bound}, so this one is within {gap} of the best.",
        before=known.text("cost.before_usd_per_hour"),
        after=known.text("cost.after_usd_per_hour"),
        bound=known.text("cost.lower_bound_usd_per_hour"),
        gap=known.text("cost.gap"),
    )
    yield from _say(
        "It saves {share} of what that bound allows.",
        share=known.text("cost.share_of_possible_saving"),
    )
    if known.value("rehearsal.played"):
        kept = known.value("rehearsal.nodes_kept_for") or ()
        result = (
            f"nodes were kept for {facts.listed(list(map(str, kept)))}"
            if kept
            else "no pod would be left pending, and no node had to be kept"
        )
        yield f"Rehearsed: the drains were played through as kube-scheduler would act; {result}."
    else:
        yield from _say(
            "The drains were not rehearsed ({played}).", played=known.text("rehearsal.played")
        )
    yield from _say(
        "Disturbed: {pods} moved; {removed} go and {launched} come, at most {at_once} at once.",
        pods=known.count("disruption.pods_moved", "pod"),
        removed=known.count("disruption.nodes_removed", "node"),
        launched=known.text("disruption.nodes_launched"),
        at_once=known.text("nodes_at_once"),
    )


def _rightsizing(known: Evidence) -> Iterator[str]:
    yield from _say(
        "Use seen: {samples} of {containers}, the newest of {newest}.",
        samples=known.count("usage.samples", "sample"),
        containers=known.count("usage.containers_measured", "container"),
        newest=known.text("usage.newest_at"),
    )
    yield from _say(
        "A container is judged by 7 days: CPU by the 95th percentile of its busiest pod, memory by "
        "its peak and {more} more; below 100 samples over 24 hours nothing is advised.",
        more=known.text("parameters.memory_headroom_percent"),
    )
    yield from _say(
        "Requests: {cpu} and {memory} are asked for; {cpu_freed} and {memory_freed} would be free.",
        cpu=known.text("requests_now.cpu_millicores"),
        memory=known.text("requests_now.memory_bytes"),
        cpu_freed=known.text("requests_freed.cpu_millicores"),
        memory_freed=known.text("requests_freed.memory_bytes"),
    )
    yield from _say(
        "Freed requests are money only when nodes go: {nodes} of {now} could, for {usd}.",
        nodes=known.text("nodes_that_could_go"),
        now=known.count("nodes_now", "node"),
        usd=known.text("usd_month_of_nodes_that_could_go"),
    )


def _office_hours(known: Evidence) -> Iterator[str]:
    for one in known.value("environments") or ():
        environment = Evidence(one, known.zone)
        yield from _say(
            "{name} ({zone}): asleep {asleep} of the coming month; {sleepers} of {workloads} "
            "sleep; next change {change}.",
            name=environment.text("environment"),
            zone=environment.text("timezone"),
            asleep=environment.text("hours_asleep_in_month"),
            sleepers=environment.text("workloads_that_sleep"),
            workloads=environment.count("workloads", "workload"),
            change=environment.text("next_change_at") or "never, by this schedule",
        )
    emptied = known.value("nodes.emptied")
    if emptied:
        yield from _say(
            "Once they sleep, {nodes}, for {price}: {names}.",
            nodes=count_of(len(emptied), "node stands empty", "nodes stand empty"),
            price=known.text("nodes.emptied_usd_per_hour"),
            names=known.text("nodes.emptied"),
        )


def _ghosts(known: Evidence) -> Iterator[str]:
    yield from _say(
        "{instances} looked at in the account; {nodes} of them are nodes that we know "
        "({before} at the scan before).",
        instances=known.count("instances", "instance"),
        nodes=known.text("known_nodes"),
        before=known.text("previous_node_count") or "no",
    )
    yield from _say(
        "An instance without a node is a ghost after {grace} by our own first-seen ledger and at "
        "least {scans}, where its tags say that it was made for a cluster.",
        grace=known.text("parameters.grace_hours"),
        scans=known.count("parameters.min_scans", "scan"),
    )
    yield from _say("{ghosts} found.", ghosts=known.count("ghosts", "ghost"))


def _volumes(known: Evidence) -> Iterator[str]:
    yield from _say(
        "{volumes} looked at; {zombies} found, of {size} in all.",
        volumes=known.count("volumes", "volume"),
        zombies=known.count("zombies", "zombie"),
        size=known.text("zombie_gib"),
    )
    yield from _say(
        "A volume is a zombie after more than {days} as available by our own first-seen ledger, "
        "where no claim, tag, snapshot or sleeping StatefulSet speaks for it.",
        days=known.text("parameters.min_available_days"),
    )


def _network(known: Evidence) -> Iterator[str]:
    yield from _say(
        "Between {pairs}, {before} cross zones, for {bill}; with the advice {after}, for "
        "{bill_after}.",
        pairs=known.count("pairs", "pair of workloads", "pairs of workloads"),
        before=known.text("cross_zone_bytes_per_day"),
        bill=known.text("cross_zone_usd_month"),
        after=known.text("cross_zone_bytes_per_day_after"),
        bill_after=known.text("cross_zone_usd_month_after"),
    )
    yield from _say(
        "A GB that changes zones costs {rate} USD in each direction.",
        rate=known.text("rate_usd_per_gb_each_way"),
    )
    yield from _say(
        "{unknown} of pods that are not known are in no sum.",
        unknown=known.text("unknown_bytes_per_day"),
    )


def _oom(known: Evidence) -> Iterator[str]:
    yield from _say(
        "{kills} of {containers} in the last 24 hours; {older} older, {others} for another reason "
        "than memory.",
        kills=known.count("kills", "kill"),
        containers=known.count("containers_killed", "container"),
        older=known.text("kills_older_than_24_hours"),
        others=known.text("killed_for_another_reason"),
    )
    yield from _say(
        "New memory is the limit in force at the kill times {factor}, at most twice the present "
        "limit; more than 3 restarts are for a person to look at.",
        factor=known.text("parameters.memory_factor"),
    )


_LINES: Mapping[DecisionType, Callable[[Evidence], Iterator[str]]] = {
    DecisionType.SPOT_OPTIMIZE: _spot,
    DecisionType.BIN_PACK: _packing,
    DecisionType.RIGHTSIZE: _rightsizing,
    DecisionType.SCHEDULE: _office_hours,
    DecisionType.GHOST_PROBE: _ghosts,
    DecisionType.VOLUME_CLEANUP: _volumes,
    DecisionType.NETWORK_OPTIMIZE: _network,
    DecisionType.OOMKILLED_REMEDIATE: _oom,
}
