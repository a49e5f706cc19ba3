"""Tokens that carry a page's place: opaque to the caller, and good for the same question only."""

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sandbox.aws.calls import ApiError, Call

_OF_A_PAGE = ("NextToken", "MaxResults", "DryRun")


def write_token(call: Call, place: Mapping[str, Any]) -> str:
    """A token for the page at ``place`` of what ``call`` asks."""
    told = json.dumps([_question(call), place], sort_keys=True)
    return base64.urlsafe_b64encode(told.encode()).decode()


def read_token(call: Call) -> dict[str, Any]:
    """The place that a call's token names; empty where it has none."""
    token = call.get("NextToken")
    if not token:
        return {}
    try:
        question, place = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _invalid() from error
    if question != _question(call) or not isinstance(place, dict):
        raise _invalid()
    return place


def page_size(call: Call, *, least: int, most: int, usual: int) -> int:
    """``MaxResults`` of a call, within what the API takes."""
    text = call.get("MaxResults")
    if not text:
        return usual
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ApiError(
            "InvalidParameterValue",
            f"Value ( {text} ) for parameter maxResults is invalid. "
            f"Expecting a value between {least} and {most}.",
        )
    return int(text)


def _question(call: Call) -> str:
    asked = {name: value for name, value in call.params.items() if name not in _OF_A_PAGE}
    told = json.dumps([call.action, call.region, sorted(asked.items())])
    return sha256(told.encode()).hexdigest()[:16]


def _invalid() -> ApiError:
    return ApiError("InvalidNextToken", "The token provided in the request is invalid.")
