"""Rows of the performance table: a measured value beside a baseline measured in the same run."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

CLOCK = time.perf_counter


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    ``ratio`` is what the target speaks of, in the words of ``target``: a speed-up, a share, or the
    value against a fixed limit. ``met`` says whether the target was reached.
    """

    name: str
    value: float
    unit: str
    baseline_name: str
    baseline: float
    ratio: float
    target: str
    met: bool

    def line(self) -> str:
        """The row as ``name value unit | baseline value | ratio``, with target and verdict."""
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{self.name:<26} {self.value:>12.4g} {self.unit:<10} | "
            f"{self.baseline_name} {self.baseline:.4g} | {self.ratio:.4g} | "
            f"target {self.target}: {verdict}"
        )


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = CLOCK()
    work()
    return CLOCK() - start


def median_seconds(work: Callable[[], object], times: int = 3) -> float:
    """Median wall-clock seconds of several calls."""
    return statistics.median(seconds(work) for _ in range(times))
