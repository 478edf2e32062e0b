"""Reads of accounts, roles and sessions; row-level security keeps them within the organization."""

from sqlalchemy import Select, column, func, or_, select, table, text
from sqlalchemy.orm import contains_eager

from portal.foundation.access import Permission
from portal.foundation.db import db, found
from portal.foundation.paging import Page, paginate
from portal.identity.models import Account, Organization, RoleAssignment
from portal.identity.rules import roles_with

# Master data stands above this feature, so places are read by table, not through its models.
PLACES = {
    name: table(name, column("id"), column("code"), column("name"), column("active"))
    for name in ("facility", "cost_center", "location")
}


def organization_id_of_email(email: str) -> int | None:
    """The organization of a tidy e-mail address, looked up across organizations."""
    return _across("SELECT portal_organization_of_email(:value)", email)


def organization_id_of_slug(slug: str) -> int | None:
    """The organization with this short name, looked up across organizations."""
    return _across("SELECT portal_organization_of_slug(:value)", slug)


def organization_id_of_iss(iss: str) -> int | None:
    """The organization whose EHR has this FHIR base, looked up across organizations."""
    return _across("SELECT portal_organization_of_iss(:value)", iss)


def _across(statement: str, value: str) -> int | None:
    found: int | None = db.session.scalar(text(statement), {"value": value})
    return found


def assignments_of(account_id: int) -> list[RoleAssignment]:
    """The roles of one account with their scopes."""
    statement = (
        select(RoleAssignment).where(RoleAssignment.account_id == account_id).order_by(RoleAssignment.id)
    )
    return list(db.session.scalars(statement))


def assignments_with(
    permission: Permission, *, facility_id: int | None = None, cost_center_id: int | None = None
) -> list[RoleAssignment]:
    """Role assignments of active accounts that hold the permission there, `account` loaded, by name."""
    statement = (
        select(RoleAssignment)
        .join(RoleAssignment.account)
        .options(contains_eager(RoleAssignment.account))
        .where(Account.active, RoleAssignment.role.in_(roles_with(permission)))
        .order_by(Account.name, Account.id, RoleAssignment.id)
    )
    return list(db.session.scalars(_within(statement, facility_id, cost_center_id)))


def accounts_with(
    permission: Permission, *, facility_id: int | None = None, cost_center_id: int | None = None
) -> list[Account]:
    """Active accounts that hold the permission there, by name; None for a scope asks for anywhere."""
    held = assignments_with(permission, facility_id=facility_id, cost_center_id=cost_center_id)
    return list(dict.fromkeys(assignment.account for assignment in held))


def _within(
    statement: Select[RoleAssignment], facility_id: int | None, cost_center_id: int | None
) -> Select[RoleAssignment]:
    if facility_id is not None:
        statement = statement.where(func.coalesce(RoleAssignment.facility_id, facility_id) == facility_id)
    if cost_center_id is not None:
        scope = func.coalesce(RoleAssignment.cost_center_id, cost_center_id)
        statement = statement.where(scope == cost_center_id)
    return statement


def names_of(account_ids: set[int]) -> dict[int, str]:
    """Names of accounts by id."""
    rows = db.session.execute(select(Account.id, Account.name).where(Account.id.in_(account_ids)))
    return {row.id: row.name for row in rows}


def organization() -> Organization:
    """The organization this session is inside of."""
    return db.session.scalars(select(Organization)).one()


def account_by_email(email: str) -> Account | None:
    """The account of the present organization with this tidy address."""
    return db.session.scalar(select(Account).where(Account.email == email))


def account(account_id: int) -> Account:
    """An account of the present organization; raises NotFound."""
    return found(db.session.get(Account, account_id), "person")


def assignment(account_id: int, assignment_id: int) -> RoleAssignment:
    """One role of an account; raises NotFound."""
    statement = select(RoleAssignment).where(
        RoleAssignment.id == assignment_id, RoleAssignment.account_id == account_id
    )
    return found(db.session.scalar(statement), "role")


def people(words: str, number: int) -> Page[Account]:
    """Accounts whose name or e-mail holds the words, by name."""
    statement = select(Account).order_by(Account.active.desc(), Account.name, Account.id)
    if words:
        statement = statement.where(
            or_(
                Account.name.icontains(words, autoescape=True),
                Account.email.icontains(words, autoescape=True),
            )
        )
    return paginate(statement, number)


def assignments_by_account(account_ids: list[int]) -> dict[int, list[RoleAssignment]]:
    """The roles of several accounts in one query."""
    rows = db.session.scalars(
        select(RoleAssignment).where(RoleAssignment.account_id.in_(account_ids)).order_by(RoleAssignment.id)
    )
    held: dict[int, list[RoleAssignment]] = {account_id: [] for account_id in account_ids}
    for row in rows:
        held[row.account_id].append(row)
    return held


def places(kind: str) -> dict[int, str]:
    """Active facilities, cost centers or locations of the organization by id: "ED01 Emergency department"."""
    place = PLACES[kind]
    statement = select(place.c.id, place.c.code, place.c.name).where(place.c.active).order_by(place.c.code)
    return {row.id: f"{row.code} {row.name}" for row in db.session.execute(statement)}


def has_place(kind: str, place_id: int) -> bool:
    """Whether the organization has this facility, cost center or location."""
    place = PLACES[kind]
    return db.session.scalar(select(place.c.id).where(place.c.id == place_id)) is not None


def place_name(kind: str, place_id: int | None) -> str:
    """The name of a place, inactive ones too; empty without one."""
    place = PLACES[kind]
    name = db.session.scalar(select(place.c.name).where(place.c.id == place_id)) if place_id else None
    return name or ""
