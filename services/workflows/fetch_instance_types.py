"""Fetch what instance types offer, from EC2 itself."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from db.records import DataKind
from db.repositories import instance_types
from db.session import Database
from services.access import Actor, Role, authorise
from services.aws.session import AwsAccount
from services.files.instance_types import read_instance_types
from services.files.source import SourceFile
from services.workflows.fetch_runs import FetchReport, FetchRun, check_account

PAGE_TYPES = 100  # the most that EC2 gives in one answer


def fetch_instance_types(
    database: Database,
    account: AwsAccount,
    *,
    actor: Actor,
    at: datetime,
    regions: Sequence[str] | None = None,
) -> FetchReport:
    """Fetch and store the types that are offered in the regions (None: the account's own)."""
    authorise(actor, Role.OPERATOR, "fetch instance types")
    check_account(database, account)
    places = tuple(sorted(set(regions or (account.region,))))
    run = FetchRun(
        database, DataKind.INSTANCE_TYPES, f"EC2 instance types of {', '.join(places)}", at
    )
    with run.recording_failure():
        described = [
            one
            for region in places
            for page in account.pages(
                "ec2", "describe_instance_types", region=region, MaxResults=PAGE_TYPES
            )
            for one in page["InstanceTypes"]
        ]
        content = msgspec.json.encode(described)
        reading = read_instance_types(SourceFile.of_bytes("DescribeInstanceTypes", content))
        with database.transaction() as tx:
            stored = instance_types.save(
                tx, reading.data, source="EC2 DescribeInstanceTypes", as_of=at
            )
            report = run.finish(tx, stored, reading.dropped)
    return msgspec.structs.replace(report, regions=places)
