"""What holds for every workload, whatever it asks for and uses."""

import random
from math import ceil
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.contracts.kubernetes import template_of
from engines.contracts.quantities import cpu_millicores, whole_units
from engines.contracts.state import CurrentState
from engines.resource_policy.limit_ranges import LimitBook
from engines.resource_policy.settings import Pair, Setting, in_force, qos_class, setting_of
from tests.builders import a_node, a_workload, an_instance_type, an_object, an_on_demand_price
from tests.engines.rightsizing.builders import (
    MIB,
    POD_NAMES,
    a_container,
    a_history_of,
    readings,
    size,
    web,
)

millicores = st.integers(1, 8000)
mebibytes = st.integers(1, 8000)


@st.composite
def containers(draw, name):
    """A container whose limits, where it has them, are at least its requests."""

    def pair(amounts, unit):
        request = draw(st.none() | amounts)
        limit = draw(st.none() | st.just(request) | amounts.map(lambda one: (request or 0) + one))
        return tuple(None if one is None else f"{one}{unit}" for one in (request, limit))

    cpu, memory = pair(millicores, "m"), pair(mebibytes, "Mi")
    return a_container(name, cpu=cpu[0], cpu_limit=cpu[1], memory=memory[0], memory_limit=memory[1])


@st.composite
def histories(draw):
    """For two pods and two spells each: millicores, MiB and how many samples."""
    spells = st.tuples(st.integers(0, 4000), st.integers(1, 6000), st.integers(60, 90))
    return tuple(draw(spells) for _ in range(4))


@st.composite
def rules(draw):
    """What a LimitRange says about containers, or None."""
    if draw(st.booleans()):
        return None
    item = {"type": "Container"}
    if draw(st.booleans()):
        item["min"] = {"cpu": f"{draw(st.integers(1, 300))}m", "memory": "50Mi"}
    if draw(st.booleans()):
        item["max"] = {"cpu": "9", "memory": f"{draw(st.integers(1000, 9000))}Mi"}
    if draw(st.booleans()):
        item["maxLimitRequestRatio"] = {"cpu": str(draw(st.integers(1, 5)))}
    return item


class Story(NamedTuple):
    """One or two containers, the history of each, and a rule of the namespace."""

    containers: tuple[dict[str, Any], ...]
    histories: tuple[tuple[tuple[int, int, int], ...], ...]
    rule: dict[str, Any] | None


@st.composite
def stories(draw):
    names = ("main", "proxy")[: draw(st.integers(1, 2))]
    return Story(
        tuple(draw(containers(name)) for name in names),
        tuple(draw(histories()) for _ in names),
        draw(rules()),
    )


def document_of(story):
    """The story's document; a large node beside the usual one holds any pod."""
    usage = []
    for container, history in zip(story.containers, story.histories, strict=True):
        places = [(pod, *when) for pod in POD_NAMES for when in ((0, 40), (50, 60))]
        for (pod, hours_ago, hours), (cpu, mib, samples) in zip(places, history, strict=True):
            usage += readings(
                pod,
                container=container["name"],
                cpu=cpu / 1000,
                mib=mib,
                samples=samples,
                hours=hours,
                hours_ago=hours_ago,
            )
    content = {"metadata": {"name": "l", "namespace": "shop"}, "spec": {"limits": [story.rule]}}
    rule = () if story.rule is None else (an_object("LimitRange", content),)
    large = a_node("large", cpu=64, gib=256)
    return a_history_of(*web(*story.containers), large, usage=usage, limit_ranges=rule)


def settings_of(document, response):
    """The settings in force of all containers of the template: now, and as advised.

    The pods run as their template is written, so defaults are in force where it says nothing.
    """
    [workload] = [one for one in document.workloads if one.kind == "Deployment"]
    now = {one.name: setting_of(one) for one in template_of(workload).spec.containers}
    then = dict(now)
    for one in response.recommendations:
        new = one.recommended
        then[one.subject.container] = Setting(
            Pair(new["cpu_request_millicores"], new["cpu_limit_millicores"]),
            Pair(new["memory_request_bytes"], new["memory_limit_bytes"]),
        )
    rules = LimitBook(document.limit_ranges).of("shop").defaults
    defaults = {name: rules if one.is_empty else Setting() for name, one in now.items()}
    return (
        {name: in_force(one, defaults[name]) for name, one in now.items()},
        {name: in_force(one, defaults[name]) for name, one in then.items()},
    )


