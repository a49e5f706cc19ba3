"""Errors that a person can act on: each names the thing, the cause and the next step."""


class CloudOptimError(Exception):
    """Base of all errors that may reach a page, the terminal or a log.

    ``problem`` says what failed, on which object and why; ``next_step`` what to do now.
    ``is_retryable`` tells a caller whether the same call may succeed later, unchanged.
    """

    is_retryable = False

    def __init__(self, problem: str, *, next_step: str) -> None:
        super().__init__(f"{problem}; {next_step}")
        self.problem = problem
        self.next_step = next_step


class InvalidInputError(CloudOptimError):
    """A file, document or parameter that cannot be used as it is.

    ``source`` is the file name or the path inside a document, ``line`` the 1-based line or
    record where it went wrong, when one line is to blame.
    """

    def __init__(
        self, source: str, reason: str, *, next_step: str, line: int | None = None
    ) -> None:
        place = source if line is None else f"{source}, line {line}"
        super().__init__(f"{place}: {reason}", next_step=next_step)
        self.source = source
        self.line = line
        self.reason = reason
