"""How far the API server's clock is from ours: tokens, ages and deadlines depend on both."""

from datetime import datetime, timedelta

from services.findings import Finding, FindingState
from services.kube.connection import server_time
from services.kube.transport import Answer

MOST_SKEW_SECONDS = 60.0


def skew_seconds(answer: Answer, *, at: datetime, began_at_seconds: float) -> float | None:
    """Seconds by which the server's clock is certainly ahead (negative: behind).

    ``at`` is our time at ``began_at_seconds`` of the monotonic clock. A time between sending and
    receiving, give or take the second that HTTP dates are cut to, is no skew. None: not told.
    """
    told = server_time(answer)
    if told is None:
        return None
    earliest = at + timedelta(seconds=answer.sent_at_seconds - began_at_seconds - 1)
    latest = at + timedelta(seconds=answer.done_at_seconds - began_at_seconds)
    if told < earliest:
        return (told - earliest).total_seconds()
    return max((told - latest).total_seconds(), 0.0)


def skew_finding(endpoint: str, seconds: float) -> Finding:
    """The finding about a skew; more than a minute is a warning."""
    is_well = abs(seconds) <= MOST_SKEW_SECONDS
    side = "ahead of" if seconds > 0 else "behind"
    return Finding(
        check="kubernetes: clocks agree",
        state=FindingState.HELD if is_well else FindingState.WARNING,
        message=f"the clocks of {endpoint} and of this machine agree within a minute"
        if is_well
        else f"the clock of {endpoint} is {abs(seconds):.0f} s {side} this machine's",
        needed_for="ages of objects, tokens that expire, deadlines of drains",
        remedy="" if is_well else "switch on time synchronisation (NTP) on the machine that errs",
    )
