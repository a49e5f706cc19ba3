"""Who talks to whom, as a flow log would add it up: bytes a day from pod to pod, in CSV.

Each pod of a calling workload talks to a few pods of the called one, whichever zone they are in.
"""

import csv
import io
import zlib
from collections.abc import Iterator

from sandbox.kube.objects import Obj, is_condition_true, labels_of, name_of, namespace_of
from sandbox.kube.resources import PODS
from sandbox.kube.world import World

COLUMNS = ("from_namespace", "from_pod", "to_namespace", "to_pod", "bytes_per_day")

_GIB = 2**30
# from, to, GiB a day of each pair of pods that talk
_FLOWS = (
    ("ingress-nginx/ingress-nginx-controller", "shop/web", 6.0),
    ("ingress-nginx/ingress-nginx-controller", "platform/api-gateway", 9.0),
    ("shop/web", "shop/catalogue", 3.5),
    ("shop/web", "shop/cart", 1.2),
    ("shop/catalogue", "shop/search", 14.0),
    ("shop/checkout", "payments/gateway", 2.0),
    ("shop/images", "shop/thumbnails", 11.0),
    ("payments/gateway", "payments/ledger", 7.0),
    ("platform/api-gateway", "platform/auth", 1.5),
    ("data/ingest", "data/stream-processor", 32.0),
    ("data/stream-processor", "data/event-router", 21.0),
    ("data/features", "data/scoring", 16.0),
    ("data/event-router", "data/warehouse-sync", 25.0),
)
_PARTNERS = 3
"""How many pods of the other workload each pod has connections to."""


def traffic_csv(world: World) -> bytes:
    """The table for the pods that run now."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    with world.clock.lock:
        writer.writerows(_rows(world))
    return text.getvalue().encode()


def _rows(world: World) -> Iterator[tuple[str, str, str, str, int]]:
    pods: dict[str, list[Obj]] = {}
    for pod in world.store.all(PODS):
        if is_condition_true(pod, "Ready"):
            name = labels_of(pod).get("app.kubernetes.io/name", "")
            pods.setdefault(f"{namespace_of(pod)}/{name}", []).append(pod)
    for caller, called, gib in _FLOWS:
        targets = pods.get(called, [])
        for pod in pods.get(caller, []):
            for target in _partners(pod, targets):
                yield (*_named(pod), *_named(target), _bytes(pod, target, gib))


def _partners(pod: Obj, targets: list[Obj]) -> list[Obj]:
    start = zlib.crc32(name_of(pod).encode()) % max(1, len(targets))
    turned = [*targets[start:], *targets[:start]]
    return turned[:_PARTNERS]


def _named(pod: Obj) -> tuple[str, str]:
    return str(namespace_of(pod)), name_of(pod)


def _bytes(pod: Obj, target: Obj, gib: float) -> int:
    """Between 60 and 140 % of the usual."""
    drawn = zlib.crc32(f"{name_of(pod)}>{name_of(target)}".encode()) / 0xFFFFFFFF
    return int(gib * _GIB * (0.6 + 0.8 * drawn))
