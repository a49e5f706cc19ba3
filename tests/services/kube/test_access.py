"""Endpoints, credentials and kubeconfigs: what is taken, what refused, and that nothing shows."""

import base64
import ipaddress

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.errors import InvalidInputError
from services.kube.access import (
    BearerToken,
    ClientCertificate,
    Credential,
    EksToken,
    KubeAccess,
    RenewedToken,
    parse_kubeconfig,
)
from services.kube.endpoints import check_endpoint, is_loopback_endpoint, is_refused
from tests.services.kube.builders import AT
from tests.services.kube.servers import a_certificate

SECRET = "very-secret-token"
CERTIFICATE = a_certificate()


@pytest.mark.parametrize(
    ("given_as", "kept"),
    [
        ("https://1.2.3.4:6443", "https://1.2.3.4:6443"),
        (" https://api.example.com/ ", "https://api.example.com"),
        (
            "https://rancher.example.com/k8s/clusters/c-1/",
            "https://rancher.example.com/k8s/clusters/c-1",
        ),
        ("https://[2001:db8::1]:6443", "https://[2001:db8::1]:6443"),
        ("https://10.0.0.1", "https://10.0.0.1"),  # private networks are where clusters live
        ("https://127.0.0.1:6443", "https://127.0.0.1:6443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_an_endpoint_is_taken(given_as, kept):
    assert check_endpoint(given_as) == kept


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("", "is not an https:// URL"),
        ("api.example.com", "is not an https:// URL"),
        ("ftp://api.example.com", "is not an https:// URL"),
        ("file:///etc/passwd", "is not an https:// URL"),
        ("https://", "is not an https:// URL"),
        ("https://host:0", "is not an https:// URL"),
        ("https://host:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://user:pass@host", "carries a user name or password"),
        ("https://host?x=1", "carries a query"),
        ("https://host#x", "carries a query"),
        ("https://ho st", "carries a query, a fragment or blanks"),
        ("https://host\r\nX: y", "is not a URL"),
        ("https://ho\nst", "carries a query, a fragment or blanks"),
        ("http://api.example.com", "is plain http"),
        ("http://10.0.0.1", "is plain http"),
        ("https://169.254.169.254", "cloud metadata"),
        ("http://169.254.169.254/latest/meta-data", "cloud metadata"),
        ("https://[fe80::1]", "cloud metadata"),
        ("https://[fd00:ec2::254]", "cloud metadata"),
        ("https://[::ffff:169.254.169.254]", "cloud metadata"),
        ("https://[64:ff9b::a9fe:a9fe]", "cloud metadata"),
        ("https://0.0.0.0", "cloud metadata"),
        ("https://100.100.100.200", "cloud metadata"),
    ],
)
def test_an_endpoint_is_refused_with_where_to_look_it_up(endpoint, reason):
    with pytest.raises(InvalidInputError, match=reason) as refused:
        KubeAccess(endpoint=endpoint, credential=BearerToken(token="t"))

    assert "kubectl cluster-info" in refused.value.next_step


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("169.253.255.255", False),
        ("169.254.0.0", True),
        ("169.254.255.255", True),
        ("169.255.0.0", False),
        ("fd00:ec2:ffff::", True),
        ("fd00:ec3::", False),
        ("febf::1", True),
        ("fec0::1", False),
        ("224.0.0.1", True),
        ("::", True),
        ("127.0.0.1", False),
    ],
)
def test_the_edges_of_what_is_refused(address, refused):
    assert is_refused(ipaddress.ip_address(address)) is refused


@given(st.text(max_size=60))
def test_any_text_as_an_endpoint_is_taken_or_refused_by_our_own_error(text):
    try:
        kept = check_endpoint(text)
    except InvalidInputError:
        return
    assert kept.startswith("https://") or is_loopback_endpoint(kept)


CREDENTIALS: tuple[Credential, ...] = (
    BearerToken(token=SECRET),
    RenewedToken(token=SECRET, namespace="n", service_account="s", expires_at=AT),
    ClientCertificate(certificate_pem=SECRET, key_pem=SECRET),
)


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda one: type(one).__name__)
def test_a_secret_does_not_show(credential):
    access = KubeAccess(endpoint="https://host", credential=credential)

    for shown in (repr(credential), str(credential), repr(access), f"{access}", str((access,))):
        assert SECRET not in shown
    assert SECRET not in "".join(map(str, credential.__rich_repr__()))


@pytest.mark.parametrize("credential", [*CREDENTIALS, EksToken(cluster_name="prod")])
def test_a_credential_survives_being_stored(credential):
    stored = msgspec.json.encode(credential)

    assert msgspec.json.decode(stored, type=Credential) == credential


def test_a_token_loses_the_blanks_around_it():
    assert BearerToken(token=f"\n{SECRET} \n").token == SECRET


@pytest.mark.parametrize("token", ["", "  ", f"{SECRET}\r\nX: y", f"{SECRET} two", f"{SECRET}é"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token):
    with pytest.raises(InvalidInputError, match="Kubernetes token") as refused:
        BearerToken(token=token)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "x" * 254])
def test_a_service_account_that_cannot_be_one_is_refused(name):
    with pytest.raises(InvalidInputError, match="service account"):
        RenewedToken(token="t", namespace="n", service_account=name, expires_at=AT)


def test_the_end_of_a_token_needs_a_time_zone():
    with pytest.raises(InvalidInputError, match="has no time zone"):
        RenewedToken(
            token="t", namespace="n", service_account="s", expires_at=AT.replace(tzinfo=None)
        )


