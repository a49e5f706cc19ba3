"""The codes of the network optimizer's answers."""

from enum import StrEnum


class RefusalReason(StrEnum):
    """Why nothing is judged at all."""

    NO_TRAFFIC_DATA = "no_traffic_data"
    PODS_NOT_GIVEN = "pods_not_given"
    NODES_NOT_GIVEN = "nodes_not_given"


class PairReason(StrEnum):
    """Why two workloads go on talking across zones."""

    ZONE_DIVERSITY_WOULD_BE_LOST = "zone_diversity_would_be_lost"
    TOO_FEW_ENDPOINTS = "too_few_endpoints"
    PEERS_OF_ONE_WORKLOAD = "peers_of_one_workload"
    NOT_MOVABLE = "not_movable"
    MANAGED_BY_OPERATOR = "managed_by_operator"
    NO_ROOM_IN_ZONE = "no_room_in_zone"
    HELD_BY_ROUTE = "held_by_route"
    NOT_WORTH_MOVING = "not_worth_moving"
    SOLVER_LIMIT = "solver_limit"
    BELOW_THRESHOLD = "below_threshold"


class PodReason(StrEnum):
    """Why a pod's traffic counts for nothing."""

    UNKNOWN_POD = "unknown_pod"
    UNKNOWN_ZONE = "unknown_zone"


class WarningCode(StrEnum):
    """What a reader should know before trusting the answer."""

    TRAFFIC_OF_UNKNOWN_PODS = "traffic_of_unknown_pods"
    SERVICES_NOT_READ = "services_not_read"
    NODES_WITHOUT_ZONE = "nodes_without_zone"
    TRAFFIC_IS_OLD = "traffic_is_old"
    PODS_RESTART = "pods_restart"
