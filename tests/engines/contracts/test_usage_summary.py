"""Summaries of use: what they hold, and that they travel."""

import msgspec
import pytest

from engines.contracts.state import CurrentState, compile_state, to_document
from engines.contracts.usage import ContainerKey
from engines.contracts.usage_summary import UsageSummary, UsageSummaryRow, to_summary_rows

CPU = {
    "samples": 200,
    "first": "2026-07-27T12:00:00Z",
    "last": "2026-08-03T12:00:00Z",
    "p95": 0.2,
    "peak": 0.5,
    "average": 0.1,
}
MEMORY = {**CPU, "p95": None, "peak": 2e8, "average": 1e8}


def a_row(pod="web-1", **more):
    content = {"namespace": "shop", "pod": pod, "container": "main", "cpu": CPU, "memory": MEMORY}
    return msgspec.convert({**content, **more}, UsageSummaryRow)


def test_rows_become_columns_in_one_order():
    rows = (a_row("b", cpu=None), a_row("a", workload_kind="Deployment", workload="web"))

    summary = UsageSummary.from_rows(rows)

    assert [one.pod for one in summary.containers] == ["a", "b"]
    assert summary.cpu.samples.tolist() == [200, 0]
    assert summary.memory.peak.tolist() == [2e8, 2e8]
    assert summary.workloads == {ContainerKey("shop", "a", "main"): ("Deployment", "web")}


def test_a_summary_travels_with_the_state():
    rows = (a_row("a"), a_row("b", memory=None, workload_kind="Job", workload="b"))

    document = to_document(compile_state(CurrentState(usage_summary=rows)))

    assert document.usage_summary == rows
    assert to_summary_rows(UsageSummary.from_rows(reversed(rows))) == rows


@pytest.mark.parametrize(
    ("cpu", "reason"),
    [
        ({**CPU, "p95": None}, "cpu needs a p95"),
        ({**CPU, "first": "2026-08-03T12:00:01Z"}, "last must not be before first"),
        ({**CPU, "samples": 0}, "Expected `int` >= 1"),
        ({**CPU, "peak": -1.0}, "Expected `float` >= 0"),
        ({**CPU, "peak": float("nan")}, "Expected `float`"),
    ],
)
def test_what_cannot_be_is_refused(cpu, reason):
    with pytest.raises(msgspec.ValidationError, match=reason):
        a_row(cpu=cpu)


def test_of_two_rows_about_one_container_one_counts_in_any_order():
    rows = (a_row(), a_row(cpu={**CPU, "peak": 0.9}))

    one, other = UsageSummary.from_rows(rows), UsageSummary.from_rows(reversed(rows))

    assert one.cpu.peak.tolist() == other.cpu.peak.tolist()
