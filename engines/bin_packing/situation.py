"""Everything that is known before anything is decided."""

from dataclasses import dataclass
from datetime import datetime

from engines.bin_packing.nodes import NodeRoles, node_roles
from engines.bin_packing.parameters import Asked
from engines.bin_packing.pods import PodFates, pod_fates
from engines.bin_packing.reasons import RefusalReason
from engines.contracts.requests import DecisionRequest
from engines.contracts.state import ClusterState


class Refusal(Exception):  # noqa: N818  # an answer of the engine, not an error
    """The request cannot be judged; becomes a response with the status ``refused``."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """The cluster, what is asked, and what may become of each pod and node."""

    state: ClusterState
    now: datetime
    asked: Asked
    fates: PodFates
    roles: NodeRoles

    @property
    def may_launch(self) -> bool:
        """Whether the mode exchanges nodes."""
        return self.asked.parameters.mode != "consolidate"


def read_situation(request: DecisionRequest, asked: Asked) -> Situation:
    """Work out the situation of a request. Raises Refusal."""
    state, now = request.current_state, request.now
    _refuse_unknown(state)
    fates = pod_fates(state.cluster, now)
    roles = node_roles(state, fates, asked.parameters, now)
    if asked.parameters.mode != "consolidate" and not state.instance_types:
        raise Refusal(
            RefusalReason.NO_INSTANCE_TYPES,
            f"the mode {asked.parameters.mode} launches nodes, and the sizes of instance types are"
            " not known; import the instance types, or choose the mode consolidate",
        )
    return Situation(state=state, now=now, asked=asked, fates=fates, roles=roles)


def _refuse_unknown(state: ClusterState) -> None:
    if not len(state.cluster.nodes):
        raise Refusal(RefusalReason.NO_NODES, "the cluster has no nodes; add them to the dump")
    if "pods" not in state.cluster.listed:
        raise Refusal(
            RefusalReason.PODS_NOT_READ,
            "the pods were not read, so every node would look empty; add them to the dump",
        )
