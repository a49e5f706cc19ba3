"""Files over HTTP: whole, in time, of a sane size and from where they were asked for, or not."""

import contextlib
import gzip
import socket
import threading
from contextlib import contextmanager

import pytest

from services.aws.errors import (
    BadAnswerError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from services.aws.public_files import PublicFiles, Validators, check_address
from services.aws.session import AwsOptions

MOST = 10_000


@contextmanager
def answering(*answers):
    """A server that gives each connection the next answer, the last one again and again.

    An answer is bytes to send, or a tuple of them; at None it waits until the caller hangs up.
    """
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):  # the caller may hang up
                    connection.settimeout(10)
                    question = connection.recv(65536).decode()
                    if question:
                        asked.append(question)
                        give(connection, answers[min(len(asked), len(answers)) - 1])

        def give(connection, answer):
            for part in answer if isinstance(answer, tuple) else (answer,):
                if part is None:
                    connection.recv(1)
                else:
                    connection.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/file.json"
        try:
            yield url, asked
        finally:
            stop.set()
            with socket.create_connection(listening.getsockname()):
                pass  # wakes accept
            thread.join()


def http(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if "Content-Length" not in named:
        named["Content-Length"] = str(len(body))
    lines += [f"{name}: {value}" for name, value in named.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def waits():
    return []


@pytest.fixture
def files(waits):
    with PublicFiles(AwsOptions(timeout_seconds=1, pause=waits.append)) as one:
        yield one


def test_a_file_comes_whole_with_its_edition(files):
    told = []
    with answering(http("200 OK", b"x" * MOST, ETag='"e1"', Last_Modified="Mon")) as (url, _):
        file = files.fetch(url, most_bytes=MOST, on_bytes=told.append)

        assert file.path.read_bytes() == b"x" * MOST
    assert (file.size, told[-1]) == (MOST, MOST)
    assert file.validators == Validators(etag='"e1"', last_modified="Mon")


def test_one_byte_too_many_is_refused_at_once(files, waits):
    with (
        answering(http("200 OK", b"x" * (MOST + 1))) as (url, asked),
        pytest.raises(BadAnswerError, match="larger than 0 MiB"),
    ):
        files.fetch(url, most_bytes=MOST)

    assert (len(asked), waits) == (1, [])


def test_a_bomb_is_measured_unpacked(files):
    bomb = gzip.compress(b"0" * 10_000_000)

    with (
        answering(http("200 OK", bomb, Content_Encoding="gzip")) as (url, _),
        pytest.raises(BadAnswerError, match="larger"),
    ):
        files.fetch(url, most_bytes=MOST)


def test_packed_answers_are_unpacked(files):
    with answering(http("200 OK", gzip.compress(b"{}"), Content_Encoding="gzip")) as (url, _):
        assert files.fetch(url, most_bytes=MOST).path.read_bytes() == b"{}"


def test_a_known_edition_is_asked_about_not_fetched(files):
    known = Validators(etag='"e1"', last_modified="Mon, 20 Jul 2026 14:30:00 GMT")
    with answering(http("304 Not Modified")) as (url, asked):
        file = files.fetch(url, most_bytes=MOST, known=known)

    assert file.path is None
    assert file.validators == known
    assert 'If-None-Match: "e1"' in asked[0]
    assert "If-Modified-Since: Mon, 20 Jul 2026 14:30:00 GMT" in asked[0]


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (http("200 OK", b"half", Content_Length="8"), BadAnswerError, "cut off"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            BadAnswerError,
            "cut off",
        ),
        (http("503 Slow Down"), UnavailableError, "server failed"),
        (http("429 Too Many"), ThrottledError, "throttling"),
        (b"", UnreachableError, "cannot be reached"),
        ((None,), UnreachableError, "cannot be reached"),
    ],
)
def test_what_may_pass_is_attempted_three_times(files, waits, answer, expected, message):
    with answering(answer) as (url, asked), pytest.raises(expected, match=message) as caught:
        files.fetch(url, most_bytes=MOST)

    assert (len(asked), len(waits)) == (3, 2)
    assert "stays in use" in str(caught.value)


def test_a_second_attempt_may_succeed(files):
    cut = http("200 OK", b"half", Content_Length="8")
    with answering(cut, http("200 OK", b"whole")) as (url, _):
        assert files.fetch(url, most_bytes=MOST).path.read_bytes() == b"whole"


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "204 No Content"])
def test_other_answers_are_final(files, waits, status):
    with (
        answering(http(status)) as (url, _),
        pytest.raises(RequestRefusedError, match=status[:3]),
    ):
        files.fetch(url, most_bytes=MOST)

    assert waits == []


def test_a_redirect_is_not_followed_but_named(files):
    elsewhere = "http://169.254.169.254/latest/meta-data?secret=1"
    with (
        answering(http("302 Found", Location=elsewhere)) as (url, asked),
        pytest.raises(RequestRefusedError) as caught,
    ):
        files.fetch(url, most_bytes=MOST)

    assert "moved to http://169.254.169.254/latest/meta-data;" in str(caught.value)
    assert len(asked) == 1


def test_a_proxy_is_used_where_one_is_set(files, monkeypatch):
    """A proxy is asked to CONNECT to the server, whose name it alone need know."""
    with answering(http("403 Forbidden")) as (url, asked):
        monkeypatch.setenv("HTTPS_PROXY", url.removesuffix("/file.json"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(UnreachableError):
            files.fetch("https://files.invalid/x.json", most_bytes=MOST)

    assert asked[0].startswith("CONNECT files.invalid:443")


def test_a_trickle_ends_with_the_time_for_the_whole_file():
    """Each piece comes within the time-out; all of them together do not."""
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxx"
    options = AwsOptions(attempts=1, timeout_seconds=5)
    with (
        PublicFiles(options, longest_seconds=0) as files,
        answering((start, None)) as (url, _),
        pytest.raises(UnreachableError, match="too slowly"),
    ):
        files.fetch(url, most_bytes=MOST)


def test_what_was_fetched_goes_when_it_is_closed(waits):
    with answering(http("200 OK", b"{}")) as (url, _), PublicFiles(AwsOptions()) as files:
        path = files.fetch(url, most_bytes=MOST).path
        assert path.exists()

    assert not path.exists()


@pytest.mark.parametrize(
    "url",
    [
        "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json",
        "http://127.0.0.1:5000/x",
        "http://localhost/x",
        "http://[::1]:80/x",
    ],
)
def test_https_and_this_machine_may_be_asked(url):
    assert check_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://pricing.us-east-1.amazonaws.com",
        "http://127.0.0.1.example.com/x",
        "http://10.0.0.1/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://",
        "https://user:password@example.com/x",
        "spot-advisor-data.json",
        "",
    ],
)
def test_other_addresses_are_refused_without_showing_what_may_be_secret(url):
    with pytest.raises(RequestRefusedError, match="https") as caught:
        check_address(url)

    assert "password" not in str(caught.value)
