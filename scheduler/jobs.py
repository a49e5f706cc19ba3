"""The catalogue of jobs: what is done, how often, on what, and what it waits for.

``docs/operations.md`` shows the same table; a test compares the two.
"""

from datetime import timedelta

from db.job_records import JobScope
from scheduler import tasks
from scheduler.work import Daily, Every, JobSpec
from services.settings import Settings


def catalogue(settings: Settings) -> tuple[JobSpec, ...]:
    """All jobs of this version, in the order in which screens list them."""
    return (
        JobSpec(
            name="collect_state",
            does="reads a cluster from Kubernetes and AWS, and keeps what its containers use",
            scope=JobScope.CLUSTER,
            timing=Every(interval=timedelta(seconds=60)),
            timeout=timedelta(minutes=5),
            run=tasks.collect,
        ),
        JobSpec(
            name="optimise",
            does="asks every engine that is switched on about a cluster; the answers are advice",
            scope=JobScope.CLUSTER,
            timing=Every(interval=timedelta(minutes=settings.optimization_interval_minutes)),
            run=tasks.optimise,
            waits_for=tasks.waits_for_optimisation,
        ),
        JobSpec(
            name="summarise_metrics",
            does="stores what a cluster costs and uses at this minute, and which nodes it has",
            scope=JobScope.CLUSTER,
            timing=Every(interval=timedelta(seconds=60)),
            run=tasks.summarise,
            waits_for=tasks.waits_for_summary,
        ),
        JobSpec(
            name="scan_waste",
            does="notes which instances and volumes of a customer are idle, and since when",
            scope=JobScope.CUSTOMER,
            timing=Every(interval=timedelta(hours=1)),
            run=tasks.scan_waste,
            waits_for=tasks.waits_for_first_states,
        ),
        JobSpec(
            name="refresh_spot_prices",
            does="fetches what is new of the Spot prices of a customer's regions",
            scope=JobScope.CUSTOMER,
            timing=Every(interval=timedelta(hours=1)),
            timeout=timedelta(minutes=30),
            run=tasks.refresh_spot_prices,
            waits_for=tasks.waits_for_region,
            group="spot_prices",
        ),
        JobSpec(
            name="backfill_spot_prices",
            does="fetches all 90 days of Spot prices that AWS keeps: at first, and to close gaps",
            scope=JobScope.CUSTOMER,
            timing=Every(interval=timedelta(days=90)),
            timeout=timedelta(hours=6),
            run=tasks.backfill_spot_prices,
            waits_for=tasks.waits_for_first_prices,
            group="spot_prices",
        ),
        JobSpec(
            name="refresh_spot_advisor",
            does="fetches the published edition of Spot Advisor",
            scope=JobScope.GLOBAL,
            timing=Every(interval=timedelta(hours=1)),
            run=tasks.refresh_spot_advisor,
        ),
        JobSpec(
            name="refresh_on_demand_prices",
            does="fetches AWS's price lists of all regions that have a cluster",
            scope=JobScope.GLOBAL,
            timing=Every(interval=timedelta(days=1)),
            timeout=timedelta(hours=1),
            run=tasks.refresh_on_demand_prices,
            waits_for=tasks.waits_for_any_region,
        ),
        JobSpec(
            name="refresh_instance_types",
            does="fetches what the instance types of a customer's regions offer",
            scope=JobScope.CUSTOMER,
            timing=Every(interval=timedelta(days=7)),
            timeout=timedelta(minutes=30),
            run=tasks.refresh_instance_types,
            waits_for=tasks.waits_for_region,
        ),
        JobSpec(
            name="measure_data_ages",
            does="measures how old the newest market data are, for alerts",
            scope=JobScope.GLOBAL,
            timing=Every(interval=timedelta(minutes=5)),
            run=tasks.measure_data_ages,
        ),
        JobSpec(
            name="drop_unused_states",
            does="deletes states of clusters that no decision refers to, after an hour",
            scope=JobScope.GLOBAL,
            timing=Every(interval=timedelta(minutes=10)),
            run=tasks.delete_unused_states,
        ),
        JobSpec(
            name="retain",
            does="deletes what is older than it is kept for, see the table of retention",
            scope=JobScope.GLOBAL,
            timing=Daily(hour=3),
            timeout=timedelta(hours=2),
            run=tasks.delete_old_rows,
        ),
    )
