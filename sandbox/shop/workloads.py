"""What runs in the pretend company's cluster: sixty-odd workloads of ten namespaces.

About half ask for several times what they use. Requests are of one pod; what is used is told as
shares of the requests at the busiest time of the day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kube.objects import Obj

NAMESPACES: Mapping[str, str] = {
    "shop": "production",
    "payments": "production",
    "data": "production",
    "platform": "production",
    "staging": "staging",
    "dev": "dev",
    "monitoring": "production",
    "ingress-nginx": "production",
    "cert-manager": "production",
}
"""Namespaces beside those that every cluster has, and the environment each belongs to."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One workload: how many pods, what each asks for, and what it really uses."""

    namespace: str
    name: str
    replicas: int = 1
    millicores: int
    mebibytes: int
    cpu_used: float
    """Of the CPU request, at the busiest time of the day."""

    memory_used: float
    """Of the memory request."""

    kind: str = "Deployment"
    memory_limit: float = 1.0
    """Of the memory request; 0: no limit."""

    budget: Obj | None = None
    """The spec of its PodDisruptionBudget, without the selector."""

    scaled_between: tuple[int, int] | None = None
    """Least and most replicas of its HorizontalPodAutoscaler."""

    sidecar: tuple[str, int, int] | None = None
    """Name, millicores and MiB of a second container."""

    claim: str = ""
    """The name of its volume claim template."""

    port: int | None = 8080
    """What its Service leads to; None: it has none."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    pod: Obj = field(default_factory=dict)
    """More of the pod's spec."""

    leaks: bool = False
    """Its memory grows until the kernel kills the container, again and again."""

    killed_once: bool = False
    """One of its pods was killed for its memory some hours ago, under load."""

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods, by which its selectors find them."""
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": self.namespace}


def _spread(name: str, topology: str, otherwise: str) -> Obj:
    """Equal numbers of its pods in each zone, or on each node."""
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    constraint = {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": otherwise,
        "labelSelector": selector,
    }
    return {"topologySpreadConstraints": [constraint]}


def _apart(name: str) -> Obj:
    """No two of its pods on one node."""
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    return {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    }


_ZONE, _HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
_CRITICAL = {"priorityClassName": "shop-critical"}
_BATCH = {"priorityClassName": "batch"}
_NODE_CRITICAL = {
    "priorityClassName": "system-node-critical",
    "hostNetwork": True,
    "tolerations": [{"operator": "Exists"}],
}
_CLUSTER_CRITICAL = {"priorityClassName": "system-cluster-critical"}
_KEEP = {"karpenter.sh/do-not-disrupt": "true"}


def _table(namespace: str, *rows: tuple[str, int, int, int, float, float, Obj]) -> list[Workload]:
    """Rows of name, replicas, millicores, MiB, used of both, and whatever is unusual."""
    return [
        Workload(
            namespace=namespace,
            name=name,
            replicas=replicas,
            millicores=millicores,
            mebibytes=mebibytes,
            cpu_used=cpu_used,
            memory_used=memory_used,
            **more,
        )
        for name, replicas, millicores, mebibytes, cpu_used, memory_used, more in rows
    ]


_SYSTEM = _table(
    "kube-system",
    ("aws-node", 0, 50, 64, 0.4, 0.9, {"kind": "DaemonSet", "port": None, "pod": _NODE_CRITICAL}),
    (
        "kube-proxy",
        0,
        100,
        48,
        0.1,
        0.8,
        {"kind": "DaemonSet", "port": None, "pod": _NODE_CRITICAL},
    ),
    (
        *("ebs-csi-node", 0, 30, 120, 0.2, 0.5),
        {"kind": "DaemonSet", "port": None, "pod": _NODE_CRITICAL, "memory_limit": 2.0},
    ),
    (
        *("coredns", 2, 100, 128, 0.3, 0.5),
        {
            "budget": {"maxUnavailable": 1},
            "port": 53,
            "pod": _CLUSTER_CRITICAL | _spread("coredns", _ZONE, "ScheduleAnyway"),
        },
    ),
    (
        *("metrics-server", 2, 100, 200, 0.2, 0.4),
        {"budget": {"minAvailable": 1}, "pod": _CLUSTER_CRITICAL | _apart("metrics-server")},
    ),
    (
        *("ebs-csi-controller", 2, 60, 240, 0.3, 0.6),
        {"budget": {"maxUnavailable": 1}, "pod": _CLUSTER_CRITICAL, "port": None},
    ),
    ("aws-load-balancer-controller", 2, 100, 200, 0.2, 0.5, {"pod": _CLUSTER_CRITICAL}),
)
_TOOLS = [
    *_table(
        "monitoring",
        (
            *("node-exporter", 0, 50, 64, 0.3, 0.6),
            {"kind": "DaemonSet", "port": None, "pod": {"tolerations": [{"operator": "Exists"}]}},
        ),
        (
            *("fluent-bit", 0, 60, 100, 0.5, 0.6),
            {"kind": "DaemonSet", "port": None, "pod": {"tolerations": [{"operator": "Exists"}]}},
        ),
        ("prometheus", 2, 1500, 6144, 0.5, 0.8, {"port": 9090, "pod": _apart("prometheus")}),
        ("kube-state-metrics", 1, 100, 256, 0.2, 0.5, {}),
        ("grafana", 1, 250, 512, 0.1, 0.4, {}),
    ),
    *_table(
        "ingress-nginx",
        (
            *("ingress-nginx-controller", 3, 500, 512, 0.4, 0.5),
            {
                "budget": {"minAvailable": 2},
                "pod": _CRITICAL | _apart("ingress-nginx-controller"),
                "port": 443,
            },
        ),
    ),
    *_table(
        "cert-manager",
        ("cert-manager", 1, 100, 256, 0.1, 0.4, {"port": None}),
        ("cert-manager-cainjector", 1, 100, 256, 0.1, 0.5, {"port": None}),
        ("cert-manager-webhook", 2, 50, 128, 0.1, 0.4, {"budget": {"minAvailable": 1}}),
    ),
]
_SHOP = _table(
    "shop",
    (
        *("web", 14, 500, 1024, 0.18, 0.30),
        {
            "budget": {"maxUnavailable": "25%"},
            "scaled_between": (10, 30),
            "pod": _CRITICAL | _spread("web", _ZONE, "DoNotSchedule"),
        },
    ),
    ("cart", 10, 400, 768, 0.62, 0.70, {"budget": {"minAvailable": "80%"}}),
    (
        *("checkout", 10, 600, 1536, 0.55, 0.68),
        {
            "budget": {"maxUnavailable": 1},
            "pod": _CRITICAL | _spread("checkout", _HOST, "ScheduleAnyway"),
        },
    ),
    ("catalogue", 12, 750, 2048, 0.15, 0.22, {"scaled_between": (8, 24)}),
    ("search", 2, 2000, 8192, 0.60, 0.72, {"kind": "StatefulSet", "claim": "index", "port": 9200}),
    ("pricing", 6, 500, 1024, 0.20, 0.25, {"budget": {"maxUnavailable": 1}}),
    ("inventory", 6, 300, 1024, 0.65, 0.70, {}),
    ("reviews", 6, 250, 512, 0.12, 0.30, {"budget": {"maxUnavailable": 0}}),
    ("recommendations", 6, 1000, 4096, 0.14, 0.20, {"budget": {"maxUnavailable": "30%"}}),
    ("images", 8, 600, 1024, 0.70, 0.60, {}),
    ("orders", 8, 500, 1536, 0.60, 0.66, {"budget": {"maxUnavailable": 1}, "pod": _CRITICAL}),
    (
        *("thumbnails", 6, 400, 512, 0.80, 0.90),
        {"pod": _BATCH, "port": None, "killed_once": True},
    ),
    ("sitemap", 0, 250, 256, 0.5, 0.5, {"kind": "CronJob", "port": None}),
)
_PAYMENTS = _table(
    "payments",
    (
        *("gateway", 8, 600, 1024, 0.50, 0.60),
        {
            "budget": {"minAvailable": 6},
            "sidecar": ("envoy", 100, 128),
            "pod": _CRITICAL | _spread("gateway", _ZONE, "ScheduleAnyway"),
        },
    ),
    (
        *("ledger", 3, 1000, 4096, 0.55, 0.75),
        {
            "kind": "StatefulSet",
            "claim": "data",
            "budget": {"minAvailable": 3},
            "port": 5432,
            "pod": _CRITICAL | _apart("ledger"),
        },
    ),
    ("fraud", 6, 1000, 3072, 0.20, 0.25, {"sidecar": ("envoy", 100, 128)}),
    ("invoices", 4, 250, 768, 0.15, 0.30, {"sidecar": ("envoy", 100, 128)}),
    ("refunds", 4, 250, 768, 0.12, 0.30, {"budget": {"minAvailable": "50%"}}),
    ("reports", 2, 1000, 2048, 0.05, 0.10, {}),
    ("payouts", 3, 300, 512, 0.50, 0.60, {"budget": {"maxUnavailable": 1}}),
    ("card-vault", 4, 500, 1024, 0.40, 0.55, {"annotations": {"cloudoptim.io/spot": "never"}}),
    ("reconcile", 0, 500, 1024, 0.5, 0.5, {"kind": "CronJob", "port": None}),
)
_DATA = _table(
    "data",
    ("ingest", 8, 750, 2048, 0.65, 0.60, {"budget": {"maxUnavailable": 2}}),
    ("event-router", 6, 500, 1024, 0.55, 0.60, {}),
    ("features", 4, 1500, 6144, 0.18, 0.25, {}),
    ("scoring", 6, 1500, 4096, 0.20, 0.30, {"scaled_between": (4, 12)}),
    ("stream-processor", 6, 750, 1536, 0.60, 0.45, {"leaks": True}),
    ("notebooks", 4, 1000, 4096, 0.03, 0.10, {"annotations": _KEEP}),
    (
        *("warehouse-sync", 1, 1000, 4096, 0.40, 0.60),
        {"kind": "StatefulSet", "claim": "stage", "port": None},
    ),
    (
        *("etl", 2, 2000, 4096, 0.85, 0.70),
        {
            "kind": "Job",
            "annotations": _KEEP,
            "port": None,
            "pod": _BATCH
            | {"restartPolicy": "Never", "nodeSelector": {"kubernetes.io/arch": "amd64"}},
        },
    ),
    ("exports", 0, 500, 1024, 0.5, 0.5, {"kind": "CronJob", "port": None}),
)
_PLATFORM = _table(
    "platform",
    (
        *("auth", 8, 400, 768, 0.50, 0.60),
        {
            "budget": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
            "pod": _CRITICAL,
        },
    ),
    ("api-gateway", 8, 700, 1024, 0.55, 0.50, {"scaled_between": (6, 20)}),
    ("mailer", 3, 200, 512, 0.15, 0.25, {}),
    ("webhooks", 4, 200, 512, 0.10, 0.25, {}),
    (
        *("audit", 3, 300, 1024, 0.30, 0.50),
        {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
    ),
    ("flags", 4, 150, 256, 0.20, 0.30, {}),
    ("cdn-purge", 2, 100, 256, 0.10, 0.20, {}),
    (
        "status-page",
        2,
        100,
        128,
        0.10,
        0.40,
        {"pod": {"nodeSelector": {"kubernetes.io/arch": "arm64"}}},
    ),
)
_TRIALS = [
    *_table(
        "staging",
        ("web", 2, 500, 1024, 0.08, 0.25, {}),
        ("cart", 2, 400, 768, 0.08, 0.25, {}),
        ("checkout", 2, 600, 1536, 0.08, 0.25, {}),
        ("gateway", 2, 600, 1024, 0.08, 0.25, {}),
        ("auth", 2, 400, 768, 0.08, 0.25, {}),
    ),
    *_table(
        "dev",
        ("preview-a", 3, 500, 1024, 0.20, 0.30, {}),
        ("preview-b", 3, 500, 1024, 0.20, 0.30, {}),
        ("preview-c", 3, 500, 1024, 0.20, 0.30, {}),
        ("load-test", 4, 1000, 2048, 0.10, 0.15, {"port": None}),
        ("docs", 2, 100, 256, 0.10, 0.30, {}),
        (
            "demo",
            2,
            400,
            1024,
            0.10,
            0.25,
            {"annotations": {"cloudoptim.io/office-hours": "exclude"}},
        ),
    ),
]

WORKLOADS: tuple[Workload, ...] = (
    *_SYSTEM,
    *_TOOLS,
    *_SHOP,
    *_PAYMENTS,
    *_DATA,
    *_PLATFORM,
    *_TRIALS,
)
