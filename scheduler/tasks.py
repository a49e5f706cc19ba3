"""What each job does: one workflow call, with its answer as facts for the record of the run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import msgspec

from db.records import ClusterSource
from db.repositories import clusters, spot_prices
from db.session import Database
from scheduler.work import SCHEDULER, Facts, Work
from services.aws.session import AwsAccount, AwsOptions
from services.aws.spot_prices import KEPT_BY_AWS
from services.errors import CloudOptimError
from services.metrics import DATA_AGE_SECONDS
from services.workflows.check_health import check_health
from services.workflows.collect_state import collect_state
from services.workflows.fetch_market_data import (
    FetchReport,
    OnDemandProgress,
    PriceFetchProgress,
    fetch_instance_types,
    fetch_on_demand,
    fetch_spot_advisor,
    fetch_spot_prices,
)
from services.workflows.ledgers import record_kills, scan_for_waste
from services.workflows.optimise_clusters import missing_for_optimisation, optimise_cluster
from services.workflows.record_usage import record_usage
from services.workflows.remote_access import RemoteOpener
from services.workflows.retain import drop_unused_states, retain
from services.workflows.summarise_metrics import missing_for_summary, summarise_metrics


class FetchFailedError(CloudOptimError):
    """Some regions could not be fetched; what was read of them is stored."""


def collect(work: Work) -> Facts:
    """Read a cluster, and add what its containers use to their history."""
    state = collect_state(
        work.database,
        work.target,
        secrets=work.secrets,
        settings=work.settings,
        actor=SCHEDULER,
        at=work.at,
    )
    usage = record_usage(work.database, work.target, at=work.at)
    kills = record_kills(work.database, work.target, at=work.at)
    return {
        "nodes": state.node_count,
        "pods": state.pod_count,
        "bytes_read": state.bytes_read,
        "is_changed": state.is_changed,
        "problems": len(state.problems),
        "usage": msgspec.structs.asdict(usage),
        "new_oom_kills": kills,
    }


def scan_waste(work: Work) -> Facts:
    """Note which instances and volumes of a customer are idle."""
    scans = scan_for_waste(work.database, work.target, at=work.at)
    return {
        one.region: one.not_scanned
        or {"idle_instances": one.idle_instances, "available_volumes": one.available_volumes}
        for one in scans
    }


def optimise(work: Work) -> Facts:
    """Ask the engines about a cluster."""
    return optimise_cluster(
        work.database, work.target, settings=work.settings, actor=SCHEDULER, at=work.at
    )


def summarise(work: Work) -> Facts:
    """Store what a cluster costs and uses now."""
    values = summarise_metrics(work.database, work.target, at=work.at)
    return {str(kind): value for kind, value in values.items()}


def refresh_spot_prices(work: Work) -> Facts:
    """Fetch what is new of the Spot prices of a customer's regions."""
    return _fetch(work, since=None)


def backfill_spot_prices(work: Work) -> Facts:
    """Fetch all that AWS keeps of the Spot prices of a customer's regions."""
    return _fetch(work, since=work.at - KEPT_BY_AWS)


def refresh_spot_advisor(work: Work) -> Facts:
    """Fetch the published edition of Spot Advisor."""
    report = fetch_spot_advisor(
        work.database,
        work.settings.spot_advisor_url,
        actor=SCHEDULER,
        at=work.at,
        options=AwsOptions.of(work.settings),
    )
    return _facts(report)


def refresh_on_demand_prices(work: Work) -> Facts:
    """Fetch the price lists of all regions that have a cluster."""

    def tell(one: OnDemandProgress) -> None:
        work.report(0.0, {one.region: one.rows, "bytes": one.bytes_fetched})

    fetched = fetch_on_demand(
        work.database,
        work.settings.price_list_url,
        regions_of(work.database),
        actor=SCHEDULER,
        at=work.at,
        options=AwsOptions.of(work.settings),
        progress=tell,
    )
    if fetched.failed:
        raise FetchFailedError(
            "; ".join(f"{one.region}: {one.failure}" for one in fetched.failed),
            next_step=fetched.failed[0].next_step,
        )
    return {one.region: _facts(one.report) for one in fetched.regions if one.report is not None}


def refresh_instance_types(work: Work) -> Facts:
    """Fetch what the instance types of a customer's regions offer."""
    regions = regions_of(work.database, work.target)
    with _account(work, regions[0]) as account:
        report = fetch_instance_types(
            work.database, account, actor=SCHEDULER, at=work.at, regions=regions
        )
    return _facts(report)


