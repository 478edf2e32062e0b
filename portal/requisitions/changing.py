"""Changing what was submitted: how many, when, where, who pays; the budget follows, approval reopens."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from portal.budgets import queries as budget_queries
from portal.budgets import services as budgets
from portal.budgets.rules import Control, Term
from portal.budgets.services import Change
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.hooks import Hook
from portal.foundation.money import extended, slice_amount
from portal.foundation.quantity import is_multiple, plain
from portal.foundation.together import write_together
from portal.foundation.trace import follow_trace
from portal.masterdata.queries import prices_on
from portal.requisitions import checks, moving, queries
from portal.requisitions.checks import spoken_money
from portal.requisitions.edits import LineEdit
from portal.requisitions.facts import cart_facts
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.moving import Terms
from portal.requisitions.rules import (
    MOST_QUANTITY,
    TOO_MANY,
    TRANSITIONS,
    CheckOutcome,
    LineState,
    RequisitionSource,
    RequisitionState,
)
from portal.requisitions.services import document_of
from portal.requisitions.submission import kept, retotal

LATEST_NEED = timedelta(days=365)


@dataclass(frozen=True)
class Version:
    """What can be changed of a line, as it is at one moment."""

    quantity: Decimal
    need_by: date | None
    unit_price: Decimal
    amount: Decimal
    state: LineState
    terms: Terms


@dataclass(frozen=True)
class Changed:
    """A line before and after its change."""

    line: RequisitionLine
    before: Version
    after: Version
    reason: str = ""

    @property
    def is_quantity(self) -> bool:
        """Whether it costs another amount, or is asked for again."""
        fresh = self.before.state is LineState.REJECTED
        return fresh or (self.before.quantity, self.before.amount) != (self.after.quantity, self.after.amount)


@dataclass(frozen=True)
class Asked:
    """What a line shall become, and why; `terms` say who pays and where it goes, none leaves both."""

    quantity: Decimal
    need_by: date | None
    reason: str
    terms: LineEdit | None = None


changed: Hook[[Actor, Requisition, Changed]] = Hook()
"""Approvals reopen what a change touches."""


def version_of(line: RequisitionLine, need_by: date | None) -> Version:
    """The line now; `need_by` is that of its requisition, where the line has none of its own."""
    day = line.need_by or need_by
    return Version(line.quantity, day, line.unit_price, line.amount, line.state, moving.terms_of(line))


def least(line: RequisitionLine) -> Decimal:
    """The quantity a line cannot go below: what is ordered already, and what was closed of it."""
    if line.state is LineState.REJECTED:
        return line.ordered_quantity
    return line.ordered_quantity + line.closed_quantity


def may_change(actor: Actor, requisition: Requisition, line: RequisitionLine) -> bool:
    """The requester, as long as something of the line is open, or was rejected."""
    return (
        requisition.requester_id == actor.account_id
        and requisition.state in (RequisitionState.SUBMITTED, RequisitionState.DECIDED)
        and requisition.source is not RequisitionSource.BILL_ONLY
        and (line.state is LineState.REJECTED or least(line) < line.quantity)
    )


def line_of(actor: Actor, requisition: Requisition, line_id: int) -> RequisitionLine:
    """The line to be changed; raises NotFound, NotAllowed, or Conflict when nothing of it is open."""
    line = found(next((one for one in requisition.lines if one.id == line_id), None), "line")
    if requisition.requester_id != actor.account_id:
        raise NotAllowed("Only the person who asked may change a line.")
    if not may_change(actor, requisition, line):
        raise Conflict("Nothing of this line is open any more: it is ordered, closed or withdrawn.")
    return line


def change_line(
    actor: Actor, requisition_id: int, line_id: int, asked: Asked, *, seen_version: int
) -> Changed:
    """Changes an open or rejected line and asks for approval again where the change touches it.

    Raises Conflict when it changed since it was looked at, Invalid with `field` quantity, need_by, reason, or
    a box of who pays and where it goes, as in the cart.
    """
    requisition = found(queries.find(requisition_id, lock=True), "requisition")
    line = line_of(actor, requisition, line_id)
    if requisition.version != seen_version:
        raise Conflict(f"{requisition.number} changed since you looked at it. Check it, then change it.")
    follow_trace(requisition.trace_id)
    before = version_of(line, requisition.need_by)
    is_again = before.state is LineState.REJECTED
    _check(requisition, line, asked)
    terms = moving.apply(actor, requisition, line, asked.terms) if asked.terms else before.terms
    same = (asked.quantity, asked.need_by, terms) == (before.quantity, before.need_by, before.terms)
    if same and not is_again:
        raise Invalid("Nothing is changed yet. Change the quantity or something below it.", field="quantity")
    if is_again:
        line.closed_quantity = line.ordered_quantity
        _refuse_if_gone(line)
    _hold(requisition, line, asked.quantity, is_paid_anew=terms.paid != before.terms.paid)
    if is_again or asked.quantity > before.quantity or terms != before.terms:
        _recheck(actor, requisition, line, is_shared_anew=terms.paid != before.terms.paid)
    line.need_by = asked.need_by if asked.need_by != requisition.need_by else None
    line.state, line.decision_reason = LineState.OPEN, ""
    done = Changed(line, before, version_of(line, requisition.need_by), asked.reason.strip())
    _record(actor, requisition, done, asked.reason)
    changed(actor, requisition, done)
    reopen(requisition)
    return done


def _check(requisition: Requisition, line: RequisitionLine, asked: Asked) -> None:
    _check_quantity(line, asked.quantity)
    _check_need_by(requisition, asked.need_by)
    if not asked.reason.strip():
        raise Invalid("Say in a few words why it changes; the approver reads it.", field="reason")


def _hold(requisition: Requisition, line: RequisitionLine, quantity: Decimal, *, is_paid_anew: bool) -> None:
    price = _price_of(requisition, line, quantity)
    if is_paid_anew:
        _set(requisition, line, quantity, price)
        moving.hold_anew(requisition, line)
    else:
        resize(requisition, line, quantity, price=price, is_checked=True)


def reopen(requisition: Requisition) -> None:
    """A requisition with an undecided line is not decided."""
    if requisition.state is RequisitionState.DECIDED and any(
        line.state is LineState.OPEN for line in requisition.lines
    ):
        requisition.state = TRANSITIONS[requisition.state, "reopen"]
        requisition.decided_at = None


def resize(
    requisition: Requisition,
    line: RequisitionLine,
    quantity: Decimal,
    *,
    price: Decimal | None = None,
    is_checked: bool = False,
) -> None:
    """Sets the quantity, and what is held follows; raises Invalid when a blocking budget lacks the rest."""
    done = line.ordered_quantity + line.closed_quantity
    was_open = _held(line, done)
    _set(requisition, line, quantity, price)
    is_open = slice_amount(line.unit_price, done, quantity)
    if is_checked and is_open > was_open:
        _refuse_beyond_budget(requisition, line, was_open, is_open)
    budgets.post([Change(line.id, Term.REQUESTED, is_open - was_open, document_of(requisition))])


def _set(requisition: Requisition, line: RequisitionLine, quantity: Decimal, price: Decimal | None) -> None:
    line.unit_price = line.unit_price if price is None else price
    line.quantity = quantity
    line.amount = extended(quantity, line.unit_price)
    retotal(requisition)


def _held(line: RequisitionLine, done: Decimal) -> Decimal:
    """What the open part holds: nothing after a no, which gave it back."""
    if line.state is LineState.REJECTED:
        return Decimal()
    return slice_amount(line.unit_price, done, line.quantity)


def _check_quantity(line: RequisitionLine, quantity: Decimal) -> None:
    lowest = least(line)
    if quantity <= 0 or not is_multiple(quantity, Decimal(1)):
        raise Invalid("Enter a whole number of packs, at least 1.", field="quantity")
    if quantity > MOST_QUANTITY:
        raise Invalid(TOO_MANY, field="quantity")
    if quantity < lowest:
        raise Invalid(
            f"{plain(lowest)} {line.uom} are ordered or closed already; it cannot go below that. "
            "Ask the buyer to cancel what is ordered.",
            field="quantity",
        )


def _check_need_by(requisition: Requisition, need_by: date | None) -> None:
    today = clock.today(requisition.location.facility.time_zone)
    if need_by is not None and need_by != requisition.need_by and need_by < today:
        raise Invalid("This day is in the past. Choose today or later.", field="need_by")
    if need_by is not None and need_by > today + LATEST_NEED:
        raise Invalid("Choose a day within the next year.", field="need_by")


def _refuse_if_gone(line: RequisitionLine) -> None:
    if not line.offer.active or line.offer.supplier.blocked:
        raise Invalid(
            f"{line.item.name} from {line.offer.supplier.name} is not offered any more. "
            "Put another one into your cart.",
            field="quantity",
        )


def _price_of(requisition: Requisition, line: RequisitionLine, quantity: Decimal) -> Decimal | None:
    """Today's price for a new quantity; None keeps the old one, as of a line that is ordered in part."""
    if quantity == line.quantity or line.ordered_quantity or line.closed_quantity:
        return None
    key = (line.item_id, line.offer.supplier_id, line.uom, quantity)
    price = prices_on(clock.today(requisition.location.facility.time_zone), [key]).get(key)
    line.contract_line_id = price.id if price else None
    return price.unit_price if price else line.offer.list_price


