"""Work of one customer does not wait for another's, and nothing is done twice at once."""

import threading

from scheduler.lanes import Lanes, Task
from tests.scheduler.builders import until


class Gate:
    """A task that runs until it is let go, and says that it began."""

    def __init__(self):
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self):
        self.began.set()
        assert self.let_go.wait(timeout=10)


def submit(lanes, target, function, *, lane="acme", job="collect", lock=None, may_repeat=False):
    key = (job, target)
    return lanes.submit(Task(key, lane, lock or key, function, may_repeat))


def test_a_customer_that_hangs_does_not_keep_another_waiting():
    """Ten hanging clusters of one customer use its two places; the other has its own."""
    lanes = Lanes(total=4, per_lane=2)
    slow = [Gate() for _ in range(10)]
    for number, gate in enumerate(slow):
        submit(lanes, f"slow-{number}", gate, lane="acme")
    quick = threading.Event()

    submit(lanes, "quick", quick.set, lane="globex")

    assert quick.wait(timeout=5)
    assert [gate.began.is_set() for gate in slow].count(True) == 2
    for gate in slow:
        gate.let_go.set()
    assert lanes.close(timeout_seconds=5)


def test_all_of_a_lane_gets_its_turn():
    lanes = Lanes(total=2, per_lane=1)
    done = []
    for number in range(5):
        submit(lanes, str(number), lambda number=number: done.append(number))

    until(lambda: len(done) == 5)
    assert done == [0, 1, 2, 3, 4]


def test_lanes_take_turns_where_places_are_few():
    lanes = Lanes(total=1, per_lane=1)
    gate, order = Gate(), []
    submit(lanes, "gate", gate, lane="first")
    for number in range(3):
        submit(lanes, f"a{number}", lambda: order.append("acme"), lane="acme")
    submit(lanes, "g", lambda: order.append("globex"), lane="globex")
    gate.let_go.set()

    until(lambda: len(order) == 4)
    assert order.index("globex") == 1


def test_what_runs_or_waits_already_is_not_taken_twice():
    lanes = Lanes(total=1, per_lane=1)
    gate = Gate()

    assert submit(lanes, "c1", gate)
    assert not submit(lanes, "c1", gate)
    assert submit(lanes, "c2", gate)
    assert not submit(lanes, "c2", gate)

    gate.let_go.set()
    assert lanes.close(timeout_seconds=5)


def test_a_command_waits_behind_the_run_that_is_on_its_way():
    lanes = Lanes(total=4, per_lane=4)
    gate, again = Gate(), Gate()
    submit(lanes, "c1", gate)

    assert submit(lanes, "c1", again, may_repeat=True)

    assert not again.began.wait(timeout=0.1)
    gate.let_go.set()
    assert again.began.wait(timeout=5)
    again.let_go.set()


def test_jobs_that_share_a_lock_take_turns():
    lanes = Lanes(total=4, per_lane=4)
    first, second = Gate(), Gate()
    submit(lanes, "acme", first, job="refresh", lock=("prices", "acme"))

    assert submit(lanes, "acme", second, job="backfill", lock=("prices", "acme"))

    assert not second.began.wait(timeout=0.1)
    first.let_go.set()
    assert second.began.wait(timeout=5)
    second.let_go.set()


def test_a_given_up_task_frees_its_place_but_not_its_target():
    lanes = Lanes(total=1, per_lane=1)
    hanging, other = Gate(), Gate()
    submit(lanes, "c1", hanging)
    assert hanging.began.wait(timeout=5)

    lanes.give_up(("collect", "c1"))

    submit(lanes, "c2", other)
    assert other.began.wait(timeout=5)
    assert not submit(lanes, "c1", other)
    hanging.let_go.set()
    other.let_go.set()
    until(lambda: submit(lanes, "c1", other))
    assert lanes.close(timeout_seconds=5)


def test_closing_waits_for_what_runs_and_starts_nothing_more():
    lanes = Lanes(total=1, per_lane=1)
    gate, waiting = Gate(), Gate()
    submit(lanes, "c1", gate)
    submit(lanes, "c2", waiting)

    assert not lanes.close(timeout_seconds=0.05)
    gate.let_go.set()
    assert lanes.close(timeout_seconds=5)

    assert not waiting.began.is_set()
    assert not submit(lanes, "c3", gate)
