"""Each role includes the one before it."""

import pytest

from services.access import LOCAL_ADMIN, Actor, Role, authorise
from services.errors import AccessDeniedError


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_a_role_and_those_above_it_may_act(role):
    assert authorise(Actor(name="a", role=role), Role.OPERATOR, "act") is None


def test_a_lower_role_is_refused_with_who_can_help():
    with pytest.raises(AccessDeniedError) as caught:
        authorise(Actor(name="vera", role=Role.VIEWER), Role.OPERATOR, "open a cluster")

    assert caught.value.problem == "vera may not open a cluster: that needs the role operator"
    assert caught.value.next_step == "ask somebody with the role operator to do it"


def test_who_sits_at_the_machine_is_an_admin():
    assert LOCAL_ADMIN.role is Role.ADMIN
