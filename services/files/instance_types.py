"""The instance catalogue: a CSV of types, or pages of EC2's DescribeInstanceTypes.

``max_pods`` follows the VPC CNI: network interfaces of the *default network card* x (addresses
each - 1) + 2. On types with several network cards this is far below what the total number of
interfaces would give; amazon-eks-ami and Karpenter count the same way.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec

from engines.contracts.pricing import InstanceType
from services.files.instance_names import family_of, generation_of, is_burstable, is_metal
from services.files.reading import DropCounter, FileReading
from services.files.source import SourceFile, looks_like_json
from services.files.table import (
    CORRECT_THE_ROW,
    Column,
    Parsed,
    TableKind,
    json_records,
    read_chunks,
)
from services.files.values import parse_instance_type, parse_usd

INSTANCE_TYPES = TableKind(
    title="instance types",
    json_list="InstanceTypes",
    columns=(
        Column(name="instance_type"),
        Column(name="vcpu"),
        Column(name="cpu", is_required=False),
        Column(name="memory_mib"),
        Column(name="memory", is_required=False),  # MiB
        Column(name="architecture", aliases=("arch",)),
        Column(name="k8s_arch", is_required=False),
        Column(name="gpu_count", is_required=False),
        Column(name="gpu", is_required=False),
        Column(name="network_gbps", is_required=False),
        Column(name="network_bandwidth", is_required=False),  # Mbps
        Column(name="max_enis", aliases=("enis",), is_required=False),
        Column(name="ipv4_per_eni", is_required=False),
        Column(name="nodeadm_enis", is_required=False),  # those of the default network card
        Column(name="max_pods", is_required=False),
        Column(name="is_bare_metal", aliases=("bare_metal",), is_required=False),
        Column(name="local_nvme", is_required=False),
    ),
)

ARCHITECTURES = {
    "amd64": "amd64",
    "x86_64": "amd64",
    "x86_64_mac": "amd64",
    "arm64": "arm64",
    "arm64_mac": "arm64",
}
MOST_VCPU = 10_000  # the largest type of 2026 has 1,920; beyond is a slip of the column
MOST_MEMORY_MIB = 128 << 20  # 128 TiB; the largest type of 2026 has 32

REASON_INCOMPLETE = "vCPUs, memory or architecture are not given"
REASON_REPEATED = "the row repeats another one exactly"


class _Named(NamedTuple):
    """A type, or None where the row is incomplete, and the line it stands on."""

    line: int
    instance_type: InstanceType | None


def read_instance_types(source: SourceFile) -> FileReading[tuple[InstanceType, ...]]:
    """Read instance types, sorted by name; raises ``InvalidInputError`` for a bad row.

    Neither form says when it was true: ``as_of`` is None.
    """
    if looks_like_json(source.head()):
        return _reading(source, _from_json(source))
    return _reading(source, _from_table(source))


def max_pods_by_enis(enis: int, ipv4_per_eni: int) -> int:
    """Pods that the VPC CNI has addresses for: one address of each interface is its own."""
    return enis * (ipv4_per_eni - 1) + 2


def _reading(source: SourceFile, rows: Iterable[_Named]) -> FileReading[tuple[InstanceType, ...]]:
    types: dict[str, InstanceType] = {}
    drops = DropCounter()
    rows_read = 0
    for line, one in rows:
        rows_read += 1
        if one is None:
            drops.add(REASON_INCOMPLETE, line)
        elif types.setdefault(one.instance_type, one) is not one:
            if types[one.instance_type] != one:
                raise source.refuse(
                    f"an earlier row says otherwise of {one.instance_type}",
                    next_step=CORRECT_THE_ROW,
                    line=line,
                )
            drops.add(REASON_REPEATED, line)
    if not types:
        raise source.refuse("no instance type can be used", next_step="choose another file")
    return FileReading(
        data=tuple(types[name] for name in sorted(types)),
        rows_read=rows_read,
        dropped=drops.dropped(),
    )


def _from_table(source: SourceFile) -> Iterator[_Named]:
    parsers = _parsers()
    names = [str(name) for name in parsers]
    for chunk in read_chunks(source, INSTANCE_TYPES):
        rows = zip(*chunk.parse(parsers), strict=True)
        for line, values in zip(chunk.lines, rows, strict=True):
            yield _Named(line, _from_row(dict(zip(names, values, strict=True))))


def _parsers() -> dict[str | tuple[str, ...], Parsed[Any, Any]]:
    by_column: dict[str, Callable[[str], Any]] = {
        "instance_type": parse_instance_type,
        "vcpu": partial(_count, most=MOST_VCPU),
        "cpu": partial(_count, most=MOST_VCPU),
        "architecture": _architecture,
        "k8s_arch": _architecture,
        "network_gbps": _amount,
        "network_bandwidth": _amount,
        "is_bare_metal": _yes,
        "local_nvme": _yes,
    }
    return {
        column.name: Parsed(by_column.get(column.name, _count)) for column in INSTANCE_TYPES.columns
    }


def _count(text: str, most: int = MOST_MEMORY_MIB) -> int | None:
    """A whole number, which some tables write as ``8.0``; None where it is not given."""
    amount = _amount(text)
    if amount is None:
        return None
    if amount != int(amount) or amount > most:
        raise ValueError("is not a whole number of a likely size")
    return int(amount)


def _amount(text: str) -> Decimal | None:
    return parse_usd(text) if text.strip() else None


def _yes(text: str) -> bool:
    """Whether the cell says yes: ``true``, or an amount above zero."""
    text = text.strip().casefold()
    if text in ("", "false", "true"):
        return text == "true"
    return parse_usd(text) > 0


def _architecture(text: str) -> str | None:
    if not text.strip():
        return None
    if text not in ARCHITECTURES:
        raise ValueError(f"is none of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[text]


def _from_row(row: dict[str, Any]) -> InstanceType | None:
    name = row["instance_type"]
    vcpu = row["vcpu"] or row["cpu"]
    memory_mib = row["memory_mib"] or row["memory"]
    architecture = row["architecture"] or row["k8s_arch"]
    if not (vcpu and memory_mib and architecture):
        return None
    enis = row["max_enis"]
    max_pods = row["max_pods"]
    if max_pods is None:
        max_pods = _max_pods(row["nodeadm_enis"] or enis, row["ipv4_per_eni"])
    megabits = row["network_bandwidth"]
    gigabits = row["network_gbps"] if megabits is None else megabits / 1000
    return InstanceType(
        instance_type=name,
        vcpu=vcpu,
        memory_mib=memory_mib,
        architecture=architecture,
        family=family_of(name),
        generation=generation_of(name),
        gpu_count=row["gpu_count"] or row["gpu"] or 0,
        network_gbps=None if gigabits is None else float(gigabits),
        max_enis=enis,
        ipv4_per_eni=row["ipv4_per_eni"],
        max_pods=max_pods,
        is_bare_metal=row["is_bare_metal"] or is_metal(name),
        is_burstable=is_burstable(name),
        local_nvme=row["local_nvme"],
    )


def _max_pods(enis: int | None, ipv4_per_eni: int | None) -> int | None:
    return max_pods_by_enis(enis, ipv4_per_eni) if enis and ipv4_per_eni else None


class _Processor(msgspec.Struct, frozen=True, rename="pascal"):
    supported_architectures: list[str]


class _Vcpus(msgspec.Struct, frozen=True):
    DefaultVCpus: int


class _Memory(msgspec.Struct, frozen=True):
    SizeInMiB: int


class _NetworkCard(msgspec.Struct, frozen=True, rename="pascal"):
    network_card_index: int
    maximum_network_interfaces: int
    baseline_bandwidth_in_gbps: float | None = None


class _Network(msgspec.Struct, frozen=True, rename="pascal"):
    maximum_network_interfaces: int
    ipv4_addresses_per_interface: int
    default_network_card_index: int = 0
    network_cards: list[_NetworkCard] = []


class _Storage(msgspec.Struct, frozen=True, rename="pascal"):
    nvme_support: str = "unsupported"


class _Gpu(msgspec.Struct, frozen=True, rename="pascal"):
    count: int = 0


class _Gpus(msgspec.Struct, frozen=True, rename="pascal"):
    gpus: list[_Gpu] = []


class _Described(msgspec.Struct, frozen=True, rename="pascal"):
    """An item of DescribeInstanceTypes, as far as it is used."""

    instance_type: str
    processor_info: _Processor
    v_cpu_info: _Vcpus = msgspec.field(name="VCpuInfo")
    memory_info: _Memory
    network_info: _Network | None = None
    bare_metal: bool = False
    burstable_performance_supported: bool = False
    instance_storage_info: _Storage | None = None
    gpu_info: _Gpus | None = None


def _from_json(source: SourceFile) -> Iterator[_Named]:
    """Items of the API, or objects that carry the table's columns."""
    records = json_records(source, INSTANCE_TYPES)
    if not any(isinstance(record, dict) and "InstanceType" in record for record in records):
        yield from _from_table(source)
        return
    for number, record in enumerate(records, start=1):
        try:
            described = msgspec.convert(record, _Described)
            yield _Named(number, _from_api(described))
        except (msgspec.ValidationError, ValueError) as error:
            raise source.refuse(
                f"not an item of DescribeInstanceTypes: {error}",
                next_step=CORRECT_THE_ROW,
                line=number,
            ) from error


