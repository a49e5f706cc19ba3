"""What is to be started: with a sandbox or without, on which database, with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.bootstrap import open_database
from services.settings import Settings
from services.workflows.browse_clusters import load_clusters

SANDBOX_DATABASE = "sandbox.sqlite3"
OWN_DATABASE = "cloudoptim.sqlite3"
CONNECTION_FILE = "sandbox.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    var: Path
    may_have_sandbox: bool
    seed: int
    aws_port: int
    kube_port: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``settings`` are those of all children; ``connection_file`` None: no sandbox."""

    settings: Settings
    changes: Mapping[str, str]
    """What differs from the settings that were found, by name of the variable."""

    connection_file: Path | None
    reason: str


def make_plan(settings: Settings, options: Options) -> Plan:
    """A sandbox, unless the settings name a database or the usual one knows a cluster."""
    has_url = bool(settings.database_url or settings.db_host)
    if settings.database_kind == "real" and has_url:
        return _plan(settings, {}, None, "a database is configured")
    keys = _key_file(settings, options)
    own = keys | {"database_url": f"sqlite:///{options.var / OWN_DATABASE}"}
    if not options.may_have_sandbox:
        return _plan(settings, {} if has_url else own, None, "none is wanted")
    if settings.database_kind == "real" and _knows_clusters(settings, options.var / OWN_DATABASE):
        return _plan(settings, own, None, "a cluster of yours is registered")
    changes = keys | {"database_kind": "sandbox"}
    if not has_url:
        changes["database_url"] = f"sqlite:///{options.var / SANDBOX_DATABASE}"
    connection_file = options.var / CONNECTION_FILE
    return _plan(settings, changes, connection_file, "no cluster of yours is registered")


def _key_file(settings: Settings, options: Options) -> dict[str, str]:
    """The file of the secrets' keys lies beside the databases, unless it is configured."""
    if settings.encryption_key or settings.encryption_key_file:
        return {}
    return {"encryption_key_file": str(options.var / "secret.key")}


def _plan(
    settings: Settings, changes: dict[str, str], connection_file: Path | None, reason: str
) -> Plan:
    return Plan(
        settings=settings.model_copy(update=changes),
        changes={name.upper(): value for name, value in changes.items()},
        connection_file=connection_file,
        reason=reason,
    )


def _knows_clusters(settings: Settings, path: Path) -> bool:
    """Whether the embedded database exists and knows any cluster."""
    if not path.exists():
        return False
    with open_database(settings.model_copy(update={"database_url": f"sqlite:///{path}"})) as own:
        return bool(load_clusters(own))
