"""Providers of an organization, and the account of a person one of them vouches for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.foundation import audit
from portal.foundation.access import Actor, system
from portal.foundation.db import db, enter_organization, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity import oidc, queries, services, sign_in
from portal.identity.models import Account, ExternalIdentity, IdentityProvider
from portal.identity.rules import SLUG, Role

ClaimRoles = Mapping[str, Mapping[str, str]]


def add(
    *,
    code: str,
    name: str,
    issuer: str,
    client_id: str,
    secret_name: str = "",
    claim_roles: ClaimRoles | None = None,
    by: Actor | None = None,
) -> IdentityProvider:
    """Adds a provider to the present organization; raises Invalid, or ProviderTrouble for its address."""
    if not SLUG.fullmatch(code):
        raise Invalid("Use lower-case letters, digits and single hyphens for the code.", field="code")
    oidc.check_address(issuer)
    mapping = {claim: dict(values) for claim, values in (claim_roles or {}).items()}
    unknown = {role for values in mapping.values() for role in values.values()} - set(Role)
    if unknown:
        raise Invalid(f"No such role: {', '.join(sorted(unknown))}.", field="claim_roles")
    provider = IdentityProvider(
        code=code,
        name=name,
        issuer=issuer,
        client_id=client_id,
        secret_name=secret_name,
        claim_roles=mapping,
    )
    db.session.add(provider)
    db.session.flush()
    actor = by or system(provider.organization_id, services.SETUP)
    audit.record(actor, "identity_provider.added", provider, after={"issuer": issuer, "roles": mapping})
    return provider


def active() -> list[IdentityProvider]:
    """The providers of the present organization, by name."""
    statement = select(IdentityProvider).where(IdentityProvider.active).order_by(IdentityProvider.name)
    return list(db.session.scalars(statement))


def by_code(code: str) -> IdentityProvider:
    """An active provider of the present organization; raises NotFound."""
    statement = select(IdentityProvider).where(IdentityProvider.code == code, IdentityProvider.active)
    return found(db.session.scalar(statement), "way to sign in")


def finish(begun: Mapping[str, Any]) -> Account:
    """The account of the person whom the provider sent back; the session is then in its organization."""
    enter_organization(begun["organization_id"])
    provider = by_code(begun["code"])
    return account_of(provider, oidc.claims(provider))


def account_of(provider: IdentityProvider, claims: Mapping[str, Any]) -> Account:
    """The account of validated claims, made at the first sign-in, with the roles they give.

    Raises NotAllowed (no role, deactivated, e-mail not verified) or Conflict (e-mail in use).
    """
    roles = roles_of(provider.claim_roles, claims)
    identity = db.session.scalar(
        select(ExternalIdentity)
        .options(joinedload(ExternalIdentity.account))
        .where(ExternalIdentity.issuer == provider.issuer, ExternalIdentity.subject == claims["sub"])
    )
    account = identity.account if identity else _new_account(provider, claims, roles)
    if not account.active:
        sign_in.refuse(account, "deactivated")
        raise NotAllowed("Your account here is deactivated. Ask your administrator to activate it.")
    _align_roles(provider, account, roles)
    return account


def roles_of(claim_roles: ClaimRoles, claims: Mapping[str, Any]) -> frozenset[Role]:
    """The roles that the values of the claims stand for."""
    given: set[Role] = set()
    for claim, by_value in claim_roles.items():
        values = claims.get(claim)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str) and value in by_value:
                given.add(Role(by_value[value]))
    return frozenset(given)


def _new_account(provider: IdentityProvider, claims: Mapping[str, Any], roles: frozenset[Role]) -> Account:
    email = claims.get(provider.email_claim)
    if not isinstance(email, str) or claims.get("email_verified") is False:
        raise NotAllowed(f"{provider.name} does not vouch for your e-mail address. Ask your administrator.")
    if not roles:
        raise NotAllowed(
            f"{provider.name} knows you, but none of your groups has a role in this portal. "
            "Ask your administrator for one."
        )
    try:
        account = services.create_account(
            email=email, name=str(claims.get(provider.name_claim) or email), by=_portal(provider)
        )
    except Invalid as error:
        raise Conflict(
            f"Your e-mail address {email} cannot be used for a new account here: another account has it, or "
            "it is not complete. Sign in with that account's password, or ask your administrator."
        ) from error
    db.session.add(
        ExternalIdentity(account_id=account.id, issuer=provider.issuer, subject=str(claims["sub"]))
    )
    db.session.flush()
    return account


def _align_roles(provider: IdentityProvider, account: Account, roles: frozenset[Role]) -> None:
    """Gives and takes the roles that the provider decides about; others, and scopes, stay as they are."""
    decided = {Role(role) for by_value in provider.claim_roles.values() for role in by_value.values()}
    held = queries.assignments_of(account.id)
    actor = _portal(provider)
    for assignment in held:
        if assignment.role in decided - roles:
            services.remove_role(account, assignment, by=actor)
    for role in sorted(roles - {assignment.role for assignment in held}):
        services.assign_role(account, role, by=actor)


def _portal(provider: IdentityProvider) -> Actor:
    return system(provider.organization_id, f"sign-in through {provider.code}")
