"""How likely an interruption is, by Spot Advisor and by models, and what it is expected to cost."""

from collections.abc import Iterable, Mapping
from math import expm1, log1p

from engines.contracts.pricing import HOURS_PER_MONTH, MICRO_USD_PER_USD, InterruptionBucket
from engines.pools import PoolKey
from engines.risk import monthly_interruption_probability
from engines.spot_optimizer.parameters import Prediction, SpotParameters

_HOURS = float(HOURS_PER_MONTH)


def gravest_predictions(predictions: Iterable[Prediction]) -> Mapping[PoolKey, Prediction]:
    """One prediction for each pool: where several speak, the gravest."""
    gravest: dict[PoolKey, Prediction] = {}
    for one in sorted(predictions, key=lambda one: (monthly_probability_of(one), one.model)):
        gravest[one.instance_type, one.availability_zone] = one
    return gravest


def is_vetoed(prediction: Prediction, parameters: SpotParameters) -> bool:
    """Whether a model's word makes its pool unsafe: above the ceiling, where there is one."""
    ceiling = parameters.max_interruption_probability
    return ceiling is not None and prediction.interruption_probability > ceiling


def monthly_probability(bucket: InterruptionBucket | None, prediction: Prediction | None) -> float:
    """The larger of what Spot Advisor's bucket and a model expect; unknown counts as the worst."""
    public = monthly_interruption_probability(
        InterruptionBucket.OVER_20 if bucket is None else bucket
    )
    return public if prediction is None else max(public, monthly_probability_of(prediction))


def interruption_micro_usd(monthly_probability: float, parameters: SpotParameters) -> float:
    """What interruptions are expected to cost per hour."""
    return monthly_probability / _HOURS * parameters.interruption_cost * MICRO_USD_PER_USD


def monthly_probability_of(prediction: Prediction) -> float:
    """A prediction as a probability within a month, for interruptions that come at a steady rate:
    ``1 - (1 - p) ** (730 / horizon)``."""
    survives = 1 - prediction.interruption_probability
    if survives <= 0:
        return 1.0
    return -expm1(log1p(-prediction.interruption_probability) * _HOURS / prediction.horizon_hours)
