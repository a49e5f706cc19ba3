"""Addresses of pods, from a list as the API and kubectl write it."""

from datetime import UTC, datetime

import msgspec
import pytest

from engines.contracts.errors import InvalidInputError
from services.pod_addresses import PodAddress, read_pod_page


def a_pod(name="web-0", *, spec=None, **status):
    values = {"podIP": "10.0.0.5", "startTime": "2026-08-03T12:00:00Z", "phase": "Running"}
    return {
        "metadata": {"namespace": "shop", "name": name, "labels": {"app": "web"}},
        "spec": spec or {"containers": [{"name": "main", "env": [{"name": "SECRET"}]}]},
        "status": values | status,
    }


def page(*pods, **metadata):
    return msgspec.json.encode({"kind": "List", "items": pods, "metadata": metadata})


def addresses(*pods):
    return [one.address for one in read_pod_page("pods.json", page(*pods)).addresses]


def test_a_pod_has_its_address_since_it_started():
    found = read_pod_page("pods.json", page(a_pod(), **{"continue": "abc"}))

    assert found.next_page == "abc"
    assert found.addresses == (
        PodAddress(
            address="10.0.0.5",
            namespace="shop",
            name="web-0",
            since=datetime(2026, 8, 3, 12, 0, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(podIPs=[{"ip": "10.0.0.5"}, {"ip": "fd00::5"}]), ["10.0.0.5", "fd00::5"]),
        (a_pod(spec={"hostNetwork": True}), []),
        (a_pod(spec={"hostNetwork": False}), ["10.0.0.5"]),
        (a_pod(phase="Succeeded"), []),
        (a_pod(phase="Failed"), []),
        (a_pod(phase="Pending", podIP=None), []),
        (a_pod() | {"status": None}, []),
        (a_pod() | {"kind": "Node"}, []),
        ({"kind": "Odd", "status": "fine", "metadata": None}, []),
    ],
)
def test_only_addresses_that_are_a_pods_own_count(pod, expected):
    assert addresses(pod) == expected


def test_a_list_without_pods_has_none():
    assert read_pod_page("pods.json", b'{"items": []}').addresses == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"items": [1]}', b"\xff", b"[" * 100_000, page(a_pod(startTime="now")),
     page(a_pod(startTime="2026-08-03T12:00:00"))],
)  # fmt: skip
def test_what_is_no_list_of_pods_is_refused_by_name(content):
    with pytest.raises(InvalidInputError, match=r"pods\.json: is not a list of pods"):
        read_pod_page("pods.json", content)
