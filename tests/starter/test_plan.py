"""When there is a sandbox and when not, and what its parts are told."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.session import Database, PoolSettings
from services.access import LOCAL_ADMIN
from services.secrets import SecretBox
from services.settings import Settings
from services.workflows.register_cluster import BearerToken, KubeAccess, NewCluster, add_cluster
from starter.plan import Options, make_plan

KEY = "x1NCNBkFHnEvPTfGtqW2nTyuYvRLu8bMCvRQwNKCdnY="
AT = datetime(2027, 1, 15, tzinfo=UTC)


@pytest.fixture
def options(tmp_path):
    return Options(var=tmp_path, may_have_sandbox=True, seed=1, aws_port=1, kube_port=2)


def settings(**given):
    """Nothing is set but what is given, whatever this machine's environment says."""
    unset = {"database_url": "", "db_host": "", "encryption_key": "", "database_kind": "real"}
    return Settings(**(unset | given))


def test_without_any_configuration_a_sandbox_has_a_database_of_its_own(options):
    plan = make_plan(settings(), options)

    assert plan.connection_file == options.var / "sandbox.json"
    assert plan.changes == {
        "DATABASE_KIND": "sandbox",
        "DATABASE_URL": f"sqlite:///{options.var / 'sandbox.sqlite3'}",
        "ENCRYPTION_KEY_FILE": str(options.var / "secret.key"),
    }
    assert plan.settings.database_kind == "sandbox"


@pytest.mark.parametrize("given", [{"database_url": "sqlite:///x"}, {"db_host": "db.internal"}])
def test_a_configured_database_means_no_sandbox(options, given):
    plan = make_plan(settings(**given), options)

    assert plan.connection_file is None
    assert plan.changes == {}


def test_a_configured_sandbox_database_is_used_by_the_sandbox(options):
    plan = make_plan(settings(database_kind="sandbox", database_url="sqlite:///mine"), options)

    assert plan.connection_file is not None
    assert "DATABASE_URL" not in plan.changes
    assert plan.settings.database_url == "sqlite:///mine"


def test_keys_that_are_configured_stay(options):
    plan = make_plan(settings(encryption_key=KEY), options)

    assert "ENCRYPTION_KEY_FILE" not in plan.changes


def test_a_registered_cluster_means_no_sandbox(options):
    _make_own_database(options.var, with_cluster=True)

    plan = make_plan(settings(), options)

    assert plan.connection_file is None
    assert plan.changes == {
        "DATABASE_URL": f"sqlite:///{options.var / 'cloudoptim.sqlite3'}",
        "ENCRYPTION_KEY_FILE": str(options.var / "secret.key"),
    }


def test_who_wants_no_sandbox_has_a_real_database_of_the_same_folder(options):
    plan = make_plan(settings(), replace(options, may_have_sandbox=False))

    assert plan.connection_file is None
    assert plan.changes == {
        "DATABASE_URL": f"sqlite:///{options.var / 'cloudoptim.sqlite3'}",
        "ENCRYPTION_KEY_FILE": str(options.var / "secret.key"),
    }
    assert plan.settings.database_kind == "real"


def test_an_own_database_without_any_cluster_does_not_count(options):
    _make_own_database(options.var, with_cluster=False)

    assert make_plan(settings(), options).connection_file is not None


def _make_own_database(var: Path, *, with_cluster: bool) -> None:
    pool = PoolSettings(size=1, max_overflow=0)
    with Database(f"sqlite:///{var / 'cloudoptim.sqlite3'}", pool) as database:
        database.upgrade("real")
        if with_cluster:
            access = KubeAccess(
                endpoint="https://k8s.example.com", credential=BearerToken(token="t")
            )
            new = NewCluster(name="prod", access=access)
            secrets = SecretBox([KEY])
            add_cluster(database, new, secrets=secrets, actor=LOCAL_ADMIN, at=AT)
