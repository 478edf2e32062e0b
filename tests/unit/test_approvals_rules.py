"""Who may decide: never the requester; others within place, cost center and limit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.approvals.rules import Asked, may_decide, may_look
from portal.foundation.access import Actor, Grant, Permission

ASKED = Asked(requester_id=1, facility_id=10, cost_center_id=20, amount=Decimal(500))
APPROVE = frozenset({Permission.APPROVE})


def person(*grants: Grant, account_id: int = 2) -> Actor:
    """Somebody with these grants."""
    return Actor(organization_id=1, name="Approver", account_id=account_id, grants=grants)


@pytest.mark.parametrize(
    ("grant", "may"),
    [
        (Grant(APPROVE), True),
        (Grant(APPROVE, facility_id=10), True),
        (Grant(APPROVE, facility_id=11), False),
        (Grant(APPROVE, cost_center_id=20), True),
        (Grant(APPROVE, cost_center_id=21), False),
        (Grant(APPROVE, facility_id=10, cost_center_id=20, approval_limit=Decimal(500)), True),
        (Grant(APPROVE, approval_limit=Decimal("499.99")), False),
        (Grant(APPROVE, approval_limit=Decimal(0)), False),
        (Grant(frozenset({Permission.BUY})), False),
    ],
)
def test_place_cost_center_and_limit_must_cover_it(grant: Grant, may: bool) -> None:
    assert may_decide(person(grant), ASKED) is may


@given(st.booleans(), st.decimals(min_value=0, max_value=10**6, places=2) | st.none())
def test_the_requester_never_decides(may_all: bool, limit: Decimal | None) -> None:
    permissions = frozenset(Permission) if may_all else APPROVE
    grant = Grant(permissions, approval_limit=limit)
    assert not may_decide(person(grant, account_id=1), ASKED)


def test_one_grant_must_cover_it_alone() -> None:
    place = Grant(APPROVE, facility_id=10, approval_limit=Decimal(100))
    limit = Grant(APPROVE, facility_id=11, approval_limit=Decimal(1000))
    assert not may_decide(person(place, limit), ASKED)
    assert may_look(person(place, limit), ASKED)
    assert not may_look(person(limit), ASKED)
