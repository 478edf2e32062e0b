"""Organizations, accounts and their roles: creating and changing them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from portal.foundation import audit
from portal.foundation.access import Actor, Grant, system
from portal.foundation.db import db, enter_organization
from portal.foundation.errors import Conflict, Invalid, NotFound
from portal.identity import passwords, queries
from portal.identity.models import Account, Organization, RoleAssignment
from portal.identity.rules import (
    LONGEST_PASSWORD,
    RESERVED_SLUGS,
    ROLE_PERMISSIONS,
    SHORTEST_PASSWORD,
    SLUG,
    Role,
    is_email,
    tidy_email,
)

SETUP = "setup"


def create_organization(
    *, slug: str, name: str, currency: str = "USD", time_zone: str = "UTC"
) -> Organization:
    """Creates a tenant and enters it: the session is inside it afterwards."""
    if not SLUG.fullmatch(slug) or slug in RESERVED_SLUGS:
        raise Invalid("Use lower-case letters, digits and single hyphens for the short name.", field="slug")
    if queries.organization_id_of_slug(slug) is not None:
        raise Invalid("Another organization has this short name.", field="slug")
    # Row-level security shows only the organization one is in, so its number is drawn and entered first.
    organization_id: int = db.session.scalar(text("SELECT nextval('organization_id_seq')"))
    enter_organization(organization_id)
    organization = Organization(
        id=organization_id, slug=slug, name=name, currency=currency, time_zone=time_zone
    )
    db.session.add(organization)
    db.session.flush()
    audit.record(system(organization_id, SETUP), "organization.created", organization, after={"slug": slug})
    return organization


def create_account(
    *,
    email: str,
    name: str,
    password: str | None = None,
    roles: Iterable[Role] = (),
    home_location_id: int | None = None,
    by: Actor | None = None,
) -> Account:
    """Creates a person of the present organization; without a password only a provider can sign them in.

    Raises Invalid with `field` name, email, password or home_location_id.
    """
    check_place("location", home_location_id)
    account = Account(
        email=_free_email(email),
        name=_checked_name(name),
        password_hash=None if password is None else hash_of(password),
        home_location_id=home_location_id,
    )
    _add_account(account)
    actor = by or system(account.organization_id, SETUP)
    after = {"email": account.email, "name": account.name, "password": password is not None}
    audit.record(actor, "account.created", account, after=after)
    for role in roles:
        assign_role(account, role, by=by)
    return account


def assign_role(
    account: Account,
    role: Role,
    facility_id: int | None = None,
    cost_center_id: int | None = None,
    approval_limit: Decimal | None = None,
    *,
    by: Actor | None = None,
) -> RoleAssignment:
    """Gives a role within a facility and a cost center (None: all) up to an approval limit (None: any).

    Raises Conflict when the account has it already, NotFound for a place of another organization.
    """
    check_place("facility", facility_id)
    check_place("cost_center", cost_center_id)
    # The lock makes a second click wait, so that it finds what the first one added.
    db.session.refresh(account, with_for_update=True)
    scope = (role, facility_id, cost_center_id)
    held = queries.assignments_of(account.id)
    if scope in [(one.role, one.facility_id, one.cost_center_id) for one in held]:
        raise Conflict("This person already has this role there. Remove it first to change its limit.")
    assignment = RoleAssignment(
        account_id=account.id,
        role=role,
        facility_id=facility_id,
        cost_center_id=cost_center_id,
        approval_limit=approval_limit,
    )
    db.session.add(assignment)
    db.session.flush()
    actor = by or system(account.organization_id, SETUP)
    audit.record(actor, "account.role_added", account, after=_described(assignment))
    return assignment


def remove_role(account: Account, assignment: RoleAssignment, *, by: Actor) -> None:
    """Takes a role away."""
    audit.record(by, "account.role_removed", account, before=_described(assignment))
    db.session.delete(assignment)
    db.session.flush()


def actor_of(account: Account) -> Actor:
    """The account acting with its roles (one query)."""
    return actor_with(account, queries.assignments_of(account.id))


def actor_with(account: Account, assignments: Iterable[RoleAssignment]) -> Actor:
    """The account acting with the given assignments."""
    return Actor(
        organization_id=account.organization_id,
        name=account.name,
        account_id=account.id,
        grants=grants_of(assignments),
    )


def grants_of(assignments: Iterable[Any]) -> tuple[Grant, ...]:
    """What role assignments, or rows with their columns, allow."""
    return tuple(
        Grant(
            permissions=ROLE_PERMISSIONS[assignment.role],
            facility_id=assignment.facility_id,
            cost_center_id=assignment.cost_center_id,
            approval_limit=assignment.approval_limit,
        )
        for assignment in assignments
    )


def check_place(kind: str, place_id: int | None) -> None:
    """Raises NotFound unless the place is of this organization (foreign keys alone would not see that)."""
    if place_id is not None and not queries.has_place(kind, place_id):
        raise NotFound(f"This {kind.replace('_', ' ')} does not exist, or belongs to another organization.")


def hash_of(password: str) -> str:
    """The hash of a new password; raises Invalid when it is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(
            f"Choose a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; "
            "several words are good.",
            field="password",
        )
    return passwords.hash_password(password)


def _checked_name(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy or len(tidy) > 120 or not tidy.isprintable():
        raise Invalid("Enter the name, at most 120 characters.", field="name")
    return tidy


def _free_email(email: str) -> str:
    tidy = tidy_email(email)
    if not is_email(tidy):
        raise Invalid("Enter an e-mail address such as name@hospital.org.", field="email")
    if queries.organization_id_of_email(tidy) is not None:
        raise _taken()
    return tidy


def _add_account(account: Account) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(account)
    except IntegrityError as error:
        raise _taken() from error


def _taken() -> Invalid:
    return Invalid("An account with this e-mail address exists already. Use another address.", field="email")


def _described(assignment: RoleAssignment) -> dict[str, object]:
    return {
        "role": assignment.role,
        "facility_id": assignment.facility_id,
        "cost_center_id": assignment.cost_center_id,
        "approval_limit": assignment.approval_limit,
    }
