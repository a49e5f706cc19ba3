"""What must hold for every cluster and every plan, checked by going through all of it by force.

The check shares nothing with the judge: it keeps lists of nodes, tries every set of launched
instances that may have joined, and works each share out anew.
"""

from fractions import Fraction
from itertools import chain, combinations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    TerminateInstance,
    WaitForNode,
)
from engines.contracts.verdict import SafetyLimits, Severity, VerdictAction
from engines.safety import judge_plan
from tests.engines.safety.builders import (
    MEMORY_MIB,
    ON_DEMAND,
    SPOT,
    A,
    B,
    C,
    Node,
    a_state,
    launch_on_demand,
    wait,
)

TYPES = ["m5.xlarge", "r5.xlarge", "m5.2xlarge"]
SIZES = {  # as the model estimates them: see builders
    "m5.xlarge": (3920, 14162),
    "r5.xlarge": (3920, 29317),
    "m5.2xlarge": (7910, 29317),
}
RISKS = {("m5.xlarge", A): 0.9, ("m5.xlarge", B): 0.75, ("r5.xlarge", A): 0.74} | {
    (name, zone): 1.0 for name in TYPES for zone in (B, C) if (name, zone) != ("m5.xlarge", B)
}

zones, capacity_types = st.sampled_from([A, B, C]), st.sampled_from([SPOT, ON_DEMAND])
node_shapes = st.builds(
    Node,
    name=st.just(""),
    capacity_type=capacity_types,
    instance_type=st.sampled_from(TYPES),
    zone=zones,
    cpu=st.sampled_from([2000, 3920, 7910]),
    memory_mib=st.sampled_from([7000, MEMORY_MIB, 29317]),
    ready=st.sampled_from([True, True, True, False]),
    deleting=st.sampled_from([False, False, False, True]),
)
limits = st.builds(
    SafetyLimits,
    min_availability_zones=st.integers(1, 3),
    max_pool_share=st.sampled_from([0.2, 0.34, 0.5, 1.0]),
    min_on_demand_share=st.sampled_from([0.0, 0.15, 0.3]),
)


@st.composite
def clusters(draw):
    shapes = draw(st.lists(node_shapes, max_size=9))
    return [
        Node(**(vars(shape) | {"name": f"node-{number}"})) for number, shape in enumerate(shapes)
    ]


@st.composite
def plans(draw, nodes):
    """Launches, waits for some of them, drains, terminations and cordons, in any order."""
    steps, open_launches = [], []
    for number in range(draw(st.integers(0, 7))):
        kinds = ["launch"] + ["drain", "terminate", "cordon"] * bool(nodes)
        kind = draw(st.sampled_from(kinds + ["wait"] * 2 * bool(open_launches)))
        name = draw(st.sampled_from([node.name for node in nodes])) if nodes else ""
        if kind == "launch":
            open_launches.append(f"launch-{number}")
            steps.append(
                LaunchInstance(
                    id=f"launch-{number}",
                    instance_type=draw(st.sampled_from(TYPES)),
                    availability_zone=draw(zones),
                    capacity_type=draw(capacity_types),
                )
            )
        elif kind == "wait":
            launched = open_launches.pop(draw(st.integers(0, len(open_launches) - 1)))
            steps.append(WaitForNode(id=f"wait-{number}", launch_step=launched))
        elif kind == "drain":
            steps.append(DrainNode(id=f"drain-{number}", node=name))
        elif kind == "terminate":
            steps.append(TerminateInstance(id=f"end-{number}", instance_id=f"i-{name}", node=name))
        else:
            steps.append(CordonNode(id=f"cordon-{number}", node=name))
    return tuple(steps)


@st.composite
def cases(draw):
    nodes = draw(clusters())
    return nodes, draw(plans(nodes)), draw(limits)


def every_state(nodes, plan):
    """Each state as a list of (zone, pool or None, cpu, memory), the first before the plan."""
    joined = {
        node.name: (
            node.zone,
            (node.instance_type, node.zone) if node.capacity_type is SPOT else None,
            node.cpu,
            node.memory_mib,
        )
        for node in nodes
        if node.ready and not node.deleting
    }
    coming = {}
    yield list(joined.values())
    for step in plan:
        match step:
            case LaunchInstance(instance_type=kind, availability_zone=zone):
                pool = (kind, zone) if step.capacity_type is SPOT else None
                coming[step.id] = (zone, pool, *SIZES[kind])
            case WaitForNode():
                joined[step.launch_step] = coming.pop(step.launch_step)
            case DrainNode() | TerminateInstance():
                joined.pop(step.node, None)
        for some in subsets(coming.values()):
            yield [*joined.values(), *some]
    yield [*joined.values(), *coming.values()]


def subsets(items):
    items = list(items)
    return chain.from_iterable(combinations(items, count) for count in range(len(items) + 1))


