"""Letting somebody decide for a period: set by oneself, or by an administrator for somebody absent."""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from portal.approvals.models import ApprovalDelegation
from portal.approvals.rules import DECIDES
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity.queries import accounts_with, names_of, organization

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Wanted:
    """Who decides for whom, both days included."""

    account_id: int
    delegate_id: int
    starts_on: date
    ends_on: date
    reason: str = ""


def deciders() -> dict[int, str]:
    """Everybody who decides something, by name."""
    people = {one for permission in sorted(DECIDES) for one in accounts_with(permission)}
    return {one: name for name, one in sorted((one.name, one.id) for one in people)}


def delegate(actor: Actor, wanted: Wanted) -> ApprovalDelegation:
    """Sets a delegation. Raises Invalid with the field that is wrong, NotAllowed for somebody else's."""
    if wanted.account_id != actor.account_id:
        actor.require(Permission.ADMINISTER)
    _check(wanted)
    row = ApprovalDelegation(
        account_id=wanted.account_id,
        delegate_id=wanted.delegate_id,
        starts_on=wanted.starts_on,
        ends_on=wanted.ends_on,
        reason=wanted.reason.strip(),
        set_by_id=actor.account_id,
    )
    db.session.add(row)
    db.session.flush()
    names = names_of({wanted.account_id, wanted.delegate_id})
    after = {"for": names[wanted.account_id], "decides": names[wanted.delegate_id]}
    period = {"from": wanted.starts_on, "to": wanted.ends_on, "reason": row.reason}
    audit.record(actor, "approval.delegate", row, after={**after, **period})
    return row


def _check(wanted: Wanted) -> None:
    known = deciders()
    if wanted.account_id not in known:
        raise Invalid("This person decides nothing that could be delegated.", field="person")
    if wanted.delegate_id not in known or wanted.delegate_id == wanted.account_id:
        raise Invalid("Choose another person who decides requests.", field="delegate")
    today = clock.today(organization().time_zone)
    if wanted.ends_on < max(wanted.starts_on, today):
        raise Invalid("The last day is before the first, or in the past.", field="ends_on")
    if wanted.ends_on - wanted.starts_on > LONGEST:
        raise Invalid("A delegation lasts at most a year.", field="ends_on")


def end(actor: Actor, delegation_id: int) -> ApprovalDelegation:
    """Ends a delegation at once; again does nothing."""
    row = found(db.session.get(ApprovalDelegation, delegation_id), "delegation")
    if row.account_id != actor.account_id and not actor.can(Permission.ADMINISTER):
        raise NotAllowed("Only the person who is represented, or an administrator, ends this.")
    if row.ended_at is None:
        row.ended_at = clock.now()
        audit.record(actor, "approval.end_delegation", row, after={"ended": row.ended_at})
    return row


def listing(actor: Actor) -> list[ApprovalDelegation]:
    """The delegations of the last year that concern the person; an administrator's are everybody's."""
    since = clock.today() - LONGEST
    statement = (
        select(ApprovalDelegation)
        .where(ApprovalDelegation.ends_on >= since)
        .options(
            joinedload(ApprovalDelegation.account),
            joinedload(ApprovalDelegation.delegate),
            joinedload(ApprovalDelegation.set_by),
        )
        .order_by(ApprovalDelegation.ends_on.desc(), ApprovalDelegation.id.desc())
    )
    if not actor.can(Permission.ADMINISTER):
        mine = (
            ApprovalDelegation.account_id == actor.account_id,
            ApprovalDelegation.delegate_id == actor.account_id,
        )
        statement = statement.where(or_(*mine))
    return list(db.session.scalars(statement.limit(500)))
