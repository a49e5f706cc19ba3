"""Settings: read once from the environment or ``.env``, validated at start.

Each field says what it does; the README's table lists the same fields (a test compares). Names of
an older design that no longer mean anything are ignored, and shown on the System page.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

from services.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
LEGACY_PREFIXES = ("REDIS_", "CELERY_", "ML_SERVER_", "CENTRAL_", "JWT_", "CORS_")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """Everything an operator can set. Variables carry the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", extra="ignore", frozen=True, case_sensitive=False
    )

    database_url: str = Field(
        default="",
        description="SQLAlchemy URL; empty: built from DB_*, else an embedded file",
        repr=False,
    )
    db_host: str = Field(default="", description="PostgreSQL host, where DATABASE_URL is not set")
    db_port: int = Field(default=5432, ge=1, le=65535, description="PostgreSQL port")
    db_name: str = Field(default="cloudoptim", description="PostgreSQL database")
    db_user: str = Field(default="cloudoptim", description="PostgreSQL user")
    db_password: str = Field(default="", description="PostgreSQL password", repr=False)
    db_pool_size: int = Field(default=10, ge=1, le=200, description="connections kept open")
    db_max_overflow: int = Field(default=20, ge=0, le=200, description="connections above those")
    database_kind: Literal["real", "sandbox"] = Field(
        default="real", description="what the database is created as; it never changes later"
    )
    host: str = Field(default="127.0.0.1", description="address of the web app: loopback only")
    port: int = Field(default=8501, ge=1, le=65535, description="port of the web app")
    aws_region: str = Field(
        default="us-east-1", description="region used where a customer or cluster names none"
    )
    spot_advisor_url: str = Field(
        default="https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json",
        description="where the Spot Advisor document is fetched",
    )
    price_list_url: str = Field(
        default="https://pricing.us-east-1.amazonaws.com",
        description="where AWS's bulk price list (offer files) is fetched",
    )
    pricing_data_fetch_parallelism: int = Field(
        default=5, ge=1, le=32, description="regions whose prices are fetched at once"
    )
    pricing_data_retry_attempts: int = Field(
        default=3, ge=1, le=10, description="attempts at one request for prices"
    )
    pricing_data_retry_backoff: float = Field(
        default=2.0, ge=1, le=10, description="factor between the waits before those attempts"
    )
    k8s_api_timeout_seconds: float = Field(
        default=30.0, gt=0, le=300, description="longest wait for a Kubernetes API answer"
    )
    k8s_api_retry_attempts: int = Field(
        default=3, ge=1, le=10, description="attempts at one read of a Kubernetes API"
    )
    k8s_api_backoff_factor: float = Field(
        default=2.0, ge=1, le=10, description="factor between the waits before those attempts"
    )
    optimization_interval_minutes: int = Field(
        default=10, ge=1, le=1440, description="minutes between two optimisations of a cluster"
    )
    bin_packing_enabled: bool = Field(
        default=True, description="the scheduler runs the bin packing engine"
    )
    rightsizing_enabled: bool = Field(
        default=True, description="the scheduler runs the rightsizing engine"
    )
    office_hours_enabled: bool = Field(
        default=True, description="the scheduler runs the office hours engine"
    )
    ghost_probe_scanner_enabled: bool = Field(
        default=True, description="the scheduler looks for ghost instances"
    )
    zombie_volume_cleanup_enabled: bool = Field(
        default=True, description="the scheduler looks for unused volumes"
    )
    network_optimization_enabled: bool = Field(
        default=True, description="the scheduler runs the network optimizer"
    )
    oom_remediation_enabled: bool = Field(
        default=True, description="the scheduler runs the OOM remediation engine"
    )
    encryption_key: str = Field(
        default="",
        description="Fernet keys for stored secrets, newest first, by commas; empty: the key file",
        repr=False,
    )
    encryption_key_file: str = Field(
        default="", description="file of those keys, made at first start; empty: var/secret.key"
    )
    snapshot_retention_days: int = Field(
        default=30, ge=1, le=3650, description="days that recorded cluster states are kept"
    )
    usage_retention_days: int = Field(
        default=15, ge=1, le=365, description="days that hourly container usage is kept"
    )
    metrics_port: int = Field(
        default=8502, ge=1, le=65535, description="port of the scheduler's /metrics and /healthz"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least severe log line that is written"
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="logs for people or for machines"
    )
    log_file: str = Field(default="", description="file that logs go to; empty: standard error")
    allow_model_training: bool = Field(
        default=False, description="always false: the product has no training code"
    )

    @field_validator("allow_model_training")
    @classmethod
    def _never_train(cls, wanted: bool) -> bool:
        if wanted:
            raise ValueError("models are trained elsewhere; remove the variable")
        return wanted

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if host not in LOOPBACK_HOSTS:
            raise ValueError(
                f"{host!r} is not a loopback address, and without an identity provider the app "
                "serves this machine only; use 127.0.0.1"
            )
        return host

    def sqlalchemy_url(self) -> str:
        """The database's address: DATABASE_URL, else PostgreSQL by DB_*, else the embedded file."""
        if self.database_url:
            return _with_driver(self.database_url)
        if self.db_host:
            return URL.create(
                "postgresql+psycopg",
                username=self.db_user,
                password=self.db_password or None,
                host=self.db_host,
                port=self.db_port,
                database=self.db_name,
            ).render_as_string(hide_password=False)
        return f"sqlite:///{ROOT / 'var' / 'cloudoptim.sqlite3'}"


def settings_in_force(settings: Settings) -> tuple[tuple[str, str, str], ...]:
    """Variable, value and meaning of each setting; secrets are masked, never shown."""
    return tuple(
        (name.upper(), _masked(name, getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    )


def load_settings() -> Settings:
    """Read and validate the settings; a ConfigurationError names the first wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = str(first["loc"][0]).upper()
        raise ConfigurationError(
            f"setting {variable} is wrong: {first['msg'].removeprefix('Value error, ')}",
            next_step=f"correct {variable} in the environment or in .env and start again",
        ) from error


def legacy_variables(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names in the environment that belonged to an older design and are ignored."""
    return tuple(sorted(name for name in environment if name.startswith(LEGACY_PREFIXES)))


def _masked(name: str, value: object) -> str:
    """The value as text: passwords as stars, also the one inside a URL."""
    if name in ("db_password", "encryption_key"):
        return "***" if value else ""
    if name == "database_url" and value:
        return make_url(str(value)).render_as_string(hide_password=True)
    return str(value)


def _with_driver(url: str) -> str:
    """Name psycopg 3 where a URL leaves the PostgreSQL driver open."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url