def peaks(document, container):
    rows = [one for one in document.usage if one.container == container]
    return (
        ceil(max(round(one.cpu_cores * 1000, 6) for one in rows)),
        max(one.memory_bytes for one in rows),
    )


@given(stories())
@settings(max_examples=60, deadline=None)
def test_advice_keeps_all_that_must_be_kept(story):
    document = document_of(story)

    response = size(document)

    now, then = settings_of(document, response)
    assert qos_class(now.values()) is qos_class(then.values())
    for one in response.recommendations:
        name, kept = one.subject.container, one.evidence["kept"]
        before, after = now[name], then[name]
        cpu_peak, memory_peak = peaks(document, name)
        if "cpu" not in kept:
            assert after.cpu.request >= 10
            assert after.cpu.limit is None or after.cpu.limit >= max(after.cpu.request, cpu_peak)
            assert before.cpu.is_equal is after.cpu.is_equal or document.limit_ranges
        if "memory" not in kept:
            assert after.memory.request >= 100 * MIB
            assert after.memory.request >= memory_peak
            assert after.memory.limit is None or after.memory.limit >= after.memory.request
            assert (before.memory.limit is None) is (after.memory.limit is None)


@given(stories())
@settings(max_examples=60, deadline=None)
def test_advice_keeps_limit_ranges(story):
    document = document_of(story)

    response = size(document)

    for item in (one for rule in document.limit_ranges for one in rule.spec.limits):
        for one in response.recommendations:
            kept, new = one.evidence["kept"], one.recommended
            amounts = {
                "cpu": ("cpu_request_millicores", "cpu_limit_millicores", cpu_millicores),
                "memory": ("memory_request_bytes", "memory_limit_bytes", whole_units),
            }
            for resource, (request, limit, read) in amounts.items():
                if resource in kept:
                    continue
                set_ones = [new[name] for name in (request, limit) if new[name] is not None]
                if resource in item.min:
                    assert min(set_ones) >= read(item.min[resource])
                if resource in item.max:
                    assert max(set_ones) <= read(item.max[resource])
                if resource in item.max_limit_request_ratio and new[limit] is not None:
                    ratio = int(item.max_limit_request_ratio[resource])
                    assert new[limit] <= ratio * new[request]


@given(stories())
@settings(max_examples=60, deadline=None)
def test_every_container_is_advised_or_says_why_not(story):
    document = document_of(story)

    response = size(document)

    advised = {one.subject.container for one in response.recommendations}
    skipped = {one.subject.container for one in response.skipped}
    [workload] = [one for one in document.workloads if one.kind == "Deployment"]
    assert advised | skipped == {one.name for one in template_of(workload).spec.containers}


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_input_does_not_matter(seed):
    rng = random.Random(seed)
    document = a_history_of(
        *web(a_container(), a_container("proxy", cpu_limit="2")),
        a_workload("db", kind="StatefulSet"),
        a_node("node-b", instance_type="m7i.large", cpu=2, gib=8),
        usage=(*readings(), *readings(POD_NAMES[1], cpu=0.7), *readings("db-0", mib=900)),
        instance_types=(an_instance_type("m7i.large", vcpu=2, gib=8), an_instance_type()),
    )
    prices = (*document.on_demand, an_on_demand_price("0.1", instance_type="m7i.large"))
    document = msgspec.structs.replace(document, on_demand=prices)

    assert encoded(shuffled(document, rng)) == encoded(document)


def shuffled(document, rng):
    fields = {
        name: tuple(rng.sample(some, len(some)))
        for name in CurrentState.__struct_fields__
        if (some := getattr(document, name))
    }
    return msgspec.structs.replace(document, **fields)


def encoded(document):
    return msgspec.json.encode(size(document, level="both"))
