"""An end for calls whose answers trickle: botocore's time-outs hold for each piece alone."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from services.aws.errors import UnreachableError

T = TypeVar("T")


def within(seconds: float, what: str, work: Callable[[], T]) -> T:
    """The result of ``work``; raises UnreachableError where it takes longer than ``seconds``.

    A call that is given up goes on in a thread of its own until the other side ends it, and what
    comes of it is dropped: nothing can take a request back that is on its way.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller, whatever it is
            outcome.set_exception(error)

    threading.Thread(target=run, name=f"aws: {what}", daemon=True).start()
    try:
        return outcome.result(timeout=seconds)
    except TimeoutError as error:
        raise UnreachableError(
            f"cannot {what}: no complete answer within {seconds:g} s",
            next_step="check network and proxy, then try again",
        ) from error
