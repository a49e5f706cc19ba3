"""Attempts, pauses, and what each refusal says, over real HTTP."""

import gzip
import logging
import socket
import traceback
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube.faults import Fault
from services.errors import CloudOptimError
from services.kube.access import BearerToken, KubeAccess
from services.kube.connection import KubeOptions, open_connection
from services.kube.errors import (
    AddressRefusedError,
    BadAnswerError,
    BrokenAnswerError,
    ExpiredError,
    ForbiddenError,
    KubernetesError,
    NotServedError,
    OverloadedError,
    ServerFailedError,
    TooSlowError,
    UnauthorizedError,
    UnreachableError,
)
from services.kube.refusals import http_date
from services.settings import Settings
from tests.services.kube.builders import connected
from tests.services.kube.servers import RawServer, answering, sending


def test_an_answer_is_read(connection):
    assert b'"v1.36.2"' in connection.get("/version").body


def test_the_settings_give_time_out_attempts_and_factor():
    chosen = KubeOptions.of(
        Settings(k8s_api_timeout_seconds=7, k8s_api_retry_attempts=4, k8s_api_backoff_factor=3)
    )

    assert (chosen.timeout_seconds, chosen.attempts, chosen.backoff_factor) == (7, 4, 3)


def test_the_settings_unchanged_are_thirty_seconds_three_attempts_and_a_factor_of_two():
    chosen = KubeOptions.of(Settings(_env_file=None))

    assert (chosen.timeout_seconds, chosen.attempts, chosen.backoff_factor) == (30, 3, 2)


@pytest.mark.parametrize(
    ("attempt", "drawn", "seconds"),
    [
        (0, 1.0, 1.0),
        (0, 0.0, 0.5),  # half of the pause is drawn
        (1, 1.0, 2.0),
        (2, 1.0, 4.0),
        (2, 0.5, 3.0),  # 4 x (0.5 + 0.5 / 2)
        (10, 1.0, 30.0),  # 1,024 s, cut at the time-out
    ],
)
def test_pauses_grow_by_the_factor_with_half_of_each_drawn(attempt, drawn, seconds):
    assert KubeOptions(jitter=lambda: drawn).wait_seconds(attempt) == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_that_fails_on_the_server_is_tried_again(cluster, connection, pauses, status):
    cluster.faults.set([Fault(path_prefix="/api/v1/nodes", status=status, times=2)])

    answer = connection.get("/api/v1/nodes")

    assert answer.status == 200
    assert pauses == [1.0, 2.0]


