"""Launches and removals in an order in which every state is safe."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.plan import (
    CordonNode,
    DrainNode,
    LaunchInstance,
    TerminateInstance,
    WaitForNode,
    WaitForPods,
)
from engines.contracts.verdict import SafetyLimits
from engines.safety import judge_plan
from engines.safety.fleet import Room
from engines.safety.sequencing import NewNode, ordered_steps
from tests.engines.safety.builders import (
    ALL_SAFE,
    CPU,
    MEMORY_MIB,
    MIB,
    ON_DEMAND,
    SAME_SIZE,
    SPOT,
    A,
    B,
    C,
    a_state,
    on_demand,
    spot,
    twenty_nodes,
)

LIMITS = SafetyLimits()


def ordered(nodes, launches=(), removals=(), limits=LIMITS, **more):
    return ordered_steps(a_state(*nodes), launches, removals, limits, **more)


def verdict_on(nodes, plan, limits=LIMITS):
    return judge_plan(a_state(*nodes), plan, limits, ALL_SAFE)


def moves(plan):
    """+ for a launch, - for a drained node, in the order of the plan."""
    signs = {LaunchInstance: "+", DrainNode: "-"}
    return "".join(signs.get(type(step), "") for step in plan)


def drained(plan):
    return [step.node for step in plan if isinstance(step, DrainNode)]


def equal_nodes(count):
    return Room(count, count * CPU, count * MEMORY_MIB * MIB)


def test_a_node_is_replaced_by_launching_waiting_cordoning_draining_and_terminating():
    nodes = [on_demand("od-a", A), on_demand("od-b", B), on_demand("od-c", C)]

    plan = ordered(nodes, [NewNode(ON_DEMAND, "m5a.xlarge", C)], ["od-c"])

    assert plan == (
        LaunchInstance(
            id="launch-1",
            instance_type="m5a.xlarge",
            availability_zone=C,
            capacity_type=ON_DEMAND,
        ),
        WaitForNode(id="wait-1", launch_step="launch-1"),
        CordonNode(id="cordon-od-c", node="od-c"),
        DrainNode(id="drain-od-c", node="od-c"),
        WaitForPods(id="settle-od-c"),
        TerminateInstance(id="terminate-od-c", instance_id="i-od-c", node="od-c"),
    )


def test_nothing_to_do_takes_no_steps():
    assert ordered([on_demand("od-a")]) == ()


def test_all_nodes_of_a_round_are_cordoned_before_the_first_is_drained():
    """Else the pods of the first would move to the second and be evicted twice."""
    nodes = [on_demand(f"od-{n}", (A, B, C)[n % 3]) for n in range(6)]

    plan = ordered(nodes, [], ["od-3", "od-4"])

    assert [type(step) for step in plan[:3]] == [CordonNode, CordonNode, DrainNode]


def test_on_demand_comes_first_then_the_pools_in_turn():
    nodes = [on_demand(f"od-{n}", (A, B, C)[n % 3]) for n in range(9)]
    twice = [NewNode(SPOT, "m5.xlarge", A)] * 2 + [NewNode(SPOT, "m5a.xlarge", B)] * 2

    plan = ordered(nodes, [*twice, NewNode(ON_DEMAND, "m7i.xlarge", C)])

    assert [
        (step.instance_type, step.availability_zone)
        for step in plan
        if isinstance(step, LaunchInstance)
    ] == [
        ("m7i.xlarge", C),
        ("m5.xlarge", A),
        ("m5a.xlarge", B),
        ("m5.xlarge", A),
        ("m5a.xlarge", B),
    ]


def test_what_is_no_capacity_goes_first_then_large_pools_then_on_demand():
    nodes = [
        *(on_demand(f"od-{n}", (A, B, C)[n % 3]) for n in range(9)),
        on_demand("lost", ready=False),
        *(spot(f"big-{n}") for n in range(2)),
        spot("alone", B),
    ]

    plan = ordered(nodes, [], ["od-0", "alone", "big-0", "big-1", "lost"])

    assert drained(plan) == ["lost", "big-0", "alone", "big-1", "od-0"]


def test_a_node_under_notice_is_no_capacity():
    nodes = [*(on_demand(f"od-{n}", (A, B, C)[n % 3]) for n in range(9)), spot("sp")]

    plan = ordered(nodes, [], ["od-0", "sp"], nodes_under_notice=frozenset({"sp"}))

    assert drained(plan) == ["sp", "od-0"]


class TestABufferThatIsJustLargeEnough:
    """3 of 20 nodes are on-demand: no Spot node may be added before another has left."""

    NODES = twenty_nodes(largest_pool=3, other_pools=3)
    LAUNCHES = (NewNode(SPOT, "m7i.xlarge", A),) * 3
    REMOVALS = ("large-0", "large-1", "large-2")

    def test_launching_all_first_would_break_it(self):
        """3 of 23 are 13 %."""
        plain = ordered(self.NODES, self.LAUNCHES, [])

        assert not verdict_on(self.NODES, plain).is_safe

    def test_removals_and_launches_take_turns(self):
        plan = ordered(self.NODES, self.LAUNCHES, self.REMOVALS)

        assert verdict_on(self.NODES, plan).is_safe
        assert verdict_on(self.NODES, plan).violations == ()
        assert sorted(drained(plan)) == sorted(self.REMOVALS)

    def test_the_floor_is_never_undercut(self):
        """With room for 19 nodes kept, only one may be missing at a time."""
        plan = ordered(self.NODES, self.LAUNCHES, self.REMOVALS, floor=equal_nodes(19))

        assert moves(plan) == "-+" * 3
        assert verdict_on(self.NODES, plan).is_safe

    def test_where_the_floor_leaves_no_safe_order_the_plain_one_is_given(self):
        plan = ordered(self.NODES, self.LAUNCHES, self.REMOVALS, floor=equal_nodes(20))

        assert moves(plan) == "+++---"
        assert not verdict_on(self.NODES, plan).is_safe

    @pytest.mark.parametrize(
        "floor", [Room(0, 19 * CPU + 1, 0), Room(0, 0, 19 * MEMORY_MIB * MIB + 1)]
    )
    def test_the_floor_holds_for_vcpu_and_for_memory(self, floor):
        assert moves(ordered(self.NODES, self.LAUNCHES, self.REMOVALS, floor=floor)) == "+++---"


def test_launches_go_as_far_as_the_layers_let_them():
    """4 of 20 nodes are on-demand; 26 are the most that 4 can carry (15.4 %), so 6 come at once."""
    nodes = twenty_nodes(on_demand_nodes=4, largest_pool=3, other_pools=3)
    launches = [NewNode(SPOT, name, A) for name in SAME_SIZE[1:]] * 2

    plan = ordered(nodes, launches, [f"spot-0{n}" for n in range(8)])

    assert moves(plan).startswith("+" * 6 + "-")
    assert verdict_on(nodes, plan).violations == ()


def test_a_cluster_at_two_limits_at_once_cannot_move():
    """3 of 20 on-demand, 4 of 20 in a pool: one Spot node more is 3 of 21, one less 4 of 19."""
    plan = ordered(twenty_nodes(), [NewNode(SPOT, "m7i.xlarge", A)], ["spot-00"])

    assert moves(plan) == "+-"
    assert not verdict_on(twenty_nodes(), plan).is_safe


def test_a_cluster_may_grow_from_a_small_start_in_one_go():
    """Each launch alone would hold a quarter of 4 nodes; together each pool has an eighth."""
    nodes = [on_demand("od-a", A), on_demand("od-b", B), on_demand("od-c", C)]

    plan = ordered(nodes, [NewNode(SPOT, name, A) for name in SAME_SIZE])

    assert moves(plan) == "+++++"
    assert verdict_on(nodes, plan).exceptions == ("instances_joining",)


def test_an_unsafe_end_is_not_hidden():
    nodes = [on_demand("od-a", A), on_demand("od-b", B), on_demand("od-c", C)]

    plan = ordered(nodes, [], ["od-a"])

    assert drained(plan) == ["od-a"]
    assert not verdict_on(nodes, plan).is_safe


def test_an_instance_type_without_a_size_is_refused():
    with pytest.raises(ValueError, match=r"x1\.huge"):
        ordered([on_demand("od")], [NewNode(SPOT, "x1.huge", A)])


@pytest.mark.parametrize("node", ["nobody", "x"])
def test_a_node_without_an_instance_to_terminate_is_refused(node):
    with pytest.raises(ValueError, match=node):
        ordered([on_demand("x", instance_id=None)], [], [node])


new_nodes = st.lists(
    st.builds(
        NewNode,
        st.sampled_from([SPOT, ON_DEMAND]),
        st.sampled_from(SAME_SIZE),
        st.sampled_from([A, B, C]),
    ),
    max_size=6,
)
removals = st.lists(
    st.sampled_from([node.name for node in twenty_nodes()]), unique=True, max_size=8
)
floors = st.integers(0, 20).map(equal_nodes)


@given(new_nodes, removals, floors, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(launches, names, floor, random):
    expected = ordered(twenty_nodes(), launches, names, floor=floor)
    random.shuffle(launches)
    random.shuffle(names)

    assert ordered(twenty_nodes(), launches, names, floor=floor) == expected


@given(new_nodes, removals, floors)
def test_every_launch_and_every_removal_is_there_once(launches, names, floor):
    plan = ordered(twenty_nodes(), launches, names, floor=floor)

    launched = [step for step in plan if isinstance(step, LaunchInstance)]
    waits = [step.launch_step for step in plan if isinstance(step, WaitForNode)]
    assert sorted(
        NewNode(one.capacity_type, one.instance_type, one.availability_zone) for one in launched
    ) == sorted(launches)
    assert waits == [step.id for step in launched]
    assert sorted(drained(plan)) == sorted(names)
    assert len({step.id for step in plan}) == len(plan)


@settings(max_examples=200)
@given(new_nodes, removals)
def test_what_is_safe_with_launches_first_stays_safe(launches, names):
    """Where all launches may come first they do, and removals follow in the same order."""
    nodes = twenty_nodes()
    for name in ("spot-00", "spot-01"):
        nodes = [node for node in nodes if node.name != name] + [on_demand(name, B)]
    plain = (*ordered(nodes, launches, []), *ordered(nodes, [], names))

    if verdict_on(nodes, plain).is_safe:
        assert verdict_on(nodes, ordered(nodes, launches, names)).is_safe
