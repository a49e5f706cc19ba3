"""The EBS CSI driver: nodes say how many volumes they take; volumes follow the pods that use them.

A volume is attached when a pod that claims it is bound to a node, and detached when that pod is
gone. Pods do not wait for it here, as real ones do.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sandbox.aws.cloud import Cloud
from sandbox.kube import registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import Obj, is_finished, name_of, namespace_of
from sandbox.kube.resources import BY_PLURAL, NODES, PODS
from sandbox.kube.store import Change
from sandbox.kube.world import World
from sandbox.shop.surroundings import EBS_DRIVER

CSI_NODES = BY_PLURAL["csinodes"]
ATTACHMENTS = BY_PLURAL["volumeattachments"]
CLAIMS = BY_PLURAL["persistentvolumeclaims"]
VOLUMES = BY_PLURAL["persistentvolumes"]

ATTACHABLE = 25
"""Volumes of a Nitro instance beside root and two network interfaces: 28 slots for all of them."""

_DELAY_SECONDS = 0.02
_DEVICES = tuple(f"/dev/xvdb{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")


class EbsDriver:
    """Reacts to nodes and pods of a cluster; attaches in the account (id, region) under it."""

    def __init__(self, world: World, cloud: Cloud, account: tuple[str, str]) -> None:
        self._world = world
        self._cloud = cloud
        self._account = account
        self._nodes = Worker(world, self._sync_node, delay_seconds=_DELAY_SECONDS, managed=True)
        self._claims = Worker(world, self._sync_claim, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.resource is NODES and change.kind != "MODIFIED":
            self._nodes.add(name_of(change.obj))
        elif change.resource is PODS:
            for name in _claims_of(change.obj):
                self._claims.add(f"{namespace_of(change.obj)}/{name}")

    def _sync_node(self, name: str) -> None:
        """The CSINode lives and goes with its node."""
        store = self._world.store
        node, present = store.get(NODES, None, name), store.get(CSI_NODES, None, name)
        if node is None and present is not None:
            store.remove(CSI_NODES, present)
        elif node is not None and present is None:
            registry.create(self._world, CSI_NODES, None, _csi_node(node))

    def _sync_claim(self, key: str) -> None:
        """Attached where pods use it, and nowhere else."""
        store = self._world.store
        claim = store.get(CLAIMS, *split(key))
        volume = store.get(VOLUMES, None, claim["spec"].get("volumeName", "")) if claim else None
        if claim is None or volume is None:
            return
        wanted = {
            pod["spec"]["nodeName"]
            for pod in store.all(PODS, namespace_of(claim))
            if name_of(claim) in _claims_of(pod)
            and pod["spec"].get("nodeName")
            and not is_finished(pod)
        }
        present = {
            one["spec"]["nodeName"]: one
            for one in store.all(ATTACHMENTS)
            if one["spec"]["source"]["persistentVolumeName"] == name_of(volume)
        }
        for node in sorted(present.keys() - wanted):
            store.remove(ATTACHMENTS, present[node])
        for node in sorted(wanted - present.keys()):
            self._write_attachment(volume, node)
        self._attach(volume["spec"]["csi"]["volumeHandle"], wanted)

    def _write_attachment(self, volume: Obj, node: str) -> None:
        digest = sha256(f"{volume['spec']['csi']['volumeHandle']}{EBS_DRIVER}{node}".encode())
        body = {
            "metadata": {"name": f"csi-{digest.hexdigest()}"},
            "spec": {
                "attacher": EBS_DRIVER,
                "nodeName": node,
                "source": {"persistentVolumeName": name_of(volume)},
            },
        }
        made = registry.create(self._world, ATTACHMENTS, None, body)
        registry.write_status(self._world, ATTACHMENTS, made, {"attached": True})

    def _attach(self, volume_id: str, nodes: set[str]) -> None:
        """The same in EC2. A volume that somebody deleted there cannot be attached."""
        backend = self._cloud.backend("ec2", *self._account)
        volume = backend.volumes.get(volume_id)
        if volume is None:
            return
        wanted = {self._instance_of(node) for node in nodes} - {""}
        if volume.attachment is not None and volume.attachment.instance.id not in wanted:
            attached = volume.attachment
            attached.instance.block_device_mapping.pop(attached.device, None)
            volume.attachment = None
        if volume.attachment is None and wanted:
            instance_id = min(wanted)
            device = _free_device(backend, instance_id)
            backend.attach_volume(volume_id, instance_id, device)
            set_attach_time(volume, self._cloud.now())

    def _instance_of(self, node: str) -> str:
        found = self._world.store.get(NODES, None, node)
        return str(found["spec"]["providerID"]).rpartition("/")[2] if found else ""


def _csi_node(node: Obj) -> Obj:
    driver = {
        "name": EBS_DRIVER,
        "nodeID": str(node["spec"]["providerID"]).rpartition("/")[2],
        "topologyKeys": ["kubernetes.io/os", "topology.kubernetes.io/zone"],
        "allocatable": {"count": ATTACHABLE},
    }
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": name_of(node),
        "uid": node["metadata"]["uid"],
    }
    metadata = {"name": name_of(node), "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {"drivers": [driver]}}


def _claims_of(pod: Obj) -> list[str]:
    return [
        one["persistentVolumeClaim"]["claimName"]
        for one in pod["spec"].get("volumes") or ()
        if "persistentVolumeClaim" in one
    ]


def set_attach_time(volume: Any, at: datetime) -> None:
    """Since when moto's volume is attached."""
    attached = volume.attachment
    attached.attach_time = at.astimezone(UTC).replace(tzinfo=None)
    attached.instance.block_device_mapping[attached.device].attach_time = attached.attach_time


def _free_device(backend: Any, instance_id: str) -> str:
    taken = backend.get_instance(instance_id).block_device_mapping
    return next(one for one in _DEVICES if one not in taken)
