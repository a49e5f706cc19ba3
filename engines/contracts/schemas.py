"""JSON Schemas of requests and responses, for programs that ask or answer decisions."""

from typing import Any

import msgspec

from engines.contracts.requests import DecisionRequestDocument
from engines.contracts.results import DecisionResponse

_REFERENCE = "#/$defs/{name}"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def request_schema(
    parameters_type: type[msgspec.Struct], constraints_type: type[msgspec.Struct] | None = None
) -> dict[str, Any]:
    """The JSON Schema of a request whose ``requirements`` are an engine's own parameters."""
    typed = {"requirements": parameters_type, "constraints": constraints_type}
    types = [DecisionRequestDocument, *(one for one in typed.values() if one is not None)]
    references, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    own = components[DecisionRequestDocument.__name__]
    for name, reference in zip(
        (name for name, one in typed.items() if one is not None), references[1:], strict=True
    ):
        own["properties"][name] = reference
    return _document(references[0], components)


def response_schema() -> dict[str, Any]:
    """The JSON Schema of a response."""
    (reference,), components = msgspec.json.schema_components(
        [DecisionResponse], ref_template=_REFERENCE
    )
    return _document(reference, components)


def _document(reference: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, **reference, "$defs": _with_plain_money(components)}


def _with_plain_money(schema: Any) -> Any:
    """The schema with amounts of money as JSON numbers: msgspec describes them as texts, and
    accepts both."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {**schema, "type": ["number", "string"]}
        return {key: _with_plain_money(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_with_plain_money(value) for value in schema]
    return schema
