"""What a preflight finds: one check, how it came out, what needs it, and how to mend it."""

from enum import StrEnum

import msgspec


class FindingState(StrEnum):
    """``held``: as it must be. ``missing``: something that is needed is not there.
    ``superfluous``: granted and never used. ``warning``: works, but not well. ``failed``: the
    check itself could not be made."""

    HELD = "held"
    MISSING = "missing"
    SUPERFLUOUS = "superfluous"
    WARNING = "warning"
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check of a preflight.

    ``check`` is a short stable name such as "kubernetes: evict pods"; ``message`` says what was
    seen; ``needed_for`` names the feature; ``remedy`` is the next step, empty where all is well.
    """

    check: str
    state: FindingState
    message: str
    needed_for: str = ""
    remedy: str = ""
