"""How to reach one cluster: its endpoint, its certificate authority, and who we are there.

A value of these types is complete and checked, and never shows its secrets. Nothing in it starts
a program or reads a file when it is used: kubeconfigs that ask for that are refused by name.
"""

import base64
import binascii
import contextlib
import re
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import yaml

from services.errors import InvalidInputError
from services.kube.endpoints import check_endpoint

_MAX_KUBECONFIG_CHARACTERS = 1_000_000
_TOKEN = re.compile(r"[!-~]+")  # what an HTTP header can carry without quoting
_NEW_TOKEN = "make a token as docs/connecting.md says and give that"  # noqa: S105 - a sentence
_SERVICE_ACCOUNT = "make a service account token as docs/connecting.md says and use it instead"
_FLATTEN = "print it with `kubectl config view --raw --flatten`, which puts files inside"
_REFUSED_OF_USER = {
    "exec": _SERVICE_ACCOUNT + "; for EKS choose the EKS token",
    "auth-provider": _SERVICE_ACCOUNT,
    "tokenFile": _FLATTEN + ", or " + _SERVICE_ACCOUNT,
    "client-certificate": _FLATTEN,
    "client-key": _FLATTEN,
    "username": _SERVICE_ACCOUNT,
    "password": _SERVICE_ACCOUNT,
    "as": "take the impersonation out and give a token of its own rights",
    "as-uid": "take the impersonation out and give a token of its own rights",
    "as-groups": "take the impersonation out and give a token of its own rights",
    "as-user-extra": "take the impersonation out and give a token of its own rights",
}
_REFUSED_OF_CLUSTER = {
    "insecure-skip-tls-verify": "give the cluster's certificate authority and take this entry out",
    "certificate-authority": _FLATTEN,
    "proxy-url": "take it out and set HTTPS_PROXY for CloudOptim instead",
    "tls-server-name": "give an address that the server's certificate names",
}


class _Secretive(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of what must not show: in logs, tracebacks, consoles and test reports."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __rich_repr__(self) -> Any:
        yield "***"


class BearerToken(_Secretive, frozen=True, kw_only=True, tag="token"):
    """A token that is good until its service account or Secret is deleted."""

    token: str

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "token", checked_token(self.token))


class RenewedToken(_Secretive, frozen=True, kw_only=True, tag="renewed_token"):
    """A TokenRequest token, which is exchanged for a new one before it ends.

    The account must be allowed to make tokens for itself (create serviceaccounts/token).
    """

    token: str
    namespace: str
    service_account: str
    expires_at: datetime

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "token", checked_token(self.token))
        for name in (self.namespace, self.service_account):
            if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name):
                raise InvalidInputError(
                    "service account",
                    f"{name!r} is no name of a namespace or account",
                    next_step="give both as `kubectl get serviceaccounts -A` prints them",
                )
        if self.expires_at.tzinfo is None:
            raise InvalidInputError(
                "end of the Kubernetes token",
                "has no time zone",
                next_step="give it as Kubernetes prints it, such as 2027-01-15T08:00:00Z",
            )


class EksToken(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="eks"):
    """Tokens that AWS IAM makes for an EKS cluster, each for 15 minutes. Holds no secret."""

    cluster_name: str


class ClientCertificate(_Secretive, frozen=True, kw_only=True, tag="certificate"):
    """A client certificate with its private key, both as PEM, the key not encrypted."""

    certificate_pem: str
    key_pem: str


Credential = BearerToken | RenewedToken | EksToken | ClientCertificate


class KubeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster's API server. ``ca_pem`` None: the system's certificate authorities count."""

    endpoint: str
    credential: Credential
    ca_pem: str | None = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "endpoint", check_endpoint(self.endpoint))
        if self.ca_pem is not None:
            _check_ca(self.ca_pem)


def checked_token(token: str) -> str:
    """The token without surrounding blanks; InvalidInputError (which does not show it) for text
    that no header can carry."""
    bare = token.strip()
    if not _TOKEN.fullmatch(bare):
        problem = "is empty" if not bare else "holds blanks or control characters"
        raise InvalidInputError("Kubernetes token", problem, next_step=_NEW_TOKEN)
    return bare


def parse_kubeconfig(text: str, context: str | None = None) -> KubeAccess:
    """The access that a kubeconfig's context (None: its current one) describes.

    Raises InvalidInputError naming the entry: for what is no kubeconfig, and for entries that
    would run a program, read a file or weaken TLS.
    """
    config = _mapping(_loaded(text), "the file")
    name = context or str(config.get("current-context") or "")
    chosen = _named(config, "contexts", "context", name)
    cluster = _named(config, "clusters", "cluster", str(chosen.get("cluster") or ""))
    user = _named(config, "users", "user", str(chosen.get("user") or ""))
    _refuse_entries(cluster, _REFUSED_OF_CLUSTER)
    _refuse_entries(user, _REFUSED_OF_USER)
    server = cluster.get("server")
    if not isinstance(server, str):
        raise _refuse("the cluster names no server", "give a kubeconfig that kubectl works with")
    ca_data = cluster.get("certificate-authority-data")
    return KubeAccess(
        endpoint=server,
        credential=_credential(user),
        ca_pem=_decoded(ca_data, "certificate-authority-data") if ca_data else None,
    )


def _loaded(text: str) -> Any:
    if len(text) > _MAX_KUBECONFIG_CHARACTERS:
        raise _refuse("is larger than 1 MB", _FLATTEN + " for one context with `--minify`")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise _refuse("is not YAML", _FLATTEN, line=line) from None  # the error quotes the text
    except (ValueError, RecursionError):  # a date such as 2026-99-99, nesting without end
        raise _refuse("is not YAML", _FLATTEN) from None


def _named(config: Mapping[str, Any], many: str, one: str, name: str) -> Mapping[str, Any]:
    """The entry of a list by its name."""
    entries = config.get(many)
    items = (
        [item for item in entries if isinstance(item, dict)] if isinstance(entries, list) else []
    )
    for item in items:
        if item.get("name") == name and name:
            return _mapping(item.get(one), f"{one} {name!r}")
    known = ", ".join(sorted(str(item.get("name")) for item in items)) or "none"
    raise _refuse(f"has no {one} {name!r} (it has {known})", "name a context that is in the file")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(f"{what} is not a mapping", _FLATTEN)
    return value


def _refuse_entries(entries: Mapping[str, Any], refused: Mapping[str, str]) -> None:
    for name, next_step in refused.items():
        if entries.get(name):
            raise _refuse(f"uses {name!r}, which CloudOptim does not follow", next_step)


def _credential(user: Mapping[str, Any]) -> Credential:
    certificate, key = user.get("client-certificate-data"), user.get("client-key-data")
    if user.get("token"):
        return BearerToken(token=str(user["token"]))
    if certificate and key:
        return ClientCertificate(
            certificate_pem=_decoded(certificate, "client-certificate-data"),
            key_pem=_decoded(key, "client-key-data"),
        )
    raise _refuse("the user has neither a token nor a client certificate", _SERVICE_ACCOUNT)


def _decoded(data: Any, name: str) -> str:
    """Text from base64. Neither is ever part of an error."""
    try:
        return base64.b64decode("".join(str(data).split()), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _refuse(f"{name} is not base64 of PEM text", _FLATTEN) from None


def _check_ca(pem: str) -> None:
    store = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLError, ValueError):  # what it holds then is nothing
        store.load_verify_locations(cadata=pem)
    if not store.cert_store_stats()["x509"]:
        raise InvalidInputError(
            "certificate authority of the cluster",
            "holds no certificate in PEM form",
            next_step="give the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
            "; in a kubeconfig it is certificate-authority-data, in base64",
        )


def _refuse(reason: str, next_step: str, *, line: int | None = None) -> InvalidInputError:
    return InvalidInputError("kubeconfig", reason, next_step=next_step, line=line)
