"""What an answer other than success means, and what to do about it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from engines.contracts.decoding import DECODING_ERRORS
from services.kube.access import BearerToken, ClientCertificate, Credential, EksToken, RenewedToken
from services.kube.errors import (
    BadAnswerError,
    ExpiredError,
    ForbiddenError,
    KubernetesError,
    NotServedError,
    OverloadedError,
    ServerFailedError,
    UnauthorizedError,
)
from services.kube.transport import Answer, Request

_LONGEST_SENTENCE = 300
_NEW_CREDENTIAL: dict[type, str] = {
    BearerToken: "it was deleted, has expired or is of another cluster: "
    "make a new one as docs/connecting.md says, and give that",
    RenewedToken: "it has ended or its account was deleted: make a new one with "
    "`kubectl create token` as docs/connecting.md says, and give that",
    EksToken: "give the role an EKS access entry as docs/connecting.md says, and check the "
    "cluster's name and region",
    ClientCertificate: "it has expired or another authority signed it: give a new one",
}
_READ_AGAIN = "it is read again at the next round; until then the last good reading stands"
_CLEAR: dict[int, tuple[type[KubernetesError], str, str]] = {
    403: (
        ForbiddenError,
        "is not allowed",
        "apply deploy/kubernetes/rbac.yaml, or add the rule that the preflight names",
    ),
    404: (
        NotServedError,
        "is not there",
        "check that the endpoint is the API server's root, without a path",
    ),
    410: (ExpiredError, "began with a state that the server has forgotten", _READ_AGAIN),
}


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    """As much of the API's Status object as is shown."""

    kind: str = ""
    message: str = ""


def refusal(
    endpoint: str, request: Request, answer: Answer, credential: Credential, attempt: int
) -> KubernetesError:
    """The error for an answer that is no success; ``attempt`` is how many were made."""
    status = answer.status
    said = _said(answer, credential)
    if status == 401:
        problem = f"the credential is not accepted ({request}: 401)"
        return UnauthorizedError(endpoint, problem, next_step=_NEW_CREDENTIAL[type(credential)])
    if status in (429, 503):
        times = "" if attempt == 1 else f", {attempt} times"
        return OverloadedError(
            endpoint,
            f"{request} is put off ({status}{times}){said}",
            next_step=_READ_AGAIN,
            retry_after_seconds=_retry_after(answer),
        )
    if status >= 500:
        problem = f"{request} failed on the server ({status}){said}"
        return ServerFailedError(endpoint, problem, next_step=_READ_AGAIN)
    if status in _CLEAR:
        error, meaning, next_step = _CLEAR[status]
        return error(endpoint, f"{request} {meaning} ({status}){said}", next_step=next_step)
    return _unexpected(endpoint, request, answer, said)


def _unexpected(endpoint: str, request: Request, answer: Answer, said: str) -> KubernetesError:
    if 300 <= answer.status < 400:
        return BadAnswerError(
            endpoint,
            f"{request} is redirected ({answer.status}), which is not followed",
            next_step="give the API server's own address, not that of a login page or proxy",
        )
    return BadAnswerError(
        endpoint,
        f"{request} is answered with {answer.status}{said}",
        next_step="check that it is a Kubernetes API server, version 1.25 or later",
    )


def _said(answer: Answer, credential: Credential) -> str:
    """The server's own sentence, if it is a Status; never with our token in it."""
    try:
        status = msgspec.json.decode(answer.body, type=_Status)
    except DECODING_ERRORS:
        return ""
    if status.kind != "Status" or not status.message:
        return ""
    text = " ".join(status.message.split())
    if isinstance(credential, BearerToken | RenewedToken):
        text = text.replace(credential.token, "***")
    return f": {text[:_LONGEST_SENTENCE]}"


def _retry_after(answer: Answer) -> float | None:
    """Seconds that the server asks us to wait: a number, or the time when it is over."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = http_date(text)
    return None if until is None else max((until - datetime.now(UTC)).total_seconds(), 0.0)


def http_date(text: str) -> datetime | None:
    """A header's time in UTC; None for what is none."""
    try:
        told = parsedate_to_datetime(text)
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no date, or one at the end of all times
        return None
