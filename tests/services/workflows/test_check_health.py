"""Health: what works, what is stale, what failed last."""

from datetime import timedelta

import pytest

from db.records import DataKind
from services.errors import InvalidInputError
from services.files.recognise import MarketKind
from services.workflows.check_health import HealthStatus, check_health
from services.workflows.import_market_data import import_market_data, import_market_file
from tests.services.files.market_texts import NOW, SPOT_CSV, advisor_json, source


def take_in(database, text):
    import_market_file(database, source(text, "file"), as_of=NOW, clock=lambda: NOW)


def test_with_fresh_data_all_is_well(database):
    take_in(database, SPOT_CSV)
    take_in(database, advisor_json())

    health = check_health(database, now=NOW)

    assert health.status is HealthStatus.OK
    assert health.reasons == ()
    assert health.database.dialect in ("sqlite", "postgresql")
    assert [(one.kind, one.rows, one.is_stale) for one in health.data] == [
        (DataKind.SPOT_PRICES, 4, False),
        (DataKind.SPOT_ADVISOR, 4, False),
    ]


def test_an_empty_database_works_but_says_what_it_lacks(database):
    health = check_health(database, now=NOW)

    assert health.status is HealthStatus.DEGRADED
    assert health.reasons == (
        "nothing is stored of spot prices; fetch or import it",
        "nothing is stored of spot advisor; fetch or import it",
    )


def test_stale_data_are_named_with_their_age(database):
    """The newest price is of 19 July 11:00, 25 h before NOW; 36 h are the limit."""
    take_in(database, SPOT_CSV)
    take_in(database, advisor_json())

    health = check_health(database, now=NOW + timedelta(hours=12))

    assert health.status is HealthStatus.DEGRADED
    assert health.reasons == (
        "spot prices of us-east-1, Linux/UNIX: newest from 2026-07-19, stale",
    )
    assert health.data[0].age_seconds == 37 * 3600


def test_a_failed_import_is_told_until_one_succeeds(database):
    take_in(database, SPOT_CSV)
    take_in(database, advisor_json())
    with pytest.raises(InvalidInputError):
        import_market_data(
            database, source("{}", "bad.json"), MarketKind.SPOT_ADVISOR, clock=lambda: NOW
        )

    (reason,) = check_health(database, now=NOW).reasons
    take_in(database, advisor_json())

    assert reason.startswith("the last import of spot advisor failed: bad.json")
    assert check_health(database, now=NOW).reasons == ()
