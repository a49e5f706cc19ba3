"""cluster, customer, snapshot and the rotation of secrets on the command line."""

import io
import json
import sys

import pytest
import structlog
from cryptography.fernet import Fernet

from tests.services.workflows.live import TOKEN, a_live_world

SECRET = "sandbox-secret"
KEY_ID = "AKIASANDBOXOPERATOR0"
ROLE = "arn:aws:iam::123456789012:role/CloudOptim"


@pytest.fixture(autouse=True)
def _sandbox_settings(monkeypatch, tmp_path):
    """A sandbox database, a key file of its own; log lines go where cli.py sends them."""
    monkeypatch.setenv("DATABASE_KIND", "sandbox")
    monkeypatch.setenv("ENCRYPTION_KEY", "")
    monkeypatch.setenv("ENCRYPTION_KEY_FILE", str(tmp_path / "secret.key"))
    monkeypatch.setenv("K8S_API_RETRY_ATTEMPTS", "1")
    monkeypatch.delenv("CLUSTER_TOKEN", raising=False)
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    yield
    structlog.reset_defaults()


@pytest.fixture
def terminal(terminal, monkeypatch):
    monkeypatch.setenv("DATABASE_KIND", "sandbox")
    return terminal


@pytest.fixture
def live():
    with a_live_world() as world:
        yield world


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def with_customer(terminal, live, monkeypatch):
    """The customer of the pretend account, its secret given by the environment."""
    monkeypatch.setenv("CUSTOMER_AWS_SECRET_ACCESS_KEY", SECRET)
    answer = terminal(
        *("customer", "add", "Acme", "--role-arn", ROLE, "--region", "us-east-1"),
        *("--external-id", live.scenario.external_id, "--endpoint-url", live.aws_url),
        *("--access-key-id", KEY_ID, "--format", "json"),
    )
    assert answer.code == 0, answer.stderr
    assert SECRET not in answer.stdout + answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture
def with_cluster(terminal, live, with_customer, token_file):
    answer = terminal(
        *("cluster", "add", "shop", "--endpoint", live.kube.url, "--customer", "Acme"),
        *("--token-file", token_file),
    )
    assert answer.code == 0, answer.stderr
    assert TOKEN not in answer.stdout + answer.stderr
    return answer


def test_from_registering_to_a_decision_on_the_live_state(terminal, with_cluster, tmp_path):
    written = terminal("snapshot", "shop", "-o", tmp_path / "shop.json.gz", "--format", "json")
    analysis = terminal(
        *("analyze", "--dump", tmp_path / "shop.json.gz", "--engine", "spot_optimizer"),
        *("--param", "allow_small_cluster_exception=true", "--format", "json"),
    )

    assert written.code == 0, written.stderr
    assert json.loads(written.stdout)["nodes"] == 3
    answer = json.loads(analysis.stdout)
    assert analysis.code == 0, analysis.stderr
    assert answer["cluster"]["node_count"] == 3
    assert {one["kind"] for one in answer["inputs"]} >= {"Node", "instances", "volumes"}


def test_a_cluster_is_shown_with_the_age_of_its_state(terminal, with_cluster, tmp_path):
    before = terminal("cluster", "show", "shop")
    terminal("snapshot", "shop", "-o", tmp_path / "shop.json")
    after = terminal("cluster", "show", "shop")
    listed = terminal("cluster", "list", "--format", "json")

    assert "just now" not in before.stdout
    assert "just now" in after.stdout
    assert "us-east-1a" in after.stdout
    assert "kubernetes: read NodeMetrics objects" in after.stdout
    [cluster] = json.loads(listed.stdout)["clusters"]
    assert (cluster["name"], cluster["status"]) == ("shop", "active")
    for answer in (before, after, listed):
        assert TOKEN not in answer.stdout + answer.stderr
        assert "sealed" not in answer.stdout


def test_a_stored_state_is_written_though_the_server_is_gone(
    terminal, with_cluster, live, tmp_path
):
    terminal("snapshot", "shop", "-o", tmp_path / "shop.json")
    live.kube.close()

    fresh = terminal("snapshot", "shop", "-o", tmp_path / "again.json")
    stored = terminal("snapshot", "shop", "-o", tmp_path / "again.json", "--stored")
    shown = terminal("cluster", "show", "shop")

    assert fresh.code == 1
    assert "next:" in fresh.stderr
    assert (stored.code, (tmp_path / "again.json").exists()) == (0, True)
    assert "unreachable" in shown.stdout
    assert live.kube.url in shown.stdout


