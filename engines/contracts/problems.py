"""Problems met while a snapshot is built: each names the object, the cause and the next step."""

from collections.abc import Iterable

from engines.contracts.kubernetes import KubernetesObject
from engines.contracts.results import Skipped, Subject
from engines.contracts.snapshot import ProblemReason


def problem_with(
    one: KubernetesObject, reason: ProblemReason, message: str, subjects: Iterable[str] = ()
) -> Skipped:
    """A problem with a decoded object; ``message`` is a sentence with the next step."""
    return Skipped(
        subject=Subject(kind=one.kind, namespace=one.metadata.namespace, name=one.metadata.name),
        reason=reason,
        message=message,
        subjects=tuple(subjects),
    )


def in_order(problems: Iterable[Skipped]) -> tuple[Skipped, ...]:
    """Sorted by what they are about, each once."""
    return tuple(sorted(set(problems), key=_order))


def _order(problem: Skipped) -> tuple[Subject, str, str, tuple[str, ...]]:
    return (problem.subject, problem.reason, problem.message, problem.subjects)
