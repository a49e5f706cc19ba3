"""One API call as it arrived, one answer as it leaves, and how each protocol writes an error.

EC2 speaks its own query dialect, Auto Scaling and STS the common one, SQS JSON 1.0 with the
error header of its query days. Only what the sandbox answers itself passes through here; moto
reads the call from the untouched WSGI environment.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.sax.saxutils import escape

NAMESPACES = {
    "ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
    "autoscaling": "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
XML = "text/xml;charset=UTF-8"
AMAZON_JSON = "application/x-amz-json-1.0"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,]+)/([^/,]+)/aws4_request")


class ApiError(Exception):
    """An error answer: the code and message that boto3 shows, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Call:
    """A signed call. ``params`` are the flat query parameters; empty where the body is JSON.

    ``account_id`` is that of the principal who calls, once it is known.
    """

    service: str
    region: str
    action: str
    access_key: str
    session_token: str = ""
    account_id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    environ: Mapping[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        return self.params.get(name, default)

    def is_true(self, name: str) -> bool:
        return self.get(name).lower() == "true"

    def listed(self, prefix: str) -> tuple[str, ...]:
        """The values ``prefix.1``, ``prefix.2`` ... in order."""
        return tuple(self._numbered(prefix))

    def filters(self) -> Mapping[str, tuple[str, ...]]:
        """The ``Filter.N`` of an EC2 call, by name."""
        found = {}
        for number in range(1, 201):  # EC2 takes at most 200 filters
            name = self.get(f"Filter.{number}.Name")
            if not name:
                break
            found[name] = self.listed(f"Filter.{number}.Value")
        return found

    def changed(self, changes: Mapping[str, str | None]) -> "Call":
        """The call with some query parameters set, or taken out where the value is None."""
        params = {**self.params, **changes}
        kept = {name: value for name, value in params.items() if value is not None}
        return replace(self, params=kept, body=urlencode(kept).encode())

    def to_environ(self) -> dict[str, Any]:
        """The WSGI environment for moto, which keeps what it holds by account."""
        return {
            **self.environ,
            "wsgi.input": io.BytesIO(self.body),
            "CONTENT_LENGTH": str(len(self.body)),
            "HTTP_X_MOTO_ACCOUNT_ID": self.account_id,
        }

    def _numbered(self, prefix: str) -> Iterator[str]:
        number = 1
        while (value := self.params.get(f"{prefix}.{number}")) is not None:
            yield value
            number += 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, complete."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


def read_call(environ: Mapping[str, Any], body: bytes) -> Call:
    """The call in a WSGI environment; one that is not signed has no access key."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    access_key, region, service = found.groups() if found else ("", "", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    params: dict[str, str] = {}
    if not target and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form"):
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Call(
        service=service,
        region=region,
        action=target.rpartition(".")[2] or params.get("Action", ""),
        access_key=access_key,
        session_token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""),
        params=params,
        body=body,
        environ=environ,
    )


def write_answer(call: Call, result: Mapping[str, Any], request_id: str) -> Answer:
    """A result in the XML of the call's service: mappings nest, sequences become list items."""
    namespace = NAMESPACES[call.service]
    if call.service == "ec2":
        inner = f"<requestId>{request_id}</requestId>" + write_members(result, "item")
    else:
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        members = write_members(result, "member")
        inner = f"<{call.action}Result>{members}</{call.action}Result>{metadata}"
    name = f"{call.action}Response"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{namespace}">{inner}</{name}>'
    return Answer(headers=(("Content-Type", XML),), body=text.encode())


def write_members(value: object, item: str) -> str:
    """XML of a value; None is an empty element."""
    if isinstance(value, Mapping):
        return "".join(
            f"<{name}>{write_members(one, item)}</{name}>" for name, one in value.items()
        )
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Iterable):
        return "".join(f"<{item}>{write_members(one, item)}</{item}>" for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else escape(str(value))


def write_error(call: Call, error: ApiError, request_id: str) -> Answer:
    """An error as the protocol of the call's service writes it."""
    headers = [("x-amzn-RequestId", request_id)]
    if call.service not in NAMESPACES:
        side = "Sender" if error.status < 500 else "Receiver"
        headers += [
            ("Content-Type", AMAZON_JSON),
            ("x-amzn-query-error", f"{error.code};{side}"),
        ]
        told = {"__type": f"com.amazonaws.sqs#{error.code}", "message": error.message}
        return Answer(status=error.status, headers=headers, body=json.dumps(told).encode())
    what = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if call.service == "ec2":
        text = (
            f"<Response><Errors><Error>{what}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        namespace = NAMESPACES[call.service]
        text = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>Sender</Type>{what}</Error>'
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
    headers.append(("Content-Type", XML))
    return Answer(status=error.status, headers=headers, body=text.encode())
