"""What a request gives to both levels, worked out once."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.contracts.requests import DecisionRequest
from engines.contracts.state import ClusterState
from engines.contracts.usage import UsageTable
from engines.contracts.usage_summary import UsageSummary
from engines.cost import node_cost_per_hour
from engines.resource_policy.attribution import PodOwners
from engines.rightsizing.histories import Histories, gather
from engines.rightsizing.parameters import RightsizingParameters
from engines.rightsizing.summaries import summarise


class Given(NamedTuple):
    """The state, and what follows from it before anything is judged.

    ``costs``: micro-dollars per hour of each node, or UNKNOWN_COST.
    """

    state: ClusterState
    now: datetime
    parameters: RightsizingParameters
    summary: UsageSummary
    owners: PodOwners
    histories: Histories
    costs: NDArray[np.int64]


def read_given(request: DecisionRequest, parameters: RightsizingParameters) -> Given:
    """Summarise the use, unless a summary is given, and find out whose it was."""
    state, now = request.current_state, request.now
    summary = state.usage_summary
    if summary is None:
        summary = summarise(state.usage or UsageTable.from_rows(()), int(now.timestamp()))
    owners = PodOwners(state.cluster)
    return Given(
        state=state,
        now=now,
        parameters=parameters,
        summary=summary,
        owners=owners,
        histories=gather(summary, owners),
        costs=node_cost_per_hour(state, now),
    )
