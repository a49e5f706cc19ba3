"""What each step does to capacity, and which steps cannot be judged."""

import pytest

from engines.contracts.plan import (
    DeleteVolume,
    PatchServiceRouting,
    RoutingSetting,
    ScaleWorkload,
    SnapshotVolume,
    SuspendCronjob,
    TagResource,
    Verify,
    WaitForPods,
    WorkloadRef,
)
from engines.safety.fleet import Pool
from engines.safety.simulation import KnownNodes, play
from tests.engines.safety.builders import (
    ALL_SAFE,
    CPU,
    MEMORY_MIB,
    MIB,
    TYPES,
    A,
    B,
    a_state,
    cordon,
    drain,
    launch,
    launch_on_demand,
    on_demand,
    spot,
    terminate,
    terminate_instance,
    uncordon,
    wait,
)

WEB = WorkloadRef(kind="Deployment", namespace="shop", name="web")
TWO = (on_demand("od"), spot("sp", zone=B))


def played(*plan, nodes=TWO, under_notice=()):
    return play(KnownNodes.of(a_state(*nodes), under_notice), plan, TYPES)


def counts(playback):
    """(joined, on their way) nodes of every state."""
    return [(state.joined.total.nodes, state.on_its_way.total.nodes) for state in playback.states]


def test_without_steps_the_start_is_the_end():
    playback = played()

    assert counts(playback) == [(2, 0), (2, 0)]
    assert [state.moment for state in playback.states] == ["before the plan", "after the plan"]
    assert not playback.changes_nodes


@pytest.mark.parametrize(
    "node",
    [
        on_demand("x", ready=False),
        on_demand("x", deleting=True),
    ],
)
def test_a_node_that_is_not_ready_or_is_being_deleted_is_no_capacity(node):
    assert counts(played(nodes=[*TWO, node]))[0] == (2, 0)


def test_a_node_under_notice_is_no_capacity():
    assert counts(played(under_notice={"sp"}))[0] == (1, 0)


def test_a_cordoned_node_is_capacity_until_it_is_drained():
    assert counts(played(nodes=[on_demand("x", schedulable=False)]))[0] == (1, 0)


def test_reserved_capacity_counts_as_on_demand():
    start = played(nodes=[on_demand("x", capacity_type="reserved")]).states[0].joined

    assert (start.on_demand.nodes, start.pools) == (1, {})


def test_a_node_is_taken_for_spot_where_nothing_tells_how_it_is_bought():
    nodes = KnownNodes.of(a_state(on_demand("x", capacity_type=None), *TWO))

    assert nodes.counted["x"].pool == Pool("m5.xlarge", A)
    assert nodes.unclear == ("x",)


def test_spot_nodes_of_unknown_type_or_zone_share_a_pool_of_that_name():
    nodes = KnownNodes.of(a_state(spot("x", instance_type=None), spot("y", zone=None)))

    assert nodes.counted["x"].pool == Pool("unknown", A)
    assert nodes.counted["y"].pool == Pool("m5.xlarge", "unknown")
    assert nodes.counted["y"].zone is None


def test_a_node_counts_with_what_it_reports_and_an_instance_with_what_its_type_promises():
    """A node of 3,000 m and 10,000 MiB, and the model's 3,920 m and 14,162 MiB."""
    playback = played(launch("s1"), nodes=[on_demand("x", cpu=3000, memory_mib=10_000)])

    assert playback.states[0].joined.total == (1, 3000, 10_000 * MIB)
    assert playback.states[1].on_its_way.total == (1, CPU, MEMORY_MIB * MIB)


def test_a_launched_instance_is_on_its_way_until_the_plan_has_waited_for_it():
    playback = played(launch("s1"), wait("s1"), drain("od"))

    assert counts(playback) == [(2, 0), (2, 1), (3, 0), (2, 0), (2, 0)]
    assert playback.added == {Pool("m5.xlarge", A): 1}
    assert playback.has_launches


