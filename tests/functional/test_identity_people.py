"""Organizations, accounts and roles: what can be created, and what is refused in which words."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.foundation.access import Permission
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid, NotFound
from portal.identity import passwords, queries, services
from portal.identity.rules import Role
from tests.hospital import PASSWORD, Hospital


def actions(account_id: int) -> list[str]:
    """What the audit trail says was done to an account, oldest first."""
    statement = (
        select(AuditEvent.action)
        .where(AuditEvent.subject_type == "account", AuditEvent.subject_id == account_id)
        .order_by(AuditEvent.id)
    )
    return list(db.session.scalars(statement))


def test_an_account_is_created_with_tidy_values_its_roles_and_audit_rows(hospital: Hospital) -> None:
    account = services.create_account(
        email=f" Buyer.Two-{hospital.organization.slug}@Example.ORG ",
        name="  Second   buyer ",
        password=PASSWORD,
        roles=[Role.BUYER],
    )
    assert account.email == f"buyer.two-{hospital.organization.slug}@example.org"
    assert account.name == "Second buyer"
    assert passwords.matches(account.password_hash, PASSWORD)
    assert services.actor_of(account).can(Permission.BUY)
    assert actions(account.id) == ["account.created", "account.role_added"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "a b@example.org"}, "email"),
        ({"email": "x" * 250 + "@example.org"}, "email"),
        ({"name": "  "}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "p" * 201}, "password"),
    ],
)
def test_what_cannot_be_an_account_is_refused_at_its_field(
    hospital: Hospital, change: dict[str, str], field: str
) -> None:
    values = {"email": "new@example.org", "name": "New", "password": PASSWORD, **change}
    with pytest.raises(Invalid) as refused:
        services.create_account(email=values["email"], name=values["name"], password=values["password"])
    assert refused.value.field == field


def test_an_email_is_used_once_in_all_organizations(hospital: Hospital) -> None:
    taken = hospital.email(Role.BUYER)
    services.create_organization(slug=f"other-{hospital.organization.slug}", name="Other")
    with pytest.raises(Invalid, match="exists already"):
        services.create_account(email=taken.upper(), name="Somebody")


@pytest.mark.parametrize("slug", ["", "Main", "a b", "-a", "a--b", "callback", "a/b"])
def test_a_short_name_must_be_usable_in_an_address(hospital: Hospital, slug: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_organization(slug=slug, name="Any")
    assert refused.value.field == "slug"


def test_a_short_name_is_used_once(hospital: Hospital) -> None:
    with pytest.raises(Invalid, match="Another organization"):
        services.create_organization(slug=hospital.organization.slug, name="Any")


def test_a_role_holds_within_its_facility_cost_center_and_limit(hospital: Hospital) -> None:
    account = services.create_account(
        email=f"scoped@{hospital.organization.slug}.org", name="Scoped approver"
    )
    services.assign_role(
        account,
        Role.APPROVER,
        facility_id=hospital.facility.id,
        cost_center_id=hospital.cost_center.id,
        approval_limit=Decimal("500.00"),
    )
    actor = services.actor_of(account)
    assert actor.can(Permission.APPROVE, facility_id=hospital.facility.id)
    assert not actor.can(Permission.APPROVE, facility_id=hospital.facility.id + 1)
    assert not actor.can(Permission.APPROVE, cost_center_id=hospital.cost_center.id + 1)
    assert not actor.can(Permission.BUY)
    assert [grant.approval_limit for grant in actor.grants] == [Decimal("500.00")]


def test_the_same_role_is_not_given_twice_in_the_same_place(hospital: Hospital) -> None:
    account = hospital.accounts[Role.BUYER]
    with pytest.raises(Conflict):
        services.assign_role(account, Role.BUYER)
    services.assign_role(account, Role.BUYER, facility_id=hospital.facility.id)


def test_who_holds_a_permission_is_found_by_place(hospital: Hospital) -> None:
    here, elsewhere = hospital.cost_center.id, hospital.cost_center.id + 1
    scoped = services.create_account(email=f"scoped@{hospital.organization.slug}.org", name="Scoped")
    services.assign_role(scoped, Role.APPROVER, cost_center_id=here)
    gone = services.create_account(
        email=f"gone@{hospital.organization.slug}.org", name="Gone", roles=[Role.APPROVER]
    )
    gone.active = False
    everywhere = hospital.accounts[Role.APPROVER]
    assert queries.accounts_with(Permission.APPROVE) == [everywhere, scoped]
    assert queries.accounts_with(Permission.APPROVE, cost_center_id=here) == [everywhere, scoped]
    assert queries.accounts_with(Permission.APPROVE, cost_center_id=elsewhere) == [everywhere]
    assert queries.names_of({scoped.id}) == {scoped.id: "Scoped"}


def test_a_place_of_another_organization_is_not_found(hospital: Hospital) -> None:
    facility, clinic = hospital.facility.id, hospital.clinic.id
    slug = hospital.organization.slug
    services.create_organization(slug=f"other-{slug}", name="Other")
    account = services.create_account(email=f"new@{slug}.org", name="New")
    with pytest.raises(NotFound, match="facility"):
        services.assign_role(account, Role.BUYER, facility_id=facility)
    with pytest.raises(NotFound, match="location"):
        services.create_account(email=f"newer@{slug}.org", name="Newer", home_location_id=clinic)