def test_a_snapshot_needs_a_state(terminal, with_cluster, tmp_path):
    answer = terminal("snapshot", "shop", "-o", tmp_path / "x.json", "--stored")

    assert answer.code == 3
    assert "nothing was read of it yet" in answer.stderr


def test_a_preflight_tells_each_finding_and_fails_where_something_is_missing(
    terminal, with_cluster
):
    """The pretend cluster has no metrics-server."""
    people = terminal("cluster", "preflight", "shop")
    programs = terminal("cluster", "preflight", "shop", "--format", "json")

    assert people.code == programs.code == 1
    assert people.stdout.index("metrics-server") < people.stdout.index("kubernetes: list nodes")
    findings = {one["check"]: one for one in json.loads(programs.stdout)["findings"]}
    assert findings["kubernetes: list nodes"]["state"] == "held"
    assert "install metrics-server" in findings["kubernetes: metrics-server"]["remedy"]


def test_a_token_comes_by_standard_input_or_environment(terminal, live, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    by_input = terminal("cluster", "add", "one", "--endpoint", live.kube.url, "--token-file", "-")
    monkeypatch.setenv("CLUSTER_TOKEN", TOKEN)
    by_variable = terminal("cluster", "add", "two", "--endpoint", live.kube.url)

    assert (by_input.code, by_variable.code) == (0, 0)
    assert TOKEN not in by_input.stdout + by_variable.stdout


def test_a_kubeconfig_holds_endpoint_and_token(terminal, live, tmp_path):
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": live.kube.url}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))

    added = terminal("cluster", "add", "shop", "--kubeconfig", path, "--format", "json")
    both = terminal("cluster", "add", "x", "--kubeconfig", path, "--endpoint", live.kube.url)

    assert added.code == 0, added.stderr
    assert json.loads(added.stdout)["endpoint"] == live.kube.url
    assert both.code == 2


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("cluster", "add", "x"), 2, "--endpoint"),
        (("cluster", "add", "x", "--endpoint", "http://127.0.0.1:1"), 2, "--token-file"),
        (("cluster", "add", "x", "--endpoint", "ftp://h", "--eks-cluster", "x"), 3, "https"),
        (
            ("cluster", "add", "x", "--endpoint", "https://k8s.example", "--eks-cluster", "x"),
            3,
            "sandbox",
        ),
        (
            ("cluster", "add", "x", "--endpoint", "http://127.0.0.1:1", "--eks-cluster", "x"),
            0,
            "preflight x",
        ),
        (("cluster", "add", "x", "--kubeconfig", "/nowhere"), 3, "cannot be read"),
        (("cluster", "show", "nobody"), 1, "no cluster is called"),
        (("cluster", "remove", "nobody"), 1, "no cluster is called"),
        (("customer", "add", ""), 3, "company"),
        (("customer", "add", "A", "--role-arn", "x"), 3, "role ARN"),
    ],
)
def test_what_cannot_be_is_told_by_code_and_sentence(terminal, words, code, told):
    answer = terminal(*words)

    assert answer.code == code
    assert told in answer.stderr


def test_aws_options_register_a_customer_that_is_not_there(terminal, live, token_file):
    words = ("--endpoint", live.kube.url, "--token-file", token_file)
    nobody = terminal("cluster", "add", "one", *words, "--role-arn", ROLE)
    unknown = terminal("cluster", "add", "one", *words, "--customer", "Acme")
    added = terminal("cluster", "add", "one", *words, "--customer", "Acme", "--role-arn", ROLE)
    again = terminal("cluster", "add", "two", *words, "--customer", "Acme", "--role-arn", ROLE)
    listed = terminal("customer", "list", "--format", "json")

    assert [one.code for one in (nobody, unknown, added, again)] == [2, 1, 0, 3]
    [customer] = json.loads(listed.stdout)["customers"]
    assert (customer["customer"]["company"], customer["clusters"]) == ("Acme", ["one"])
    assert len(customer["customer"]["external_id"]) == 32


