"""What became of a raise, and the floor that rightsizing must keep.

The usual container asks for 256 MiB and may use 512.
"""

from datetime import timedelta

import pytest

from engines.contracts.state import compile_state
from engines.oom_remediation.aftermath import memory_floors
from engines.oom_remediation.kills import gather_kills
from engines.oom_remediation.parameters import RecordedKill
from tests.builders import NOW, a_document, a_node, an_object
from tests.engines.oom_remediation.builders import at, recorded, remedy, web
from tests.engines.rightsizing.builders import MIB, a_container

DAY = 24


def outcomes(history, *containers):
    response = remedy(*web(*containers, statuses=()), oom_history=history)
    return response.evidence["outcomes"]


@pytest.mark.parametrize(
    ("history", "result"),
    [
        ([recorded(3 * DAY, 300)], "holds"),
        ([recorded(3 * DAY, 300), recorded(DAY, 512)], "killed_again"),
        ([recorded(3 * DAY, 512), recorded(DAY, 512)], "not_raised"),
        ([recorded(3 * DAY, 700)], "lowered"),
        # raised a second time, to 512, since the second kill
        ([recorded(3 * DAY, 300), recorded(DAY, 400)], "holds"),
    ],
)
def test_kills_tell_what_became_of_a_raise(history, result):
    """The limit is 512 MiB now."""
    [outcome] = outcomes(history)

    assert outcome["result"] == result


def test_an_outcome_says_when_and_at_what_limit_it_was_killed_last():
    [outcome] = outcomes([recorded(5 * DAY, 200), recorded(3 * DAY, 300), recorded(2 * DAY, None)])

    assert outcome == {
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "container": "main",
        "result": "holds",
        "last_kill": at(2 * DAY).isoformat(),
        "limit_at_kill_bytes": 300 * MIB,
        "limit_now_bytes": 512 * MIB,
    }


@pytest.mark.parametrize(
    ("history", "container"),
    [
        ([recorded(DAY, None)], a_container(memory_limit="512Mi")),  # at what limit nobody knows
        ([recorded(DAY, 512)], a_container()),  # there is no limit now
        ([recorded(DAY, 512)], a_container("other", memory_limit="1Gi")),
        ([recorded(DAY, 512)], a_container(memory_limit="much")),
        ([recorded(DAY, 512, pod="else-0")], a_container(memory_limit="512Mi")),
    ],
)
def test_where_nothing_can_be_compared_nothing_is_said(history, container):
    assert outcomes(history, container) == ()


@pytest.mark.parametrize(("days", "is_told"), [(13.99, True), (14, False)])
def test_kills_of_the_last_fortnight_tell(days, is_told):
    assert bool(outcomes([recorded(days * DAY, 300)])) is is_told


def floors(*history, container=None, factor=1.5, **more):
    document = a_document(a_node(), *web(container or a_container("main"), statuses=()), **more)
    snapshot = compile_state(document).cluster
    ledger = [RecordedKill(**one) for one in history]
    return memory_floors(snapshot, gather_kills(snapshot, ledger, NOW), factor, NOW)


@pytest.mark.parametrize(
    ("request_mib", "limit_mib", "expected_mib"),
    [
        (256, 512, 256),  # not raised yet: the present request stays
        (384, 768, 384),  # raised to the answer, 512 x 1.5
        (512, 1024, 384),  # raised beyond: of 1,024 three quarters answer
        (500, 1001, 384),  # 500 x 768 / 1,001 = 383.6, rounded up
        (768, 769, 768),  # 768 x 768 / 769 = 767.001, rounded up
        (1024, 1024, 768),
        (100, None, 100),
    ],
)
def test_a_floor_is_the_request_that_answers_the_kill_and_no_more_than_there_is(
    request_mib, limit_mib, expected_mib
):
    """Killed at 512 MiB."""
    container = a_container(memory=f"{request_mib}Mi", memory_limit=limit_mib and f"{limit_mib}Mi")

    [floor] = floors(recorded(1), container=container)

    assert floor.bytes == expected_mib * MIB
    assert (floor.kind, floor.namespace, floor.name) == ("Deployment", "shop", "web")
    assert (floor.container, floor.since) == ("main", at(1))


def test_a_floor_holds_from_the_last_kill_on_and_follows_the_largest_limit():
    """Killed at 600 and later at 400 MiB: 600 x 1.5 = 900 of 1,200, so 900 of the request."""
    container = a_container(memory="1200Mi", memory_limit="1200Mi")

    [floor] = floors(recorded(30, 600), recorded(2, 400), container=container)

    assert (floor.bytes, floor.since) == (900 * MIB, at(2))
    assert floor.holds_at(at(2) + timedelta(days=13.99))


def test_the_factor_decides_what_answers_a_kill():
    container = a_container(memory="1200Mi", memory_limit="1200Mi")

    [floor] = floors(recorded(1, 500), container=container, factor=1.2)

    assert floor.bytes == 600 * MIB


def test_the_defaults_of_a_limit_range_are_in_force():
    limit_range = an_object(
        "LimitRange",
        {
            "metadata": {"name": "limits", "namespace": "shop"},
            "spec": {"limits": [{"type": "Container", "default": {"memory": "2Gi"}}]},
        },
    )

    [floor] = floors(recorded(1), container=a_container(memory=None), limit_ranges=(limit_range,))

    assert floor.bytes == 768 * MIB


def test_without_a_request_there_is_nothing_to_hold():
    assert floors(recorded(1), container=a_container(memory=None)) == ()


def test_a_kill_older_than_a_fortnight_holds_nothing():
    assert floors(recorded(14 * DAY)) == ()
    assert len(floors(recorded(14 * DAY - 0.01))) == 1
