"""What a workload is, as far as its names and labels tell."""

import re
from collections.abc import Iterable, Mapping

from engines.contracts.kubernetes import Workload

SYSTEM_NAMESPACES = frozenset(
    {"kube-system", "kube-public", "kube-node-lease", "cloudoptim", "cert-manager", "karpenter",
     "keda", "ingress-nginx", "istio-system"}
)  # fmt: skip
_SYSTEM_NAMES = (
    "cloudoptim",
    "coredns",
    "kube-dns",
    "cert-manager",
    "cluster-autoscaler",
    "karpenter",
    "keda-operator",
    "keda-admission",
    "metrics-server",
    "vertical-pod-autoscaler",
    "vpa-",
    "descheduler",
    "aws-load-balancer-controller",
    "aws-node-termination-handler",
    "ebs-csi-controller",
    "ingress-nginx",
    "nginx-ingress",
    "traefik",
    "haproxy-ingress",
    "istiod",
    "istio-ingressgateway",
    "external-dns",
)
"""DNS, ingress, certificates, autoscalers, and CloudOptim itself: asleep, they take others down."""

_NODE_AUTOSCALERS = ("cluster-autoscaler", "karpenter")
_NAME_LABELS = ("app.kubernetes.io/name", "k8s-app", "app")
_PRODUCTION = frozenset({"prod", "production", "prd", "live"})
_NOT_PRODUCTION = frozenset({"non", "not", "no", "pre", "post"})  # before such a word
_STAGE_LABELS = frozenset({"env", "environment", "stage", "tier"})
_GITOPS_MARKS = ("argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")


def is_system_component(workload: Workload) -> bool:
    """Whether the cluster itself needs it, by its namespace, its name or its labels."""
    return workload.metadata.namespace in SYSTEM_NAMESPACES or _is_called(workload, _SYSTEM_NAMES)


def scales_nodes(workload: Workload) -> bool:
    """Whether it takes empty nodes away and brings new ones."""
    return _is_called(workload, _NODE_AUTOSCALERS)


def is_kept_by_gitops(workload: Workload) -> bool:
    """Whether Argo CD or Flux marks it as its own."""
    metadata = workload.metadata
    return any(key.startswith(_GITOPS_MARKS) for key in (*metadata.annotations, *metadata.labels))


def production_labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that say production: by their whole value, and where a label is about the stage
    by a word of it ("prod-eu", but not "non-prod")."""
    return tuple(
        sorted(
            key
            for key, text in labels.items()
            if text.lower() in _PRODUCTION
            or (key.rpartition("/")[2].lower() in _STAGE_LABELS and is_production(text))
        )
    )


def is_production(stage: str) -> bool:
    """Whether the name of a stage or environment has a word that means production."""
    words = re.split(r"[-_.]", stage.lower())
    return any(
        word in _PRODUCTION and before not in _NOT_PRODUCTION
        for before, word in zip(("", *words), words, strict=False)
    )


def _is_called(workload: Workload, names: Iterable[str]) -> bool:
    """Whether a name begins with one of ``names``, by itself or after others: Helm puts the name
    of its release before that of the chart."""
    labels = workload.metadata.labels
    known = (workload.metadata.name, *(labels.get(one, "") for one in _NAME_LABELS))
    return any(f"-{name}" in f"-{one}" for one in known for name in names)
