"""Every instance type of the catalogue in one table, by what it offers.

The table is total: each type stands in exactly one cell, (vCPU, memory, architecture, family
class), and a type that is not in the catalogue is in none. Types of one class and architecture may
stand in for each other; GPUs, local disks, bare metal and the like never do.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from engines.contracts.pricing import InstanceType
from engines.contracts.state import digest

_FAMILY = re.compile(r"(?P<line>[a-z]+)[0-9]*(?P<features>[a-z]*)")
_ACCELERATED = frozenset({"p", "g", "gr", "inf", "trn", "dl", "vt", "f"})
_LOCAL_STORAGE = frozenset({"i", "im", "is", "d", "h"})
_SPECIAL = frozenset({"hpc", "mac", "u"})
_KEPT_FEATURES = frozenset("nbz")  # network, EBS throughput, clock speed

_BASELINES: Mapping[str, float] = {
    "nano": 0.05,
    "micro": 0.10,
    "small": 0.20,
    "medium": 0.20,
    "large": 0.30,
    "xlarge": 0.40,
    "2xlarge": 0.40,
}
"""Of each vCPU of a burstable size that is earned for good (EC2 user guide, t3, t3a and t4g)."""
_T2_BASELINES: Mapping[str, float] = {"xlarge": 0.225, "2xlarge": 0.17}


class FamilyClass(StrEnum):
    """Types within a class and architecture may stand in for each other."""

    PLAIN = "plain"
    FLEX = "flex"
    BURSTABLE = "burstable"
    LOCAL_STORAGE = "local_storage"
    ACCELERATED = "accelerated"
    BARE_METAL = "bare_metal"
    SPECIAL = "special"


INTERCHANGEABLE = frozenset({FamilyClass.PLAIN, FamilyClass.FLEX, FamilyClass.BURSTABLE})
"""Classes in which vCPU and memory tell all. The others have what a size does not show."""


class Cell(NamedTuple):
    """What the types of one cell offer alike."""

    vcpu: int
    memory_mib: int
    architecture: str
    family_class: FamilyClass


class TypeTable:
    """The table of a catalogue."""

    def __init__(self, catalogue: Mapping[str, InstanceType]) -> None:
        self._types = catalogue
        cells: dict[Cell, list[str]] = defaultdict(list)
        for name in sorted(catalogue):
            cells[cell_of(catalogue[name])].append(name)
        self.cells: Mapping[Cell, tuple[str, ...]] = {
            cell: tuple(names) for cell, names in sorted(cells.items())
        }

    @property
    def version(self) -> str:
        """Twelve digits that are the same for the same table."""
        content = [(*cell, names) for cell, names in self.cells.items()]
        return digest(msgspec.json.encode(content))[:12]

    def of(self, name: str) -> InstanceType | None:
        """A type by its name; None: the catalogue does not know it."""
        return self._types.get(name)

    def substitutes(self, present: InstanceType) -> Iterator[InstanceType]:
        """Types that may stand in for another, in the order of the table: of its architecture and
        class (plain ones also for burstable ones), not older, with its special features."""
        classes = {class_of(present)}
        if FamilyClass.BURSTABLE in classes:
            classes.add(FamilyClass.PLAIN)
        for cell, names in self.cells.items():
            if cell.architecture == present.architecture and cell.family_class in classes:
                others = (self._types[name] for name in names)
                yield from (one for one in others if _may_follow(present, one))


def cell_of(instance_type: InstanceType) -> Cell:
    """The cell of a type."""
    return Cell(
        instance_type.vcpu,
        instance_type.memory_mib,
        instance_type.architecture,
        class_of(instance_type),
    )


def class_of(instance_type: InstanceType) -> FamilyClass:
    """The class of a type, by its properties first and the letters of its family second."""
    line, features = _parts(instance_type.family)
    if instance_type.is_bare_metal:
        return FamilyClass.BARE_METAL
    if instance_type.gpu_count or line in _ACCELERATED:
        return FamilyClass.ACCELERATED
    if line in _SPECIAL:
        return FamilyClass.SPECIAL
    if instance_type.local_nvme or line in _LOCAL_STORAGE or "d" in features:
        return FamilyClass.LOCAL_STORAGE
    if instance_type.is_burstable or line == "t":
        return FamilyClass.BURSTABLE
    return FamilyClass.FLEX if instance_type.family.endswith("-flex") else FamilyClass.PLAIN


def baseline_millicores(instance_type: InstanceType) -> int | None:
    """The CPU that a burstable type gives for good, 0 where that is not known; None: it is not
    burstable."""
    if class_of(instance_type) is not FamilyClass.BURSTABLE:
        return None
    size = instance_type.instance_type.partition(".")[2]
    share = _BASELINES.get(size, 0.0)
    if instance_type.family == "t2":
        share = _T2_BASELINES.get(size, share)
    return round(share * instance_type.vcpu * 1000)


def _may_follow(present: InstanceType, other: InstanceType) -> bool:
    kept = _KEPT_FEATURES & set(_parts(present.family)[1])
    return other.generation >= present.generation and kept <= set(_parts(other.family)[1])


def _parts(family: str) -> tuple[str, str]:
    """("m", "dn") of "m5dn"; what follows a dash is no feature."""
    match = _FAMILY.fullmatch(family.partition("-")[0])
    return (match["line"], match["features"]) if match else (family, "")