def test_an_instance_that_nobody_waits_for_has_joined_at_the_end():
    assert counts(played(launch("s1"), drain("od"))) == [(2, 0), (2, 1), (1, 1), (2, 0)]


def test_on_demand_launches_add_to_no_pool():
    playback = played(launch_on_demand("s1"))

    assert playback.added == {}
    assert playback.states[-1].joined.on_demand.nodes == 2


def test_two_launches_of_a_pool_are_counted():
    assert played(launch("s1"), launch("s2")).added == {Pool("m5.xlarge", A): 2}


def test_waiting_twice_counts_once():
    again = wait("s1").__class__(id="again", launch_step="s1")

    assert counts(played(launch("s1"), wait("s1"), again))[-1] == (3, 0)


def test_a_drained_node_no_longer_counts_and_its_termination_changes_nothing_more():
    playback = played(cordon("od"), drain("od"), terminate("od"))

    assert counts(playback) == [(2, 0), (1, 0), (1, 0)]
    assert playback.states[1].moment == "after step 'drain-od' (drain_node)"
    assert playback.removed == {"od"}


def test_a_terminated_node_no_longer_counts():
    playback = played(terminate("sp"))

    assert counts(playback) == [(2, 0), (1, 0), (1, 0)]
    assert playback.states[1].joined.pools == {}


def test_a_node_that_the_plan_drained_counts_again_once_it_is_uncordoned():
    assert counts(played(drain("od"), uncordon("od"))) == [(2, 0), (1, 0), (2, 0), (2, 0)]


def test_draining_twice_does_not_lose_the_node():
    again = drain("od").__class__(id="again", node="od")

    assert counts(played(drain("od"), again, uncordon("od")))[-1] == (2, 0)


def test_a_terminated_node_does_not_come_back():
    assert counts(played(drain("od"), terminate("od"), uncordon("od")))[-1] == (1, 0)


def test_uncordoning_a_node_that_was_not_drained_changes_no_capacity():
    assert counts(played(uncordon("od"))) == [(2, 0), (2, 0)]


def test_taking_away_what_was_no_capacity_changes_none():
    playback = played(drain("x"), terminate("x"), nodes=[*TWO, on_demand("x", ready=False)])

    assert counts(playback) == [(2, 0), (2, 0)]
    assert playback.removed == frozenset()
    assert playback.changes_nodes


@pytest.mark.parametrize(
    ("plan", "staying", "emptied", "terminated"),
    [
        ([], {"od", "sp"}, set(), set()),
        ([cordon("od")], {"od", "sp"}, set(), set()),
        ([drain("od")], {"sp"}, {"od"}, set()),
        ([drain("od"), uncordon("od")], {"od", "sp"}, set(), set()),
        ([drain("od"), terminate("od")], {"sp"}, set(), {"od"}),
        ([terminate("od"), drain("od")], {"sp"}, set(), {"od"}),
        ([drain("lost")], {"od", "sp"}, {"lost"}, set()),
        ([drain("lost"), uncordon("lost")], {"od", "sp"}, set(), set()),
        ([terminate_instance("i-lost")], {"od", "sp"}, set(), {"lost"}),
    ],
)
def test_what_becomes_of_each_node_is_told(plan, staying, emptied, terminated):
    playback = played(*plan, nodes=[*TWO, on_demand("lost", ready=False)])

    assert playback.staying == staying
    assert playback.emptied == emptied
    assert playback.terminated == terminated


def test_an_instance_is_found_by_its_id_alone():
    assert played(terminate_instance("i-od")).removed == {"od"}


