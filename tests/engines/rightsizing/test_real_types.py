"""The type table made of a real catalogue: all of EC2 in July 2026."""

import pytest

from engines.rightsizing.type_table import (
    INTERCHANGEABLE,
    FamilyClass,
    TypeTable,
    baseline_millicores,
    class_of,
)
from services.files.instance_types import read_instance_types
from services.files.source import SourceFile

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def catalogue(shared_data):
    path = shared_data / "instance_catalog" / "instance_types_2026-07.csv.gz"
    return {one.instance_type: one for one in read_instance_types(SourceFile.at(path)).data}


def test_each_type_stands_in_one_cell(catalogue):
    cells = TypeTable(catalogue).cells

    names = [name for some in cells.values() for name in some]
    assert sorted(names) == sorted(catalogue)
    assert len(names) > 1000


def test_what_is_advised_has_no_accelerator_no_local_disk_and_is_no_bare_metal(catalogue):
    advised = [one for one in catalogue.values() if class_of(one) in INTERCHANGEABLE]

    assert len(advised) > 500
    assert not any(one.gpu_count or one.local_nvme or one.is_bare_metal for one in advised)


def test_each_burstable_type_has_a_baseline(catalogue):
    burstable = [one for one in catalogue.values() if class_of(one) is FamilyClass.BURSTABLE]

    assert {one.family for one in burstable} == {"t1", "t2", "t3", "t3a", "t4g"}
    assert all(0 < baseline_millicores(one) < one.vcpu * 1000 for one in burstable)


def test_substitutes_are_of_the_architecture_and_not_older(catalogue):
    table = TypeTable(catalogue)

    for name in ("m5.xlarge", "m7g.large", "t3.medium", "c6in.2xlarge"):
        present = catalogue[name]
        others = list(table.substitutes(present))
        assert len(others) > 3
        assert {one.architecture for one in others} == {present.architecture}
        assert min(one.generation for one in others) >= present.generation
