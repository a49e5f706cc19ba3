"""What can go wrong between the product and AWS, said so that a person can act on it.

botocore's exceptions are caught in this package only. AWS names one trouble differently from
service to service (EC2 says RequestExpired where all others say ExpiredToken), so the codes are
gathered here.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from engines.contracts.errors import CloudOptimError

POLICY_FILE = "deploy/aws/iam-policy.json"
TRUST_POLICY_FILE = "deploy/aws/trust-policy.json"
SYNCHRONISE = "synchronise the clock (NTP, chrony) and try again"
MOST_CLOCK_SKEW = timedelta(minutes=5)
"""AWS refuses signatures that are 5 minutes old (15 for some services)."""

_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z]+)")

_DENIED = frozenset(
    ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthorizationError")
)
_EXPIRED = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
)
_THROTTLED = frozenset(
    (
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "SlowDown",
    )
)
_WRONG_KEY = frozenset(
    (
        "AuthFailure",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "OptInRequired",
    )
)
_SKEWED = frozenset(("RequestTimeTooSkewed", "RequestInTheFuture"))
_FAILED = frozenset(("InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"))
_CREDENTIAL_ERRORS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.SSOError,
    boto.LoginError,
    boto.InvalidConfigError,
    boto.ConfigParseError,
)


class AwsError(CloudOptimError):
    """AWS refused, failed or could not be asked. ``code`` is AWS's own; empty: none was given."""

    def __init__(self, problem: str, *, next_step: str, code: str = "") -> None:
        super().__init__(problem, next_step=next_step)
        self.code = code


class PermissionDeniedError(AwsError):
    """The role lacks a permission; ``action`` is the one, as IAM policies name it."""

    def __init__(self, problem: str, *, next_step: str, action: str, code: str = "") -> None:
        super().__init__(problem, next_step=next_step, code=code)
        self.action = action


class RoleRefusedError(AwsError):
    """The customer's role cannot be assumed: no such role, its trust policy, or the external id."""


class ExpiredCredentialsError(AwsError):
    """The session is over; where a role is assumed, another session is opened by itself."""


class WrongCredentialsError(AwsError):
    """AWS does not know the access key, or its secret does not fit."""


class NoCredentialsError(AwsError):
    """No usable credentials are configured on this machine."""


class ClockSkewError(AwsError):
    """Our clock and AWS's differ so much that signatures are refused."""


class ThrottledError(AwsError):
    """AWS slows us down, and did so for all attempts."""

    is_retryable = True


class UnavailableError(AwsError):
    """AWS failed on its side, for all attempts."""

    is_retryable = True


class UnreachableError(AwsError):
    """Nothing answered: network, proxy, name or certificate."""

    is_retryable = True


class BadAnswerError(AwsError):
    """The answer was cut off, or is not in the form that AWS documents."""

    is_retryable = True


class RequestRefusedError(AwsError):
    """AWS refused the request for a reason of its own; ``code`` tells which."""


class ChangeRefusedError(AwsError):
    """A call that would change something was stopped before it left: only reads were allowed."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's errors into ours. ``what`` names the call and its place, for messages."""
    try:
        yield
    except boto.ClientError as error:
        raise _of_answer(what, error) from error
    except boto.BotoCoreError as error:
        raise _of_transport(what, error) from error
    except ResponseParserError as error:  # its text repeats the answer, so it is not shown
        raise _bad_answer(what) from error