@pytest.mark.parametrize("pem", ["", "nonsense", CERTIFICATE.key, "-----BEGIN CERTIFICATE-----\nx"])
def test_an_authority_without_a_certificate_is_refused(pem):
    with pytest.raises(InvalidInputError, match="holds no certificate in PEM form"):
        KubeAccess(endpoint="https://host", credential=BearerToken(token="t"), ca_pem=pem)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def a_kubeconfig(*, cluster=None, user=None, current="prod"):
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": current,
            "contexts": [
                {"name": "prod", "context": {"cluster": "one", "user": "me"}},
                {"name": "lost", "context": {"cluster": "nowhere", "user": "me"}},
            ],
            "clusters": [
                {
                    "name": "one",
                    "cluster": {
                        "server": "https://1.2.3.4:6443",
                        "certificate-authority-data": encoded(CERTIFICATE.certificate),
                    }
                    if cluster is None
                    else cluster,
                }
            ],
            "users": [{"name": "me", "user": {"token": SECRET} if user is None else user}],
        }
    )


def test_a_kubeconfig_gives_endpoint_authority_and_token():
    access = parse_kubeconfig(a_kubeconfig())

    assert access.endpoint == "https://1.2.3.4:6443"
    assert access.ca_pem == CERTIFICATE.certificate
    assert access.credential == BearerToken(token=SECRET)


def test_a_kubeconfig_gives_a_client_certificate():
    user = {
        "client-certificate-data": encoded(CERTIFICATE.certificate),
        "client-key-data": encoded(CERTIFICATE.key),
    }

    assert parse_kubeconfig(a_kubeconfig(user=user)).credential == ClientCertificate(
        certificate_pem=CERTIFICATE.certificate, key_pem=CERTIFICATE.key
    )


def test_a_context_may_be_chosen():
    assert parse_kubeconfig(a_kubeconfig(current=""), "prod").endpoint == "https://1.2.3.4:6443"


@pytest.mark.parametrize(
    ("user", "name", "next_step"),
    [
        ({"exec": {"command": "aws"}}, "exec", "for EKS choose the EKS token"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider", "service account token"),
        ({"tokenFile": "/etc/token"}, "tokenFile", "--flatten"),
        ({"client-certificate": "/c.pem"}, "client-certificate", "--flatten"),
        ({"client-key": "/k.pem"}, "client-key", "--flatten"),
        ({"username": "u", "password": SECRET}, "username", "service account token"),
        ({"token": SECRET, "as": "admin"}, "as", "impersonation"),
        ({"token": SECRET, "exec": {"command": "aws"}}, "exec", "service account token"),
    ],
)
def test_an_entry_of_a_user_that_is_not_followed_is_named(user, name, next_step):
    with pytest.raises(InvalidInputError, match=f"uses '{name}'") as refused:
        parse_kubeconfig(a_kubeconfig(user=user))

    assert next_step in refused.value.next_step
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    ["insecure-skip-tls-verify", "certificate-authority", "proxy-url", "tls-server-name"],
)
def test_an_entry_of_a_cluster_that_is_not_followed_is_named(name):
    cluster = {"server": "https://1.2.3.4", name: True if "skip" in name else "x"}

    with pytest.raises(InvalidInputError, match=f"uses '{name}'"):
        parse_kubeconfig(a_kubeconfig(cluster=cluster))


def test_verification_that_is_switched_on_in_words_is_no_obstacle():
    cluster = {"server": "https://1.2.3.4", "insecure-skip-tls-verify": False}

    assert parse_kubeconfig(a_kubeconfig(cluster=cluster)).ca_pem is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is not a mapping"),
        ("[]", "the file is not a mapping"),
        ("a: [", "is not YAML"),
        ("x: 2026-99-99", "is not YAML"),
        ("!!python/object/apply:os.system ['true']", "is not YAML"),
        (a_kubeconfig(current=""), r"has no context '' \(it has lost, prod\)"),
        (a_kubeconfig(current="dev"), r"has no context 'dev' \(it has lost, prod\)"),
        (a_kubeconfig(current="lost"), r"has no cluster 'nowhere' \(it has one\)"),
        (a_kubeconfig(user={"name": "x"}), "neither a token nor a client certificate"),
        (a_kubeconfig(user=[]), "user 'me' is not a mapping"),
        (a_kubeconfig(cluster={"certificate-authority-data": ""}), "names no server"),
        (
            a_kubeconfig(cluster={"server": "https://h", "certificate-authority-data": "%%%"}),
            "certificate-authority-data is not base64",
        ),
        (a_kubeconfig(cluster={"server": "http://1.2.3.4"}), "is plain http"),
        ("x" * 1_000_001, "is larger than 1 MB"),
    ],
)
def test_what_is_no_usable_kubeconfig_is_told(text, reason):
    with pytest.raises(InvalidInputError, match=reason) as refused:
        parse_kubeconfig(text)

    assert refused.value.next_step
    assert SECRET not in str(refused.value)


def test_a_file_that_is_no_yaml_is_told_with_its_line_and_not_quoted():
    with pytest.raises(InvalidInputError) as refused:
        parse_kubeconfig(f"users:\n- token: {SECRET}\n  : : [\n")

    assert refused.value.line == 3
    assert refused.value.__cause__ is None
    assert SECRET not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_as_a_kubeconfig_is_refused_by_our_own_error(text):
    with pytest.raises(InvalidInputError):
        parse_kubeconfig(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "current-context",
                        "contexts",
                        "clusters",
                        "users",
                        "name",
                        "context",
                        "cluster",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_shape_of_a_kubeconfig_is_refused_by_our_own_error(tree):
    with pytest.raises(InvalidInputError):
        parse_kubeconfig(yaml.safe_dump(tree))