def _from_api(one: _Described) -> InstanceType:
    name = parse_instance_type(one.instance_type)
    network = one.network_info
    storage = one.instance_storage_info
    return InstanceType(
        instance_type=name,
        vcpu=_positive(one.v_cpu_info.DefaultVCpus, MOST_VCPU, "DefaultVCpus"),
        memory_mib=_positive(one.memory_info.SizeInMiB, MOST_MEMORY_MIB, "SizeInMiB"),
        architecture=_api_architecture(one.processor_info.supported_architectures),
        family=family_of(name),
        generation=generation_of(name),
        gpu_count=sum(gpu.count for gpu in one.gpu_info.gpus) if one.gpu_info else 0,
        network_gbps=_baseline_gbps(network) if network else None,
        max_enis=network.maximum_network_interfaces if network else None,
        ipv4_per_eni=network.ipv4_addresses_per_interface if network else None,
        max_pods=_api_max_pods(network) if network else None,
        is_bare_metal=one.bare_metal,
        is_burstable=one.burstable_performance_supported,
        local_nvme=storage is not None and storage.nvme_support != "unsupported",
    )


def _positive(number: int, most: int, name: str) -> int:
    if not 0 < number <= most:
        raise ValueError(f"{name} {number} cannot be")
    return number


def _api_architecture(supported: list[str]) -> str:
    """Kubernetes' name of the 64-bit architecture; old types also run 32-bit systems."""
    known = [ARCHITECTURES[one] for one in supported if one in ARCHITECTURES]
    if not known:
        raise ValueError(f"architectures {supported} are not known")
    return known[0]


def _api_max_pods(network: _Network) -> int:
    enis = next(
        (
            card.maximum_network_interfaces
            for card in network.network_cards
            if card.network_card_index == network.default_network_card_index
        ),
        network.maximum_network_interfaces,
    )
    return max_pods_by_enis(enis, network.ipv4_addresses_per_interface)


def _baseline_gbps(network: _Network) -> float | None:
    speeds = [card.baseline_bandwidth_in_gbps for card in network.network_cards]
    known = [speed for speed in speeds if speed is not None]
    return sum(known) if known else None
