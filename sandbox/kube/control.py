"""The control endpoint: what a test or a person does to the cluster from outside its API.

POST /_sandbox/advance      {"seconds": 5}
POST /_sandbox/faults       [{"path_prefix": "/api/v1/pods", "status": 429, "times": 2}]
POST /_sandbox/metrics      {"mode": "served"}
POST /_sandbox/controllers  {"paused": true}
POST /_sandbox/tokens       {"expired": true}
POST /_sandbox/compaction   {}
GET  /_sandbox/faults
GET  /_sandbox/NAME         a report of the world that is served, where it has one of the name
"""

import msgspec

from sandbox.kube import metrics
from sandbox.kube.cluster import Cluster
from sandbox.kube.exchange import Request, Response
from sandbox.kube.faults import Fault

PREFIX = "/_sandbox/"


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float


class _Metrics(msgspec.Struct, forbid_unknown_fields=True):
    mode: str


class _Controllers(msgspec.Struct, forbid_unknown_fields=True):
    paused: bool


class _Tokens(msgspec.Struct, forbid_unknown_fields=True):
    expired: bool


def handle(cluster: Cluster, request: Request) -> Response:
    """200 when done, 400 with a sentence when the body is not understood, 404 elsewhere."""
    what = request.path.removeprefix(PREFIX)
    try:
        if request.method == "GET" and what == "faults":
            return _told({"rules": cluster.faults.rules, "hits": cluster.faults.hits})
        if request.method == "GET" and what in cluster.reports:
            return Response(status=200, body=cluster.reports[what](), content_type="text/csv")
        if request.method != "POST":
            return _told({"error": f"no such control: {request.method} {what}"}, status=404)
        return _change(cluster, what, request.body)
    except ValueError as error:
        return _told({"error": str(error)}, status=400)


def _change(cluster: Cluster, what: str, body: bytes) -> Response:
    if what == "advance":
        cluster.world.clock.advance(msgspec.json.decode(body, type=_Advance).seconds)
    elif what == "faults":
        cluster.faults.set(msgspec.json.decode(body, type=list[Fault]))
    elif what == "metrics":
        metrics.set_mode(cluster.world, msgspec.json.decode(body, type=_Metrics).mode)
    elif what == "controllers":
        cluster.world.paused = msgspec.json.decode(body, type=_Controllers).paused
    elif what == "tokens":
        if msgspec.json.decode(body, type=_Tokens).expired:
            cluster.gate.expire_tokens()
    elif what == "compaction":
        cluster.compact()
    else:
        return _told({"error": f"no such control: POST {what}"}, status=404)
    return _told({"done": what})


def _told(body: object, *, status: int = 200) -> Response:
    return Response(status=status, body=msgspec.json.encode(body))
