"""Settings come from the environment, are validated, and name what is wrong."""

import pytest

from services.errors import ConfigurationError
from services.settings import ROOT, legacy_variables, load_settings, settings_in_force


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in ("DATABASE_URL", "DB_HOST", "HOST", "PORT", "ALLOW_MODEL_TRAINING"):
        monkeypatch.delenv(name, raising=False)


def test_without_configuration_the_database_is_an_embedded_file():
    assert load_settings().sqlalchemy_url() == f"sqlite:///{ROOT / 'var' / 'cloudoptim.sqlite3'}"


@pytest.mark.parametrize("given", ["postgresql://u:p@h/d", "postgres://u:p@h/d"])
def test_a_plain_postgresql_url_uses_psycopg_3(monkeypatch, given):
    monkeypatch.setenv("DATABASE_URL", given)

    assert load_settings().sqlalchemy_url() == "postgresql+psycopg://u:p@h/d"


def test_the_parts_of_an_address_are_put_together_and_escaped(monkeypatch):
    monkeypatch.setenv("DB_HOST", "db.local")
    monkeypatch.setenv("DB_PASSWORD", "p@ss/word")

    url = load_settings().sqlalchemy_url()

    assert url == "postgresql+psycopg://cloudoptim:p%40ss%2Fword@db.local:5432/cloudoptim"


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("PORT", "0", "greater than or equal to 1"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("PORT", "http", "valid integer"),
        ("HOST", "0.0.0.0", "loopback"),
        ("HOST", "10.0.0.7", "loopback"),
        ("ALLOW_MODEL_TRAINING", "true", "trained elsewhere"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_reason(monkeypatch, variable, value, reason):
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=f"setting {variable} is wrong: .*{reason}"):
        load_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_addresses_are_served(monkeypatch, host):
    monkeypatch.setenv("HOST", host)

    assert load_settings().host == host


def test_names_of_the_older_design_are_listed_and_others_are_not():
    environment = {"REDIS_URL": "x", "JWT_SECRET": "y", "PATH": "z", "MY_REDIS_URL": "w"}

    assert legacy_variables(environment) == ("JWT_SECRET", "REDIS_URL")


def test_a_password_is_not_shown_when_settings_are_printed(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "hunter2")

    assert "hunter2" not in repr(load_settings())


def test_settings_in_force_mask_passwords_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter3@h/d")

    shown = {name: value for name, value, _ in settings_in_force(load_settings())}

    assert shown["DB_PASSWORD"] == "***"
    assert shown["DATABASE_URL"] == "postgresql://u:***@h/d"
    assert shown["PORT"] == "8501"
