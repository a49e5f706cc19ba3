"""Prometheus metrics of what the product decides; the web app serves them on ``/metrics``."""

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
