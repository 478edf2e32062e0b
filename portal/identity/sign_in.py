"""Checking a password: one answer for everything that is wrong, a lock after too many tries."""

from structlog import get_logger

from portal.foundation import audit, clock
from portal.foundation.access import Actor, system
from portal.foundation.db import db, enter_organization
from portal.foundation.errors import NotFound
from portal.identity import passwords, queries
from portal.identity.models import Account, Organization
from portal.identity.rules import LOCK_AFTER, LOCK_FOR, SLUG, is_email, tidy_email

SIGN_IN = "sign-in"
log = get_logger(__name__)


def by_password(email: str, password: str) -> Account | None:
    """The account, with the database session inside its organization; None for whatever is wrong.

    Counts and records the refusal; hashes a password for unknown addresses too.
    """
    account = _account_of(tidy_email(email))
    is_right = passwords.matches(account.password_hash if account else None, password)
    if account is None:
        log.info("sign_in_refused", because="unknown address")
        return None
    # Read again under a lock: while the hash was computed other tries may have locked the account.
    db.session.refresh(account, with_for_update=True)
    because = _why_refused(account, is_right=is_right)
    if because:
        _refuse(account, because)
        return None
    account.failed_sign_ins = 0
    if passwords.is_outdated(account.password_hash or ""):
        account.password_hash = passwords.hash_password(password)
    return account


def enter_by_slug(slug: str) -> Organization:
    """Enters the organization with this short name; raises NotFound."""
    organization_id = queries.organization_id_of_slug(slug) if SLUG.fullmatch(slug) else None
    if organization_id is None:
        raise NotFound(
            "No organization has this short name. Ask your administrator for the address to sign in at."
        )
    enter_organization(organization_id)
    return queries.organization()


def record_success(account: Account, actor: Actor, method: str, session_id: int) -> None:
    """Writes into the audit trail who signed in and how."""
    evidence = {"method": method, "session_id": session_id}
    audit.record(actor, "sign_in.succeeded", account, evidence=evidence)


def refuse(account: Account, because: str) -> None:
    """Writes into the audit trail that somebody was not let in as this account."""
    audit.record(
        system(account.organization_id, SIGN_IN), "sign_in.refused", account, evidence={"because": because}
    )
    log.info("sign_in_refused", because=because, account_id=account.id)


def unlock(account: Account, *, by: Actor) -> None:
    """Lets the person try again at once."""
    audit.record(by, "account.unlocked", account, before={"locked_until": account.locked_until})
    account.locked_until = None
    account.failed_sign_ins = 0


def _account_of(email: str) -> Account | None:
    organization_id = queries.organization_id_of_email(email) if is_email(email) else None
    if organization_id is None:
        return None
    enter_organization(organization_id)
    return queries.account_by_email(email)


def _why_refused(account: Account, *, is_right: bool) -> str:
    if account.locked_until is not None and account.locked_until > clock.now():
        return "locked"
    if not is_right:
        return "wrong password"
    return "" if account.active else "deactivated"


def _refuse(account: Account, because: str) -> None:
    refuse(account, because)
    if because != "wrong password":
        return
    account.failed_sign_ins += 1
    if account.failed_sign_ins >= LOCK_AFTER:
        account.failed_sign_ins = 0
        account.locked_until = clock.now() + LOCK_FOR
        after = {"locked_until": account.locked_until}
        audit.record(system(account.organization_id, SIGN_IN), "account.locked", account, after=after)
