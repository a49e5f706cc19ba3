"""Reading 5,000 nodes and 150,000 pods over HTTP into a compiled snapshot: speed and memory.

The API server is a process of its own. The baseline is the official client, listing a sample of
10,000 pods of the same pages into its models (all of them would need some 20 GB), also in a process
of its own. Compared are bytes per CPU-second, and the growth of peak memory per pod.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bench.harness import Row

ROWS = ("read_cluster", "read_cluster_memory")

NODES = 5_000
PODS = 150_000
SAMPLE_PODS = 10_000
TIMES = 3
LEAST_SPEED_UP = 8.0
MOST_MEMORY = 0.4
Measured = dict[str, float]


def run() -> list[Row]:
    """Both rows, medians of several readings, each in a process of its own."""
    with _serving(NODES, PODS) as port:
        ours = _median("read", port)
    with _serving(NODES, SAMPLE_PODS) as port:
        plain = _median("client", port)
    speed_up = ours["bytes_per_second"] / plain["bytes_per_second"]
    share = ours["bytes_per_pod"] / plain["bytes_per_pod"]
    return [
        Row(
            name="read_cluster",
            value=ours["bytes_per_second"] / 1e6,
            unit="MB/CPU-s",
            baseline_name="official client's models",
            baseline=plain["bytes_per_second"] / 1e6,
            ratio=speed_up,
            target=f">= {LEAST_SPEED_UP:g}x",
            met=speed_up >= LEAST_SPEED_UP,
        ),
        Row(
            name="read_cluster_memory",
            value=ours["bytes_per_pod"] / 1e3,
            unit="kB/pod",
            baseline_name="official client's models",
            baseline=plain["bytes_per_pod"] / 1e3,
            ratio=share,
            target=f"<= {MOST_MEMORY:g}x",
            met=share <= MOST_MEMORY,
        ),
    ]


@contextmanager
def _serving(nodes: int, pods: int) -> Iterator[int]:
    """The port of a server with a cluster of that size."""
    command = [sys.executable, "-m", "bench.kube_pages", str(nodes), str(pods)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate("")


def _median(way: str, port: int) -> Measured:
    runs = [_measured(way, port) for _ in range(TIMES)]
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def _measured(way: str, port: int) -> Measured:
    """One reading in a process of its own."""
    command = [sys.executable, "-m", "bench.read_cluster", way, str(port)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Measured = json.loads(answer.stdout)
    return found


def _read(port: int) -> tuple[int, int]:
    """(bytes, pods) by our own reading, compiled to columns."""
    from engines.contracts.state import compile_state
    from services.kube.access import BearerToken, KubeAccess
    from services.kube.connection import KubeOptions, open_connection
    from services.kube.reading import read_cluster

    access = KubeAccess(endpoint=f"http://127.0.0.1:{port}", credential=BearerToken(token="bench"))
    with open_connection(access, KubeOptions(timeout_seconds=300)) as connection:
        reading = read_cluster(connection, at=datetime.now(UTC))
    state = compile_state(reading.document)
    assert len(state.cluster.nodes) == NODES
    assert len(state.cluster.pods) == PODS
    assert len(set(state.cluster.pods.node.tolist())) == NODES
    assert int(state.cluster.pods.request_cpu_millicores.min()) >= 200
    assert not state.problems
    return reading.bytes_read, PODS


def _client(port: int) -> tuple[int, int]:
    """(bytes, pods) by the official client, page by page, all kept."""
    from kubernetes.client import ApiClient, Configuration, CoreV1Api

    configuration = Configuration(host=f"http://127.0.0.1:{port}")
    configuration.proxy = None
    pods, token, size = [], None, 0
    with ApiClient(configuration) as client:
        api = CoreV1Api(client)
        while token != "":
            page = api.list_pod_for_all_namespaces(limit=500, _continue=token)
            size += int(client.last_response.getheader("Content-Length"))
            pods += page.items
            token = page.metadata._continue or ""
        client.rest_client.pool_manager.clear()
    assert len(pods) == SAMPLE_PODS
    assert all(pod.spec.node_name for pod in pods)
    return size, SAMPLE_PODS


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Measure one way and print it as JSON; libraries are loaded before the clock starts."""
    way, port = sys.argv[1], int(sys.argv[2])
    import kubernetes.client  # noqa: F401 - both ways use it

    import engines.contracts.state  # noqa: F401 - loaded by each process of the product

    before, began = _peak_bytes(), time.process_time()
    size, pods = (_read if way == "read" else _client)(port)
    taken, grown = time.process_time() - began, _peak_bytes() - before
    print(json.dumps({"bytes_per_second": size / taken, "bytes_per_pod": grown / pods}))


if __name__ == "__main__":
    main()
