"""A start that cannot succeed ends with a message that says what to do, not with a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import CloudOptimError


@contextmanager
def starting() -> Iterator[None]:
    """End the process with the message of an error that leaves the block."""
    try:
        yield
    except CloudOptimError as error:
        raise SystemExit(f"CloudOptim did not start: {error}") from error
