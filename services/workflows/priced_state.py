"""A cluster's latest state with the prices in force: enough to say what it costs at a moment."""

from dataclasses import replace
from datetime import datetime

from db.records import Cluster, SeriesFilter
from db.repositories import instance_types, on_demand, spot_prices
from db.session import Reader
from engines.contracts.pricing import OperatingSystem
from engines.contracts.state import ClusterState, compile_state
from services.workflows.market_data import bundled_beside
from services.workflows.open_cluster import load_latest_document


def load_priced_state(reader: Reader, cluster: Cluster, at: datetime) -> ClusterState:
    """The latest state; of Spot prices only those in force at ``at``, not their history.

    Raises InvalidInputError where nothing was read of the cluster yet.
    """
    state = compile_state(load_latest_document(reader, cluster))
    if cluster.region is None:
        return state
    wanted = SeriesFilter(regions=(cluster.region,), products=None)
    prices = on_demand.load(reader, at=at, regions=(cluster.region,))
    types = instance_types.load(reader)
    bundled = bundled_beside({cluster.region}, tuple(OperatingSystem), prices, types)
    return replace(
        state,
        spot_prices=spot_prices.load_latest(reader, wanted, at=at),
        on_demand=(*prices, *bundled.on_demand),
    )
