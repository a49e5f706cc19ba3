"""A cluster is called by its name; the customer is told where two have the same."""

import msgspec

from tests.db.builders import a_cluster
from ui.components.cluster_names import name_clusters


def owned(cluster_id, *, name, by):
    return msgspec.structs.replace(a_cluster(cluster_id, name=name), customer_id=by)


def test_a_name_of_one_cluster_is_enough():
    known = [a_cluster("prod", name="prod"), a_cluster("stage", name="stage")]

    assert name_clusters(known, {}) == {"prod": "prod", "stage": "stage"}


def test_equal_names_are_told_with_their_customers():
    known = [
        owned("prod", name="prod", by="acme"),
        owned("prod-1f", name="prod", by="globex"),
        owned("stage", name="stage", by="acme"),
    ]

    names = name_clusters(known, {"acme": "Acme Ltd"})

    assert names == {"prod": "Acme Ltd / prod", "prod-1f": "globex / prod", "stage": "stage"}
