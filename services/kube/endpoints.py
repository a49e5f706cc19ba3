"""Which addresses may be an API server's: no cloud metadata, no plain HTTP but on loopback."""

import ipaddress
from urllib.parse import urlsplit

from services.errors import InvalidInputError

LOOPBACK_NAMES = ("localhost",)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, with the metadata services of AWS, Azure and Google Cloud
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # AWS: instance metadata, time and DNS over IPv6
        "100.100.100.200/32",  # Alibaba Cloud's metadata
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_LOOK_UP = "give the address that `kubectl cluster-info` prints, such as https://host:6443"


def check_endpoint(endpoint: str) -> str:
    """The endpoint without a closing slash. Raises InvalidInputError for what cannot be one.

    Host names are judged again when they are resolved, at every connection.
    """
    address = endpoint.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refuse("is not a URL") from error
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise _refuse("is not an https:// URL with a host")
    if parts.username is not None or parts.password is not None:
        raise _refuse("carries a user name or password")
    if parts.query or parts.fragment or not _is_plain(address):
        raise _refuse("carries a query, a fragment or blanks")
    literal = _literal(host)
    if literal is not None and is_refused(literal):
        raise _refuse(f"is {host}, an address of the local link or of cloud metadata")
    if parts.scheme == "http" and not is_loopback_host(host):
        raise _refuse("is plain http, which is for loopback only")
    return address


def is_loopback_host(host: str) -> bool:
    """Whether a host of an endpoint is this machine by its very name or address."""
    literal = _literal(host)
    return host in LOOPBACK_NAMES if literal is None else literal.is_loopback


def is_loopback_endpoint(endpoint: str) -> bool:
    """Whether an endpoint that passed ``check_endpoint`` is on this machine."""
    return is_loopback_host(urlsplit(endpoint).hostname or "")


def is_refused(address: Address) -> bool:
    """Whether no API server can be there: link-local, cloud metadata, unspecified, multicast."""
    inner = _inner(address)
    if inner.is_unspecified or inner.is_multicast:
        return True
    return any(inner.version == one.version and inner in one for one in _METADATA)


def _inner(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _refuse(reason: str) -> InvalidInputError:
    return InvalidInputError("Kubernetes API endpoint", reason, next_step=_LOOK_UP)
