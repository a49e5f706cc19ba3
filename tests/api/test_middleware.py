"""The middleware answers as the app does, with headers and counts added."""

import pytest
from prometheus_client import REGISTRY

from api.middleware import RequestMetrics, SecurityHeaders, area_of
from tests.api.asgi import ask, hello


async def framed(scope, receive, send):
    """An app that sets one of the headers itself."""
    headers = [(b"x-frame-options", b"DENY")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def test_every_answer_carries_the_security_headers():
    headers = ask(SecurityHeaders(hello)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"


def test_a_header_that_the_app_sets_is_kept():
    assert ask(SecurityHeaders(framed)).headers["x-frame-options"] == "DENY"


def test_each_request_is_counted_under_its_area_and_status():
    labels = {"area": "healthz", "status": "200"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0.0

    ask(RequestMetrics(hello), "/healthz")

    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 1


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("/", "page"),
        ("/pricing", "page"),
        ("/healthz", "healthz"),
        ("/metrics", "metrics"),
        ("/api/v1/x", "api"),
        ("/_stcore/upload_file/a/b", "upload"),
        ("/_stcore/stream", "core"),
        ("/static/js/x.js", "static"),
    ],
)
def test_a_path_is_counted_under_few_areas(path, area):
    assert area_of(path) == area
