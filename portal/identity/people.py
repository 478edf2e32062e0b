"""Changes of a person's account: password, place of work, coming and going."""

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.errors import Conflict, Invalid
from portal.identity import passwords, queries, services, sessions
from portal.identity.models import Account
from portal.identity.rules import ROLE_PERMISSIONS, Ended
from portal.identity.sessions import Person


def deactivate(account: Account, *, by: Actor) -> None:
    """Keeps a person out: no sign-in any more, and every session ends now."""
    if account.id == by.account_id:
        raise Conflict("You cannot deactivate your own account. Ask another administrator.")
    if account.active:
        account.active = False
        audit.record(by, "account.deactivated", account, before={"active": True}, after={"active": False})
        sessions.end_all(account.id, Ended.DEACTIVATED, by)


def activate(account: Account, *, by: Actor) -> None:
    """Lets a deactivated person in again."""
    if not account.active:
        account.active = True
        audit.record(by, "account.activated", account, before={"active": False}, after={"active": True})


def change_password(account: Account, present: str, new: str, *, by: Person) -> None:
    """A person's own new password; their other sessions end. Raises Invalid with `field`."""
    if not passwords.matches(account.password_hash, present):
        raise Invalid("This is not your present password.", field="present")
    if new == present:
        raise Invalid("Choose a password that differs from the present one.", field="password")
    _set_password(account, new, by.actor)
    sessions.end_all(account.id, Ended.CREDENTIALS_CHANGED, by.actor, but=by.session_id)


def set_password(account: Account, new: str, *, by: Actor) -> None:
    """A password given by an administrator; the person's sessions end. Raises Invalid with `field`."""
    _set_password(account, new, by)
    sessions.end_all(account.id, Ended.CREDENTIALS_CHANGED, by)


def set_home_location(account: Account, location_id: int | None, *, by: Actor) -> None:
    """Where the person's requests go unless they choose otherwise; raises NotFound."""
    services.check_place("location", location_id)
    before = {"home_location_id": account.home_location_id}
    account.home_location_id = location_id
    audit.record(by, "account.moved", account, before=before, after={"home_location_id": location_id})


def remove_role(account: Account, assignment_id: int, *, by: Actor) -> None:
    """Takes a role away; administrators cannot lock themselves out."""
    assignment = queries.assignment(account.id, assignment_id)
    others = [one for one in queries.assignments_of(account.id) if one.id != assignment.id]
    keeps = any(Permission.ADMINISTER in ROLE_PERMISSIONS[one.role] for one in others)
    if account.id == by.account_id and not keeps:
        raise Conflict("You cannot take your own administrator role away. Ask another administrator.")
    services.remove_role(account, assignment, by=by)


def _set_password(account: Account, new: str, by: Actor) -> None:
    account.password_hash = services.hash_of(new)
    account.failed_sign_ins = 0
    account.locked_until = None
    audit.record(by, "account.password_changed", account)
