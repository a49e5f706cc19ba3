"""A pretend API server that pages through a large cluster, in a process of its own.

``python -m bench.kube_pages NODES PODS`` prints its port and serves until its standard input ends.
Objects look as a real API server prints them, with managedFields, env, probes, volumes and
conditions; they are made from seeded templates, so that serving takes little of the machine.
"""

import random
import sys
import threading
import uuid
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

WORKLOADS = 3_000
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
TYPES = ("m7i.4xlarge", "m7g.4xlarge", "c7i.4xlarge", "r7i.2xlarge", "m6i.8xlarge")
Json = dict[str, Any]


class Kind(NamedTuple):
    """A list that the server serves: how many items, and the JSON of each."""

    name: str
    size: int
    item: Callable[[int], bytes]


def main() -> None:
    """Serve until standard input ends."""
    nodes, pods = int(sys.argv[1]), int(sys.argv[2])
    templates = [_pod_template(one) for one in range(WORKLOADS)]
    _Handler.kinds = {
        "/api/v1/nodes": Kind("Node", nodes, _node),
        "/api/v1/pods": Kind("Pod", pods, partial(_pod, templates, nodes)),
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()


_NOTHING = Kind("", 0, lambda at: b"")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kinds: ClassVar[dict[str, Kind]] = {}

    def do_GET(self) -> None:
        """One page, from the position that the continue token names."""
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        kind = self.kinds.get(target.path, _NOTHING)
        start = int(query.get("continue", "0"))
        limit = int(query.get("limit", kind.size))
        body = _page(kind, start, min(start + limit, kind.size))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


def _page(kind: Kind, start: int, end: int) -> bytes:
    rest = kind.size - end
    more = f',"continue":"{end}","remainingItemCount":{rest}' if rest else ""
    name = f"{kind.name}List" if kind.name else ""
    head = f'{{"kind":"{name}","apiVersion":"v1","metadata":{{"resourceVersion":"7"{more}}},'
    return head.encode() + b'"items":[' + b",".join(map(kind.item, range(start, end))) + b"]}\n"


def _pod(templates: list[tuple[bytes, str]], nodes: int, at: int) -> bytes:
    """The pod at a position: its workload's template with what is its own filled in."""
    template, prefix = templates[at % WORKLOADS]
    node = at * 7919 % nodes  # a prime: neighbours in the list run on different nodes
    ip = f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}".encode()
    uid = str(uuid.UUID(int=at + 1)).encode()
    name = f"{prefix}-{at:05x}".encode()
    own = ((b"@NAME@", name), (b"@UID@", uid), (b"@NODE@", node_name(node).encode()), (b"@IP@", ip))
    for mark, value in own:
        template = template.replace(mark, value)
    return template


