"""What can go wrong between CloudOptim and a Kubernetes API, one class for each next step.

Every message names the cluster's endpoint, the cause and what to do. None carries a secret or the
body of an answer, except the server's own sentence of a Status object, shortened.
"""

from services.errors import CloudOptimError


class KubernetesError(CloudOptimError):
    """A Kubernetes API could not be used as wanted. ``endpoint`` is its address."""

    def __init__(self, endpoint: str, problem: str, *, next_step: str) -> None:
        super().__init__(f"Kubernetes API {endpoint}: {problem}", next_step=next_step)
        self.endpoint = endpoint


class UnreachableError(KubernetesError):
    """No connection, or it was closed before an answer came."""

    is_retryable = True


class TooSlowError(UnreachableError):
    """No complete answer within the time-out, though bytes may have come."""


class CertificateRefusedError(KubernetesError):
    """TLS failed: the server's certificate is not the pinned one's, or ours was refused."""


class AddressRefusedError(KubernetesError):
    """The endpoint leads to an address that no API server has, such as cloud metadata."""


class UnauthorizedError(KubernetesError):
    """401: the server does not know the credential, or it has expired."""


class ForbiddenError(KubernetesError):
    """403: the credential is good, a permission is missing."""


class NotServedError(KubernetesError):
    """404: the server has no such path, object or API group."""


class ExpiredError(KubernetesError):
    """410: a list could not be finished, because the server forgot the state it began with."""

    is_retryable = True


class OverloadedError(KubernetesError):
    """429 or 503. ``retry_after_seconds`` is what the server asked for, None for nothing."""

    is_retryable = True

    def __init__(
        self, endpoint: str, problem: str, *, next_step: str, retry_after_seconds: float | None
    ) -> None:
        super().__init__(endpoint, problem, next_step=next_step)
        self.retry_after_seconds = retry_after_seconds


class ServerFailedError(KubernetesError):
    """Another 5xx."""

    is_retryable = True


class BadAnswerError(KubernetesError):
    """An answer that the Kubernetes API does not give: a redirect, a page, an unknown status."""


class BrokenAnswerError(BadAnswerError):
    """An answer that was cut or garbled on its way."""

    is_retryable = True


class WriteRefusedError(KubernetesError):
    """A change was about to leave a connection that may only read. Nothing was sent."""