def _recheck(actor: Actor, requisition: Requisition, line: RequisitionLine, *, is_shared_anew: bool) -> None:
    """What every rule says of a changed line, kept; raises Invalid for what blocks.

    Its budgets are asked before; how it is shared was settled at submit, unless it is shared anew.
    """
    facts = cart_facts(actor, requisition, clock.today(requisition.location.facility.time_zone))
    fact = next(one for one in facts.lines if one.number == line.line_number)
    others = tuple(one for one in fact.requested if one[0] != requisition.number)
    # What is not asked for anew keeps its price, and with it what each share comes to.
    parts = zip(fact.shares, line.paid(line.amount), strict=True)
    shares = tuple(replace(share, amount=part) for share, part in parts)
    fact = replace(fact, requested=others, unit_price=line.unit_price, shares=shares)
    results = [
        checks.dated(one, facts, fact)
        for one in checks.check_line(fact, facts)
        if one.rule != "split" or is_shared_anew
    ]
    blocks = [one.sentence for one in results if one.outcome is CheckOutcome.BLOCK]
    if blocks:
        raise Invalid(" ".join(dict.fromkeys(blocks)), field="quantity")
    write_together(kept(requisition, results))


def _more_of(line: RequisitionLine, before: Decimal, after: Decimal) -> dict[int, Decimal]:
    """What each budget of a shared line holds more when its open part grows."""
    found: dict[int, Decimal] = defaultdict(Decimal)
    for share, was, becomes in zip(line.payers, line.paid(before), line.paid(after), strict=True):
        found[share.budget_id or 0] += becomes - was
    return found


