"""Answers that trickle: each piece comes in time, all of them together never would."""

import contextlib
import socket
import threading

import pytest

from sandbox.aws.scenario import ADMIN_KEY, SECRET_KEY
from services.aws.access import AwsAccess
from services.aws.deadlines import within
from services.aws.errors import UnreachableError
from services.aws.session import AwsOptions, open_account

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Type: text/xml\r\n\r\n"


@contextlib.contextmanager
def trickling():
    """A server that sends a blank every 50 ms until the test is over."""
    over = threading.Event()

    def serve(listening):
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(HEAD)
            while not over.wait(0.05):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def test_an_answer_that_trickles_is_given_up():
    """Four times the time-out of half a second."""
    options = AwsOptions(attempts=1, timeout_seconds=0.5)
    with trickling() as url:
        access = AwsAccess(
            region="us-east-1",
            endpoint_url=url,
            access_key_id=ADMIN_KEY,
            secret_access_key=SECRET_KEY,
        )
        with (
            open_account(access, options) as account,
            pytest.raises(UnreachableError, match="no complete answer within 2 s"),
        ):
            account.call("ec2", "describe_volumes")
    for thread in threading.enumerate():
        if thread.name.startswith("aws: describe volumes"):
            thread.join()  # the server hung up, so it ends now


def test_what_ends_in_time_is_the_result():
    assert within(10, "count", lambda: 42) == 42


def test_an_error_of_the_work_is_the_callers():
    def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        within(10, "count", fail)
