"""Setting what asks for more than the own yes of a cost center; every version is kept with its day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from portal.approvals.business_hours import OFFICE
from portal.approvals.models import ApprovalPolicy
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity.models import Account
from portal.requisitions.rulebook.queries import categories_to_set

HIGHEST = Decimal(1_000_000_000)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST_WAIT = 400  # business hours, about ten weeks


@dataclass(frozen=True)
class Wanted:
    """An amount or none, names of categories, how many business hours, and which hours these are."""

    off_contract_above: Decimal | None
    categories: Sequence[str]
    remind_after: int
    escalate_after: int
    opens: time = OFFICE.opens
    closes: time = OFFICE.closes
    weekdays: Sequence[int] = tuple(sorted(OFFICE.weekdays))


def change(actor: Actor, wanted: Wanted) -> ApprovalPolicy:
    """Sets what counts from now on. Raises Invalid with the field that cannot be, NotAllowed for who sets
    rules of some facilities only."""
    if actor.facility_ids(Permission.MANAGE_RULES) is not None:
        raise NotAllowed("This counts for all facilities. Ask somebody who sets rules for all of them.")
    above = wanted.off_contract_above
    if above is not None and not (above.is_finite() and 0 <= above <= HIGHEST):
        raise Invalid("Enter an amount of 0 or more, or nothing.", field="off_contract_above")
    if not 1 <= wanted.remind_after <= LONGEST_WAIT:
        raise Invalid(f"Enter 1 to {LONGEST_WAIT} hours.", field="remind_after")
    if not wanted.remind_after <= wanted.escalate_after <= LONGEST_WAIT:
        raise Invalid(
            f"Enter at least the hours of the reminder, at most {LONGEST_WAIT}.", field="escalate_after"
        )
    check_hours(wanted.opens, wanted.closes, wanted.weekdays)
    row = ApprovalPolicy(
        set_by_id=actor.account_id,
        off_contract_above=above,
        categories=_known(wanted.categories),
        remind_after=wanted.remind_after,
        escalate_after=wanted.escalate_after,
        opens=wanted.opens,
        closes=wanted.closes,
        weekdays=sorted(wanted.weekdays),
    )
    db.session.add(row)
    db.session.flush()
    after = {"off_contract_above": above, "categories": row.categories}
    hours = {"remind_after": row.remind_after, "escalate_after": row.escalate_after}
    day = {"opens": str(row.opens), "closes": str(row.closes), "weekdays": row.weekdays}
    audit.record(actor, "approval.policy", row, after={**after, **hours, **day})
    return row


def check_hours(opens: time, closes: time, weekdays: Sequence[int]) -> None:
    """Raises Invalid with the field of hours that cannot be."""
    if closes <= opens:
        raise Invalid("The business day ends after it begins.", field="closes")
    if not weekdays:
        raise Invalid("Choose at least one day of the week.", field="weekdays")


def _known(names: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(name.replace("\0", "").strip() for name in names if name.strip()))
    known = set(categories_to_set())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise Invalid(f"No item has the category {unknown[0][:60]}.", field="categories")
    return wanted


def history() -> list[dict[str, Any]]:
    """What counts and counted, the newest first."""
    rows = db.session.execute(
        select(ApprovalPolicy, Account.name)
        .outerjoin(Account, Account.id == ApprovalPolicy.set_by_id)
        .order_by(ApprovalPolicy.id.desc())
        .limit(50)
    )
    return [{"title": _words(row), "at": row.set_at, "actor": name or "Portal"} for row, name in rows]


def _words(row: ApprovalPolicy) -> str:
    above = "never" if row.off_contract_above is None else f"above {row.off_contract_above:,.2f}"
    return (
        f"Without contract: {above}. Categories: {', '.join(row.categories) or 'none'}. "
        f"Remind after {row.remind_after} h, escalate after {row.escalate_after} h. "
        f"Business hours {hours_in_words(row.opens, row.closes, row.weekdays)}."
    )


def hours_in_words(opens: time, closes: time, weekdays: Iterable[int]) -> str:
    """08:00 to 17:00, Mon, Tue, Wed, Thu, Fri"""
    return f"{opens:%H:%M} to {closes:%H:%M}, {', '.join(WEEKDAYS[one] for one in sorted(weekdays))}"
