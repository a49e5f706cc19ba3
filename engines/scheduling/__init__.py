"""May this pod run on this node: kube-scheduler's filters over a cluster that is packed anew.

``build_context`` compiles a snapshot once; an ``Occupancy`` says who runs where and is changed
pod by pod; ``why_not``, ``can_run`` and ``feasible_nodes`` judge. docs/scheduling.md says what is
judged and what is not.
"""

from engines.scheduling.context import ClusterContext, build_context
from engines.scheduling.daemonsets import DaemonLoad, daemon_loads, daemon_overhead
from engines.scheduling.filters import can_run, feasible_nodes, why_not
from engines.scheduling.messages import failure_message
from engines.scheduling.occupancy import Occupancy
from engines.scheduling.preemption import Preemption, plan_preemption
from engines.scheduling.reasons import Refusal, RefusalReason, kubernetes_text
from engines.scheduling.scoring import Scorer, choose_node

__all__ = [
    "ClusterContext",
    "DaemonLoad",
    "Occupancy",
    "Preemption",
    "Refusal",
    "RefusalReason",
    "Scorer",
    "build_context",
    "can_run",
    "choose_node",
    "daemon_loads",
    "daemon_overhead",
    "failure_message",
    "feasible_nodes",
    "kubernetes_text",
    "plan_preemption",
    "why_not",
]
