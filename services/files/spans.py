"""How much time many intervals cover together."""

_MOST_KEPT = 100_000
GAP_SECONDS = 600
"""Intervals no further apart belong together: records begin and end with their packets, not with
the interval in which AWS gathered them, which is ten minutes at most."""


class Spans:
    """Intervals of Unix seconds; however many, their memory is bounded by how they merge."""

    def __init__(self) -> None:
        self._spans: set[tuple[int, int]] = set()

    def add(self, start: int, end: int) -> None:
        """One more interval."""
        self._spans.add((start, end))
        if len(self._spans) > _MOST_KEPT:
            self._spans = set(self._merged())

    def covered_seconds(self) -> int:
        """Seconds within intervals or short gaps between them."""
        return sum(end - start for start, end in self._merged())

    def last(self) -> int:
        """The end of the last interval; ValueError where there is none."""
        return max(end for _, end in self._spans)

    def _merged(self) -> list[tuple[int, int]]:
        merged: list[tuple[int, int]] = []
        for start, end in sorted(self._spans):
            if merged and start <= merged[-1][1] + GAP_SECONDS:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged
