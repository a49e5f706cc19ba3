"""Which Spot pools may be used at all, and why the others may not.

Every pool that the price history names for the region ends up in one of two lists: candidates, or
skipped with the first reason that applies.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from engines.allocation import Capacity
from engines.contracts.pricing import (
    MICRO_USD_PER_USD,
    InstanceType,
)
from engines.contracts.results import Skipped, Subject
from engines.node_capacity import estimate_allocatable
from engines.pools import PoolFacts, PoolKey
from engines.spot_optimizer.odds import (
    gravest_predictions,
    interruption_micro_usd,
    is_vetoed,
    monthly_probability,
)
from engines.spot_optimizer.parameters import PoolEvent, Prediction, SpotParameters

MOST_TIMES_ON_DEMAND = 10  # while Spot was an auction AWS capped bids there; now it stays below 1
LEAST_PART_OF_ON_DEMAND = 50  # a fiftieth; the deepest discount that AWS advertises is 90 %


class PoolReason(StrEnum):
    """Why a pool is not advised."""

    PRICE_UNKNOWN = "price_unknown"
    UNKNOWN_INSTANCE_TYPE = "unknown_instance_type"
    WRONG_ARCHITECTURE = "wrong_architecture"
    NOT_ALLOWED_FAMILY = "not_allowed_family"
    BARE_METAL = "bare_metal"
    HAS_GPU = "has_gpu"
    BURSTABLE = "burstable"
    NOT_ALLOWED_ZONE = "not_allowed_zone"
    TOO_SMALL = "too_small"
    NO_ON_DEMAND_PRICE = "no_on_demand_price"
    SUSPICIOUS_PRICE = "suspicious_price"
    NOT_CHEAPER = "not_cheaper_than_on_demand"
    STALE_PRICE = "stale_price"
    EXCLUDED_AFTER_INTERRUPTION = "excluded_after_interruption"
    EXCLUDED_AFTER_FAILED_LAUNCH = "excluded_after_failed_launch"
    TOO_RISKY = "too_risky"
    PREDICTED_INTERRUPTION = "predicted_interruption"
    NOT_AMONG_BEST = "not_among_best"


class Finding(NamedTuple):
    """A reason not to use a pool or type; the message goes on from its name."""

    reason: PoolReason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pool that may be used, with what one node of it offers and costs."""

    facts: PoolFacts
    instance_type: InstanceType
    allocatable: Capacity
    micro_usd_per_hour: int
    on_demand_micro_usd_per_hour: int
    expected_micro_usd_per_hour: float
    monthly_interruption_probability: float
    prediction: Prediction | None


class Market(NamedTuple):
    """The candidates of a region, sorted by type and zone, and the pools that are none."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...]


class Suitability(NamedTuple):
    """What decides whether nodes of a type, in a zone, are of use to the cluster."""

    architecture: str
    region: str
    zones: frozenset[str] | None  # None: all availability zones of the region
    largest_pod: Capacity  # with the DaemonSets that run beside it
    allowed_families: tuple[str, ...] | None
    min_risk_score: float

    def is_in_zone(self, zone: str) -> bool:
        """Whether nodes in a zone are of use."""
        if self.zones is None:
            return not is_special_zone(zone, self.region)
        return zone in self.zones

    def finding(self, one: InstanceType) -> Finding | None:
        """Why nodes of a type are of no use, however they are bought; None: they are."""
        return next(self._findings(one), None)

    def _findings(self, one: InstanceType) -> Iterator[Finding]:
        if one.architecture != self.architecture:
            yield Finding(
                PoolReason.WRONG_ARCHITECTURE,
                f"is {one.architecture} and the nodes wanted are {self.architecture}; set the"
                " parameter architecture to look at the other one",
            )
        if self.allowed_families is None:
            if one.is_bare_metal:
                yield Finding(
                    PoolReason.BARE_METAL,
                    "is bare metal; name its family in allowed_families to use it",
                )
            if one.gpu_count:
                yield Finding(
                    PoolReason.HAS_GPU, "has GPUs; name its family in allowed_families to use it"
                )
            if one.is_burstable:
                yield Finding(
                    PoolReason.BURSTABLE,
                    "lives on CPU credits, and work above its baseline is billed on top; name its"
                    " family in allowed_families to use it",
                )
        elif one.family not in self.allowed_families:
            yield Finding(
                PoolReason.NOT_ALLOWED_FAMILY,
                f"is of family {one.family}, which is not in allowed_families",
            )
        if (message := self._too_small(one)) is not None:
            yield Finding(PoolReason.TOO_SMALL, message)

    def _too_small(self, one: InstanceType) -> str | None:
        offered = estimate_allocatable(one)
        for name, unit in (("cpu_millicores", "m"), ("memory_bytes", " bytes"), ("pods", " pods")):
            has, needs = getattr(offered, name), getattr(self.largest_pod, name)
            if has < needs:
                return (
                    f"offers {has}{unit} to pods; the largest pod and the DaemonSets beside it"
                    f" need {needs}{unit}"
                )
        return None


def is_special_zone(zone: str, region: str) -> bool:
    """Whether it is a Local or Wavelength Zone of the region ("us-east-1-bos-1a"). List prices are
    the region's, and not those of such zones."""
    return zone.startswith(f"{region}-")


def find_candidates(
    pools: Iterable[PoolFacts],
    types: Mapping[str, InstanceType],
    suitability: Suitability,
    parameters: SpotParameters,
    now: datetime,
) -> Market:
    """Sort the pools into candidates and skipped."""
    sieve = _Sieve(types, suitability, parameters, now)
    candidates, skipped = [], []
    for facts in pools:
        if (finding := sieve.finding(facts)) is None:
            candidates.append(sieve.candidate(facts))
        else:
            skipped.append(skipped_pool(facts.key, finding))
    return Market(tuple(candidates), tuple(skipped))


def skipped_pool(key: PoolKey, finding: Finding) -> Skipped:
    """The entry of a pool that is not advised."""
    instance_type, zone = key
    return Skipped(
        subject=Subject(
            kind="Pool",
            name=f"{instance_type}/{zone}",
            instance_type=instance_type,
            availability_zone=zone,
        ),
        reason=finding.reason,
        message=f"{instance_type} in {zone} {finding.message}",
    )


class _Sieve:
    """Finds the first reason not to use a pool."""

    def __init__(
        self,
        types: Mapping[str, InstanceType],
        suitability: Suitability,
        parameters: SpotParameters,
        now: datetime,
    ) -> None:
        self._types = types
        self._suitability = suitability
        self._parameters = parameters
        self._now = now
        self._interrupted = _excluded(parameters.interruptions, parameters, now)
        self._refused = _excluded(parameters.failed_launches, parameters, now)
        self._predictions = gravest_predictions(parameters.predictions)
        self._of_types: dict[str, Finding | None] = {}

    def finding(self, facts: PoolFacts) -> Finding | None:
        """Why the pool is not used; None: it may be."""
        return next(self._findings(facts), None)

    def candidate(self, facts: PoolFacts) -> Candidate:
        """A pool without a finding, as something that can be bought."""
        instance_type = self._types[facts.instance_type]
        prediction = self._predictions.get(facts.key)
        probability = monthly_probability(facts.bucket, prediction)
        price = facts.micro_usd_per_hour or 0  # a pool without a price has a finding
        return Candidate(
            facts=facts,
            instance_type=instance_type,
            allocatable=Capacity(*estimate_allocatable(instance_type)),
            micro_usd_per_hour=price,
            on_demand_micro_usd_per_hour=0
            if facts.on_demand is None
            else facts.on_demand.micro_usd_per_hour,
            expected_micro_usd_per_hour=price
            + interruption_micro_usd(probability, self._parameters),
            monthly_interruption_probability=probability,
            prediction=prediction,
        )

    def _findings(self, facts: PoolFacts) -> Iterator[Finding]:
        if facts.micro_usd_per_hour is None:
            yield Finding(PoolReason.PRICE_UNKNOWN, "has no price yet at the moment judged")
            return
        if (finding := self._of_type(facts.instance_type)) is not None:
            yield finding
        if not self._suitability.is_in_zone(facts.availability_zone):
            yield Finding(
                PoolReason.NOT_ALLOWED_ZONE,
                "stands in a zone that the cluster does not use; name it in allowed_zones if there"
                " is a subnet",
            )
        yield from self._badly_priced(facts, facts.micro_usd_per_hour)
        yield from self._excluded(facts)
        yield from self._unsafe(facts)

    def _of_type(self, name: str) -> Finding | None:
        if name not in self._of_types:
            known = self._types.get(name)
            self._of_types[name] = (
                Finding(
                    PoolReason.UNKNOWN_INSTANCE_TYPE,
                    "is of a type whose size is not known; import the instance types",
                )
                if known is None
                else self._suitability.finding(known)
            )
        return self._of_types[name]

    def _badly_priced(self, facts: PoolFacts, price: int) -> Iterator[Finding]:
        if facts.on_demand is None:
            yield Finding(
                PoolReason.NO_ON_DEMAND_PRICE,
                "has no on-demand price to compare with; import the on-demand prices",
            )
            return
        full = facts.on_demand.micro_usd_per_hour
        if price > full * MOST_TIMES_ON_DEMAND or price * LEAST_PART_OF_ON_DEMAND < full:
            yield Finding(
                PoolReason.SUSPICIOUS_PRICE,
                f"costs {price / MICRO_USD_PER_USD:g} USD an hour beside"
                f" {full / MICRO_USD_PER_USD:g} on-demand, which cannot be true; check the prices",
            )
        if price >= full:
            yield Finding(PoolReason.NOT_CHEAPER, "costs as much as on-demand or more")
        limit = self._parameters.max_price_age_hours
        age_seconds = int(self._now.timestamp()) - (facts.priced_at or 0)
        if limit is not None and age_seconds > limit * 3600:
            yield Finding(
                PoolReason.STALE_PRICE,
                f"was last priced {age_seconds / 3600:.0f} hours ago; fetch the prices again",
            )

    def _excluded(self, facts: PoolFacts) -> Iterator[Finding]:
        seconds = self._parameters.pool_exclusion_seconds
        if facts.key in self._interrupted:
            yield Finding(
                PoolReason.EXCLUDED_AFTER_INTERRUPTION,
                f"was interrupted less than {seconds} s ago; ask again later",
            )
        if facts.key in self._refused:
            yield Finding(
                PoolReason.EXCLUDED_AFTER_FAILED_LAUNCH,
                f"had no capacity less than {seconds} s ago; ask again later",
            )

    def _unsafe(self, facts: PoolFacts) -> Iterator[Finding]:
        if facts.score < self._suitability.min_risk_score:
            parts = ", ".join(
                f"{name} {part:g}" for name, part in facts.components._asdict().items()
            )
            unknown = (
                "" if facts.bucket is not None else "; Spot Advisor does not know the type here"
            )
            yield Finding(
                PoolReason.TOO_RISKY,
                f"has risk score {facts.score:g}, below {self._suitability.min_risk_score:g}"
                f" ({parts}{unknown})",
            )
        prediction = self._predictions.get(facts.key)
        if prediction is not None and is_vetoed(prediction, self._parameters):
            yield Finding(
                PoolReason.PREDICTED_INTERRUPTION,
                f"will be interrupted within {prediction.horizon_hours:g} h with probability"
                f" {prediction.interruption_probability:g} by model {prediction.model}, above"
                f" {self._parameters.max_interruption_probability:g}",
            )


def _excluded(
    events: Iterable[PoolEvent], parameters: SpotParameters, now: datetime
) -> frozenset[PoolKey]:
    """The pools with an event that is not over yet; events after ``now`` have not happened."""
    span = timedelta(seconds=parameters.pool_exclusion_seconds)
    return frozenset(
        (one.instance_type, one.availability_zone)
        for one in events
        if one.time <= now < one.time + span
    )
