"""What each instance is: a node, a ghost, or one of the many things that only look like one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from engines.contracts.aws import AutoScalingInstance, Instance
from engines.contracts.node_facts import instance_id_of, may_stand_on_any_instance
from engines.contracts.snapshot import ClusterSnapshot
from engines.contracts.state import ClusterState
from engines.contracts.wording import counted
from engines.ghost_probe.ownership import KnownOwners, Marks, Owner, group_of
from engines.ghost_probe.parameters import GhostParameters
from engines.ghost_probe.reasons import InstanceReason, RefusalReason

START_GRACE = timedelta(minutes=30)  # Karpenter and Cluster Autoscaler wait 15-20 for a node


class Refusal(NamedTuple):
    """Why nothing is judged at all."""

    reason: RefusalReason
    message: str


class Exempt(NamedTuple):
    """Why an instance is left alone; ``subjects`` are its volumes, group or cluster."""

    reason: InstanceReason
    message: str
    subjects: tuple[str, ...] = ()


class Ghost(NamedTuple):
    """An instance that belongs to nobody any more. ``group``: its Auto Scaling group."""

    instance: Instance
    owner: Owner
    group: str | None
    group_state: str | None
    first_seen: datetime
    scans: int


def find_refusal(state: ClusterState, parameters: GhostParameters) -> Refusal | None:
    """A list that is not to be trusted: every instance would look like a ghost on it."""
    snapshot = state.cluster
    if state.instances is None:
        return Refusal(
            RefusalReason.INSTANCES_NOT_GIVEN,
            "EC2 instances were not read; allow ec2:DescribeInstances, or give the file of them",
        )
    if "nodes" not in snapshot.listed:
        return Refusal(
            RefusalReason.NODES_NOT_GIVEN,
            "nodes were not read, so every instance would look like a ghost; allow listing nodes",
        )
    if parameters.unreadable_clusters:
        names = ", ".join(sorted(parameters.unreadable_clusters))
        return Refusal(
            RefusalReason.UNREADABLE_CLUSTERS,
            f"an instance may be a node of a cluster that could not be read: {names};"
            " make it readable, or remove it from the registered clusters",
        )
    return _refusal_by_nodes(snapshot, parameters.previous_node_count)


def _refusal_by_nodes(snapshot: ClusterSnapshot, previous: int | None) -> Refusal | None:
    unread = [one.subject.name for one in snapshot.unread if one.subject.kind == "Node"]
    if unread:
        return Refusal(
            RefusalReason.UNREADABLE_NODES,
            f"{counted(len(unread), 'node')} could not be read"
            f" (first: {min(unread) or 'without a name'}), so which instances are nodes is not"
            " known; see the list of problems",
        )
    count = len(snapshot.nodes) + len(snapshot.set_aside.get("nodes", ()))
    if not count:
        return Refusal(
            RefusalReason.NO_NODES,
            "the list of nodes is empty, so every instance would look like a ghost; check that"
            " the credential may list nodes and that the cluster is the right one",
        )
    if previous is not None and 2 * count < previous:
        return Refusal(
            RefusalReason.NODE_LIST_SHRANK,
            f"{counted(count, 'node')}, less than half of the {previous} of the scan before;"
            " make sure that the cluster really lost them, then scan again",
        )
    if unidentified := _unidentified(snapshot):
        return Refusal(
            RefusalReason.UNIDENTIFIED_NODES,
            f"nothing tells the instances of {counted(len(unidentified), 'node')} (first:"
            f" {unidentified[0]}); wait until they have a providerID, then scan again",
        )
    return None


def _unidentified(snapshot: ClusterSnapshot) -> list[str]:
    """Nodes that may stand on any instance. Fargate, hybrid and foreign nodes stand on none."""
    return [node.metadata.name for node in snapshot.nodes.items if may_stand_on_any_instance(node)]


def node_instance_ids(snapshot: ClusterSnapshot) -> frozenset[str]:
    """The instances behind all nodes, Ready or not, those with unusable amounts included."""
    aside = snapshot.set_aside.get("nodes", ())
    ids = (instance_id_of(one) for one in (*snapshot.nodes.items, *aside))  # type: ignore[arg-type]  # the field "nodes" holds nodes
    return frozenset(one for one in ids if one)


class Probe(NamedTuple):
    """What instances are judged by."""

    parameters: GhostParameters
    owners: KnownOwners
    members: Mapping[str, AutoScalingInstance]  # of Auto Scaling groups, by instance id
    now: datetime

    def judge(self, instance: Instance) -> Ghost | Exempt:
        """One instance that is no node: a ghost, or why not. The first rule that applies counts."""
        exempt = (
            self._by_warm_pool(instance)
            or self._by_state(instance)
            or self._by_word(instance)
            or self._by_owner(instance)
            or self._by_group(instance)
            or self._by_capacity(instance)
            or self._by_age(instance)
        )
        return exempt or self._ghost(instance)

    def _by_state(self, instance: Instance) -> Exempt | None:
        match instance.state.name:
            case "running":
                return None
            case "pending":
                return Exempt(InstanceReason.PENDING, "is starting; it is judged once it runs")
            case "stopping" | "stopped":
                return Exempt(
                    InstanceReason.STOPPED,
                    "is stopped: it costs nothing itself, but its volumes and addresses do;"
                    " terminate it or keep it knowingly",
                    volumes_of(instance),
                )
            case _:
                return Exempt(InstanceReason.TERMINATING, "is going or gone already")

    def _by_word(self, instance: Instance) -> Exempt | None:
        """What its tags and its operator say about touching it."""
        tags = instance.tag_values
        for name in self.parameters.ignore_tags:
            if tags.get(name, "false").lower() != "false":
                return Exempt(
                    InstanceReason.IGNORED_BY_TAG,
                    f"is tagged {name}; remove the tag to have it judged",
                )
        if instance.operator is not None and instance.operator.managed:
            return Exempt(
                InstanceReason.MANAGED_BY_AWS,
                "is run by AWS (EKS Auto Mode, for one); delete it where it was asked for, EC2"
                " would refuse",
            )
        return None

    def _by_owner(self, instance: Instance) -> Exempt | None:
        match self.owners.owner_of(instance):
            case Owner.NOBODY:
                return Exempt(
                    InstanceReason.UNRELATED,
                    "carries no tag of a cluster, group or node pool of ours, so it is no left-over"
                    " of a cluster; nothing is to be done",
                )
            case Owner.OTHER_CLUSTER:
                names = tuple(sorted(Marks.of(instance).clusters))
                return Exempt(
                    InstanceReason.OTHER_CLUSTER,
                    f"belongs to another cluster ({', '.join(names)}); register that cluster to"
                    " have it judged",
                    names,
                )
            case _:
                return None

    def _by_warm_pool(self, instance: Instance) -> Exempt | None:
        """Running or stopped, it waits for its group and never was a node."""
        if not (self._group_state(instance) or "").startswith("Warmed:"):
            return None
        return Exempt(
            InstanceReason.WARM_POOL,
            "waits in its group's warm pool on purpose; make the pool smaller if it is too large",
            self._groups(instance),
        )

    def _by_group(self, instance: Instance) -> Exempt | None:
        """Instances that an Auto Scaling group holds ready on purpose."""
        state, group = self._group_state(instance), self._groups(instance)
        if state in ("Standby", "EnteringStandby"):
            return Exempt(
                InstanceReason.STANDBY,
                "was put on standby in its group by somebody; return it to service or terminate it"
                " there",
                group,
            )
        if state and state != "InService":
            return Exempt(
                InstanceReason.LIFECYCLE_HOOK,
                f"is in the state {state} of its group; it is judged once it is in service",
                group,
            )
        return None

    def _by_capacity(self, instance: Instance) -> Exempt | None:
        reserved = (
            instance.capacity_reservation_id
            or (instance.instance_lifecycle == "capacity-block" and "a capacity block")
            or (instance.placement.tenancy == "host" and "a dedicated host")
        )
        if not reserved:
            return None
        return Exempt(
            InstanceReason.RESERVED_CAPACITY,
            f"runs on reserved capacity ({reserved}), which costs the same without it; give up the"
            " reservation first",
            (reserved,),
        )

    def _by_age(self, instance: Instance) -> Exempt | None:
        if instance.launch_time is not None and self.now - instance.launch_time < START_GRACE:
            return Exempt(
                InstanceReason.JUST_STARTED,
                "started less than 30 minutes ago and may still join; it is judged by later scans",
            )
        first = self.parameters.first_seen.get(instance.instance_id)
        grace = timedelta(hours=self.parameters.grace_hours)
        if first is None or self.now - first < grace:
            seen = "was not seen before" if first is None else f"was first seen {first.isoformat()}"
            return Exempt(
                InstanceReason.WITHIN_GRACE,
                f"{seen} without a node; it is a ghost {self.parameters.grace_hours:g} hours after"
                " that, scan again",
            )
        scans = self.parameters.scan_count.get(instance.instance_id, 0)
        if scans < self.parameters.min_scans:
            return Exempt(
                InstanceReason.TOO_FEW_SCANS,
                f"was seen without a node by {scans} scans in a row of the"
                f" {self.parameters.min_scans} that it takes; scan again",
            )
        return None

    def _group_state(self, instance: Instance) -> str | None:
        """Its state in its group, as it was given or else read; None: nobody tells one."""
        known = instance.instance_id
        member = self.members.get(known)
        read = None if member is None else member.lifecycle_state or None
        return self.parameters.auto_scaling_states.get(known) or read

    def _group(self, instance: Instance) -> str | None:
        """The group that would replace it: as Auto Scaling tells, or else its own tag."""
        member = self.members.get(instance.instance_id)
        return group_of(instance) if member is None else member.auto_scaling_group_name

    def _groups(self, instance: Instance) -> tuple[str, ...]:
        return tuple(one for one in (self._group(instance),) if one)

    def _ghost(self, instance: Instance) -> Ghost:
        known = instance.instance_id
        return Ghost(
            instance=instance,
            owner=self.owners.owner_of(instance),
            group=self._group(instance),
            group_state=self._group_state(instance),
            first_seen=self.parameters.first_seen[known],
            scans=self.parameters.scan_count[known],
        )


def volumes_of(instance: Instance) -> tuple[str, ...]:
    """The ids of the EBS volumes of an instance, sorted."""
    mapped = (one.ebs.volume_id for one in instance.block_device_mappings if one.ebs)
    return tuple(sorted(one for one in mapped if one))


def probe_of(
    state: ClusterState, nodes: Mapping[str, Instance], parameters: GhostParameters, now: datetime
) -> Probe:
    """The probe of a request; ``nodes`` are the instances that are nodes of this cluster."""
    owners = KnownOwners.of(nodes.values(), parameters.cluster_names)
    members = {one.instance_id: one for one in state.auto_scaling or ()}
    return Probe(parameters, owners, members, now)
