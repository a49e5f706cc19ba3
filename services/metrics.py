"""Prometheus metrics: the web app serves them on ``/metrics``, the scheduler on its own port."""

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter(
    "decisions_total", "Decisions made, by type and how they ended", ["decision_type", "status"]
)
DECISION_SECONDS = Histogram(
    "decision_seconds",
    "Time from request to judged answer",
    ["decision_type"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60),
)
SAFETY_VALIDATIONS = Counter(
    "safety_validations_total", "Plans judged by the safety layers, by verdict", ["action"]
)
SAFETY_VIOLATIONS = Counter(
    "safety_violations_total", "Limits not met by judged plans", ["layer", "severity"]
)
SAFE_ALTERNATIVES = Counter(
    "safe_alternatives_created_total", "Failing plans that were replaced by a safe one"
)
IMPORTED_ROWS = Counter("imported_rows_total", "Rows stored by imports", ["kind"])
IMPORT_FAILURES = Counter("import_failures_total", "Imports refused or failed", ["kind"])
DATA_AGE_SECONDS = Gauge("data_age_seconds", "Age of the newest row, by kind of data", ["kind"])
UNSAFE_EXECUTIONS_BLOCKED = Counter(
    "unsafe_executions_blocked_total", "Plans that were not executed because they are not safe"
)

SCHEDULER_IS_LEADER = Gauge("scheduler_is_leader", "1: this scheduler works; 0: it stands by")
LEASE_FENCE = Gauge("scheduler_lease_fence", "Fence of the held lease; 0: none is held")
JOB_RUNS = Counter("job_runs_total", "Runs of jobs that ended, by how", ["job", "status"])
JOB_SECONDS = Histogram(
    "job_seconds",
    "Time from the beginning of a run to its end",
    ["job"],
    buckets=(0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900),
)
JOB_LAST_SUCCESS = Gauge(
    "job_last_success_timestamp_seconds",
    "When a job last succeeded, on whichever target, in Unix seconds",
    ["job"],
)

CLUSTER_COST = Gauge(
    "cluster_cost_usd_per_hour",
    "Cost of a cluster's nodes at list prices; capacity type total: all of them",
    ["cluster", "capacity_type"],
)
CLUSTER_BASELINE = Gauge(
    "cluster_baseline_usd_per_hour",
    "What the present requests would cost at the on-demand unit cost of registration",
    ["cluster"],
)
CLUSTER_NODES = Gauge("cluster_nodes", "Nodes of a cluster", ["cluster"])
CLUSTER_STATE_TIME = Gauge(
    "cluster_state_timestamp_seconds",
    "When a cluster's state was last read, in Unix seconds",
    ["cluster"],
)
ADVISED_SAVINGS = Gauge(
    "advised_savings_usd_per_month",
    "Savings of the newest decision about a cluster, by decision type, where its plan is safe",
    ["cluster", "decision_type"],
)

OF_CLUSTERS = (CLUSTER_COST, CLUSTER_BASELINE, CLUSTER_NODES, CLUSTER_STATE_TIME, ADVISED_SAVINGS)


def forget_clusters() -> None:
    """Say nothing of clusters any more: who stands by does not know how they are."""
    for gauge in OF_CLUSTERS:
        gauge.clear()
