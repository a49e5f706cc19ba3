"""Sharing of equal parts, and one order for lists whose order means nothing.

The pods of a workload are alike in nearly everything. Kept once, the parts of 150,000 pods take
a few hundred megabytes instead of gigabytes; and what is computed from a part is computed once.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from engines.contracts.kubernetes import CronJob, ObjectMeta, Pod, Workload

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_ORDER_MATTERS = frozenset({"init_containers"})  # they start one after the other

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def in_one_order(struct: S) -> S:
    """The same struct with all lists sorted, except those whose order has a meaning."""
    changes: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        before = getattr(struct, name)
        after = _ordered(before, keep_order=name in _ORDER_MATTERS)
        if after is not before:
            changes[name] = after
    return msgspec.structs.replace(struct, **changes) if changes else struct


def _ordered(value: Any, *, keep_order: bool) -> Any:
    """``value`` itself where nothing changes, so that callers can tell."""
    if isinstance(value, msgspec.Struct):
        return in_one_order(value)
    if not isinstance(value, tuple) or not value:
        return value
    items = tuple(_ordered(item, keep_order=False) for item in value)
    if not keep_order and len(items) > 1:
        items = tuple(sorted(items, key=_encode))
    return value if all(a is b for a, b in zip(items, value, strict=True)) else items


class Interner:
    """Keeps one of each set of equal parts. Not for parts that are changed later."""

    def __init__(self) -> None:
        self._by_value: dict[tuple[str, bytes], Any] = {}
        self._ids: set[int] = set()  # of the values above, which live as long as this object
        self._texts: dict[str, str] = {}

    def share(self, role: str, part: T) -> T:
        """The kept part that equals ``part``, in one order; parts of two roles are not compared."""
        if id(part) in self._ids:
            return part
        key = (role, _encode(part))
        kept = self._by_value.get(key)
        if kept is None:
            kept = _ordered(part, keep_order=False)
            self._by_value[key] = kept
            self._ids.add(id(kept))
        return kept  # type: ignore[no-any-return]  # values are kept by role

    def share_text(self, text: str) -> str:
        """The kept string that equals ``text``."""
        return self._texts.setdefault(text, text)

    def share_pod(self, pod: Pod) -> Pod:
        """The same pod, made of shared parts."""
        node_name = pod.spec.node_name
        template = self.share("spec", msgspec.structs.replace(pod.spec, node_name=""))
        return Pod(
            metadata=self.share_metadata(pod.metadata),
            spec=msgspec.structs.replace(template, node_name=self.share_text(node_name)),
            status=self.share("status", pod.status),
        )

    def share_workload(self, workload: Workload) -> Workload:
        """The same workload with a shared template: revisions often differ in the image only."""
        if isinstance(workload, CronJob):
            return workload
        template = self.share("template", workload.spec.template)
        spec: Any = msgspec.structs.replace(workload.spec, template=template)
        return msgspec.structs.replace(workload, spec=spec)

    def share_metadata(self, metadata: ObjectMeta) -> ObjectMeta:
        """The same metadata with shared labels, annotations and owners."""
        return msgspec.structs.replace(
            metadata,
            namespace=self.share_text(metadata.namespace),
            labels=self._share_mapping(metadata.labels),
            annotations=self._share_mapping(metadata.annotations),
            owner_references=self.share("owners", metadata.owner_references),
            finalizers=self.share("finalizers", metadata.finalizers),
        )

    def _share_mapping(self, mapping: Mapping[str, str]) -> Mapping[str, str]:
        return self.share("mapping", mapping)