def test_a_dropped_connection_is_tried_again(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", drop=True, times=2)])

    assert connection.get("/version").status == 200
    assert pauses == [1.0, 2.0]


def test_a_cut_answer_is_tried_again(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", truncate_after_bytes=20, times=1)])

    assert connection.get("/version").status == 200
    assert pauses == [1.0]


def test_after_the_last_attempt_the_failure_is_told(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", status=503)])

    with pytest.raises(OverloadedError) as refused:
        connection.get("/version")

    assert pauses == [1.0, 2.0]
    assert cluster.faults.hits == 3
    assert "GET /version is put off (503, 3 times)" in str(refused.value)
    assert refused.value.is_retryable


def test_the_server_may_ask_for_a_longer_pause(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", status=429, retry_after_seconds=7, times=1)])

    connection.get("/version")

    assert pauses == [7.0]


def test_a_shorter_pause_than_ours_is_not_taken(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", status=429, retry_after_seconds=0, times=1)])

    connection.get("/version")

    assert pauses == [1.0]


def test_a_pause_as_long_as_the_time_out_is_made(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", status=503, retry_after_seconds=10, times=1)])

    connection.get("/version")

    assert pauses == [10.0]


def test_a_pause_longer_than_the_time_out_is_not_waited_for(cluster, connection, pauses):
    cluster.faults.set([Fault(path_prefix="/version", status=503, retry_after_seconds=11)])

    with pytest.raises(OverloadedError) as refused:
        connection.get("/version")

    assert pauses == []
    assert refused.value.retry_after_seconds == 11


def test_a_pause_may_be_asked_for_as_a_time():
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    server = RawServer(answering(status="503 Busy", headers=(f"Retry-After: {past}",)))

    with (
        server,
        connected(server.url, attempts=1) as connection,
        pytest.raises(OverloadedError) as refused,
    ):
        connection.get("/version")

    assert refused.value.retry_after_seconds == 0


@pytest.mark.parametrize("text", ["soon", "-3", "1e9", "٣", "", "99999999999999999999"])
def test_a_pause_that_is_no_number_does_not_confuse(text):
    server = RawServer(
        sending(f"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n".encode())
    )

    with (
        server,
        connected(server.url, attempts=1) as connection,
        pytest.raises(OverloadedError),
    ):
        connection.get("/version")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadAnswerError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotServedError),
        (409, BadAnswerError),
        (410, ExpiredError),
        (418, BadAnswerError),
    ],
)
def test_what_asking_again_does_not_mend_is_not_asked_again(
    cluster, connection, pauses, status, error
):
    cluster.faults.set([Fault(path_prefix="/version", status=status)])

    with pytest.raises(error):
        connection.get("/version")

    assert cluster.faults.hits == 1
    assert pauses == []


def test_a_wrong_token_is_refused_with_how_to_make_another(server):
    with (
        connected(server.url, BearerToken(token="wrong-secret")) as connection,
        pytest.raises(UnauthorizedError) as refused,
    ):
        connection.get("/version")

    assert server.url in str(refused.value)
    assert "(GET /version: 401)" in str(refused.value)
    assert "make a new one as docs/connecting.md says" in refused.value.next_step
    assert "wrong-secret" not in str(refused.value)


def test_a_failure_on_the_server_says_what_the_server_said(cluster, connection):
    cluster.faults.set([Fault(path_prefix="/version", status=500)])

    with pytest.raises(ServerFailedError, match="Internal error occurred: fault injected"):
        connection.get("/version")


def test_what_the_server_says_is_shortened_and_freed_of_our_token():
    said = "sandbox-admin\n " + "x" * 1000
    body = b'{"kind":"Status","message":%s}' % repr(said).replace("'", '"').encode()
    server = RawServer(answering(body, status="403 Forbidden"))

    with server, connected(server.url) as connection, pytest.raises(ForbiddenError) as refused:
        connection.get("/version")

    assert "***" in str(refused.value)
    assert "sandbox-admin" not in str(refused.value)
    assert len(str(refused.value)) < 600


def test_an_html_page_of_a_proxy_is_not_quoted():
    server = RawServer(answering(b"<html>secret page</html>", status="502 Bad Gateway"))

    with (
        server,
        connected(server.url) as connection,
        pytest.raises(ServerFailedError) as refused,
    ):
        connection.get("/version")

    assert "secret page" not in str(refused.value)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed_anywhere(status):
    elsewhere = RawServer(answering(b"{}"))
    server = RawServer(
        answering(b"", status=status, headers=(f"Location: {elsewhere.url}/version",))
    )

    with (
        elsewhere,
        server,
        connected(server.url) as connection,
        pytest.raises(BadAnswerError, match="is redirected"),
    ):
        connection.get("/version")

    assert len(server.heads) == 1
    assert elsewhere.heads == []


def test_a_server_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with (
        connected(f"http://127.0.0.1:{port}") as connection,
        pytest.raises(UnreachableError) as refused,
    ):
        connection.get("/version")

    assert f"http://127.0.0.1:{port}: no connection: Connection refused" in str(refused.value)
    assert refused.value.is_retryable


def test_a_name_that_does_not_resolve_is_named():
    with (
        connected("https://no-such-host.invalid", attempts=1) as connection,
        pytest.raises(UnreachableError, match="its name cannot be resolved"),
    ):
        connection.get("/version")


def test_a_server_that_closes_at_once_is_told():
    with (
        RawServer(sending(b"")) as server,
        connected(server.url) as connection,
        pytest.raises(UnreachableError, match="closed before an answer came"),
    ):
        connection.get("/version")

    assert len(server.heads) == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 \r\n\r\n",
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"\x00\x01\x02\x03",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
)
def test_an_answer_that_is_no_http_is_an_error_of_ours(raw):
    with (
        RawServer(sending(raw)) as server,
        connected(server.url, attempts=1) as connection,
        pytest.raises((UnreachableError, BrokenAnswerError)) as refused,
    ):
        connection.get("/version")

    assert server.url in str(refused.value)


def test_an_answer_beyond_all_measure_is_given_up(monkeypatch):
    """1,001 bytes where a thousand are the most."""
    monkeypatch.setattr("services.kube.transport._MAX_ANSWER_BYTES", 1000)
    just, more = RawServer(answering(b"x" * 1000)), RawServer(answering(b"x" * 1001))

    with just, connected(just.url) as connection:
        assert len(connection.get("/version").body) == 1000
    with (
        more,
        connected(more.url, attempts=1) as connection,
        pytest.raises(BrokenAnswerError, match="is larger than"),
    ):
        connection.get("/version")


def test_a_name_that_leads_to_cloud_metadata_is_given_up_before_a_byte_is_sent(monkeypatch):
    """The name passes as text; what it resolves to is judged when connected. Here loopback
    stands for metadata, since nothing else answers."""
    monkeypatch.setattr("services.kube.sockets.is_refused", lambda address: True)
    server = RawServer(answering(b"{}"))
    access = KubeAccess(
        endpoint=f"https://localhost:{server.port}", credential=BearerToken(token="t")
    )

    with (
        server,
        open_connection(access, KubeOptions()) as connection,
        pytest.raises(AddressRefusedError, match=r"its name leads to (127\.0\.0\.1|::1)"),
    ):
        connection.get("/version")

    assert server.heads == []


def test_every_error_names_the_endpoint_and_a_next_step(cluster, server):
    for status in (400, 401, 403, 404, 410, 429, 500, 503):
        cluster.faults.set([Fault(status=status)])
        with connected(server.url) as connection, pytest.raises(CloudOptimError) as refused:
            connection.get("/version")

        assert server.url in str(refused.value)
        assert len(refused.value.next_step) > 10


def test_bytes_of_answers_are_counted(connection):
    body = connection.get("/version").body

    assert connection.bytes_read == len(body)


def test_compressed_answers_are_understood():
    packed = gzip.compress(b'{"gitVersion":"v1.36.2"}' * 1000)
    server = RawServer(answering(packed, headers=("Content-Encoding: gzip",)))

    with server, connected(server.url) as connection:
        body = connection.get("/version").body

    assert len(body) == 24_000
    assert b"Accept-Encoding: gzip" in server.heads[0]


def test_the_server_sees_who_we_are_and_our_token():
    with RawServer(answering(b"{}")) as server, connected(server.url) as connection:
        connection.get("/version")

    assert b"Authorization: Bearer sandbox-admin" in server.heads[0].replace(
        b"authorization", b"Authorization"
    )
    assert b"User-Agent: cloudoptim" in server.heads[0]


def test_a_slow_answer_is_given_up_after_the_time_out(cluster, server):
    cluster.faults.set([Fault(path_prefix="/version", delay_seconds=0.6)])

    with (
        connected(server.url, timeout_seconds=0.2, attempts=1) as connection,
        pytest.raises(TooSlowError, match=r"no complete answer within 0\.2 s"),
    ):
        connection.get("/version")


def test_a_connection_shows_no_secret(connection):
    assert repr(connection).startswith("KubeConnection('http://127.0.0.1:")
    assert "sandbox-admin" not in repr(connection)


@given(st.text(max_size=40))
def test_any_text_as_a_date_is_a_time_or_none(text):
    told = http_date(text)

    assert told is None or told.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Fri, 15 Jan 2027 08:00:50 GMT", datetime(2027, 1, 15, 8, 0, 50, tzinfo=UTC)),
        ("Fri, 15 Jan 2027 08:00:50 +0200", datetime(2027, 1, 15, 6, 0, 50, tzinfo=UTC)),
        ("Fri, 15 Jan 2027 08:00:50 -0000", datetime(2027, 1, 15, 8, 0, 50, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("Fri, 15 Jan 99999 08:00:50 GMT", None),
        ("", None),
    ],
)
def test_a_date_is_told_in_utc(text, told):
    assert http_date(text) == told


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=401), Fault(drop=True)])
def test_a_token_is_in_no_log_line_and_no_traceback(cluster, server, caplog, fault):
    caplog.set_level(logging.DEBUG)
    cluster.faults.set([fault])

    with connected(server.url) as connection, pytest.raises(KubernetesError) as refused:
        connection.get("/version")

    told = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert server.url in told
    assert "sandbox-admin" not in told
