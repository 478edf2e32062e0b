"""One-click sign-in as a role of the demo organization, where the demo is on."""

from flask import current_app
from sqlalchemy import select

from portal.foundation.db import db, enter_organization
from portal.foundation.errors import NotFound
from portal.identity import queries
from portal.identity.models import Account, RoleAssignment
from portal.identity.rules import Role
from portal.settings import Settings

DEMO_ORGANIZATION = "lakeshore"


def account_with(role: str) -> Account:
    """The first active account of the demo organization with the role; raises NotFound."""
    settings: Settings = current_app.extensions["settings"]
    organization_id = queries.organization_id_of_slug(DEMO_ORGANIZATION) if settings.demo else None
    if organization_id is None or role not in set(Role):
        raise NotFound("One-click sign-in exists only in the demo.")
    enter_organization(organization_id)
    account = db.session.scalar(
        select(Account)
        .join(RoleAssignment, RoleAssignment.account_id == Account.id)
        .where(Account.active, RoleAssignment.role == Role(role))
        .order_by(Account.id)
        .limit(1)
    )
    if account is None:
        raise NotFound(f"The demo has nobody with the role {role}; run `portal seed` again.")
    return account