def _refuse_beyond_budget(
    requisition: Requisition, line: RequisitionLine, before: Decimal, after: Decimal
) -> None:
    budgets.lock(budget.id for budget in budget_queries.holding([line.id]))
    holding = budget_queries.holding([line.id])  # again, since locking reads the budgets alone
    left = budget_queries.balances(holding)
    shares = _more_of(line, before, after)
    for budget in holding:
        available, more = left[budget.id].available, shares.get(budget.id, after - before)
        if budget.control is Control.BLOCK and available < more and not requisition.override_reason:
            raise Invalid(
                f"{budget.cost_center.name} has {spoken_money(available, budget.currency)} available; "
                f"this change needs {spoken_money(more, budget.currency)} more. Ask for less.",
                field="quantity",
            )


def _record(actor: Actor, requisition: Requisition, done: Changed, reason: str) -> None:
    def shown(version: Version) -> dict[str, object]:
        terms = version.terms
        return {
            "quantity": version.quantity,
            "need_by": version.need_by,
            "amount": version.amount,
            "place": terms.place,
            "paid_by": terms.words,
            "accounts": terms.booked,
        }

    audit.record(
        actor,
        "requisition.change_line",
        requisition,
        before={"line": done.line.line_number, "state": done.before.state, **shown(done.before)},
        after={"line": done.line.line_number, "state": done.after.state, **shown(done.after)},
        evidence={"reason": reason.strip(), "version": requisition.version},
    )
    db.session.flush()  # the version rises, and whoever looked before is told so
