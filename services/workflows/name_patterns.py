"""Choose instance types by name or by pattern, as people write them: ``m5.large``, ``m5.*``."""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matching(names: Iterable[str], patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The names that one of the patterns fits; None, which means all, where there is no pattern."""
    if patterns is None:
        return None
    return tuple(name for name in names if fits(name, patterns))


def fits(name: str, patterns: tuple[str, ...] | None) -> bool:
    """Whether one of the patterns fits the name; without patterns every name is wanted."""
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)
