"""What all Kubernetes objects share: metadata, owners, selectors.

Decoding is the field allow-list: a field that is not declared here never enters the product.
"""

from collections.abc import Mapping

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times

Quantity = str | Integer | float
"""An amount as Kubernetes writes it ("250m", "128Mi", 2): see engines.contracts.quantities."""

KEPT_ANNOTATIONS = (
    "argocd.argoproj.io/",  # a GitOps controller would revert our patches
    "autoscaling.cast.ai/",
    "autoscaling.keda.sh/",
    "batch.kubernetes.io/",
    "cloudoptim.io/",
    "cluster-autoscaler.kubernetes.io/",
    "controller.kubernetes.io/",  # pod-deletion-cost
    "descheduler.alpha.kubernetes.io/",
    "eks.amazonaws.com/",
    "karpenter.k8s.aws/",
    "karpenter.sh/",
    "kubernetes.io/config.",  # mirror and static pods
    "meta.helm.sh/",
    "pv.kubernetes.io/",
    "service.kubernetes.io/",
    "storageclass.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
)
"""Prefixes of the annotations that some engine reads. All others may hold customer data."""


class KubernetesStruct(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False
):
    """Base of the Kubernetes types: camelCase in JSON, undeclared fields are dropped.

    Without garbage collection: the objects are trees, and 150,000 pods would slow each collection.
    """


class Presence(KubernetesStruct, frozen=True, kw_only=True):
    """Says that a field is there; what it holds is not kept."""


class OwnerReference(KubernetesStruct, frozen=True, kw_only=True):
    """Who made an object. At most one owner is its controller."""

    kind: str
    name: str
    api_version: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(KubernetesStruct, frozen=True, kw_only=True):
    """Names, labels and owners. Annotations are kept by ``KEPT_ANNOTATIONS`` only.

    ``resourceVersion`` and ``managedFields`` are dropped: they change without a change of
    meaning, and equal states must have equal digests.
    """

    name: str = ""  # empty in pod templates
    namespace: str = ""  # empty for cluster-wide objects
    uid: str = ""
    generation: Integer = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None  # set: the object is being deleted
    deletion_grace_period_seconds: Integer | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        tidy_times(self, "creation_timestamp", "deletion_timestamp")
        if self.annotations:
            kept = {
                key: value
                for key, value in self.annotations.items()
                if key.startswith(KEPT_ANNOTATIONS)
            }
            msgspec.structs.force_setattr(self, "annotations", kept)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that would make a replacement, or None where nobody would."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class KubernetesObject(KubernetesStruct, frozen=True, kw_only=True):
    """Base of everything that has a name of its own in the API."""

    metadata: ObjectMeta

    @property
    def kind(self) -> str:
        """The object's kind, as Kubernetes writes it."""
        return type(self).__name__


class LabelSelectorRequirement(KubernetesStruct, frozen=True, kw_only=True):
    """One expression: ``operator`` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(KubernetesStruct, frozen=True, kw_only=True):
    """All of its parts must hold. An empty one selects everything, an absent one nothing."""

    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class ObjectReference(KubernetesStruct, frozen=True, kw_only=True):
    """A pointer to another object; unused fields stay empty."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    field_path: str = ""  # "spec.containers{web}" in events


class Condition(KubernetesStruct, frozen=True, kw_only=True):
    """One condition of an object's status; ``status`` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str = ""
