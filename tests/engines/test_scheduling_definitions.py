"""The rules about neighbours against their definitions, worked out naively from the objects.

The product counts pods in interned sets and moves numbers about; here every question walks over
all pods and nodes, in the words of the Kubernetes documentation.
"""

from typing import Any

import numpy as np
from hypothesis import given, settings

from engines.contracts.kubernetes import LabelSelector, Node, Pod
from engines.scheduling import Occupancy, build_context, why_not
from engines.scheduling.taints import UNSCHEDULABLE, untolerated
from tests.engines.scheduling_clusters import NAMESPACES, NODES, clusters

Placed = list[tuple[Pod, Node]]
LABELS_OF_NAMESPACES = {one.metadata.name: one.metadata.labels for one in NAMESPACES}


@settings(max_examples=150, deadline=None)
@given(cluster=clusters)
def test_affinity_and_spread_are_what_their_definitions_say(cluster):
    occupancy = Occupancy(build_context(cluster))
    placed = [
        (cluster.pods.items[row], NODES[node])
        for row, node in enumerate(occupancy.node_of)
        if node >= 0
    ]

    for row in np.flatnonzero(np.array(occupancy.node_of) < 0).tolist():
        pod = cluster.pods.items[row]
        for number, node in enumerate(NODES):
            said = {one.reason.value for one in why_not(row, number, occupancy)}
            assert bool(said & {"pod_affinity"}) is not may_join(pod, node, placed)
            if "pod_affinity" not in said:
                dislikes = {"pod_anti_affinity", "existing_anti_affinity"}
                assert bool(said & dislikes) is meets_dislike(pod, node, placed)
            skewed = {"spread_skew", "spread_label_missing"}
            assert bool(said & skewed) is not is_even(pod, node, placed)


def may_join(pod: Pod, node: Node, placed: Placed) -> bool:
    """Each term's domain holds a pod that meets all terms; or no such pod exists anywhere, the
    pod meets them itself, and the node has all the labels."""
    terms = required(pod, "pod_affinity")
    if not all(term.topology_key in node.metadata.labels for term in terms):
        return False
    friends = [
        place
        for other, place in placed
        if all(meets(other, term, pod) for term in terms)
        and any(term.topology_key in place.metadata.labels for term in terms)
    ]
    if all(any(together(node, place, term.topology_key) for place in friends) for term in terms):
        return True
    return not friends and all(meets(pod, term, pod) for term in terms)


def meets_dislike(pod: Pod, node: Node, placed: Placed) -> bool:
    """The pod dislikes one of the pods in its domain, or one of them dislikes the pod."""
    return any(
        together(node, place, term.topology_key) and meets(disliked, term, owner)
        for other, place in placed
        for owner, disliked in ((pod, other), (other, pod))
        for term in required(owner, "pod_anti_affinity")
    )


def is_even(pod: Pod, node: Node, placed: Placed) -> bool:
    """For each constraint: pods there, and the pod itself, less the fewest, are within the skew."""
    constraints = pod.spec.topology_spread_constraints
    keys = {one.topology_key for one in constraints}
    if not keys <= node.metadata.labels.keys():
        return False
    for one in constraints:
        key = one.topology_key
        counted = [
            place
            for place in NODES
            if keys <= place.metadata.labels.keys() and is_counted(pod, place, one)
        ]
        pods_by_domain = {place.metadata.labels[key]: 0 for place in counted}
        for other, place in placed:
            same = other.metadata.namespace == pod.metadata.namespace
            is_alive = other.metadata.deletion_timestamp is None
            if place in counted and same and is_alive and alike(other, one, pod):
                pods_by_domain[place.metadata.labels[key]] += 1
        is_short = len(pods_by_domain) < (one.min_domains or 1)
        fewest = 0 if is_short else min(pods_by_domain.values())
        there = pods_by_domain.get(node.metadata.labels[key], 0)
        if there + alike(pod, one, pod) - fewest > one.max_skew:
            return False
    return True


def is_counted(pod: Pod, node: Node, constraint: Any) -> bool:
    labels = node.metadata.labels
    selected = all(labels.get(key) == value for key, value in pod.spec.node_selector.items())
    cordon = (UNSCHEDULABLE,) if node.spec.unschedulable else ()
    tolerated = not untolerated((*node.spec.taints, *cordon), pod.spec.tolerations)
    return (selected or constraint.node_affinity_policy == "Ignore") and (
        tolerated or constraint.node_taints_policy == "Ignore"
    )


def required(pod: Pod, kind: str) -> tuple[Any, ...]:
    wishes = getattr(pod.spec.affinity, kind) if pod.spec.affinity else None
    return wishes.required if wishes else ()


def together(node: Node, other: Node, key: str) -> bool:
    value = node.metadata.labels.get(key)
    return value is not None and value == other.metadata.labels.get(key)


def meets(pod: Pod, term: Any, owner: Pod) -> bool:
    """Whether the pod is one of those that the term of ``owner`` is about."""
    chosen = term.namespace_selector
    in_scope = pod.metadata.namespace in term.namespaces
    if chosen is not None:
        labels = LABELS_OF_NAMESPACES[pod.metadata.namespace]
        in_scope |= has(labels, chosen)
    if not term.namespaces and chosen is None:
        in_scope = pod.metadata.namespace == owner.metadata.namespace
    differs = all(
        pod.metadata.labels.get(key) != owner.metadata.labels[key]
        for key in term.mismatch_label_keys
    )
    return in_scope and differs and alike(pod, term, owner)


def alike(pod: Pod, rule: Any, owner: Pod) -> bool:
    """Whether selector and matchLabelKeys of a term or constraint of ``owner`` select the pod."""
    same = all(
        pod.metadata.labels.get(key) == owner.metadata.labels[key] for key in rule.match_label_keys
    )
    return same and has(pod.metadata.labels, rule.label_selector)


def has(labels: Any, selector: LabelSelector) -> bool:
    return selector.match_labels.items() <= labels.items()
