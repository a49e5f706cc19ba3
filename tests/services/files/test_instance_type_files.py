"""Instance type files: the CSV catalogue and DescribeInstanceTypes."""

import pytest

from engines.contracts.errors import InvalidInputError
from engines.contracts.pricing import InstanceType
from services.files.instance_types import max_pods_by_enis, read_instance_types
from services.files.reading import DroppedRows
from tests.services.files.market_texts import INSTANCE_TYPES_CSV, packed, source

API_ITEM = """{
  "InstanceType": "m5dn.large", "BareMetal": false, "BurstablePerformanceSupported": false,
  "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
  "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 8192},
  "InstanceStorageInfo": {"NvmeSupport": "required"},
  "NetworkInfo": {"MaximumNetworkInterfaces": 6, "Ipv4AddressesPerInterface": 10,
    "DefaultNetworkCardIndex": 1, "NetworkCards": [
      {"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 4, "BaselineBandwidthInGbps": 1.5},
      {"NetworkCardIndex": 1, "MaximumNetworkInterfaces": 2, "BaselineBandwidthInGbps": 2.1}]},
  "GpuInfo": {"Gpus": [{"Count": 1}, {"Count": 2}]}, "SomethingNew": [1]
}"""
API_PAGE = f'{{"InstanceTypes": [{API_ITEM}]}}'


def read(text):
    return read_instance_types(source(text))


def test_the_catalogue_is_read_with_pods_by_the_eni_formula():
    """m5.large: 3 x (10 - 1) + 2 = 29; m6g.xlarge: 4 x (15 - 1) + 2 = 58."""
    reading = read(INSTANCE_TYPES_CSV)

    assert reading.data == (
        InstanceType(
            instance_type="m5.large",
            vcpu=2,
            memory_mib=8192,
            architecture="amd64",
            family="m5",
            generation=5,
            max_enis=3,
            ipv4_per_eni=10,
            max_pods=29,
        ),
        InstanceType(
            instance_type="m6g.xlarge",
            vcpu=4,
            memory_mib=16384,
            architecture="arm64",
            family="m6g",
            generation=6,
            max_enis=4,
            ipv4_per_eni=15,
            max_pods=58,
        ),
    )
    assert reading.rows_read == 2
    assert reading.as_of is None


def test_pods_are_counted_on_the_default_network_card():
    """p5.48xlarge: 64 interfaces in all, 2 on the default card: 2 x (50 - 1) + 2 = 100."""
    text = (
        "instance_type,vcpu,memory_mib,arch,enis,ipv4_per_eni,nodeadm_enis,gpu,bare_metal\n"
        "p5.48xlarge,192.0,2097152.0,amd64,64.0,50.0,2.0,8.0,false\n"
    )

    found = read(text).data[0]

    assert (found.max_enis, found.max_pods, found.gpu_count) == (64, 100, 8)


def test_what_is_not_given_is_not_known():
    text = "instance_type,vcpu,memory_mib,arch\nt3.metal,2,8192,amd64\n"

    found = read(text).data[0]

    assert found.max_pods is None
    assert found.max_enis is None
    assert found.network_gbps is None
    assert found.gpu_count == 0
    assert found.is_burstable
    assert found.is_bare_metal


def test_second_columns_fill_in_for_the_first():
    text = (
        "instance_type,vcpu,cpu,memory_mib,memory,arch,k8s_arch,network_bandwidth,local_nvme\n"
        "c7gd.xlarge,,4,,8192,,arm64,1876,237\n"
    )

    found = read(text).data[0]

    assert (found.vcpu, found.memory_mib, found.architecture) == (4, 8192, "arm64")
    assert found.network_gbps == 1.876
    assert found.local_nvme


def test_incomplete_rows_are_counted_and_left_out():
    reading = read(INSTANCE_TYPES_CSV + "m9x.large,,,,,\n")

    assert reading.rows_read == 3
    assert len(reading.data) == 2
    assert reading.dropped == (
        DroppedRows(reason="vCPUs, memory or architecture are not given", count=1, first_line=4),
    )


@pytest.mark.parametrize(
    "text",
    [API_PAGE, f"[{API_ITEM}]", f"[[{API_ITEM}], []]", f"[{API_PAGE}]", packed(API_PAGE)],
    ids=["a page", "a list", "lists", "pages", "gz"],
)
def test_the_apis_items_are_read(text):
    """Pods: 2 interfaces on card 1, 2 x (10 - 1) + 2 = 20; network 1.5 + 2.1 = 3.6 Gbps."""
    assert read(text).data == (
        InstanceType(
            instance_type="m5dn.large",
            vcpu=2,
            memory_mib=8192,
            architecture="amd64",
            family="m5dn",
            generation=5,
            gpu_count=3,
            network_gbps=3.6,
            max_enis=6,
            ipv4_per_eni=10,
            max_pods=20,
            local_nvme=True,
        ),
    )


def test_one_network_card_may_go_unlisted():
    text = (
        '[{"InstanceType": "m5.large", "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},'
        ' "VCpuInfo": {"DefaultVCpus": 2}, "MemoryInfo": {"SizeInMiB": 8192},'
        ' "NetworkInfo": {"MaximumNetworkInterfaces": 3, "Ipv4AddressesPerInterface": 10}}]'
    )

    found = read(text).data[0]

    assert (found.max_pods, found.network_gbps) == (29, None)


def test_repeats_are_counted_and_contradictions_refused():
    again = INSTANCE_TYPES_CSV + "m5.large,2,8192,amd64,3,10\n"

    assert read(again).rows_dropped == 1
    with pytest.raises(InvalidInputError, match="line 4: an earlier row says otherwise of m5"):
        read(again.replace("2,8192,amd64,3,10\n", "2,8193,amd64,3,10\n").replace("8193", "8192", 1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("instance_type,vcpu,memory_mib,arch\n", "there is no row"),
        (INSTANCE_TYPES_CSV.replace("m5.large", "=x"), "line 2: instance_type '=x' is not"),
        (INSTANCE_TYPES_CSV.replace("large,2,", "large,2.5,"), "line 2: vcpu '2.5' is not a whole"),
        (INSTANCE_TYPES_CSV.replace("large,2,", "large,-2,"), "line 2: vcpu '-2' is negative"),
        (INSTANCE_TYPES_CSV.replace("large,2,", "large,10001,"), "line 2: vcpu '10001' is not"),
        (INSTANCE_TYPES_CSV.replace("amd64", "sparc"), "line 2: architecture 'sparc' is none of"),
        ("instance_type,vcpu,memory_mib,arch\nm5.large,,,\n", "no instance type can be used"),
        ('{"InstanceTypes": []}', "no instance type"),
        ('{"Reservations": []}', "holds no instance types"),
        (API_PAGE.replace('"DefaultVCpus": 2', '"DefaultVCpus": 0'), "DefaultVCpus 0 cannot be"),
        (API_PAGE.replace('"DefaultVCpus": 2', '"Cores": 2'), "field `DefaultVCpus`"),
        (API_PAGE.replace('["i386", "x86_64"]', '["sparc"]'), r"\['sparc'\] are not known"),
        (API_PAGE.replace("m5dn.large", "m5dn"), "is not the name of an instance type"),
        (API_PAGE.replace("8192", '"8192"'), "line 1: not an item of DescribeInstanceTypes"),
    ],
)
def test_a_file_that_cannot_be_true_is_refused(text, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read(text)


def test_the_eni_formula_leaves_one_address_of_each_interface_to_itself():
    assert max_pods_by_enis(8, 30) == 234
