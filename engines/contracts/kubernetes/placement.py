"""Where a pod may run: node selectors, affinity, taints, tolerations, topology spread."""

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times
from engines.contracts.kubernetes.meta import (
    KubernetesStruct,
    LabelSelector,
)

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class NodeSelectorRequirement(KubernetesStruct, frozen=True, kw_only=True):
    """``operator`` is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class NodeSelectorTerm(KubernetesStruct, frozen=True, kw_only=True):
    """All of its requirements must hold; an empty term matches no node."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()  # only metadata.name is defined


class NodeSelector(KubernetesStruct, frozen=True, kw_only=True):
    """Terms are alternatives: one that holds is enough."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredSchedulingTerm(KubernetesStruct, frozen=True, kw_only=True):
    """A wish for nodes, 1 (weak) to 100 (strong)."""

    weight: Integer
    preference: NodeSelectorTerm = NodeSelectorTerm()


class NodeAffinity(KubernetesStruct, frozen=True, kw_only=True):
    """What a pod asks of its node's labels."""

    required: NodeSelector | None = msgspec.field(default=None, name=_REQUIRED)
    preferred: tuple[PreferredSchedulingTerm, ...] = msgspec.field(default=(), name=_PREFERRED)


class PodAffinityTerm(KubernetesStruct, frozen=True, kw_only=True):
    """Pods that must (not) share a topology domain with this one.

    ``namespaces`` empty and ``namespace_selector`` None: the pod's own namespace.
    """

    topology_key: str
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(KubernetesStruct, frozen=True, kw_only=True):
    """A wish about neighbours, 1 (weak) to 100 (strong)."""

    weight: Integer
    pod_affinity_term: PodAffinityTerm


class PodAffinity(KubernetesStruct, frozen=True, kw_only=True):
    """Required terms and wishes; the same shape serves affinity and anti-affinity."""

    required: tuple[PodAffinityTerm, ...] = msgspec.field(default=(), name=_REQUIRED)
    preferred: tuple[WeightedPodAffinityTerm, ...] = msgspec.field(default=(), name=_PREFERRED)


class Affinity(KubernetesStruct, frozen=True, kw_only=True):
    """All affinity rules of a pod."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Taint(KubernetesStruct, frozen=True, kw_only=True):
    """Keeps pods off a node; ``effect`` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    effect: str
    value: str = ""
    time_added: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "time_added")


class Toleration(KubernetesStruct, frozen=True, kw_only=True):
    """Lets a pod stand a taint. An empty ``key`` with Exists tolerates all taints.

    ``effect`` empty: all effects. ``toleration_seconds`` None: for ever.
    """

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: Integer | None = None


class TopologySpreadConstraint(KubernetesStruct, frozen=True, kw_only=True):
    """How evenly matching pods spread over the domains of ``topology_key``.

    ``when_unsatisfiable`` is DoNotSchedule or ScheduleAnyway. ``label_selector`` None selects
    nothing. The policies' defaults are those of the API.
    """

    max_skew: Integer
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    min_domains: Integer | None = None
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: tuple[str, ...] = ()
