"""Lists: limits, continue tokens, resourceVersions."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from sandbox.kube import gojson, selectors
from sandbox.kube.failures import (
    ApiError,
    FieldError,
    bad_request,
    expired,
    forbidden_field,
    invalid_object,
    server_error,
    unsupported,
)
from sandbox.kube.objects import Obj
from sandbox.kube.resources import Resource
from sandbox.kube.store import Compacted, Snapshot, Store

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can"
    " start a new list without the continue parameter, or use the continue token in this response"
    " to retrieve the remainder of the results. Continuing with the provided token results in an"
    " inconsistent list - objects that were created, modified, or deleted between the time the"
    " first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """The query of a list or watch, parsed."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    version_match: str = ""
    timeout_seconds: int = 0
    bookmarks: bool = False


@dataclass(frozen=True)
class Page:
    """One answer: the objects, the `metadata` of the list."""

    items: list[Obj]
    metadata: Obj


def parse_options(query: Mapping[str, str], *, is_watch: bool) -> ListOptions:
    """ApiError 400 for text that is no number, 422 for what does not go together."""
    options = ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=_integer(query, "limit"),
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        version_match=query.get("resourceVersionMatch", ""),
        timeout_seconds=_integer(query, "timeoutSeconds"),
        bookmarks=is_true(query.get("allowWatchBookmarks", "")),
    )
    fault = _match_fault(options, is_watch=is_watch)
    if fault:
        raise invalid_object("ListOptions", "", [fault], group="meta.k8s.io")
    return options


def is_true(text: str) -> bool:
    """A query flag as Go converts it: everything but nothing, 0 and false is true."""
    return text.lower() not in ("", "0", "false")


def _integer(query: Mapping[str, str], name: str) -> int:
    if name not in query:
        return 0
    try:
        return int(query[name])
    except ValueError as error:
        told = f'strconv.ParseInt: parsing "{query[name]}": invalid syntax'
        raise bad_request(told) from error


def _match_fault(options: ListOptions, *, is_watch: bool) -> FieldError | None:
    match, at = options.version_match, "resourceVersionMatch"
    if not match:
        return None
    if is_watch:
        return forbidden_field(at, "resourceVersionMatch is forbidden for watch")
    if not options.version:
        told = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        return forbidden_field(at, told)
    if options.token:
        return forbidden_field(at, "resourceVersionMatch is forbidden when continue is provided")
    if match not in ("Exact", "NotOlderThan"):
        return unsupported(at, match, ("Exact", "NotOlderThan", ""))
    if match == "Exact" and options.version == "0":
        told = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        return forbidden_field(at, told)
    return None


def page(store: Store, resource: Resource, namespace: str | None, options: ListOptions) -> Page:
    """One page, from one snapshot of the store; ApiError 400, 410 or 504."""
    matches = selectors.query_match(resource, options.labels, options.fields)
    prefix = f"{namespace}/" if namespace else ""
    revision, start = _start(store, options)
    try:
        snapshot = store.snapshot(resource, revision)
    except Compacted as error:
        raise _compacted(options, start) from error
    low, high = snapshot.span(prefix, prefix + start)
    limit = max(0, options.limit) if options.version != "0" else 0
    items, reached = _take(snapshot, low, high, limit, matches)
    metadata: Obj = {"resourceVersion": str(revision)}
    if reached < high:
        last = snapshot.keys[reached - 1].removeprefix(prefix)
        metadata["continue"] = encode_token(revision, f"/{last}\0")
        if matches is None:
            metadata["remainingItemCount"] = high - reached
    return Page(items, metadata)


def _take(
    snapshot: Snapshot, low: int, high: int, limit: int, matches: selectors.Match | None
) -> tuple[list[Obj], int]:
    """(the objects, the index behind the last one looked at)"""
    if matches is None:
        end = min(high, low + limit) if limit else high
        return snapshot.objects[low:end], end
    found: list[Obj] = []
    for index in range(low, high):
        if matches(snapshot.objects[index]):
            found.append(snapshot.objects[index])
            if len(found) == limit:
                return found, index + 1
    return found, high


def _start(store: Store, options: ListOptions) -> tuple[int, str]:
    """(the revision to read at, the key to begin with)"""
    if options.token:
        if options.version not in ("", "0"):
            told = "specifying resource version is not allowed when using continue"
            raise bad_request(told)
        revision, start = decode_token(options.token)
        return (store.revision if revision < 0 else revision), start.removeprefix("/")
    if not options.version:
        return store.revision, ""
    version = parse_version(options.version)
    if version > store.revision:
        raise _too_large(version, store.revision)
    is_exact = options.version_match == "Exact" or (options.limit > 0 and not options.version_match)
    return (version if is_exact and version else store.revision), ""


def parse_version(text: str) -> int:
    """A resourceVersion; the real server answers garbage with a 500."""
    if not text.isdigit():
        raise server_error(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}":'
            " invalid syntax"
        )
    return int(text)


def _too_large(version: int, current: int) -> ApiError:
    told = "Too large resource version"
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": told}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: {told}: {version}, current: {current}"
    return ApiError(504, "Timeout", message, details, {"Retry-After": "1"})


def _compacted(options: ListOptions, start: str) -> ApiError:
    if not options.token:
        return expired("The resourceVersion for the provided list is too old.")
    error = expired(_TOO_OLD)
    if isinstance(error.body, dict):
        error.body["metadata"] = {"continue": encode_token(-1, start)}
    return error


def encode_token(revision: int, start: str) -> str:
    """A continue token as the real server writes it: base64 of JSON, unpadded."""
    raw = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": revision, "start": start})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, str]:
    """(revision, start key); ApiError 400 for what is no token."""
    invalid = "invalid continue token: continue key is not valid: "
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        wrong = next((at for at, one in enumerate(token) if not _is_base64(one)), len(token))
        raise bad_request(f"{invalid}illegal base64 data at input byte {wrong}") from error
    try:
        found = gojson.decode(raw)
    except gojson.JsonError as error:
        raise bad_request(f"{invalid}{error}") from error
    if not isinstance(found, dict) or found.get("v") != "meta.k8s.io/v1":
        told = "server does not recognize this encoded version"
        raise bad_request(f"{invalid}{told}")
    return int(found["rv"]), str(found["start"])


def _is_base64(letter: str) -> bool:
    return (letter.isascii() and letter.isalnum()) or letter in "-_"