def _of_answer(what: str, error: boto.ClientError) -> AwsError:
    told: Mapping[str, Any] = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    skew = clock_skew(metadata.get("HTTPHeaders", {}), datetime.now(UTC))
    is_doubtful = code in _EXPIRED or code in _WRONG_KEY
    if code in _SKEWED or (is_doubtful and skew is not None and abs(skew) > MOST_CLOCK_SKEW):
        return _skewed(what, code, skew)
    if code in _DENIED:
        return _denied(what, code, message, error.operation_name)
    if code in _EXPIRED:
        return ExpiredCredentialsError(
            f"cannot {what}: the credentials have expired",
            next_step="sign in again, or give CloudOptim a role and an access key that last",
            code=code,
        )
    if code in _WRONG_KEY:
        return WrongCredentialsError(
            f"cannot {what}: AWS does not accept the access key ({code})",
            next_step="check the access key and its secret; where they are right, enable the "
            "region in the account",
            code=code,
        )
    return _of_service(what, code, message, int(metadata.get("HTTPStatusCode", 0)))


def _of_service(what: str, code: str, message: str, status: int) -> AwsError:
    if code in _THROTTLED or status == 429:
        return ThrottledError(
            f"cannot {what}: AWS is throttling the account ({code})",
            next_step="try again in a few minutes; what was stored before stays in use",
            code=code,
        )
    if code in _FAILED or status >= 500:
        return UnavailableError(
            f"cannot {what}: AWS failed on its side ({code or status})",
            next_step="try again in a few minutes; what was stored before stays in use",
            code=code,
        )
    if status and not code:
        return _bad_answer(what)
    return RequestRefusedError(
        f"cannot {what}: AWS refused the request ({code}: {message})",
        next_step="correct what the message names and try again",
        code=code,
    )


def _denied(what: str, code: str, message: str, operation: str) -> AwsError:
    found = _ACTION.search(message)
    action = found[1] if found else operation
    if operation == "AssumeRole":
        return RoleRefusedError(
            f"cannot {what}: the role does not exist, or does not let this access key assume it "
            "with this external id",
            next_step=f"compare the role's ARN, and its trust policy with {TRUST_POLICY_FILE} "
            "(principal and sts:ExternalId)",
            code=code,
        )
    return PermissionDeniedError(
        f"cannot {what}: the role lacks the permission {action}",
        next_step=f"attach the policy in {POLICY_FILE} to the role, which grants {action}",
        action=action,
        code=code,
    )


def _skewed(what: str, code: str, skew: timedelta | None) -> ClockSkewError:
    amount = "" if skew is None else f" by {abs(skew).total_seconds():.0f} s"
    return ClockSkewError(
        f"cannot {what}: this machine's clock differs from AWS's{amount} ({code})",
        next_step=SYNCHRONISE,
        code=code,
    )


def _of_transport(what: str, error: boto.BotoCoreError) -> AwsError:
    if isinstance(error, _CREDENTIAL_ERRORS):
        return NoCredentialsError(
            f"cannot {what}: no usable AWS credentials ({error})",
            next_step="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give "
            "the customer an access key",
        )
    if isinstance(error, boto.NoRegionError | boto.InvalidRegionError):
        return RequestRefusedError(
            f"cannot {what}: {error}", next_step="give the region's code, such as eu-central-1"
        )
    if isinstance(error, boto.ResponseStreamingError | boto.IncompleteReadError):
        return _bad_answer(what, str(error))
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return UnreachableError(
            f"cannot {what}: AWS cannot be reached ({error})",
            next_step="check network, proxy and the endpoint's address and certificate, then try "
            "again",
        )
    if isinstance(error, boto.ParamValidationError | boto.ValidationError):
        return RequestRefusedError(
            f"cannot {what}: {error}", next_step="correct what the message names and try again"
        )
    return _bad_answer(what, str(error))


def _bad_answer(what: str, detail: str = "") -> BadAnswerError:
    reason = f" ({detail})" if detail else ""
    return BadAnswerError(
        f"cannot {what}: the answer is cut off or is not AWS's{reason}",
        next_step="try again; if it comes again, look for a proxy that changes answers",
    )


def clock_skew(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How far our clock is ahead of the one that wrote the Date header; None: it says nothing."""
    text = next((value for name, value in headers.items() if name.lower() == "date"), "")
    try:
        return now - parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
