"""The controller that keeps the status of PodDisruptionBudgets.

Of several budgets over one pod, an event of the pod reaches only one, as in the real controller;
the others keep stale numbers.
"""

from sandbox.kube import budgets, registry
from sandbox.kube.controllers.worker import Worker, split
from sandbox.kube.objects import Obj
from sandbox.kube.resources import PDBS, PODS
from sandbox.kube.store import Change, key_of
from sandbox.kube.world import World

_DELAY_SECONDS = 0.005


class DisruptionController:
    """Reacts to pods and budgets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world, self._sync, delay_seconds=_DELAY_SECONDS, managed=True)
        world.store.listeners.append(self._on_change)

    def _on_change(self, change: Change) -> None:
        if change.resource is PDBS and change.kind != "DELETED":
            self._worker.add(key_of(change.obj))
        elif change.resource is PODS:
            self._pod_changed(change.obj)

    def _pod_changed(self, pod: Obj) -> None:
        covering = budgets.covering(self._world, pod)
        if covering:
            self._worker.add(self._world.identity.choose([key_of(one) for one in covering]))

    def _sync(self, key: str) -> None:
        budget = self._world.store.get(PDBS, *split(key))
        if budget is None:
            return
        status = budgets.status_of(self._world, budget)
        registry.write_status(self._world, PDBS, budget, status)
        if status.get("disruptedPods"):
            self._worker.add_later(key, budgets.DISRUPTION_SECONDS + 1)
