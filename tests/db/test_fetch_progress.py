"""What fetches remember from one to the next."""

from datetime import UTC, datetime

from db.repositories import fetch_progress
from db.repositories.fetch_progress import FileEdition, PriceFetchState, UnfinishedWindow

AT = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
WINDOW = UnfinishedWindow(since=datetime(2026, 7, 1, tzinfo=UTC), until=AT, token="page-2", pages=1)


def load(database, region="us-east-1", products=("Linux/UNIX",)):
    with database.reader() as reader:
        return fetch_progress.load_prices(reader, region, products)


def save(database, state, region="us-east-1", products=("Linux/UNIX",)):
    with database.transaction() as tx:
        fetch_progress.save_prices(tx, region, products, state, at=AT)


def test_nothing_is_known_of_a_region_that_was_never_fetched(database):
    assert load(database) == PriceFetchState()


def test_a_window_comes_back_as_it_was_left(database):
    save(database, PriceFetchState(unfinished=WINDOW))

    assert load(database) == PriceFetchState(unfinished=WINDOW)


def test_a_later_state_replaces_the_earlier_one(database):
    save(database, PriceFetchState(unfinished=WINDOW))
    save(database, PriceFetchState(finished_until=AT))

    assert load(database) == PriceFetchState(finished_until=AT)


def test_regions_and_products_are_apart_whatever_the_order_of_products(database):
    save(database, PriceFetchState(finished_until=AT), products=("Windows", "Linux/UNIX"))

    assert load(database, products=("Linux/UNIX", "Windows")).finished_until == AT
    assert load(database).finished_until is None
    assert load(database, region="us-west-2", products=("Linux/UNIX", "Windows")) == (
        PriceFetchState()
    )


def test_the_edition_of_a_file_is_kept_by_its_address(database):
    url = "https://example.com/spot.json"
    with database.transaction() as tx:
        fetch_progress.save_edition(tx, url, FileEdition(etag='"abc"'), at=AT)

    with database.reader() as reader:
        assert fetch_progress.load_edition(reader, url) == FileEdition(etag='"abc"')
        assert fetch_progress.load_edition(reader, url + "2") == FileEdition()
