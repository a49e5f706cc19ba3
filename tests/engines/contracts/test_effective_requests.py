"""Effective requests. Every sum is written out; the rules are those of the 1.36 scheduler."""

import pytest

from engines.contracts.effective_requests import effective_requests
from engines.contracts.errors import InvalidInputError
from tests.builders import a_pod


def container(name="main", cpu=None, memory=None, limits=None, **fields):
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    resources = {"requests": requests, "limits": limits or {}}
    return {"name": name, "resources": resources, **fields}


def sidecar(name, cpu):
    return container(name, cpu, restartPolicy="Always")


def requests_of(spec, status=None):
    pod = a_pod(spec=spec, status=status)
    return effective_requests(pod.spec, pod.status)


@pytest.mark.parametrize(
    ("spec", "millicores"),
    [
        # containers add up: 100 + 200
        ({"containers": [container("a", "100m"), container("b", "200m")]}, 300),
        # fractions are added before rounding: 0.4m + 0.4m = 0.8m -> 1m
        ({"containers": [container("a", "400u"), container("b", "400u")]}, 1),
        # nothing asked is nothing
        ({"containers": [container("a")]}, 0),
        # a limit without a request is the request
        ({"containers": [container("a", limits={"cpu": "700m"})]}, 700),
        # a request beside a limit stays
        ({"containers": [container("a", "100m", limits={"cpu": "700m"})]}, 100),
        # init containers run one at a time: max(300, 900, 200)
        (
            {
                "containers": [container("a", "300m")],
                "initContainers": [container("i1", "900m"), container("i2", "200m")],
            },
            900,
        ),
        # a small init container costs nothing: max(300, 200)
        (
            {
                "containers": [container("a", "300m")],
                "initContainers": [container("i1", "200m")],
            },
            300,
        ),
        # a sidecar runs beside the containers: 300 + 400
        (
            {
                "containers": [container("a", "300m")],
                "initContainers": [sidecar("s", "400m")],
            },
            700,
        ),
        # the init container after a sidecar runs beside it: max(100 + 400, 400 + 700)
        (
            {
                "containers": [container("a", "100m")],
                "initContainers": [sidecar("s", "400m"), container("i", "700m")],
            },
            1100,
        ),
        # the init container before a sidecar does not: max(100 + 400, 700, 400)
        (
            {
                "containers": [container("a", "100m")],
                "initContainers": [container("i", "700m"), sidecar("s", "400m")],
            },
            700,
        ),
        # only the sidecars started before count: max(100 + 400 + 500, 400, 400 + 300, 400 + 500)
        (
            {
                "containers": [container("a", "100m")],
                "initContainers": [
                    sidecar("s1", "400m"),
                    container("i", "300m"),
                    sidecar("s2", "500m"),
                ],
            },
            1000,
        ),
        # overhead comes on top of the largest: max(100, 900) + 50
        (
            {
                "containers": [container("a", "100m")],
                "initContainers": [container("i", "900m")],
                "overhead": {"cpu": "50m"},
            },
            950,
        ),
        # pod-level requests replace the sum, also a larger one: 250, not 300
        (
            {
                "containers": [container("a", "100m"), container("b", "200m")],
                "resources": {"requests": {"cpu": "250m"}},
            },
            250,
        ),
        # and overhead is added to them: 250 + 50
        (
            {
                "containers": [container("a", "100m")],
                "resources": {"requests": {"cpu": "250m"}},
                "overhead": {"cpu": "50m"},
            },
            300,
        ),
        # a pod-level limit alone asks for what the containers ask: 100
        (
            {
                "containers": [container("a", "100m")],
                "resources": {"limits": {"cpu": "800m"}},
            },
            100,
        ),
        # or for itself where they ask nothing: 800
        (
            {"containers": [container("a")], "resources": {"limits": {"cpu": "800m"}}},
            800,
        ),
    ],
)
def test_cpu_requests_add_up_as_the_scheduler_adds_them(spec, millicores):
    assert requests_of(spec).cpu_millicores == millicores


def test_a_pod_that_asks_for_nothing_gets_nothing():
    assert requests_of({"containers": [container("a")]}) == (0, 0, 0, ())


def test_cpu_and_memory_peak_separately():
    """cpu: max(500, 100) = 500 from the container; memory: max(100 Mi, 900 Mi) from the init."""
    spec = {
        "containers": [container("a", "500m", "100Mi")],
        "initContainers": [container("i", "100m", "900Mi")],
    }

    assert requests_of(spec)[:2] == (500, 900 * 2**20)


