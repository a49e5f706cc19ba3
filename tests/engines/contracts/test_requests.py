"""A request from JSON: what is wrong is named by its path, and nothing crashes the reader."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.contracts.errors import InvalidInputError
from engines.contracts.requests import (
    convert_part,
    input_digest,
    parse_request,
    to_request,
    to_request_document,
)
from engines.contracts.results import DecisionType
from engines.contracts.state import DataSource
from tests.builders import NOW, a_node, a_pod, a_price, a_request, a_state


class _Lists(msgspec.Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]
    shares: tuple[float, ...] = ()


NODE = {"metadata": {"name": "node-a"}}
PRICE = {
    "instance_type": "m7i.xlarge",
    "availability_zone": "us-east-1a",
    "region": "us-east-1",
    "product_description": "Linux/UNIX",
    "spot_price": 0.08,
    "timestamp": "2026-08-01T00:00:00Z",
}


def request_with(state=None, **changes):
    content = {
        "request_id": "r",
        "cluster_id": "c",
        "decision_type": "spot_optimize",
        "now": "2026-08-03T12:00:00Z",
        "current_state": {} if state is None else state,
        **changes,
    }
    return json.dumps(content).encode()


def test_a_request_is_read():
    request = parse_request(
        request_with(
            {"nodes": [NODE], "prices": [PRICE]},
            requirements={"region": "us-east-1"},
            constraints={"min_risk_score": 0.8},
        )
    )

    assert request.decision_type is DecisionType.SPOT_OPTIMIZE
    assert request.now == datetime(2026, 8, 3, 12, tzinfo=UTC)
    assert request.current_state.cluster.nodes.names == ("node-a",)
    assert request.current_state.spot_prices.micro_usd.tolist() == [80_000]
    assert request.requirements == {"region": "us-east-1"}
    assert request.constraints == {"min_risk_score": 0.8}


def test_a_request_survives_being_stored():
    request = a_request(a_state(a_node(), a_pod(on="node-a"), prices=(a_price(),)))

    text = msgspec.json.encode(to_request_document(request))
    again = parse_request(text)

    assert input_digest(again) == input_digest(request)
    assert to_request_document(again) == to_request_document(request)


def bad_node(**changes):
    return {"nodes": [NODE, {**NODE, **changes}]}


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "the request, byte 0", "ends in the middle"),
        (request_with()[:-1], "the request, byte", "ends in the middle"),
        (b"hello", "the request, byte 0", "invalid character"),
        (request_with() + b" x", "the request, byte", "trailing characters"),
        (b"[]", "the request", "expected `object`"),
        (b'{"request_id": "\xff"}', "the request, byte 16", "is not UTF-8"),
        (b"[" * 100_000, "the request", "nested too deeply"),
        (
            b'{"requirements": ' + b"[" * 100_000,
            "the request",
            "nested too deeply",
        ),
        (request_with(decision_type="x"), "$.decision_type", "invalid enum value"),
        (request_with(now="2026-08-03T12:00:00"), "$.now", "timezone"),
        (request_with(now="0001-01-01T00:00:00+23:00"), "the request", "not a time of this age"),
        (request_with(surprise=1), "the request", "unknown field `surprise`"),
        (request_with({"pdb": []}), "$.current_state", "unknown field `pdb`"),
        (
            request_with(bad_node(spec={"taints": [{"key": 7, "effect": "x"}]})),
            "$.current_state.nodes[1].spec.taints[0].key",
            "expected `str`, got `int`",
        ),
        (request_with({"nodes": [{}]}), "$.current_state.nodes[0]", "required field `metadata`"),
        (request_with({"workloads": [NODE]}), "$.current_state.workloads[0]", "field `kind`"),
        (request_with({"nodes": 7}), "$.current_state.nodes", "expected `array | null`"),
        (
            request_with({"prices": [PRICE, {**PRICE, "spot_price": 0}]}),
            "$.current_state.prices[1]",
            "spot_price must be between",
        ),
        (
            request_with({"prices": [{**PRICE, "spot_price": "NaN"}]}),
            "$.current_state.prices[0]",
            "spot_price must be between",
        ),
        (
            request_with({"prices": [{**PRICE, "timestamp": "2026-08-01T00:00:00"}]}),
            "$.current_state.prices[0].timestamp",
            "timezone",
        ),
    ],
)
def test_a_bad_request_is_refused_with_the_place(data, place, reason):
    with pytest.raises(InvalidInputError) as caught:
        parse_request(data)

    assert caught.value.source.startswith(place)
    assert reason in caught.value.reason
    assert caught.value.next_step


def test_an_unknown_part_of_the_state_is_answered_with_the_known_ones():
    with pytest.raises(InvalidInputError, match="the fields are nodes, pods, namespaces, pdbs"):
        parse_request(request_with({"deployments": []}))


def test_null_in_the_state_is_not_set_and_in_parameters_it_stays():
    data = request_with(
        {"nodes": [{"metadata": {"name": "node-a", "labels": None}}], "pods": None},
        requirements={"required_vcpu": None},
    )

    request = parse_request(data)

    assert request.current_state.cluster.nodes.names == ("node-a",)
    assert request.requirements == {"required_vcpu": None}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data):
    request = None
    with suppress(InvalidInputError):
        request = parse_request(data)

    assert request is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(["nodes", "pods", "workloads", "prices", "usage", "traffic", "advisor"])


@given(st.dictionaries(FIELDS, JSON | st.lists(JSON, max_size=3), max_size=3))
def test_any_json_for_a_state_is_a_state_or_refused(state):
    """Null is "not set" and an empty list an empty table: only those are states."""
    is_blank = all(value in (None, []) for value in state.values())

    if is_blank:
        assert len(parse_request(request_with(state)).current_state.cluster.nodes) == 0
    else:
        with suppress(InvalidInputError):
            assert parse_request(request_with(state)).request_id == "r"


def test_the_digest_does_not_depend_on_the_order_of_lists_or_keys_or_on_the_request_id():
    objects = (a_node("node-a"), a_node("node-b"), a_pod("p", on="node-a"))
    one = a_request(a_state(*objects), requirements={"a": 1, "b": 2})
    other = a_request(a_state(*objects[::-1]), requirements={"b": 2, "a": 1})
    renamed = msgspec.structs.replace(other, request_id="another")

    assert input_digest(one) == input_digest(other) == input_digest(renamed)


def shuffled(value, draw):
    """The same JSON value with every list in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(one, draw) for one in draw(st.permutations(value))]
    return value


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.data())
def test_the_digest_does_not_depend_on_the_order_of_any_list_in_the_parameters(values, data):
    one = a_request(a_state(), requirements=values, constraints=values)
    other = a_request(
        a_state(),
        requirements=shuffled(values, data.draw),
        constraints=shuffled(values, data.draw),
    )

    assert input_digest(one) == input_digest(other)


