"""Opens the pretend company's world: account, cluster, and everything in them, at one time.

The world is made in its own time, which stands still but for the moments that controllers, the
scheduler and kubelets need; then it is given its past, and its time goes on with the real one.
The same seed makes the same names, ids and ages, counted back from the midnight before.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.aws import joining
from sandbox.aws.cloud import Cloud
from sandbox.aws.scenario import (
    CLUSTER,
    CUSTOMER_ACCOUNT,
    OPERATOR_ACCOUNT,
    REGION,
    Scenario,
    open_scenario,
)
from sandbox.clock import Clock
from sandbox.kube import metrics
from sandbox.kube.cluster import Cluster
from sandbox.kube.objects import Obj, is_condition_true, name_of, namespace_of
from sandbox.kube.resources import BY_PLURAL, PODS
from sandbox.kube.world import Settings
from sandbox.shop.access import apply, grant_access
from sandbox.shop.ages import Past
from sandbox.shop.disks import EbsDriver
from sandbox.shop.endpoints import EndpointSliceController
from sandbox.shop.life import Life
from sandbox.shop.manifests import manifests
from sandbox.shop.statuses import write_statuses
from sandbox.shop.surroundings import surroundings
from sandbox.shop.usage import usage_of
from sandbox.shop.workloads import WORKLOADS

BUILD_SECONDS = 300.0
"""Time of the world that passes while it is made; the making needs less."""

_STEP_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The world by its parts, and CloudOptim's token for the cluster."""

    account: Scenario
    cluster: Cluster
    token: str

    @property
    def clock(self) -> Clock:
        """The one time of both."""
        return self.cluster.world.clock


def open_shop(seed: int, now: datetime, *, speed: float = 1.0) -> Shop:
    """The world as it is at ``now``; ``speed`` 0: its time stands until somebody moves it."""
    clock = Clock(now.timestamp() - BUILD_SECONDS, speed=0)
    cloud = Cloud(seed=seed, account_ids=(CUSTOMER_ACCOUNT, OPERATOR_ACCOUNT), clock=clock)
    anchor = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    account = open_scenario(seed, cloud=cloud, anchor=anchor)
    token = f"sandbox-cloudoptim-{seed}"
    settings = Settings(seed=seed)
    usage = usage_of(WORKLOADS)
    cluster = Cluster(settings, clock=clock, usage=usage)
    with clock.lock:
        EbsDriver(cluster.world, cloud, (CUSTOMER_ACCOUNT, REGION))
        EndpointSliceController(cluster.world)
        _fill(cluster, account)
        grant_access(cluster, token)
        metrics.set_mode(cluster.world, "served")
        clock.advance(_STEP_SECONDS)
        Past(cluster.world.store, account.nodes(), anchor.timestamp()).write()
        clock.advance(now.timestamp() - clock.now())
        write_statuses(cluster.world, usage)
        Life(cluster.world, WORKLOADS).begin()
        cluster.compact()
        joining.join(cloud, cluster, CLUSTER)
        clock.set_speed(speed)
    return Shop(account=account, cluster=cluster, token=token)


def _fill(cluster: Cluster, account: Scenario) -> None:
    """Nodes, daemons, and then all else; RuntimeError where a pod finds no place."""
    apply(cluster, list(surroundings(account.data_volumes)))
    for machine in account.nodes():
        cluster.add_node(joining.new_node(machine, ready_after_seconds=0.0))
    for is_daemon in (True, False):
        cluster.world.clock.advance(_STEP_SECONDS)
        wanted = [one for one in WORKLOADS if (one.kind == "DaemonSet") is is_daemon]
        apply(cluster, [obj for one in wanted for obj in manifests(one)])
    for _ in range(int(BUILD_SECONDS // _STEP_SECONDS) // 2):
        cluster.world.clock.advance(_STEP_SECONDS)
        if _is_settled(cluster):
            return
    missing = [_told(pod) for pod in cluster.world.store.all(PODS) if not _is_running(pod)]
    raise RuntimeError(f"the pretend cluster has no room for its pods: {'; '.join(missing)}")


def _is_settled(cluster: Cluster) -> bool:
    """Every pod runs, and every workload has all of its pods."""
    store = cluster.world.store
    complete = all(
        (one["status"].get("readyReplicas") or 0) == one["spec"]["replicas"]
        for plural in ("deployments", "statefulsets")
        for one in store.all(BY_PLURAL[plural])
    )
    return complete and all(_is_running(pod) for pod in store.all(PODS))


def _is_running(pod: Obj) -> bool:
    return is_condition_true(pod, "Ready")


def _told(pod: Obj) -> str:
    conditions = pod["status"].get("conditions") or [{}]
    return f"{namespace_of(pod)}/{name_of(pod)} ({conditions[-1].get('message', 'waits')})"