def measure_data_ages(work: Work) -> Facts:
    """Tell Prometheus how old the newest market data are."""
    health = check_health(work.database, now=work.at)
    ages: dict[str, int] = {}
    for one in health.data:
        ages[one.kind.value] = min(one.age_seconds, ages.get(one.kind.value, one.age_seconds))
    for kind, seconds in ages.items():
        DATA_AGE_SECONDS.labels(kind).set(seconds)
    return {"status": health.status.value, **ages}


def delete_unused_states(work: Work) -> Facts:
    """Delete cluster states that no decision refers to."""
    return {"states": drop_unused_states(work.database, settings=work.settings, at=work.at)}


def delete_old_rows(work: Work) -> Facts:
    """Delete what is older than it is kept for."""
    return retain(work.database, settings=work.settings, at=work.at, progress=work.report)


def waits_for_optimisation(database: Database, cluster_id: str) -> str:
    """A first state, and prices of its region."""
    return missing_for_optimisation(database, cluster_id, at=datetime.now(UTC))


def waits_for_summary(database: Database, cluster_id: str) -> str:
    """A state that is not old."""
    return missing_for_summary(database, cluster_id, at=datetime.now(UTC))


def waits_for_region(database: Database, customer_id: str) -> str:
    """A cluster that has told where it lies."""
    return "" if regions_of(database, customer_id) else "a first state of a cluster"


def waits_for_first_states(database: Database, customer_id: str) -> str:
    """A first state of every cluster of the customer: a scan sees all of them or nothing."""
    with database.reader() as reader:
        known = [one for one in clusters.list_all(reader) if one.customer_id == customer_id]
    read = [one for one in known if one.source is ClusterSource.API]
    unread = [one.name for one in read if one.latest_snapshot_digest is None]
    if unread or not read:
        return f"a first state of {unread[0] if unread else 'a cluster'}"
    return ""


def waits_for_first_prices(database: Database, customer_id: str) -> str:
    """The newest prices, which decisions need first."""
    regions = regions_of(database, customer_id)
    with database.reader() as reader:
        priced = {one.region for one in spot_prices.spans(reader)}
    return "" if regions and priced.issuperset(regions) else "the newest Spot prices"


def waits_for_any_region(database: Database, _target: str) -> str:
    """Any cluster that has told where it lies."""
    return "" if regions_of(database) else "a first state of a cluster"


def regions_of(database: Database, customer_id: str | None = None) -> Sequence[str]:
    """Where the clusters of a customer (None: of all) lie that are read through their API."""
    with database.reader() as reader:
        known = clusters.list_all(reader)
    return sorted(
        {
            one.region
            for one in known
            if one.source is ClusterSource.API
            and one.region is not None
            and customer_id in (None, one.customer_id)
        }
    )


def _fetch(work: Work, *, since: datetime | None) -> Facts:
    regions = regions_of(work.database, work.target)
    with _account(work, regions[0]) as account:
        fetched = fetch_spot_prices(
            work.database,
            account,
            regions,
            actor=SCHEDULER,
            at=work.at,
            since=since,
            parallelism=work.settings.pricing_data_fetch_parallelism,
            progress=lambda one: work.report(_share(one), {one.region: one.rows}),
        )
    if fetched.failed:
        raise FetchFailedError(
            "; ".join(f"{one.region}: {one.failure}" for one in fetched.failed),
            next_step=fetched.failed[0].next_step,
        )
    return {
        one.region: {"read": one.rows_read, "new": one.rows_new, "dropped": one.rows_dropped}
        for one in fetched.regions
    }


def _account(work: Work, region: str) -> AbstractContextManager[AwsAccount]:
    opener = RemoteOpener(work.database, work.secrets, work.settings)
    return opener.account(work.target, region)


def _facts(report: FetchReport) -> Facts:
    if report.is_unchanged:
        return {"is_unchanged": True}
    return {
        "read": report.rows_read,
        "new": report.rows_new,
        "changed": report.rows_changed,
        "dropped": report.rows_dropped,
    }


def _share(progress: PriceFetchProgress) -> float:
    """Of the window of one region; records come newest first."""
    window = (progress.until - progress.since).total_seconds()
    return (progress.until - progress.reached).total_seconds() / window if window else 1.0