@pytest.mark.parametrize(
    "step",
    [
        ScaleWorkload(id="s1", workload=WEB, replicas=0, previous_replicas=2),
        SuspendCronjob(id="s1", workload=WEB, suspend=True, previously_suspended=False),
        PatchServiceRouting(
            id="s1",
            namespace="shop",
            service="web",
            setting=RoutingSetting.TRAFFIC_DISTRIBUTION,
            value="PreferClose",
            previous=None,
        ),
        SnapshotVolume(id="s1", volume_id="vol-1"),
        DeleteVolume(id="s1", volume_id="vol-1"),
        TagResource(id="s1", resource_id="i-od", key="team", value="shop", previous=None),
        WaitForPods(id="s1"),
        Verify(id="s1", expectation="all is well"),
        terminate_instance("i-of-nobody-here"),
    ],
    ids=lambda step: type(step).__name__,
)
def test_a_step_about_something_else_changes_no_node(step):
    playback = played(step)

    assert not playback.changes_nodes
    assert counts(playback) == [(2, 0), (2, 0)]


@pytest.mark.parametrize("step", [cordon("od"), uncordon("od")], ids=["cordon", "uncordon"])
def test_cordons_change_nodes_but_no_capacity(step):
    playback = played(step)

    assert playback.changes_nodes
    assert counts(playback) == [(2, 0), (2, 0)]


@pytest.mark.parametrize(
    ("plan", "subject", "words"),
    [
        ([cordon("nobody")], "nobody", "does not have"),
        ([uncordon("nobody")], "nobody", "does not have"),
        ([drain("nobody")], "nobody", "does not have"),
        ([terminate("nobody")], "nobody", "does not have"),
        ([terminate("od", "i-sp")], "od", "runs on i-od"),
        ([launch("s1", instance_type="x1.huge")], "x1.huge", "size is not known"),
        ([wait("s1"), launch("s1")], "wait-s1", "no launch before it"),
        ([launch("s1"), launch("s1")], "s1", "two steps"),
    ],
)
def test_a_step_that_cannot_be_judged_is_a_problem(plan, subject, words):
    playback = played(*plan)

    [problem] = playback.problems
    assert problem.subject == subject
    assert words in problem.message
    assert playback.changes_nodes


def test_an_instance_of_unknown_size_that_is_waited_for_is_one_problem():
    assert len(played(launch("s1", instance_type="x1.huge"), wait("s1")).problems) == 1


def test_the_wrong_instance_is_not_taken_away():
    assert played(terminate("od", "i-sp")).removed == frozenset()


def test_an_unknown_instance_may_be_any_node_whose_instance_is_not_known():
    nodes = [*TWO, on_demand("x", instance_id=None)]

    [problem] = played(terminate_instance("i-1"), nodes=nodes).problems

    assert problem.subject == "i-1"
    assert "'x'" in problem.message


def test_a_node_whose_instance_is_not_known_can_be_terminated_by_name():
    playback = played(terminate("x", "i-1"), nodes=[*TWO, on_demand("x", instance_id=None)])

    assert playback.removed == {"x"}
    assert playback.problems == ()


class TestGrowing:
    """Between two launches, or while instances join, a state is growing; after it, not."""

    def test_a_state_is_growing_until_the_last_instance_has_joined(self):
        plan = [launch("s1"), launch("s2"), wait("s1"), wait("s2"), drain("od")]

        assert growing(plan) == [False, True, True, True, False, False, False]

    def test_a_drain_ends_the_growing_even_while_instances_join(self):
        plan = [launch("s1"), drain("od"), wait("s1"), launch("s2"), wait("s2")]

        assert growing(plan) == [False, True, False, True, True, False, False]

    def test_an_uncordoned_node_is_growth(self):
        plan = [drain("od"), uncordon("od"), launch("s1"), wait("s1")]

        assert growing(plan) == [False, False, True, True, False, False]


def growing(plan):
    return [state.is_growing for state in played(*plan).states]


def test_the_builders_say_what_they_promise():
    assert {Pool(*pool) for pool in ALL_SAFE} >= {Pool("m5.xlarge", A)}
    assert played(launch("s1")).states[-1].joined.total.cpu_millicores == 3 * CPU
