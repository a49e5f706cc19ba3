"""The parts of the System page."""

import platform
import sys
from importlib.metadata import version

import streamlit as st

from services.errors import CloudOptimError
from services.settings import Settings, legacy_variables
from services.version import VERSION
from services.workflows.browse_clusters import Cluster, ClusterSource
from services.workflows.browse_system import DatabaseStatus
from services.workflows.check_health import Health, StoredData, check_health
from ui import session
from ui.components import data, formatting, tables, wording
from ui.components.cards import Card, show_cards, show_heading, show_problem

AGE_COLUMNS = (
    tables.Column(name="kind", label="Data"),
    tables.Column(name="source", label="Source", width="large"),
    tables.Column(name="rows", label="Rows", kind="number"),
    tables.Column(name="as_of", label="Newest", kind="time"),
    tables.Column(name="age", label="Age"),
    tables.Column(name="state", label="State"),
)
SETTING_COLUMNS = (
    tables.Column(name="variable", label="Variable"),
    tables.Column(name="value", label="Value"),
    tables.Column(name="origin", label="From"),
    tables.Column(name="meaning", label="Meaning", width="large"),
)
VERSION_COLUMNS = (
    tables.Column(name="package", label="Package"),
    tables.Column(name="version", label="Version"),
)
PACKAGES = (
    "streamlit",
    "plotly",
    "SQLAlchemy",
    "psycopg",
    "pandas",
    "numpy",
    "scipy",
    "numba",
    "msgspec",
    "uvicorn",
)
SECRET_WORDS = ("password", "secret", "token", "key")


def show_health() -> None:
    """Cards: database, data, cache, program."""
    try:
        health = check_health(session.database(), now=session.now())
        status = health.database
    except CloudOptimError as error:
        show_problem(error)
        return
    show_cards([_database_card(status), _data_card(health), _cache_card(), _program_card(status)])
    if health.reasons:
        lines = (formatting.plain(formatting.sentence(one)) for one in health.reasons)
        st.warning("  \n".join(lines), icon=":material/schedule:")


def show_data_ages() -> None:
    """Every source of data with its age."""
    now = session.now()
    show_heading("Data", "What decisions rest on, and how old it is")
    rows = [_age_row(one, formatting.age(one.as_of, now)) for one in _stored()]
    rows += [
        {
            "kind": "Cluster state",
            "source": cluster.name,
            "as_of": cluster.latest_snapshot_at,
            "age": formatting.age(cluster.latest_snapshot_at, now),
            "state": _state_of(cluster),
        }
        for cluster in data.clusters()
    ]
    tables.show_table(rows, AGE_COLUMNS, key="system_ages", file_name="data-ages", noun="source")


def show_settings() -> None:
    """Settings in force, names that are ignored, versions."""
    show_heading("Settings in force", "Environment variables, or the file .env; secrets are hidden")
    settings = session.settings()
    tables.show_table(
        [_setting_row(settings, name) for name in type(settings).model_fields],
        SETTING_COLUMNS,
        key="system_settings",
        file_name="settings",
        noun="setting",
    )
    ignored = legacy_variables()
    if ignored:
        st.warning(
            "These variables belong to an older design and are ignored: "
            + ", ".join(f"`{name}`" for name in ignored),
            icon=":material/block:",
        )
    with st.expander("Versions", key="system-versions"):
        tables.show_table(
            [{"package": name, "version": version(name)} for name in PACKAGES],
            VERSION_COLUMNS,
            key="system_versions",
            file_name="versions",
            noun="package",
        )


def _state_of(cluster: Cluster) -> str:
    """How a cluster's state came here, and whether that still works."""
    if cluster.source is ClusterSource.DUMP:
        return "as opened"
    return "! cannot be read" if cluster.last_read_error else "✓ read live"


def _stored() -> tuple[StoredData, ...]:
    return check_health(session.database(), now=session.now()).data


def _database_card(status: DatabaseStatus) -> Card:
    return Card(
        label="Database",
        value="PostgreSQL" if status.dialect == "postgresql" else "SQLite",
        note=f"✓ answers · version {status.server_version} · schema {status.schema_revision}",
        source=f"a {status.kind} database, asked just now",
        tone="good",
    )


def _data_card(health: Health) -> Card:
    stale = sum(one.is_stale for one in health.data)
    return Card(
        label="Market data",
        value=formatting.count_of(len(health.data), "source"),
        note=f"! {stale} stale" if stale else ("✓ all fresh" if health.data else "none imported"),
        source="ages in the table below",
        tone="warning" if stale or not health.data else "good",
    )


def _cache_card() -> Card:
    return Card(
        label="Cache hit rate",
        value=formatting.percent(data.hit_rate()),
        note="reads of pages answered from memory",
        source="since this process started",
    )


def _program_card(status: DatabaseStatus) -> Card:
    return Card(
        label="Program",
        value=f"CloudOptim {VERSION}",
        note=f"Python {platform.python_version()} on {sys.platform}",
        source=formatting.moment_utc(status.checked_at),
    )


def _age_row(one: StoredData, age: str) -> tables.Row:
    return {
        "kind": wording.data_kind(one.kind),
        "source": one.source,
        "rows": one.rows,
        "as_of": one.as_of,
        "age": age,
        "state": "! stale" if one.is_stale else "✓ fresh",
    }


def _setting_row(settings: Settings, name: str) -> tables.Row:
    field = type(settings).model_fields[name]
    value = getattr(settings, name)
    if value and (not field.repr or any(word in name for word in SECRET_WORDS)):
        value = "••••••"
    if name == "database_url":
        value = session.database().safe_url
    return {
        "variable": name.upper(),
        "value": str(value),
        "origin": "set" if name in settings.model_fields_set else "default",
        "meaning": field.description or "",
    }
