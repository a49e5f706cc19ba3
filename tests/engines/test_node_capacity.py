"""Expected figures are those that Karpenter publishes for the same types (reference v0.32)."""

import csv
import gzip

import pytest

from engines.contracts.pricing import InstanceType
from engines.node_capacity import (
    DEFAULT_MAX_PODS,
    Allocatable,
    estimate_allocatable,
    max_pods,
    reserved_cpu_millicores,
    reserved_memory_mib,
)

MIB = 1024 * 1024


def a_type(name="m5.large", **changes):
    values = {
        "instance_type": name,
        "vcpu": 2,
        "memory_mib": 8192,
        "architecture": "amd64",
        "family": name.split(".")[0],
        "generation": 5,
        "max_pods": 29,
    }
    return InstanceType(**(values | changes))


@pytest.mark.parametrize(
    ("vcpu", "millicores"), [(0, 0), (1, 60), (2, 70), (4, 80), (8, 90), (16, 110), (48, 190)]
)
def test_the_kubelet_keeps_a_shrinking_part_of_each_further_vcpu(vcpu, millicores):
    """48 vCPU: 60 + 10 + 2 x 5 + 44 x 2.5 = 190."""
    assert reserved_cpu_millicores(vcpu) == millicores


def test_half_a_millicore_kept_is_rounded_up():
    """3 vCPU: 60 + 10 + 5 = 75; 5 vCPU: 60 + 10 + 10 + 2.5 = 82.5, so 83."""
    assert reserved_cpu_millicores(3) == 75
    assert reserved_cpu_millicores(5) == 83


def test_the_kubelet_keeps_memory_for_each_pod():
    """11 x 29 + 255 = 574."""
    assert reserved_memory_mib(29) == 574


def test_an_m5_large_offers_6903_mib():
    """8192 - ceil(614.4) = 7577; 7577 - 574 - 100 = 6903. CPU: 2000 - 70 = 1930."""
    assert estimate_allocatable(a_type()) == Allocatable(1930, 6903 * MIB, 29)


def test_an_m5_xlarge_offers_14162_mib():
    """16384 - ceil(1228.8) = 15155; 11 x 58 + 255 = 893; 15155 - 893 - 100 = 14162."""
    xlarge = a_type("m5.xlarge", vcpu=4, memory_mib=16384, max_pods=58)

    assert estimate_allocatable(xlarge) == Allocatable(3920, 14162 * MIB, 58)


def test_an_arm64_type_keeps_64_mib_before_the_overhead_is_taken():
    """a1.large: 4096 - 64 = 4032; 4032 - ceil(302.4) = 3729; 3729 - 574 - 100 = 3055."""
    a1_large = a_type("a1.large", memory_mib=4096, architecture="arm64")

    assert estimate_allocatable(a1_large) == Allocatable(1930, 3055 * MIB, 29)


def test_a_type_too_small_for_its_reservations_offers_nothing_rather_than_less():
    """512 - ceil(38.4) = 473; 473 - (11 x 29 + 255) - 100 = -201."""
    nano = a_type("t3.nano", memory_mib=512)

    assert estimate_allocatable(nano).memory_bytes == 0


@pytest.mark.parametrize(
    ("name", "enis", "addresses", "pods"),
    [("m5.large", 3, 10, 29), ("m5.xlarge", 4, 15, 58), ("t3.small", 3, 4, 11)],
)
def test_the_addresses_of_its_enis_limit_the_pods_of_a_type(name, enis, addresses, pods):
    """m5.large: 3 x (10 - 1) + 2 = 29; m5.xlarge: 4 x 14 + 2 = 58; t3.small: 3 x 3 + 2 = 11."""
    unstated = a_type(name, max_pods=None, max_enis=enis, ipv4_per_eni=addresses)

    assert max_pods(unstated) == pods


@pytest.mark.parametrize("known", [{}, {"max_enis": 3}, {"ipv4_per_eni": 10}])
def test_without_eni_limits_the_kubelets_own_limit_holds(known):
    assert max_pods(a_type(max_pods=None, **known)) == DEFAULT_MAX_PODS == 110


def test_a_stated_pod_limit_wins_over_the_formula():
    assert max_pods(a_type(max_pods=20, max_enis=3, ipv4_per_eni=10)) == 20


@pytest.mark.real_data
def test_every_type_that_karpenter_documents_is_estimated_to_the_mebibyte(shared_data):
    """1,363 types of Karpenter's reference of July 2026, with the pod counts given there."""
    with gzip.open(
        shared_data / "instance_catalog/instance_types_2026-07.csv.gz", "rt", encoding="utf-8"
    ) as file:
        documented = [row for row in csv.DictReader(file) if row["alloc_memory"]]

    wrong = []
    for row in documented:
        estimate = estimate_allocatable(
            a_type(
                row["instance_type"],
                vcpu=int(float(row["cpu"])),
                memory_mib=int(float(row["memory"])),
                architecture=row["k8s_arch"],
                max_pods=int(float(row["alloc_pods"])),
            )
        )
        told = (f"{estimate.cpu_millicores}m", f"{estimate.memory_bytes // MIB}Mi")
        if told != (row["alloc_cpu"], row["alloc_memory"]):
            wrong.append((row["instance_type"], told))

    assert len(documented) == 1363
    assert wrong == []
