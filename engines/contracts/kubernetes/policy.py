"""Rules of a namespace or of the cluster: budgets, limits, quotas, webhooks."""

from collections.abc import Mapping

from engines.contracts.json_values import Integer, Time, refuse_absurd_time
from engines.contracts.kubernetes.meta import (
    Condition,
    KubernetesObject,
    KubernetesStruct,
    LabelSelector,
    Quantity,
)
from engines.contracts.kubernetes.workloads import IntOrPercent


class NamespaceStatus(KubernetesStruct, frozen=True, kw_only=True):
    """``phase`` is Active or Terminating."""

    phase: str = "Active"


class Namespace(KubernetesObject, frozen=True, kw_only=True):
    """A namespace; its labels opt in to office hours and are matched by affinity."""

    status: NamespaceStatus = NamespaceStatus()


class PodDisruptionBudgetSpec(KubernetesStruct, frozen=True, kw_only=True):
    """``selector`` None protects nothing, an empty one the whole namespace."""

    selector: LabelSelector | None = None
    min_available: IntOrPercent | None = None
    max_unavailable: IntOrPercent | None = None
    unhealthy_pod_eviction_policy: str = "IfHealthyBudget"  # or AlwaysAllow


class PodDisruptionBudgetStatus(KubernetesStruct, frozen=True, kw_only=True):
    """What the disruption controller worked out; ``disrupted_pods`` still count as leaving."""

    current_healthy: Integer = 0
    desired_healthy: Integer = 0
    disruptions_allowed: Integer = 0
    expected_pods: Integer = 0
    observed_generation: Integer = 0
    disrupted_pods: Mapping[str, Time] = {}
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        for moment in self.disrupted_pods.values():
            refuse_absurd_time("disruptedPods", moment)


class PodDisruptionBudget(KubernetesObject, frozen=True, kw_only=True):
    """How many of the selected pods must stay."""

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class LimitRangeItem(KubernetesStruct, frozen=True, kw_only=True):
    """Bounds for one ``type``: Container, Pod or PersistentVolumeClaim."""

    type: str
    max: Mapping[str, Quantity] = {}
    min: Mapping[str, Quantity] = {}
    default: Mapping[str, Quantity] = {}
    default_request: Mapping[str, Quantity] = {}
    max_limit_request_ratio: Mapping[str, Quantity] = {}


class LimitRangeSpec(KubernetesStruct, frozen=True, kw_only=True):
    """All of them apply."""

    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(KubernetesObject, frozen=True, kw_only=True):
    """Bounds of requests and limits in a namespace."""

    spec: LimitRangeSpec = LimitRangeSpec()


class ScopeRequirement(KubernetesStruct, frozen=True, kw_only=True):
    """Which pods a quota counts."""

    scope_name: str
    operator: str
    values: tuple[str, ...] = ()


class ScopeSelector(KubernetesStruct, frozen=True, kw_only=True):
    """All of its expressions must hold."""

    match_expressions: tuple[ScopeRequirement, ...] = ()


class ResourceQuotaSpec(KubernetesStruct, frozen=True, kw_only=True):
    """The ceiling of each counted thing."""

    hard: Mapping[str, Quantity] = {}
    scopes: tuple[str, ...] = ()
    scope_selector: ScopeSelector | None = None


class ResourceQuotaStatus(KubernetesStruct, frozen=True, kw_only=True):
    """The ceilings in force and what is used of them."""

    hard: Mapping[str, Quantity] = {}
    used: Mapping[str, Quantity] = {}


class ResourceQuota(KubernetesObject, frozen=True, kw_only=True):
    """A namespace's ceiling."""

    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class WebhookService(KubernetesStruct, frozen=True, kw_only=True):
    """The service that a webhook calls."""

    namespace: str
    name: str


class WebhookClient(KubernetesStruct, frozen=True, kw_only=True):
    """How a webhook is reached; None: by a URL outside the cluster, which is not kept."""

    service: WebhookService | None = None


class WebhookRule(KubernetesStruct, frozen=True, kw_only=True):
    """Which calls a webhook sees."""

    api_groups: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    scope: str = "*"


class Webhook(KubernetesStruct, frozen=True, kw_only=True):
    """``failure_policy`` Fail: while its service is down, the API refuses what it would see."""

    name: str
    failure_policy: str = "Fail"
    client_config: WebhookClient = WebhookClient()
    rules: tuple[WebhookRule, ...] = ()


class MutatingWebhookConfiguration(
    KubernetesObject,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="MutatingWebhookConfiguration",
):
    """Webhooks that change objects on their way in."""

    webhooks: tuple[Webhook, ...] = ()


class ValidatingWebhookConfiguration(
    KubernetesObject,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="ValidatingWebhookConfiguration",
):
    """Webhooks that accept or refuse objects."""

    webhooks: tuple[Webhook, ...] = ()


WebhookConfiguration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration
