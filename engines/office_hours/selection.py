"""Which schedule a workload follows, if any, and what must never be put to sleep."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from engines.contracts.kubernetes import Namespace, Workload, template_of
from engines.contracts.snapshot import ClusterSnapshot
from engines.office_hours.parameters import ScheduleParameters
from engines.office_hours.reasons import WorkloadReason
from engines.office_hours.recognition import (
    is_production,
    is_system_component,
    production_labels,
)
from engines.office_hours.schedules import BadSchedule, Environment, read_schedule

ENVIRONMENT_LABEL = "cloudoptim.io/environment"
ANNOTATION = "cloudoptim.io/office-hours"


class Exempt(NamedTuple):
    """Why a workload is to be awake at all hours."""

    reason: WorkloadReason
    message: str
    subjects: tuple[str, ...] = ()


class Schedules:
    """The schedules of a request, and which of them each workload follows."""

    def __init__(self, parameters: ScheduleParameters, snapshot: ClusterSnapshot) -> None:
        read = [read_schedule(one) for one in _in_one_order(parameters.schedules)]
        self.environments = tuple(one for one in read if isinstance(one, Environment))
        self.bad = tuple(one for one in read if isinstance(one, BadSchedule))
        self._namespaces = {one.metadata.name: one for one in snapshot.namespaces}

    def of(self, workload: Workload) -> Environment | Exempt:
        """The schedule of a workload, its own annotation included, or why it has none."""
        namespace = workload.metadata.namespace
        found = self._environment_of(namespace)
        if isinstance(found, Exempt):
            return found
        word = workload.metadata.annotations.get(ANNOTATION)
        return found if word is None else _overridden(found, word)

    def namespace(self, name: str) -> Namespace | None:
        """The namespace, where it was read."""
        return self._namespaces.get(name)

    def _environment_of(self, name: str) -> Environment | Exempt:
        namespace = self._namespaces.get(name)
        label = "" if namespace is None else namespace.metadata.labels.get(ENVIRONMENT_LABEL, "")
        bad = [one for one in self.bad if _concerns(one.environment, one.namespaces, name, label)]
        if bad:
            return Exempt(WorkloadReason.BAD_SCHEDULE, f"stays awake: {bad[0].problem}")
        good = [
            one
            for one in self.environments
            if _concerns(one.document.environment, one.document.namespaces, name, label)
        ]
        if not good:
            said = f"of environment {label!r} " if label else ""
            return Exempt(
                WorkloadReason.NO_SCHEDULE,
                f"has no schedule; its namespace {name} {said}follows none: label it"
                f" {ENVIRONMENT_LABEL} with the name of an environment that has one",
            )
        if len(good) > 1:
            return Exempt(
                WorkloadReason.CONFLICTING_SCHEDULES,
                f"stays awake: {len(good)} schedules claim namespace {name}; leave one",
                tuple(sorted(one.document.environment for one in good)),
            )
        return good[0]


def _in_one_order(schedules: tuple[Mapping[str, Any], ...]) -> list[Mapping[str, Any]]:
    """Sorted, equal ones once: the order in which schedules are given means nothing."""
    by_text = {msgspec.json.encode(one, order="deterministic"): one for one in schedules}
    return [by_text[text] for text in sorted(by_text)]


def _concerns(environment: str, namespaces: tuple[str, ...], name: str, label: str) -> bool:
    return name in namespaces or (bool(label) and label == environment)


def _overridden(environment: Environment, word: str) -> Environment | Exempt:
    """The environment's schedule with what the workload's annotation puts over it."""
    if word.strip().lower() == "exclude":
        return Exempt(
            WorkloadReason.EXCLUDED_BY_ANNOTATION, f"is excluded by its annotation {ANNOTATION}"
        )
    try:
        own = msgspec.json.decode(word, type=dict[str, Any])
    except msgspec.DecodeError as error:
        return _bad_annotation(str(error))
    own.pop("environment", None)
    read = read_schedule({**environment.raw, **own})
    return read if isinstance(read, Environment) else _bad_annotation(read.problem)


def _bad_annotation(problem: str) -> Exempt:
    return Exempt(
        WorkloadReason.BAD_ANNOTATION,
        f'stays awake: its annotation {ANNOTATION} is neither "exclude" nor a schedule: {problem}',
    )


class Guard:
    """What must stay awake whatever the schedules say."""

    def __init__(self, schedules: Schedules, snapshot: ClusterSnapshot) -> None:
        self._schedules = schedules
        self._backends = tuple(_fail_closed_backends(snapshot))

    def objection(self, workload: Workload, environment: Environment) -> Exempt | None:
        """Why the workload must not sleep; None: it may."""
        return (
            self._by_kind(workload)
            or self._by_role(workload)
            or self._by_word(workload, environment)
            or self._by_webhooks(workload)
        )

    def _by_kind(self, workload: Workload) -> Exempt | None:
        if workload.kind == "DaemonSet":
            return Exempt(
                WorkloadReason.DAEMONSET, "is a DaemonSet: it cannot be scaled, it goes with nodes"
            )
        if workload.kind == "Job":
            return Exempt(WorkloadReason.JOB_RUNS_TO_ITS_END, "is a Job: it is not stopped halfway")
        owner = workload.metadata.controller
        if owner is None:
            return None
        return Exempt(
            WorkloadReason.MANAGED_BY_OPERATOR,
            f"is kept by {owner.kind} {owner.name}, which would undo the change; let that sleep",
            (f"{owner.kind}/{owner.name}",),
        )

    def _by_role(self, workload: Workload) -> Exempt | None:
        if not is_system_component(workload):
            return None
        return Exempt(
            WorkloadReason.SYSTEM_COMPONENT,
            "keeps the cluster itself going (DNS, ingress, certificates, autoscaling or CloudOptim)"
            " and never sleeps",
        )

    def _by_word(self, workload: Workload, environment: Environment) -> Exempt | None:
        """Labels that say production, and the schedule's list of exclusions."""
        namespace, name = workload.metadata.namespace, workload.metadata.name
        around = self._schedules.namespace(namespace)
        labels = {
            **({} if around is None else around.metadata.labels),
            **template_of(workload).metadata.labels,
            **workload.metadata.labels,
        }
        said = production_labels(labels)
        if said or is_production(environment.document.environment):
            return Exempt(
                WorkloadReason.LABELLED_PRODUCTION,
                "is production by its labels or its environment, which never sleeps",
                said,
            )
        if {name, f"{namespace}/{name}"} & set(environment.document.exclusions):
            return Exempt(
                WorkloadReason.EXCLUDED_BY_SCHEDULE,
                f"is among the exclusions of environment {environment.document.environment}",
            )
        return None

    def _by_webhooks(self, workload: Workload) -> Exempt | None:
        labels = template_of(workload).metadata.labels
        for hook in self._backends:
            if hook.namespace != workload.metadata.namespace:
                continue
            if hook.selector is None or (hook.selector and hook.selector.items() <= labels.items()):
                return Exempt(
                    WorkloadReason.WEBHOOK_BACKEND,
                    f"answers admission webhook {hook.name} with failurePolicy Fail: asleep, it"
                    " would block the API",
                    (hook.name,),
                )
        return None


class _Backend(NamedTuple):
    """The pods behind a webhook that must answer; ``selector`` None: its service was not read."""

    name: str
    namespace: str
    selector: Mapping[str, str] | None


def _fail_closed_backends(snapshot: ClusterSnapshot) -> Iterator[_Backend]:
    services = {(one.metadata.namespace, one.metadata.name): one for one in snapshot.services}
    for configuration in snapshot.webhooks:
        for hook in configuration.webhooks:
            target = hook.client_config.service
            if target is None or hook.failure_policy != "Fail":
                continue
            service = services.get((target.namespace, target.name))
            selector = None if service is None else service.spec.selector
            yield _Backend(hook.name, target.namespace, selector)
