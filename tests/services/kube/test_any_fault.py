"""Whatever goes wrong on the way: a kind is read whole, or the reading says that it was not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.kube import metrics
from sandbox.kube.cluster import Cluster
from sandbox.kube.faults import Fault
from sandbox.kube.server import KubeServer
from sandbox.kube.world import Settings
from services.kube import reading as reading_module
from services.kube.errors import KubernetesError
from services.kube.permissions import LISTS
from services.kube.reading import read_cluster
from tests.sandbox.kube.builders import a_budget, a_node, a_pod, a_workload
from tests.services.kube.builders import AT, connected

FIELDS = tuple(dict.fromkeys(one.kind.field for one in LISTS))


def in_default(obj):
    return {**obj, "metadata": {**obj["metadata"], "namespace": "default"}}


@pytest.fixture(scope="module")
def faulty():
    """Three nodes, seven pods, two budgets, a Deployment and metrics; pages hold three objects."""
    cluster = Cluster(Settings(speed=0))
    cluster.world.paused = True
    cluster.load(a_node(f"node-{at}") for at in range(3))
    for at in range(7):
        pod = in_default(a_pod(f"web-{at}", nodeName=f"node-{at % 3}"))
        cluster.load([{**pod, "status": {"phase": "Running"}}])
    cluster.load(in_default(a_budget(f"b{at}", "web", maxUnavailable=1)) for at in range(2))
    cluster.load([in_default(a_workload("Deployment", "web"))])
    metrics.set_mode(cluster.world, "served")
    usual = reading_module.PAGE_SIZE
    reading_module.PAGE_SIZE = 3
    with KubeServer(cluster) as server:
        yield server
    reading_module.PAGE_SIZE = usual


def contents(reading):
    """Each field's objects in one order; None where it was not given."""
    given = {name: getattr(reading.document, name) for name in FIELDS}
    return {
        name: None if objects is None else sorted(map(repr, objects))
        for name, objects in given.items()
    }


@pytest.fixture(scope="module")
def whole(faulty):
    """What is read where nothing goes wrong."""
    return read(faulty, [])


def read(faulty, rules):
    """The reading with faults in force; None where it ends in an error of ours."""
    faulty.cluster.faults.set(rules)
    try:
        with connected(faulty.url) as connection:
            return read_cluster(connection, at=AT)
    except KubernetesError:
        return None
    finally:
        faulty.cluster.faults.set([])


faults = st.builds(
    lambda prefix, skip, times, harm: Fault(path_prefix=prefix, skip=skip, times=times, **harm),
    prefix=st.sampled_from(["/", "/api/v1/nodes", "/api/v1/pods", "/apis", "/apis/policy"])
    | st.sampled_from([one.path for one in LISTS]),
    skip=st.integers(0, 4),
    times=st.none() | st.integers(1, 4),
    harm=st.sampled_from(
        [
            *({"status": status} for status in (401, 403, 404, 410, 429, 500, 503, 504)),
            *({"truncate_after_bytes": size} for size in (0, 1, 100, 1000)),
            {"drop": True},
            {"status": 503, "retry_after_seconds": 3600},
        ]
    ),
)


@settings(max_examples=60)
@given(rules=st.lists(faults, max_size=3))
def test_a_field_is_whole_or_not_given(faulty, whole, rules):
    reading = read(faulty, rules)

    if reading is not None:
        found, expected = contents(reading), contents(whole)
        differing = {name for name in FIELDS if found[name] != expected[name]}
        assert not differing & {"nodes", "pods"}
        assert all(found[name] is None for name in differing)
        assert not differing or reading.problems