def _node(at: int) -> bytes:
    zone, instance_type = ZONES[at % 3], TYPES[at % 5]
    name = node_name(at)
    amounts = {"cpu": "15890m", "memory": "60Gi", "pods": "234", "ephemeral-storage": "95Gi"}
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": instance_type,
        "topology.kubernetes.io/region": "us-east-1",
        "topology.kubernetes.io/zone": zone,
        "eks.amazonaws.com/capacityType": "SPOT" if at % 4 else "ON_DEMAND",
        "eks.amazonaws.com/nodegroup": "general",
    }
    images = [
        {
            "names": [f"{_IMAGE}@sha256:{at * 31 + one:064x}", f"{_IMAGE}:{one}.{at % 9}.0"],
            "sizeBytes": 100_000_000 + one,
        }
        for one in range(30)
    ]
    conditions = [
        _condition(name, "False") | {"lastHeartbeatTime": _TIME, "message": "kubelet has enough"}
        for name in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    conditions.append(_condition("Ready", "True") | {"lastHeartbeatTime": _TIME})
    return msgspec.json.encode(
        {
            "metadata": {
                **_metadata(name, uid=str(uuid.UUID(int=1 << 64 | at)), labels=labels),
                "managedFields": _managed_fields({"f:labels": {key: {} for key in labels}}),
            },
            "spec": {"providerID": f"aws:///{zone}/i-{at:017x}"},
            "status": {
                "capacity": amounts | {"cpu": "16"},
                "allocatable": amounts,
                "conditions": conditions,
                "images": images,
                "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
            },
        }
    )


def node_name(at: int) -> str:
    """Of the node at a position."""
    return f"ip-10-{at >> 16 & 255}-{at >> 8 & 255}-{at & 255}.ec2.internal"


_TIME = "2026-08-03T11:59:30Z"
_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/service"


def _pod_template(at: int) -> tuple[bytes, str]:
    """A workload's pod with marks for what differs from pod to pod, and the names' beginning."""
    drawn = random.Random(at)
    app, template_hash = f"service-{at:04d}", f"{drawn.getrandbits(40):010x}"
    labels = {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": app,
        "app.kubernetes.io/version": f"1.{drawn.randrange(90)}.{drawn.randrange(9)}",
        "app.kubernetes.io/managed-by": "Helm",
        "pod-template-hash": template_hash,
        "team": f"team-{at % 40}",
    }
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{app}-{template_hash}",
        "uid": str(uuid.UUID(int=drawn.getrandbits(128))),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    annotations = {
        "checksum/config": f"{drawn.getrandbits(256):064x}",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9102",
    }
    metadata = _metadata("@NAME@", uid="@UID@", labels=labels) | {
        "generateName": f"{app}-{template_hash}-",
        "namespace": f"team-{at % 40}",
        "annotations": annotations,
        "ownerReferences": [owner],
    }
    containers = [_container("app", drawn), _container("proxy", drawn)]
    spec = _spec(containers, labels)
    metadata["managedFields"] = _managed_fields(
        {
            "f:metadata": {"f:annotations": annotations, "f:labels": labels},
            "f:spec": {"f:containers": {one["name"]: _fields_of(one) for one in containers}},
        }
    )
    pod = {"metadata": metadata, "spec": spec, "status": _status(containers)}
    return msgspec.json.encode(pod), f"{app}-{template_hash}"


def _metadata(name: str, *, uid: str, labels: Json) -> Json:
    return {
        "name": name,
        "uid": uid,
        "resourceVersion": "123456789",
        "generation": 1,
        "creationTimestamp": "2026-07-30T08:15:00Z",
        "labels": labels,
    }


def _managed_fields(fields: Json) -> list[Json]:
    who = ("kube-controller-manager", ""), ("kubelet", "status")
    return [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": _TIME,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields if not part else {"f:status": {"f:conditions": {"f:type": {}}}},
            **({"subresource": part} if part else {}),
        }
        for manager, part in who
    ]


def _fields_of(container: Json) -> Json:
    return {f"f:{key}": {} for key in container} | {
        "f:env": {f'k:{{"name":"{one["name"]}"}}': {".": {}} for one in container["env"]}
    }


def _container(name: str, drawn: random.Random) -> Json:
    cpu, memory = drawn.choice((100, 250, 500, 1000)), drawn.choice((128, 256, 512, 1024))
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10}
    return {
        "name": name,
        "image": f"{_IMAGE}:{drawn.randrange(99)}.0",
        "args": ["--config=/etc/service/config.yaml", f"--workers={drawn.randrange(8)}"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": f"SETTING_{one}", "value": f"value-{drawn.getrandbits(48):012x}"}
            for one in range(12)
        ],
        "resources": {
            "requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{memory * 2}Mi"},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/service", "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "kube-api-access-x7x7x", "mountPath": "/var/run/secrets", "readOnly": True},
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"runAsNonRoot": True, "allowPrivilegeEscalation": False},
    }


def _spec(containers: list[Json], labels: Json) -> Json:
    unready = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": "config", "defaultMode": 420}},
            {"name": "scratch", "emptyDir": {}},
            {
                "name": "kube-api-access-x7x7x",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {"configMap": {"name": "kube-root-ca.crt"}},
                    ],
                    "defaultMode": 420,
                },
            },
        ],
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "service",
        "serviceAccount": "service",
        "nodeName": "@NODE@",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", **unready},
            {"key": "node.kubernetes.io/unreachable", **unready},
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": labels["app.kubernetes.io/name"]}},
            }
        ],
    }


def _condition(name: str, status: str) -> Json:
    return {"type": name, "status": status, "lastProbeTime": None, "lastTransitionTime": _TIME}


def _status(containers: list[Json]) -> Json:
    names = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "conditions": [_condition(one, "True") for one in names],
        "hostIP": "@IP@",
        "podIP": "@IP@",
        "podIPs": [{"ip": "@IP@"}],
        "startTime": _TIME,
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": one["name"],
                "state": {"running": {"startedAt": _TIME}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": one["image"],
                "imageID": f"{_IMAGE}@sha256:{hash_of(one['image'])}",
                "containerID": "containerd://@UID@",
                "started": True,
                "resources": one["resources"],
                "allocatedResources": one["resources"]["requests"],
            }
            for one in containers
        ],
    }


def hash_of(text: str) -> str:
    """Sixty-four hexadecimal digits that follow from a text."""
    return f"{random.Random(text).getrandbits(256):064x}"


if __name__ == "__main__":
    main()
