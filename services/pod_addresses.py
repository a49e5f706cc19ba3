"""The addresses of pods, for telling whose traffic a network's log shows. They are never stored."""

from datetime import datetime
from typing import Annotated

import msgspec

from engines.contracts.decoding import DECODING_ERRORS, explain
from engines.contracts.errors import InvalidInputError


class PodAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One address of one pod, and since when it can have had it; None: nothing tells."""

    address: str
    namespace: str
    name: str
    since: datetime | None


class PodPage(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses on one page of a list of pods; ``next_page`` is its continue token."""

    addresses: tuple[PodAddress, ...]
    next_page: str


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    namespace: str = ""
    name: str = ""


class _Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    host_network: bool | None = None


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    ip: str = ""


_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    phase: str = ""
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[_Address] | None = msgspec.field(default=None, name="podIPs")
    start_time: _Moment | None = msgspec.field(default=None, name="startTime")


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    kind: str = "Pod"  # items of a list of pods do not repeat it


class _Pod(msgspec.Struct, frozen=True, kw_only=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec | None = None
    status: _Status | None = None


class _ListMetadata(msgspec.Struct, frozen=True, kw_only=True):
    token: str = msgspec.field(default="", name="continue")


class _PodList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[msgspec.Raw]  # other kinds may stand among them
    metadata: _ListMetadata = _ListMetadata()


_decode_list = msgspec.json.Decoder(_PodList).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_decode_pod = msgspec.json.Decoder(_Pod).decode
_ENDED = ("Succeeded", "Failed")


def read_pod_page(name: str, page: bytes) -> PodPage:
    """The addresses in a list of pods, as the API or ``kubectl get pods -A -o json`` writes it.

    Pods on their node's network share its address, and those that ended gave theirs back: they
    have none. Raises InvalidInputError, blaming ``name``, for what is no such list.
    """
    try:
        read = _decode_list(page)
        pods = [_decode_pod(one) for one in read.items if _decode_kind(one).kind == "Pod"]
    except DECODING_ERRORS as error:
        raise InvalidInputError(
            name,
            f"is not a list of pods: {explain(error, page).reason}",
            next_step="give what `kubectl get pods -A -o json` prints",
        ) from error
    found = tuple(one for pod in pods for one in _addresses(pod))
    return PodPage(addresses=found, next_page=read.metadata.token)


def _addresses(pod: _Pod) -> list[PodAddress]:
    status = pod.status
    is_on_host = pod.spec is not None and bool(pod.spec.host_network)
    if status is None or is_on_host or status.phase in _ENDED:
        return []
    listed = {one.ip for one in status.pod_ips or ()} | {status.pod_ip or ""}
    return [
        PodAddress(
            address=address,
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            since=status.start_time,
        )
        for address in sorted(listed)
        if address
    ]
