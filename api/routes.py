"""Our own routes beside the screens, in the same process and behind the same middleware."""

from starlette.routing import Route

from api.health import healthz, readyz
from api.metrics import metrics

ROUTES = (
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
)
