"""Fetch the Spot Advisor: only where it has changed, and only in the shape that is known."""

from datetime import datetime

from db.records import DataKind
from db.repositories import advisor, fetch_progress
from db.repositories.fetch_progress import FileEdition
from db.session import Database
from services.access import Actor, Role, authorise
from services.aws.public_files import MOST_ADVISOR_BYTES, PublicFile, PublicFiles, Validators
from services.aws.session import AwsOptions
from services.files.source import SourceFile
from services.files.spot_advisor import read_spot_advisor
from services.workflows.endpoints import check_aws_url
from services.workflows.fetch_runs import FetchReport, FetchRun


def fetch_spot_advisor(
    database: Database, url: str, *, actor: Actor, at: datetime, options: AwsOptions | None = None
) -> FetchReport:
    """Fetch and store the edition that is published at ``at``.

    An unchanged edition (by ETag, or by its content) is noted as still published. A changed shape,
    an empty file or one that does not come whole is refused, and the stored edition stays; the
    run is recorded with the reason.
    """
    authorise(actor, Role.OPERATOR, "fetch the Spot Advisor")
    check_aws_url("SPOT_ADVISOR_URL", url, database.check().kind)
    run = FetchRun(database, DataKind.SPOT_ADVISOR, url, at)
    with run.recording_failure(), PublicFiles(options) as files:
        known = _known_edition(database, url)
        file = files.fetch(
            url,
            most_bytes=MOST_ADVISOR_BYTES,
            known=Validators(etag=known.etag, last_modified=known.last_modified),
        )
        if file.path is None:
            with database.transaction() as tx:
                advisor.note_still_published(tx, at=at)
            return run.unchanged()
        return _store(database, url, file, run, at)


def _known_edition(database: Database, url: str) -> FileEdition:
    """The edition that was fetched from there, if it is still the one that counts.

    Where another file was imported since, the server's "not changed" would speak of the wrong one.
    """
    with database.reader() as reader:
        known = fetch_progress.load_edition(reader, url)
        newest = advisor.load_edition(reader)
    is_newest = newest is not None and newest.published_at == known.published_at
    return known if is_newest else FileEdition()


def _store(
    database: Database, url: str, file: PublicFile, run: FetchRun, at: datetime
) -> FetchReport:
    if file.path is None:
        raise ValueError("there is no file to store")
    content = file.path.read_bytes()
    reading = read_spot_advisor(SourceFile.of_bytes(url, content))
    with database.transaction() as tx:
        stored = advisor.save_rates(
            tx, reading.data.rates, published_at=at, source=url, document=content
        )
        newest = advisor.load_edition(tx)
        edition = FileEdition(
            etag=file.validators.etag,
            last_modified=file.validators.last_modified,
            published_at=None if newest is None else newest.published_at,
        )
        fetch_progress.save_edition(tx, url, edition, at=at)
        return run.finish(tx, stored, reading.dropped)
