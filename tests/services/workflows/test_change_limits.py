"""An operator may tighten a cluster's limits; loosening needs an admin; both leave a trace."""

from datetime import UTC, datetime

import msgspec
import pytest

from db.records import Cluster, ClusterSource
from db.repositories import audit, clusters, customers, events
from engines.contracts.verdict import SafetyLimits
from services.access import Actor, Role
from services.errors import AccessDeniedError
from services.workflows.browse_system import load_audit_log
from services.workflows.change_limits import change_limits

AT = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
VIEWER = Actor(name="vera", role=Role.VIEWER)
OPERATOR = Actor(name="otto", role=Role.OPERATOR)
ADMIN = Actor(name="ada", role=Role.ADMIN)
TIGHTER = SafetyLimits(max_pool_share=0.10)
LOOSER = SafetyLimits(min_on_demand_share=0.10)


@pytest.fixture
def stored(database):
    """A cluster with the default limits."""
    with database.transaction() as tx:
        clusters.add(
            tx,
            Cluster(
                id="prod",
                customer_id=customers.ensure_local(tx, at=AT).id,
                name="prod",
                region="us-east-1",
                source=ClusterSource.DUMP,
                created_at=AT,
                updated_at=AT,
            ),
        )
    return database


def limits_now(database) -> SafetyLimits:
    with database.reader() as reader:
        return clusters.get(reader, "prod").limits


def test_an_operator_tightens(stored):
    change_limits(stored, cluster_id="prod", limits=TIGHTER, actor=OPERATOR, at=AT)

    assert limits_now(stored) == TIGHTER


def test_an_operator_may_not_loosen_and_nothing_is_stored(stored):
    with pytest.raises(AccessDeniedError, match="otto may not loosen min_on_demand_share"):
        change_limits(stored, cluster_id="prod", limits=LOOSER, actor=OPERATOR, at=AT)

    assert limits_now(stored) == SafetyLimits()
    assert load_audit_log(stored) == ()


def test_tightening_one_limit_does_not_pay_for_loosening_another(stored):
    mixed = msgspec.structs.replace(TIGHTER, min_on_demand_share=0.10)

    with pytest.raises(AccessDeniedError):
        change_limits(stored, cluster_id="prod", limits=mixed, actor=OPERATOR, at=AT)


def test_an_admin_loosens(stored):
    change_limits(stored, cluster_id="prod", limits=LOOSER, actor=ADMIN, at=AT)

    assert limits_now(stored) == LOOSER


def test_a_viewer_changes_nothing(stored):
    with pytest.raises(AccessDeniedError, match="vera may not change safety limits"):
        change_limits(stored, cluster_id="prod", limits=TIGHTER, actor=VIEWER, at=AT)


def test_a_change_leaves_who_did_it_with_the_values_before_and_after(stored):
    change_limits(stored, cluster_id="prod", limits=LOOSER, actor=ADMIN, at=AT)

    with stored.reader() as reader:
        [entry] = audit.list_entries(reader)
        [event] = events.list_events(reader)
    assert (entry.actor, entry.action) == ("ada", "safety.limits.loosened")
    assert (entry.before["min_on_demand_share"], entry.after["min_on_demand_share"]) == (0.15, 0.1)
    assert event.payload == {"loosened": ["min_on_demand_share"]}


def test_the_same_limits_again_leave_no_trace(stored):
    change_limits(stored, cluster_id="prod", limits=SafetyLimits(), actor=OPERATOR, at=AT)

    assert load_audit_log(stored) == ()
