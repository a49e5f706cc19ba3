"""Which endpoints a database may hold: a sandbox speaks to this machine only, a real one to AWS.

So a pretend account never costs money, and a real one never gets its figures from a pretence.
"""

from db.session import DatabaseKind
from services.errors import InvalidInputError
from services.kube.endpoints import check_endpoint, is_loopback_endpoint

_OTHER_DATABASE = "register it in a {} database (DATABASE_URL, DATABASE_KIND)"


def check_kubernetes_endpoint(endpoint: str, kind: DatabaseKind) -> str:
    """The endpoint of a Kubernetes API, as it is stored. Raises InvalidInputError."""
    address = check_endpoint(endpoint)
    if kind == "sandbox":
        _need_loopback("Kubernetes API endpoint", address)
    elif address.startswith("http:"):
        raise InvalidInputError(
            "Kubernetes API endpoint",
            "is plain http, which a database for real clusters does not take",
            next_step="give an https endpoint; " + _OTHER_DATABASE.format("sandbox"),
        )
    return address


def check_aws_url(source: str, url: str, kind: DatabaseKind) -> str:
    """An endpoint or queue of AWS, as it is stored. ``source`` names the field in errors."""
    try:
        address = check_endpoint(url)
    except InvalidInputError as error:
        raise InvalidInputError(
            source, error.reason, next_step="give the https:// URL that AWS shows for it"
        ) from error
    if kind == "sandbox":
        _need_loopback(source, address)
    elif is_loopback_endpoint(address):
        raise InvalidInputError(
            source,
            f"{address} is this machine, and this database is for real accounts",
            next_step=_OTHER_DATABASE.format("sandbox"),
        )
    return address


def _need_loopback(source: str, address: str) -> None:
    if not is_loopback_endpoint(address):
        raise InvalidInputError(
            source,
            f"{address} is not on this machine, and this database is a sandbox",
            next_step=_OTHER_DATABASE.format("real"),
        )