def test_a_cluster_is_removed_by_its_name_typed_again(terminal, with_cluster):
    wrong = terminal("cluster", "remove", "shop", "--yes", "Shop")
    right = terminal("cluster", "remove", "shop", "--yes", "shop")
    listed = terminal("cluster", "list", "--format", "json")

    assert (wrong.code, right.code) == (3, 0)
    assert json.loads(listed.stdout)["clusters"] == []


def test_secrets_are_sealed_anew_with_a_new_key(terminal, with_cluster, tmp_path):
    rotated = terminal("db", "rotate-secrets", "--new-key", "--format", "json")
    read = terminal("snapshot", "shop", "-o", tmp_path / "shop.json")

    assert json.loads(rotated.stdout) == {"clusters": 1, "customers": 1, "is_new_key": True}
    assert len((tmp_path / "secret.key").read_text().split()) == 2
    assert read.code == 0


def test_a_lost_key_is_named_with_what_to_do(terminal, with_cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("ENCRYPTION_KEY", Fernet.generate_key().decode())

    answer = terminal("snapshot", "shop", "-o", tmp_path / "shop.json")

    assert answer.code == 1
    assert "the credential of cluster 'shop' cannot be opened" in answer.stderr
    assert "bring the old key back" in answer.stderr


def test_customers_are_listed_for_people(terminal, with_cluster):
    answer = terminal("customer", "list")

    assert "Acme" in answer.stdout
    assert "shop" in answer.stdout
    assert SECRET not in answer.stdout


def the_customer(terminal):
    [found] = json.loads(terminal("customer", "list", "--format", "json").stdout)["customers"]
    return found


def test_an_edit_changes_what_is_given_and_leaves_the_rest_its_secret_too(
    terminal, with_customer, live
):
    changed = terminal("customer", "edit", "Acme", "--company", "Acme Ltd", "--region", "eu-west-1")

    assert changed.code == 0, changed.stderr
    now = the_customer(terminal)["customer"]
    assert (now["company"], now["aws_region"]) == ("Acme Ltd", "eu-west-1")
    for name in ("id", "role_arn", "external_id", "aws_endpoint_url", "aws_access_key_id"):
        assert now[name] == with_customer[name]
    assert SECRET not in changed.stdout + changed.stderr


def test_an_empty_value_takes_a_field_away_and_an_empty_url_its_queue(terminal, with_customer):
    queue = "http://127.0.0.1:9/123456789012/warnings"
    given = terminal("customer", "edit", "Acme", "--email", "a@acme.test", "--queue-url", queue)
    with_queue = the_customer(terminal)

    taken = terminal("customer", "edit", "Acme", "--email", "", "--queue-url", "")

    assert (given.code, taken.code) == (0, 0)
    assert with_queue["customer"]["email"] == "a@acme.test"
    assert [one["url"] for one in with_queue["queues"]] == [queue]
    assert the_customer(terminal)["customer"]["email"] is None
    assert the_customer(terminal)["queues"] == []


def test_another_access_key_needs_its_secret(terminal, with_customer, monkeypatch):
    monkeypatch.delenv("CUSTOMER_AWS_SECRET_ACCESS_KEY")

    answer = terminal("customer", "edit", "Acme", "--access-key-id", "AKIASANDBOXOPERATOR1")

    assert answer.code == 3
    assert "its id and its secret belong together" in answer.stderr


def test_a_customer_is_removed_by_its_name_once_it_has_no_cluster(terminal, with_cluster):
    owning = terminal("customer", "remove", "Acme", "--yes", "Acme")
    terminal("cluster", "remove", "shop", "--yes", "shop")
    mistyped = terminal("customer", "remove", "Acme", "--yes", "acme")
    removed = terminal("customer", "remove", "Acme", "--yes", "Acme")

    assert owning.code == 3
    assert "owns the clusters shop" in owning.stderr
    assert mistyped.code == 3
    assert "'acme' is not the name of the customer" in mistyped.stderr
    assert removed.code == 0
    assert json.loads(terminal("customer", "list", "--format", "json").stdout)["customers"] == []


def test_without_a_terminal_a_removal_needs_the_name_as_an_option(terminal, with_customer):
    answer = terminal("customer", "remove", "Acme")

    assert answer.code == 2
    assert "give --yes Acme to confirm" in answer.stderr
