"""Who runs where, kept so that the rules can be asked after every move.

``place`` and ``remove`` cost a few microseconds; undoing a try means calling the other one.
``copy`` gives a second occupancy of the same context that goes its own way.
"""

import numpy as np
from numpy.typing import NDArray

from engines.scheduling.context import ClusterContext
from engines.scheduling.counters import Counter
from engines.scheduling.nodes import Mask
from engines.scheduling.volumes import VolumeId


class Occupancy:
    """The placement of the pods of a context, and the sums that follow from it.

    Starts as the snapshot has it: bound pods that have not finished are where they are bound.
    Read the public attributes, change them only through the methods.
    """

    def __init__(self, context: ClusterContext) -> None:
        self.context = context
        self.free: NDArray[np.int64] = context.allocatable.copy()
        self.cells = np.zeros(context.cells_length, np.int32)
        self.counted_nodes = np.zeros(context.domains_length, np.int32)
        self.present: Mask = ~context.starts_absent
        self.cordoned: Mask = np.array(context.nodes.cordoned, np.bool_)
        self.node_of = [-1] * len(context.snapshot.pods)
        self._pods_on: list[dict[int, None]] = [{} for _ in context.nodes.names]
        self._attached: dict[VolumeId, dict[int, int]] = {}  # users by volume and node
        self.attach_counts = {
            driver: np.zeros(len(context.nodes), np.int32) for driver in context.attach_limits
        }
        self.claim_users: dict[str, int] = {}  # of ReadWriteOncePod claims
        self._disk_users: dict[str, dict[int, int]] = {}
        self._count_nodes()
        self._fill()

    def copy(self) -> "Occupancy":
        """An occupancy of its own that starts where this one stands."""
        twin = object.__new__(Occupancy)
        twin.context = self.context
        twin.free = self.free.copy()
        twin.cells = self.cells.copy()
        twin.counted_nodes = self.counted_nodes.copy()
        twin.present = self.present.copy()
        twin.cordoned = self.cordoned.copy()
        twin.node_of = self.node_of.copy()
        twin._pods_on = [pods.copy() for pods in self._pods_on]
        twin._attached = {key: users.copy() for key, users in self._attached.items()}
        twin.attach_counts = {key: counts.copy() for key, counts in self.attach_counts.items()}
        twin.claim_users = self.claim_users.copy()
        twin._disk_users = {key: users.copy() for key, users in self._disk_users.items()}
        return twin

    def pods_on(self, node: int) -> tuple[int, ...]:
        """The pods on a node, ascending."""
        return tuple(sorted(self._pods_on[node]))

    def place(self, pod: int, node: int) -> None:
        """Put a pod on a node, whether or not it may run there.

        Raises ValueError where the pod is placed already or the node is not there.
        """
        if self.node_of[pod] >= 0:
            raise ValueError(f"pod {self._name(pod)} is placed already; remove it first")
        if not self.present[node]:
            raise ValueError(f"node {self.context.nodes.names[node]} is not there; add it first")
        self.node_of[pod] = node
        self._pods_on[node][pod] = None
        self._account(pod, node, 1)

    def remove(self, pod: int) -> int:
        """Take a pod off its node and return that node. Raises ValueError where it has none."""
        node = self.node_of[pod]
        if node < 0:
            raise ValueError(f"pod {self._name(pod)} is not placed; place it first")
        self.node_of[pod] = -1
        del self._pods_on[node][pod]
        self._account(pod, node, -1)
        return node

    def cordon(self, node: int) -> None:
        """Close a node to pods that do not tolerate a cordon; those on it stay."""
        if not self.cordoned[node]:
            self._move_cordon(node, -1)
            self.cordoned[node] = True

    def uncordon(self, node: int) -> None:
        """Open a cordoned node again."""
        if self.cordoned[node]:
            self.cordoned[node] = False
            self._move_cordon(node, 1)

    def take_away(self, node: int) -> tuple[int, ...]:
        """Take a node out of the cluster, with the pods that are still on it; return those."""
        pods = self.pods_on(node)
        for pod in pods:
            self.remove(pod)
        if self.present[node]:
            self._count_node(node, -1)
            self.present[node] = False
        return pods

    def add(self, node: int) -> None:
        """Put a node that is not there into the cluster, empty."""
        if not self.present[node]:
            self.present[node] = True
            self._count_node(node, 1)

    def users_by_node(self, volume: VolumeId) -> dict[int, int]:
        """The nodes to which a volume is attached, with the number of its users there."""
        return self._attached.get(volume, {})

    def disk_users(self, disk: str) -> dict[int, int]:
        """The nodes on which pods name the disk themselves, with their number."""
        return self._disk_users.get(disk, {})

    def _fill(self) -> None:
        """Place all pods as the snapshot has them, then count what is attached beside them."""
        pods = self.context.snapshot.pods
        for pod in np.flatnonzero((pods.node >= 0) & ~pods.is_finished).tolist():
            if self.present[pods.node[pod]]:
                self.place(pod, int(pods.node[pod]))
        for node, volume in self.context.attachments:
            if node not in self._attached.get(volume, {}):
                self._attach(volume, node, 1)

    def _account(self, pod: int, node: int, sign: int) -> None:
        context = self.context
        self.free[:, node] -= sign * context.requests[pod]
        neighbours = context.neighbours_of(pod)
        for counter in neighbours.counted:
            counter.add(self.cells, node, sign)
        if neighbours.counted_alive and not context.snapshot.pods.is_terminating[pod]:
            for counter in neighbours.counted_alive:
                if self._counts(counter, node):
                    counter.add(self.cells, node, sign)
        if pod in context.volumes:
            self._account_volumes(pod, node, sign)

    def _account_volumes(self, pod: int, node: int, sign: int) -> None:
        volumes = self.context.volumes[pod]
        for volume in volumes.attached:
            self._attach(volume, node, sign)
        for claim in volumes.exclusive:
            self.claim_users[claim] = self.claim_users.get(claim, 0) + sign
        for disk in volumes.disks:
            _add_user(self._disk_users.setdefault(disk, {}), node, sign)

    def _attach(self, volume: VolumeId, node: int, sign: int) -> None:
        """A volume counts once on a node, however many pods use it there."""
        users = self._attached.setdefault(volume, {})
        was_attached = node in users
        _add_user(users, node, sign)
        change = int(node in users) - int(was_attached)
        if change and volume.driver in self.attach_counts:
            self.attach_counts[volume.driver][node] += change

    def _counts(self, counter: Counter, node: int) -> bool:
        return not (counter.domains.shuns_cordon and self.cordoned[node])

    def _move_cordon(self, node: int, sign: int) -> None:
        """Spread rules that honour taints look away from cordoned nodes and their pods."""
        terminating = self.context.snapshot.pods.is_terminating
        for pod in self._pods_on[node]:
            for counter in self.context.neighbours_of(pod).counted_alive:
                if counter.domains.shuns_cordon and not terminating[pod]:
                    counter.add(self.cells, node, sign)
        if self.present[node]:
            for domains in self.context.domains:
                slot = domains.slot_of[node]
                if domains.shuns_cordon and slot >= 0:
                    self.counted_nodes[domains.start + slot] += sign

    def _count_nodes(self) -> None:
        for node in np.flatnonzero(self.present).tolist():
            self._count_node(node, 1)

    def _count_node(self, node: int, sign: int) -> None:
        """Count the node in the domains of all rules that look at it."""
        for domains in self.context.domains:
            slot = domains.slot_of[node]
            if slot >= 0 and not (domains.shuns_cordon and self.cordoned[node]):
                self.counted_nodes[domains.start + slot] += sign

    def _name(self, pod: int) -> str:
        return self.context.snapshot.pods.items[pod].key


def _add_user(users: dict[int, int], node: int, sign: int) -> None:
    """Change the number of users on a node; nodes without users are not kept."""
    users[node] = users.get(node, 0) + sign
    if not users[node]:
        del users[node]
