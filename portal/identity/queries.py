"""Reads of accounts, roles and sessions; row-level security keeps them within the organization."""

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import contains_eager

from portal.foundation.access import Permission
from portal.foundation.db import db, found
from portal.identity.models import Account, Organization, RoleAssignment
from portal.identity.rules import roles_with


def organization_id_of_email(email: str) -> int | None:
    """The organization of a tidy e-mail address, looked up across organizations."""
    return _across("SELECT portal_organization_of_email(:value)", email)


def organization_id_of_slug(slug: str) -> int | None:
    """The organization with this short name, looked up across organizations."""
    return _across("SELECT portal_organization_of_slug(:value)", slug)


def organization_id_of_session(token_hash: str) -> int | None:
    """The organization of a session, looked up across organizations."""
    return _across("SELECT portal_organization_of_session(:value)", token_hash)


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