def worst_values(state, limit):
    """How far each broken limit is from being met: greater is worse."""
    broken = {}
    found_zones = {zone for zone, *_ in state}
    if len(found_zones) < limit.min_availability_zones:
        broken["zones"] = -len(found_zones)
    for pool in {pool for _, pool, *_ in state if pool}:
        share = share_where(state, lambda one, pool=pool: one == pool)
        if share > Fraction(str(limit.max_pool_share)):
            broken[pool] = share
    share = share_where(state, lambda one: one is None)
    if state and share < Fraction(str(limit.min_on_demand_share)):
        broken["on-demand"] = -share
    return broken


def share_where(state, belongs):
    shares = []
    for column in (2, 3):
        whole = sum(node[column] for node in state)
        part = sum(node[column] for node in state if belongs(node[1]))
        shares.append(Fraction(part, whole) if whole else Fraction(0))
    return max(shares)


def unsafe_launches(plan, limit):
    return [
        step
        for step in plan
        if isinstance(step, LaunchInstance)
        and step.capacity_type is SPOT
        and RISKS.get((step.instance_type, step.availability_zone), 0.0) < limit.min_risk_score
    ]


def judge(nodes, plan, limit):
    return judge_plan(a_state(*nodes), plan, limit, RISKS)


@settings(max_examples=400)
@given(cases())
def test_what_is_approved_without_an_exception_holds_in_every_state(case):
    nodes, plan, limit = case
    verdict = judge(nodes, plan, limit)

    event(f"{verdict.action_taken}, exceptions: {len(verdict.exceptions)}")
    if verdict.is_safe and set(verdict.exceptions) <= {"loosened_limit"}:
        start, *states = [worst_values(state, limit) for state in every_state(nodes, plan)]
        for values in states:
            for name, value in values.items():
                assert name in start, f"{name} was not broken before"
                assert value <= start[name], f"{name} got worse"
        assert unsafe_launches(plan, limit) == []


@settings(max_examples=400)
@given(cases())
def test_what_holds_in_every_state_is_approved(case):
    nodes, plan, limit = case
    start, *states = [worst_values(state, limit) for state in every_state(nodes, plan)]
    holds = all(
        value <= start.get(name, value - 1) for values in states for name, value in values.items()
    )

    if holds and not unsafe_launches(plan, limit):
        event("holds")
        verdict = judge(nodes, plan, limit)
        assert verdict.is_safe
        assert set(verdict.exceptions) <= {"loosened_limit"}


@given(cases())
def test_the_end_of_an_approved_plan_breaks_no_limit_that_was_whole(case):
    """Whatever exceptions were used: joining instances excuse nothing that remains."""
    nodes, plan, limit = case

    if judge(nodes, plan, limit).is_safe:
        start, *_, end = [worst_values(state, limit) for state in every_state(nodes, plan)]
        assert all(value <= start.get(name, value - 1) for name, value in end.items())


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_does_not_matter(case, random):
    nodes, plan, limit = case
    shuffled = list(nodes)
    random.shuffle(shuffled)

    assert judge(shuffled, plan, limit) == judge(nodes, plan, limit)


@given(cases(), zones, st.sampled_from(TYPES))
def test_an_on_demand_node_more_never_turns_approved_into_rejected(case, zone, kind):
    nodes, plan, limit = case
    more = (launch_on_demand("more", zone, kind), wait("more"))

    if judge(nodes, plan, limit).is_safe:
        assert judge(nodes, more + plan, limit).is_safe
        assert judge(nodes, plan + more, limit).is_safe


@given(cases())
def test_the_verdict_agrees_with_itself(case):
    nodes, plan, limit = case
    verdict = judge(nodes, plan, limit)

    errors = [one for one in verdict.violations if one.severity is Severity.ERROR]
    used = {one.exception_id for one in verdict.violations if one.exception_id}
    assert verdict.is_safe == (not errors)
    assert (verdict.action_taken is VerdictAction.REJECTED) == bool(errors)
    assert set(verdict.exceptions) == used
    assert not any(one.inherited or one.exception_id for one in errors)
    for one in verdict.violations:
        is_ceiling = one.layer == 3
        assert one.measured > one.limit if is_ceiling else one.measured < one.limit
    assert list(verdict.violations) == sorted(
        verdict.violations, key=lambda one: (-(one.layer == 5), one.layer, one.subject)
    )


@given(cases())
def test_the_shares_are_those_of_the_end(case):
    nodes, plan, limit = case
    verdict = judge(nodes, plan, limit)
    *_, end = every_state(nodes, plan)

    assert sum(zone.nodes for zone in verdict.zones) == len(end)
    for pool in verdict.pools:
        key = (pool.instance_type, pool.availability_zone)
        assert pool.share == float(share_where(end, lambda one, key=key: one == key))
        assert pool.nodes == sum(node[1] == key for node in end)
    assert verdict.on_demand_share == (
        float(share_where(end, lambda one: one is None)) if end else None
    )
