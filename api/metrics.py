"""``/metrics``: what the process counts, in Prometheus' text format."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response


async def metrics(_request: Request) -> Response:
    """All metrics of this process."""
    body = await run_in_threadpool(generate_latest)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
