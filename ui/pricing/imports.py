"""Import of market files: upload, progress, what became of every row, and the imports so far."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

import msgspec
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from services.access import Actor, Role
from services.errors import CloudOptimError
from services.files.source import SourceFile
from services.workflows.import_market_data import (
    ImportProgress,
    ImportReport,
    ImportStage,
    import_market_file,
)
from ui import session
from ui.components import data, formatting, tables, wording
from ui.components.cards import Card, show_cards, show_empty, show_heading, show_problem

COLUMNS = (
    tables.Column(name="status", label="Status"),
    tables.Column(name="kind", label="Kind"),
    tables.Column(name="source_name", label="File", width="large"),
    tables.Column(name="rows_read", label="Read", kind="number"),
    tables.Column(name="rows_new", label="New", kind="number"),
    tables.Column(name="rows_known", label="Known", kind="number"),
    tables.Column(name="rows_changed", label="Changed", kind="number"),
    tables.Column(name="rows_refused", label="Left out", kind="number"),
    tables.Column(name="started_at", label="Started", kind="time"),
    tables.Column(name="error", label="Error", width="large"),
)
SIGNS = {"running": "… running", "succeeded": "✓ stored", "failed": "✕ failed"}


def show_imports(user: Actor) -> None:
    """The upload form and the history of imports."""
    show_heading(
        "Import market data",
        "Spot prices, Spot Advisor, on-demand prices or instance types: CSV or AWS's own JSON, "
        "gz accepted. What a file holds is told by its columns.",
    )
    if user.role < Role.OPERATOR:
        st.info("Importing needs the role operator.", icon=":material/lock:")
    else:
        _show_form()
    show_heading("Imports so far", "Newest first. A failed import stores nothing of its file.")
    runs = data.imports()
    if not runs:
        show_empty(
            "Nothing was imported yet",
            "Start with AWS's `spot-advisor-data.json`, a Spot price history and on-demand prices.",
            "upload_file",
        )
        return
    tables.show_table(
        [
            {
                **msgspec.structs.asdict(run),
                "status": SIGNS[run.status],
                "kind": wording.data_kind(run.kind),
            }
            for run in runs
        ],
        COLUMNS,
        key="pricing_imports",
        file_name="imports",
        noun="import",
    )


def _show_form() -> None:
    with st.form("pricing-import", border=True):
        files_box, date_box = st.columns((3, 1), gap="medium")
        files = files_box.file_uploader(
            "Files",
            type=["csv", "json", "gz"],
            accept_multiple_files=True,
            key="pricing-files",
            help="Up to 200 MB each. Larger files: `python cli.py prices import FILE`.",
        )
        published = date_box.date_input(
            "Data as of",
            value=None,
            max_value="today",
            key="pricing-as-of",
            help="For files that do not say it themselves (Spot Advisor, instance types). "
            "Empty: the time of this import.",
        )
        is_wanted = st.form_submit_button(
            "Import", type="primary", icon=":material/upload:", key="pricing-import-now"
        )
    if is_wanted and not files:
        st.warning("Choose one or more files first.", icon=":material/attach_file:")
    elif is_wanted:
        _import_all(files, published)


def _import_all(files: Sequence[UploadedFile], published: date | None) -> None:
    """One file after the other; a bad one does not keep the others out."""
    as_of = None if published is None else datetime.combine(published, time(), UTC)
    for file in files:
        with st.status(f"Importing {file.name}", expanded=True) as status:
            try:
                report = _import(file, as_of)
            except CloudOptimError as error:
                status.update(label=f"{file.name} was refused", state="error")
                show_problem(error)
                st.caption("Nothing of this file was stored; the data of before stay as they are.")
            else:
                status.update(label=f"{file.name} is stored", state="complete")
                _show_report(report)


def _import(file: UploadedFile, as_of: datetime | None) -> ImportReport:
    """Import one file under a progress bar that goes away at the end."""
    line = st.empty()
    line.progress(0.1, text="Opening the file")

    def show_progress(progress: ImportProgress) -> None:
        share = 0.4 if progress.stage is ImportStage.READING else 0.8
        line.progress(share, text=f"{wording.in_words(progress.stage)}: {progress.rows:,} rows")

    try:
        return import_market_file(
            session.database(),
            SourceFile.of_bytes(file.name, file.getvalue()),
            as_of=as_of,
            on_progress=show_progress,
        )
    finally:
        line.empty()


def _show_report(report: ImportReport) -> None:
    """What became of every row of the file."""
    show_cards(
        [
            Card(label="Kind", value=wording.data_kind(report.kind)),
            Card(label="Rows read", value=f"{report.rows_read:,}"),
            Card(label="New", value=f"{report.rows_new:,}", tone="good"),
            Card(label="Known already", value=f"{report.rows_known:,}"),
            Card(label="Changed", value=f"{report.rows_changed:,}", tone="info"),
            Card(
                label="Left out",
                value=f"{report.rows_dropped:,}",
                tone="warning" if report.rows_dropped else "plain",
            ),
        ]
    )
    st.caption(
        f"Data of {formatting.moment_utc(report.as_of)} · "
        f"{formatting.count_of(len(report.regions), 'region')} · SHA-256 {report.digest[:16]}"
    )
    for one in report.dropped:
        rows = formatting.count_of(one.count, "row")
        st.warning(f"{rows} left out: {one.reason} (first in line {one.first_line})")
    for warning in report.warnings:
        st.warning(warning)
