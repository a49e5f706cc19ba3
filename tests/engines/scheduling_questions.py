"""Questions to the scheduling rules, in the words of the tests."""

from engines.contracts.kubernetes import KubernetesObject, Pod
from engines.scheduling import (
    Occupancy,
    Refusal,
    build_context,
    feasible_nodes,
    why_not,
)
from tests.builders import a_cluster, an_object


def occupancy_of(*objects: KubernetesObject, absent: tuple[str, ...] = ()) -> Occupancy:
    """The cluster of these objects; claims and volumes count as read."""
    kinds = {one.kind for one in objects}
    listed = {
        "pvcs": "PersistentVolumeClaim" in kinds,
        "pvs": "PersistentVolume" in kinds,
    }
    missing = {field: () for field, is_there in listed.items() if not is_there}
    return Occupancy(build_context(a_cluster(*objects, **missing), absent_nodes=absent))


def row_of(pod: Pod | str, occupancy: Occupancy) -> int:
    """The row of a pod, given itself or as namespace/name."""
    key = pod if isinstance(pod, str) else pod.key
    return [one.key for one in occupancy.context.snapshot.pods.items].index(key)


def node_row(name: str, occupancy: Occupancy) -> int:
    """The row of a node."""
    return occupancy.context.nodes.names.index(name)


def refusals(pod: Pod, *others: KubernetesObject, node: str = "node-a") -> tuple[Refusal, ...]:
    """Why ``pod`` cannot run on the node, in a cluster of it and ``others``."""
    occupancy = occupancy_of(pod, *others)
    return why_not(row_of(pod, occupancy), node_row(node, occupancy), occupancy)


def reasons(pod: Pod, *others: KubernetesObject, node: str = "node-a") -> list[str]:
    """The codes of ``refusals``."""
    return [one.reason.value for one in refusals(pod, *others, node=node)]


def nodes_for(pod: Pod, *others: KubernetesObject) -> list[str]:
    """The nodes on which the pod can run, by mask and by single questions, which must agree."""
    occupancy = occupancy_of(pod, *others)
    return nodes_in(pod, occupancy)


def nodes_in(pod: Pod | str, occupancy: Occupancy) -> list[str]:
    """The nodes on which the pod can run as things stand."""
    row = row_of(pod, occupancy)
    mask = feasible_nodes(row, occupancy).tolist()
    singly = [not why_not(row, node, occupancy) for node in range(len(mask))]
    assert mask == singly
    names = occupancy.context.nodes.names
    return [name for name, fits in zip(names, mask, strict=True) if fits]


def a_claim(name: str = "data", **fields: object) -> KubernetesObject:
    """A claim in the namespace shop, bound to the volume pv-<name>; ``fields`` replace its spec."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "resources": {"requests": {"storage": "10Gi"}},
        "volumeName": f"pv-{name}",
        **fields,
    }
    status = {"phase": "Bound" if spec["volumeName"] else "Pending"}
    content = {"metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": status}
    return an_object("PersistentVolumeClaim", content)


def a_volume_of(name: str = "data", **fields: object) -> KubernetesObject:
    """The EBS volume pv-<name> of the claim <name>."""
    spec = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "gp3",
        "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{name}"},
        "claimRef": {"namespace": "shop", "name": name},
        **fields,
    }
    content = {"metadata": {"name": f"pv-{name}"}, "spec": spec, "status": {"phase": "Bound"}}
    return an_object("PersistentVolume", content)


def with_claims(*names: str) -> dict[str, object]:
    """A pod spec that uses these claims."""
    return {
        "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    }


def zone_terms(*zones: str) -> dict[str, object]:
    """Node affinity of a volume: one term for each zone, any of them will do."""
    key = "topology.kubernetes.io/zone"
    terms = [
        {"matchExpressions": [{"key": key, "operator": "In", "values": [zone]}]} for zone in zones
    ]
    return {"required": {"nodeSelectorTerms": terms}}
