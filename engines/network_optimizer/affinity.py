"""The wish that draws a workload into a zone, added to what its template says already."""

import msgspec

from engines.contracts.kubernetes import (
    Affinity,
    LabelSelector,
    NodeAffinity,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PreferredSchedulingTerm,
    WeightedPodAffinityTerm,
    Workload,
    template_of,
)

ZONE_LABEL = "topology.kubernetes.io/zone"
_WEIGHT = 100  # the strongest wish that there is; still only a wish

_encode = msgspec.json.Encoder(order="sorted").encode


def near_workload(workload: Workload, partner: Workload) -> Affinity:
    """The workload's affinity with the wish to share a zone with a partner's pods."""
    namespace = partner.metadata.namespace
    is_own = namespace == workload.metadata.namespace
    wish = WeightedPodAffinityTerm(
        weight=_WEIGHT,
        pod_affinity_term=PodAffinityTerm(
            topology_key=ZONE_LABEL,
            label_selector=_selector(partner),
            namespaces=() if is_own else (namespace,),
        ),
    )
    present = template_of(workload).spec.affinity or Affinity()
    near = present.pod_affinity or PodAffinity()
    wishes = near.preferred if wish in near.preferred else (*near.preferred, wish)
    return msgspec.structs.replace(
        present, pod_affinity=msgspec.structs.replace(near, preferred=wishes)
    )


def in_zone(workload: Workload, zone: str) -> Affinity:
    """The workload's affinity with the wish for the nodes of a zone."""
    rule = NodeSelectorRequirement(key=ZONE_LABEL, operator="In", values=(zone,))
    wish = PreferredSchedulingTerm(
        weight=_WEIGHT, preference=NodeSelectorTerm(match_expressions=(rule,))
    )
    present = template_of(workload).spec.affinity or Affinity()
    nodes = present.node_affinity or NodeAffinity()
    wishes = nodes.preferred if wish in nodes.preferred else (*nodes.preferred, wish)
    return msgspec.structs.replace(
        present, node_affinity=msgspec.structs.replace(nodes, preferred=wishes)
    )


def as_json(affinity: Affinity | None) -> str:
    """Kubernetes' own JSON; "null" where there is none."""
    return _encode(affinity).decode()


def _selector(partner: Workload) -> LabelSelector:
    """What finds the partner's pods: its own selector, else the labels of its template."""
    selector = getattr(partner.spec, "selector", None)
    if isinstance(selector, LabelSelector):
        return selector
    return LabelSelector(match_labels=template_of(partner).metadata.labels)