def test_lists_that_hold_other_things_have_another_digest():
    nested = {"schedules": [{"days": ["mon", "tue"]}, {"days": ["sat"]}]}
    other = {"schedules": [{"days": ["mon"]}, {"days": ["tue", "sat"]}]}
    one = a_request(a_state(), requirements=nested)

    assert input_digest(one) != input_digest(a_request(a_state(), requirements=other))


def test_engines_get_the_lists_of_their_parameters_in_one_order():
    given_so = convert_part({"names": ["b", "a"], "shares": (0.2, 0.1)}, _Lists, "requirements")

    assert given_so == _Lists(names=("a", "b"), shares=(0.1, 0.2))


def test_a_fault_in_a_list_is_named_by_its_place_as_it_was_given():
    with pytest.raises(InvalidInputError) as caught:
        convert_part({"names": ["z", "y", 7, "a"]}, _Lists, "requirements")

    assert caught.value.source == "$.requirements.names[2]"


def test_the_order_of_sources_is_no_part_of_the_question():
    sources = [DataSource(kind="prices", name="prices.csv", count=one) for one in (1, 2)]
    one = a_request(a_state(sources=tuple(sources)))
    other = a_request(a_state(sources=tuple(sources[::-1])))

    assert input_digest(one) == input_digest(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"requirements": {"region": "eu-west-1"}},
        {"constraints": {"min_risk_score": 0.9}},
        {"now": datetime(2026, 8, 3, 12, 0, 1, tzinfo=UTC)},
        {"decision_type": DecisionType.BIN_PACK},
        {"cluster_id": "other"},
        {"current_state": a_state(a_node("node-b"))},
        {"current_state": a_state(a_node("node-a"), prices=(a_price(),))},
    ],
)
def test_the_digest_depends_on_all_that_an_answer_may_depend_on(changes):
    request = a_request(a_state(a_node("node-a")))

    assert input_digest(msgspec.structs.replace(request, **changes)) != input_digest(request)


def test_one_moment_in_two_zones_is_one_question():
    document = to_request_document(a_request(a_state()))
    here = msgspec.structs.replace(document, now=NOW)
    there = msgspec.structs.replace(
        document, now=datetime.fromisoformat("2026-08-03T14:00:00+02:00")
    )

    assert input_digest(to_request(here)) == input_digest(to_request(there))
