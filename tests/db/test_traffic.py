"""The traffic of a cluster: the latest import counts, and comes back as it went in."""

from datetime import UTC, datetime

import msgspec
import numpy as np

from db.measurement_records import TrafficRecord
from db.records import DataKind
from db.repositories import clusters, customers, data_versions, traffic
from engines.contracts.usage import TrafficRow, TrafficTable, to_traffic_rows
from tests.db.builders import NOW, a_cluster

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)


def a_record(cluster_id="prod", **fields):
    values = {
        "cluster_id": cluster_id,
        "source_name": "flow.log.gz",
        "pairs": 2,
        "bytes_per_day": 30,
        "as_of": AT,
        "as_of_basis": "end of the last record",
        "covered_seconds": 86_400,
        "imported_at": AT,
        "imported_by": "ada",
    }
    return TrafficRecord(**(values | fields))


def register(tx, *names):
    customers.ensure_local(tx, at=NOW)
    for name in names:
        clusters.add(tx, a_cluster(name, name=name))


def a_table(*amounts):
    return TrafficTable.from_rows(
        TrafficRow(
            from_namespace="shop",
            from_pod=f"web-{number}",
            to_namespace="shop",
            to_pod="db-0",
            bytes_per_day=amount,
        )
        for number, amount in enumerate(amounts)
    )


def test_a_cluster_without_an_import_has_no_traffic(database):
    with database.reader() as reader:
        assert traffic.find(reader, "prod") is None
        assert traffic.load(reader, "prod") is None


def test_traffic_comes_back_as_it_was_stored(database):
    table = a_table(10, 2**50)
    with database.transaction() as tx:
        register(tx, "prod")
        traffic.save(tx, a_record(bytes_per_day=10 + 2**50), table)

    with database.reader() as reader:
        found = traffic.load(reader, "prod")
        about = traffic.find(reader, "prod")

    assert to_traffic_rows(found) == to_traffic_rows(table)
    assert (found.senders.dtype, found.bytes_per_day.dtype) == (np.int32, np.int64)
    assert about == a_record(bytes_per_day=10 + 2**50)


def test_a_new_import_takes_the_place_of_the_one_before(database):
    newer = a_record(source_name="b.csv", covered_seconds=None, pairs=1, bytes_per_day=5)
    with database.transaction() as tx:
        register(tx, "prod", "test")
        traffic.save(tx, a_record("test"), a_table(1, 2))
        traffic.save(tx, a_record(), a_table(10, 20))
    with database.reader() as reader:
        before = data_versions.current(reader)[DataKind.CLUSTERS]

    with database.transaction() as tx:
        traffic.save(tx, newer, a_table(5))

    with database.reader() as reader:
        assert traffic.find(reader, "prod") == newer
        assert to_traffic_rows(traffic.load(reader, "prod")) == to_traffic_rows(a_table(5))
        assert traffic.find(reader, "test") == msgspec.structs.replace(
            a_record(), cluster_id="test"
        )
        assert data_versions.current(reader)[DataKind.CLUSTERS] == before + 1
