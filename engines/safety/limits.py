"""Which change of a cluster's limits makes them looser? Tightening is an operator's right,
loosening needs an admin."""

from engines.contracts.verdict import SafetyLimits

_GREATER_IS_LOOSER = {
    "min_risk_score": False,
    "min_availability_zones": False,
    "max_pool_share": True,
    "min_on_demand_share": False,
    "allow_small_cluster_exception": True,
}


def loosened_fields(before: SafetyLimits, after: SafetyLimits) -> tuple[str, ...]:
    """The fields that allow more after the change than before it, sorted by name."""
    return tuple(
        name
        for name in sorted(SafetyLimits.__struct_fields__)
        if _is_looser(getattr(before, name), getattr(after, name), _GREATER_IS_LOOSER[name])
    )


def _is_looser(before: float, after: float, greater_is_looser: bool) -> bool:
    return after > before if greater_is_looser else after < before
