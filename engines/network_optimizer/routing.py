"""Traffic that Services could keep within a zone: no pod moves, no zone is lost."""

from collections.abc import Mapping
from typing import NamedTuple

from engines.contracts.kubernetes import Deployment, ReplicaSet, Service, StatefulSet
from engines.contracts.plan import RoutingSetting
from engines.contracts.snapshot import ClusterSnapshot
from engines.network_optimizer.traffic import Cells, Entity, Pair, cross_zone_bytes

_TOPOLOGY_ANNOTATIONS = (
    "service.kubernetes.io/topology-mode",
    "service.kubernetes.io/topology-aware-hints",
)
_PREFER_SAME_ZONE_SINCE = (1, 34)  # KEP-3015: beta and on by default; PreferClose before
_TRAFFIC_DISTRIBUTION_SINCE = (1, 31)  # KEP-4444: beta and on by default; the annotation before


Server = Deployment | StatefulSet | ReplicaSet
Label = tuple[str, str, str]  # namespace, name, value


class Preference(NamedTuple):
    """How a Service is told to stay within zones."""

    setting: RoutingSetting
    value: str


class Route(NamedTuple):
    """A Service that should prefer its clients' zone, and the pairs whose traffic that keeps."""

    service: tuple[str, str]  # namespace, name
    server: Entity
    pairs: tuple[Pair, ...]
    bytes_per_day: int  # that no longer change zones
    preference: Preference


class Standing(NamedTuple):
    """How many pods a workload has in each zone, and how many of them are ready."""

    pods: Mapping[str, int]
    ready: Mapping[str, int]


class Routing:
    """Which Services can route within zones."""

    def __init__(
        self,
        snapshot: ClusterSnapshot,
        standings: Mapping[Entity, Standing],
        traffic: Mapping[Pair, Cells],
        min_endpoints_per_zone: int,
    ) -> None:
        self._standings = standings
        self._client_zones = _client_zones(traffic, standings)
        self._least = min_endpoints_per_zone
        self._has_zones = all(zone is not None for zone in snapshot.nodes.zones)
        self._services = _services_by_entity(snapshot) if self._has_zones else {}
        self._preference = _preference(snapshot)

    def routes(self, candidates: Mapping[Pair, Cells]) -> tuple[Route, ...]:
        """The Services to change, sorted, each pair with one of them."""
        found: dict[tuple[str, str], tuple[Entity, list[Pair]]] = {}
        for pair in candidates:
            for side in (1, 0):
                server = pair[side]
                service = self._services.get(server)
                if service is not None and self._serves(server):
                    key = (service.metadata.namespace, service.metadata.name)
                    found.setdefault(key, (server, []))[1].append(pair)
                    break
        return tuple(
            Route(
                service=key,
                server=server,
                pairs=tuple(pairs),
                bytes_per_day=sum(cross_zone_bytes(candidates[pair]) for pair in pairs),
                preference=self._preference,
            )
            for key, (server, pairs) in sorted(found.items())
        )

    def shortage(self, pair: Pair) -> str | None:
        """Where a Service could keep a pair's traffic if more pods of it were ready; None: there
        is no such Service."""
        for server in (pair[1], pair[0]):
            service = self._services.get(server)
            if service is not None:
                ready = self._standings[server].ready
                lacking = sorted(self._client_zones[server] - self.zones_of(server))
                counts = ", ".join(f"{ready.get(zone, 0)} in {zone}" for zone in lacking)
                return (
                    f"Service {service.metadata.name} could serve the clients of {server} within"
                    f" their zones with {self._least} ready pods in each: there are {counts}"
                )
        return None

    def zones_of(self, server: Entity) -> frozenset[str]:
        """The zones in which a workload has enough ready endpoints to serve clients there."""
        ready = self._standings[server].ready
        return frozenset(zone for zone, count in ready.items() if count >= self._least)

    def _serves(self, server: Entity) -> bool:
        """Whether there are enough ready endpoints in each zone that has clients."""
        return self._client_zones[server] <= self.zones_of(server)


def _client_zones(
    traffic: Mapping[Pair, Cells], standings: Mapping[Entity, Standing]
) -> Mapping[Entity, set[str]]:
    """For each entity the zones in which anyone who talks to it stands."""
    found: dict[Entity, set[str]] = {}
    for pair, cells in traffic.items():
        for side in (0, 1):
            client = standings.get(pair[1 - side])
            zones = found.setdefault(pair[side], set())
            zones |= {key[1 - side] for key in cells} | set(client.pods if client else ())
    return found


def _services_by_entity(snapshot: ClusterSnapshot) -> Mapping[Entity, Service]:
    """The first Service by name that could prefer zones and does not, for each workload."""
    by_label = _by_label(snapshot)
    found: dict[Entity, Service] = {}
    for service in filter(_could_prefer_zones, snapshot.services):
        namespace, selector = service.metadata.namespace, service.spec.selector.items()
        having = (by_label.get((namespace, *label), []) for label in selector)
        for workload in min(having, key=len):  # no other workload can have all of the labels
            if selector <= workload.spec.template.metadata.labels.items():
                key = Entity(workload.kind, namespace, workload.metadata.name)
                found.setdefault(key, service)
    return found


def _by_label(snapshot: ClusterSnapshot) -> Mapping[Label, list[Server]]:
    """The workloads whose pods have a label."""
    found: dict[Label, list[Server]] = {}
    for workload in snapshot.workloads:
        if isinstance(workload, Deployment | StatefulSet | ReplicaSet):
            namespace = workload.metadata.namespace
            for name, value in workload.spec.template.metadata.labels.items():
                found.setdefault((namespace, name, value), []).append(workload)
    return found


def _could_prefer_zones(service: Service) -> bool:
    """Whether a preference would do anything: not yet set, and traffic goes by the Service."""
    spec = service.spec
    is_kept = service.metadata.controller is not None  # by an operator, which would undo a change
    has_wish = spec.traffic_distribution is not None or any(
        name in service.metadata.annotations for name in _TOPOLOGY_ANNOTATIONS
    )
    is_routed_by_nodes = spec.cluster_ip != "None" and spec.type != "ExternalName"
    stays_on_node = spec.internal_traffic_policy == "Local"
    is_settled = has_wish or stays_on_node or is_kept
    return bool(spec.selector) and is_routed_by_nodes and not is_settled


def _preference(snapshot: ClusterSnapshot) -> Preference:
    """What every node's version understands; where none tells its version, the common word."""
    versions = [_version(one.status.node_info.kubelet_version) for one in snapshot.nodes.items]
    known = [version for version in versions if version is not None]
    if known and min(known) < _TRAFFIC_DISTRIBUTION_SINCE:
        return Preference(RoutingSetting.TOPOLOGY_MODE, "Auto")
    is_new = len(known) == len(versions) > 0 and min(known) >= _PREFER_SAME_ZONE_SINCE
    word = "PreferSameZone" if is_new else "PreferClose"
    return Preference(RoutingSetting.TRAFFIC_DISTRIBUTION, word)


def _version(text: str) -> tuple[int, int] | None:
    """(1, 34) of "v1.34.1-eks-1"; None: it does not say."""
    parts = text.removeprefix("v").split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return int(parts[0]), int(parts[1])