def status_of(spec_cpu="200m", in_force=None, allocated=None):
    one = {"name": "main"}
    if in_force:
        one["resources"] = {"requests": {"cpu": in_force}}
    if allocated:
        one["allocatedResources"] = {"cpu": allocated}
    return {"containerStatuses": [one]}


INFEASIBLE = {
    "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
}
DEFERRED = {"conditions": [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}]}


@pytest.mark.parametrize(
    ("asked", "status", "millicores"),
    [
        ("200m", {}, 200),
        ("200m", status_of(in_force="500m", allocated="500m"), 500),  # shrinking: not yet done
        ("800m", status_of(in_force="500m", allocated="500m"), 800),  # growing: already counted
        ("200m", status_of(in_force="300m", allocated="400m"), 400),
        ("200m", status_of(in_force="400m", allocated="300m"), 400),
        ("200m", status_of(in_force="400m"), 400),
        ("200m", status_of(allocated="400m"), 400),
        ("800m", status_of(in_force="500m", allocated="500m") | DEFERRED, 800),
        ("800m", status_of(in_force="500m", allocated="500m") | INFEASIBLE, 500),
        ("800m", INFEASIBLE, 800),  # nothing tells what is held
    ],
)
def test_while_a_container_is_resized_the_larger_amount_counts(asked, status, millicores):
    """Asked 200m, held 500m: the scheduler keeps 500m until the node has given it back."""
    assert requests_of({"containers": [container("main", asked)]}, status).cpu_millicores == (
        millicores
    )


@pytest.mark.parametrize(
    ("status", "millicores"),
    [
        ({}, 250),
        # what the status says holds the overhead too: 450 - 50 = 400, and + 50 at the end
        ({"allocatedResources": {"cpu": "450m"}}, 450),
        ({"resources": {"requests": {"cpu": "100m"}}}, 300),  # less than asked: 250 + 50
    ],
)
def test_a_resize_of_the_whole_pod_counts_the_larger_amount(status, millicores):
    spec = {
        "containers": [container("main", "100m")],
        "resources": {"requests": {"cpu": "250m"}},
        "overhead": {"cpu": "50m"} if status else {},
    }

    assert requests_of(spec, status).cpu_millicores == millicores


def test_storage_and_extended_resources_are_counted_apart():
    spec = {
        "containers": [
            {
                "name": "a",
                "resources": {
                    "requests": {"ephemeral-storage": "1Gi", "cpu": "1", "hugepages-2Mi": "4Mi"},
                    "limits": {"nvidia.com/gpu": "2", "example.com/none": "0"},
                },
            },
            {"name": "b", "resources": {"requests": {"ephemeral-storage": "1Gi"}}},
        ]
    }

    requests = requests_of(spec)

    assert requests.ephemeral_storage_bytes == 2 * 2**30
    assert requests.extended == (("hugepages-2Mi", 4 * 2**20), ("nvidia.com/gpu", 2))


def test_pod_level_requests_do_not_touch_resources_that_cannot_be_pod_level():
    spec = {
        "containers": [container("a", "100m", limits={"nvidia.com/gpu": "1"})],
        "resources": {"requests": {"memory": "1Gi", "nvidia.com/gpu": "7"}},
    }

    requests = requests_of(spec)

    assert requests == (100, 2**30, 0, (("nvidia.com/gpu", 1),))


@pytest.mark.parametrize(
    ("resource", "accepted", "refused"),
    [
        ("memory", "281474976710656", "281474976710657"),  # 2^48
        ("cpu", "281474976710656m", "281474976710657m"),
        ("ephemeral-storage", "281474976710656", "281474976710657"),
        ("nvidia.com/gpu", "281474976710656", "281474976710657"),
    ],
)
def test_an_amount_beyond_any_machine_is_refused(resource, accepted, refused):
    """Sums over all pods of a cluster must stay exact."""

    def requests(amount):
        return requests_of(
            {"containers": [{"name": "a", "resources": {"limits": {resource: amount}}}]}
        )

    assert 2**48 in (*requests(accepted)[:3], *dict(requests(accepted).extended).values())
    with pytest.raises(InvalidInputError, match="larger than any machine"):
        requests(refused)


def test_a_bad_amount_is_named_with_its_container():
    with pytest.raises(InvalidInputError, match='container cache, cpu: "lots" is not a Kubernetes'):
        requests_of({"containers": [container("cache", "lots")]})
