"""The JSON Schemas describe what is accepted and what is answered."""

import json

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from engines.contracts.requests import parse_request, to_request_document
from engines.contracts.results import (
    DecisionResponse,
    DecisionStatus,
    DecisionType,
    EngineIdentity,
)
from engines.contracts.schemas import request_schema, response_schema
from tests.builders import a_node, a_pod, a_price, a_request, a_state, a_workload


class Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of an engine that is not there."""

    region: str | None = None
    cpu_floor_m: int = 10


def validator(schema):
    plain = json.loads(msgspec.json.encode(schema))
    Draft202012Validator.check_schema(plain)
    return Draft202012Validator(plain)


def a_request_text(**requirements):
    state = a_state(a_node(), a_pod(on="node-a"), a_workload(), prices=(a_price(),))
    document = to_request_document(a_request(state, requirements=requirements))
    return msgspec.json.encode(document)


def test_a_stored_request_fits_the_schema_and_is_accepted():
    text = a_request_text(region="us-east-1")

    validator(request_schema(Parameters)).validate(json.loads(text))

    assert parse_request(text).requirements == {"region": "us-east-1"}


@pytest.mark.parametrize(
    "change",
    [
        {"now": 5},
        {"decision_type": "x"},
        {"requirements": {"regoin": "us-east-1"}},
        {"requirements": {"cpu_floor_m": "10"}},
        {"current_state": {"deployments": []}},
        {"current_state": {"nodes": [{}]}},
    ],
)
def test_what_does_not_fit_is_told_by_the_schema(change):
    request = json.loads(a_request_text()) | change

    with pytest.raises(ValidationError):
        validator(request_schema(Parameters)).validate(request)


def test_a_response_fits_its_schema():
    response = DecisionResponse(
        request_id="r",
        decision_type=DecisionType.BIN_PACK,
        engine=EngineIdentity(name="e", version="1"),
        input_digest="0",
        status=DecisionStatus.OK,
    )

    text = msgspec.json.Encoder(decimal_format="number").encode(response)

    assert validator(response_schema()).is_valid(json.loads(text))
    assert not validator(response_schema()).is_valid({"request_id": "r"})
