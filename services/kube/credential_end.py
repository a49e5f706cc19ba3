"""When a credential ends by itself, as far as it tells: better known before than after."""

import base64
import binascii
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509

from engines.contracts.decoding import DECODING_ERRORS
from services.findings import Finding, FindingState
from services.kube.access import BearerToken, ClientCertificate, Credential

NOTICE = timedelta(days=7)
"""How long before its end a credential becomes a warning: time to make another in a work week."""

_LATEST = datetime.max.replace(tzinfo=UTC).timestamp() - 1


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    exp: float | None = None  # Unix seconds


def ends_at(credential: Credential) -> datetime | None:
    """The end of a credential that nobody renews. None: it has none, or does not tell."""
    match credential:
        case BearerToken(token=token):
            return _end_of_token(token)
        case ClientCertificate(certificate_pem=pem):
            return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    return None


def end_finding(end: datetime, *, at: datetime) -> Finding:
    """What to show of a credential's end."""
    is_near = end - at <= NOTICE
    return Finding(
        check="kubernetes: credential lasts",
        state=FindingState.WARNING if is_near else FindingState.HELD,
        message=f"the credential ends on {end:%Y-%m-%d at %H:%M} UTC",
        needed_for="every reading after that",
        remedy="make a new one as docs/connecting.md says, and give that" if is_near else "",
    )


def _end_of_token(token: str) -> datetime | None:
    """The claim ``exp`` of a JSON web token (RFC 7519); it is read, not verified."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        end = msgspec.json.decode(payload, type=_Claims).exp
    except (binascii.Error, *DECODING_ERRORS):  # another kind of token
        return None
    if end is None or not 0 <= end <= _LATEST:
        return None
    return datetime.fromtimestamp(end, UTC)
