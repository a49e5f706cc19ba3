"""Containers and their status, without what they run: env, command and args never survive."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engines.contracts.json_values import Integer, Time, tidy_times
from engines.contracts.kubernetes.meta import (
    KubernetesStruct,
    Presence,
    Quantity,
)

Transient = msgspec.Raw | msgspec.UnsetType
"""A field that is looked at while decoding and then forgotten."""


class ResourceRequirements(KubernetesStruct, frozen=True, kw_only=True):
    """Requests and limits by resource name. A resource that is missing is not set."""

    requests: Mapping[str, Quantity] = {}
    limits: Mapping[str, Quantity] = {}


class HostPort(KubernetesStruct, frozen=True, kw_only=True):
    """A port of the node that a container takes. ``host_ip`` empty: all addresses."""

    host_port: Integer = 0  # 0: none is taken
    protocol: str = "TCP"
    host_ip: str = msgspec.field(default="", name="hostIP")


class ContainerResizePolicy(KubernetesStruct, frozen=True, kw_only=True):
    """Whether changing a resource in place restarts the container."""

    resource_name: str
    restart_policy: str


class Container(KubernetesStruct, frozen=True, kw_only=True):
    """One container. As an init container with ``restart_policy`` Always it is a sidecar.

    ``ports`` keeps those with a host port. ``max_heap_bytes`` is the largest heap ceiling that the
    container's environment or arguments set (JVM, Go, Node.js), None where none is set;
    ``heap_follows_limit``: they size the heap in percent of the limit (JVM, .NET). What it was read
    from is dropped.
    """

    name: str
    resources: ResourceRequirements = ResourceRequirements()
    ports: tuple[HostPort, ...] = ()
    restart_policy: str | None = None
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    max_heap_bytes: Integer | None = None
    heap_follows_limit: bool = False
    env: Transient = msgspec.UNSET
    command: Transient = msgspec.UNSET
    args: Transient = msgspec.UNSET

    def __post_init__(self) -> None:
        for name in ("env", "command", "args"):
            text = getattr(self, name)
            if text is not msgspec.UNSET:
                _remember_heap(self, text)
                msgspec.structs.force_setattr(self, name, msgspec.UNSET)
        if any(not port.host_port for port in self.ports):
            taken = tuple(port for port in self.ports if port.host_port)
            msgspec.structs.force_setattr(self, "ports", taken)

    @property
    def is_sidecar(self) -> bool:
        """Whether this init container keeps running beside the containers."""
        return self.restart_policy == "Always"


def _remember_heap(container: Container, text: msgspec.Raw) -> None:
    """Raise ``max_heap_bytes`` to the largest heap ceiling named in a JSON fragment, and note a
    heap that is a share of the limit."""
    if _HEAP_SHARE.search(bytes(text)):
        msgspec.structs.force_setattr(container, "heap_follows_limit", True)
    ceilings = (one for one in heap_ceilings(bytes(text)) if one <= _LARGEST_HEAP_BYTES)
    found = max(ceilings, default=0)
    if found > (container.max_heap_bytes or 0):
        msgspec.structs.force_setattr(container, "max_heap_bytes", found)


_LARGEST_HEAP_BYTES = 2**48  # more than any machine has: it means "no ceiling"
_HEAP_FLAG = re.compile(
    rb"-Xmx(\d{1,15})([kKmMgGtT]?)\b"
    rb"|-XX:MaxHeapSize=(\d{1,15})([kKmMgGtT]?)\b"
    rb"|--max[-_]old[-_]space[-_]size[= ](\d{1,12})\b"
)
_HEAP_SHARE = re.compile(
    rb"-XX:(?:Max|Min|Initial)RAM(?:Percentage|Fraction)=|GCHeapHardLimitPercent"
)
_GO_LIMIT = re.compile(r"(\d{1,19})(B|KiB|MiB|GiB|TiB)?")
_JVM_UNITS = {b"": 1, b"k": 1 << 10, b"m": 1 << 20, b"g": 1 << 30, b"t": 1 << 40}
_GO_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def heap_ceilings(fragment: bytes) -> Iterator[int]:
    """The heap ceilings, in bytes, in the JSON of a container's env, command or args.

    JVM: -Xmx and -XX:MaxHeapSize, wherever they stand. Node.js: --max-old-space-size, in MiB.
    Go: the environment variable GOMEMLIMIT.
    """
    for xmx, xmx_unit, size, size_unit, mebibytes in _HEAP_FLAG.findall(fragment):
        if mebibytes:
            yield int(mebibytes) << 20
        else:
            yield int(xmx or size) * _JVM_UNITS[(xmx_unit or size_unit).lower()]
    if b"GOMEMLIMIT" in fragment:
        yield from _go_limits(msgspec.json.decode(fragment))


def _go_limits(env: Any) -> Iterator[int]:
    """The value of GOMEMLIMIT in a decoded env list; "off" and references are no ceiling."""
    for variable in env if isinstance(env, list) else ():
        if isinstance(variable, dict) and variable.get("name") == "GOMEMLIMIT":
            match = _GO_LIMIT.fullmatch(str(variable.get("value", "")))
            if match:
                yield int(match[1]) * _GO_UNITS[match[2] or "B"]


class ContainerStateTerminated(KubernetesStruct, frozen=True, kw_only=True):
    """How a container ended. ``reason`` OOMKilled is the only sign of an OOM kill."""

    exit_code: Integer = 0
    reason: str = ""
    signal: Integer = 0
    started_at: Time | None = None
    finished_at: Time | None = None

    def __post_init__(self) -> None:
        tidy_times(self, "started_at", "finished_at")


class ContainerStateWaiting(KubernetesStruct, frozen=True, kw_only=True):
    """Why a container does not run yet."""

    reason: str = ""


class ContainerState(KubernetesStruct, frozen=True, kw_only=True):
    """One of the three is set; none means waiting."""

    running: Presence | None = None
    waiting: ContainerStateWaiting | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(KubernetesStruct, frozen=True, kw_only=True):
    """What a container does now and how it ended before.

    ``allocated_resources`` is what the node set aside, ``resources`` what is in force: both differ
    from the spec while the pod is resized in place.
    """

    name: str
    ready: bool = False
    restart_count: Integer = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    allocated_resources: Mapping[str, Quantity] = {}
    resources: ResourceRequirements | None = None
