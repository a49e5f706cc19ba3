"""CPU use as counts in buckets that widen with the amount: small, mergeable, good to 5%.

The buckets are those of the Vertical Pod Autoscaler (pkg/recommender/model: first bucket 0.01
cores, each 5% wider than the one before, up to 1,000 cores), so figures can be compared with its.
Bucket ``n`` begins at 0.01 x (1.05^n - 1) / 0.05 cores; what is beyond the last falls into it.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

FIRST_WIDTH_CORES = 0.01
RATIO = 1.05
BUCKETS = 176  # the least number whose last bucket begins beyond 1,000 cores

Counts = NDArray[np.int64]

_STORED = np.dtype([("bucket", "<u2"), ("count", "<u4")])


@cache
def bucket_starts() -> NDArray[np.float64]:
    """Where each bucket begins, in cores."""
    powers = RATIO ** np.arange(BUCKETS)
    starts = np.asarray(FIRST_WIDTH_CORES * (powers - 1) / (RATIO - 1), np.float64)
    starts.flags.writeable = False  # shared by all callers
    return starts


def count_cores(cores: NDArray[np.float64]) -> Counts:
    """How many readings fall into each bucket. NaN is no reading and is refused."""
    if np.isnan(cores).any():
        raise ValueError("a reading without a value belongs in no bucket")
    buckets = np.searchsorted(bucket_starts(), cores, "right") - 1
    return np.bincount(buckets.clip(0), minlength=BUCKETS).astype(np.int64)


def percentile_cores(counts: Counts, share: float) -> float | None:
    """The end of the bucket in which that share of all readings is reached, as VPA takes it.

    So the answer is never below the true percentile, and at most 5% (or 0.01 cores) above it.
    None: there is no reading.
    """
    if not counts.any():
        return None
    reached = np.cumsum(counts) >= share * counts.sum() - 1e-9
    last = min(int(np.argmax(reached)), BUCKETS - 2)
    return float(bucket_starts()[last + 1])


def pack_counts(counts: Counts) -> bytes:
    """The buckets that hold something, 6 bytes each."""
    filled = np.flatnonzero(counts)
    packed = np.zeros(len(filled), _STORED)
    packed["bucket"], packed["count"] = filled, counts[filled]
    return packed.tobytes()


def unpack_counts(packed: bytes) -> Counts:
    """What ``pack_counts`` was given. Raises ValueError for bytes that it never made."""
    filled = np.frombuffer(packed, _STORED)
    if (filled["bucket"] >= BUCKETS).any():
        raise ValueError("a stored histogram has more buckets than there are")
    counts = np.zeros(BUCKETS, np.int64)
    counts[filled["bucket"]] = filled["count"]
    return counts
