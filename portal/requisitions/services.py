"""Carts and requisitions: add, change, check, submit, withdraw, close what is no longer needed."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from portal.budgets import services as budgets
from portal.budgets.queries import budgets_on
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document
from portal.catalog.models import Offer
from portal.catalog.queries import find_offer
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.hooks import Hook
from portal.foundation.money import extended, slice_amount
from portal.foundation.numbering import next_number
from portal.foundation.trace import follow_trace, new_trace
from portal.masterdata.models import ContractLine, Location
from portal.masterdata.queries import price_on, prices_on
from portal.requisitions import queries
from portal.requisitions.models import CheckResult, Requisition, RequisitionLine
from portal.requisitions.rules import (
    TRANSITIONS,
    Check,
    CheckOutcome,
    LineState,
    RequisitionState,
    check_budget,
    check_line,
    worst,
)

MOST_LINES = 200
submitted: Hook[[Actor, Requisition]] = Hook()
withdrawn: Hook[[Actor, Requisition]] = Hook()


def today_at(location: Location) -> date:
    """The day it is at a location."""
    return clock.today(location.facility.time_zone)


def cart(actor: Actor, location_id: int) -> Requisition:
    """The person's cart for a location, made if there is none; two clicks at once make one."""
    location = found(
        db.session.scalar(
            select(Location)
            .where(Location.id == location_id, Location.active)
            .options(joinedload(Location.facility))
        ),
        "location",
    )
    actor.require(Permission.REQUEST, facility_id=location.facility_id)
    db.session.execute(
        insert(Requisition)
        .values(
            requester_id=actor.account_id,
            location_id=location.id,
            state=RequisitionState.DRAFT,
            version=1,
            trace_id=new_trace(),
        )
        .on_conflict_do_nothing()
    )
    return found(queries.cart_of(actor, location_id), "cart")


def add(actor: Actor, location_id: int, offer_id: int, quantity: Decimal) -> RequisitionLine:
    """Puts a quantity of an offer into the cart; the same offer again adds to its line."""
    offer = found(find_offer(offer_id), "item")
    requisition = _locked_cart(actor, cart(actor, location_id).id)
    line = next((one for one in requisition.lines if one.offer_id == offer.id), None)
    if line is None:
        line = _new_line(requisition, offer)
    _set_quantity(requisition, line, line.quantity + quantity)
    return line


def set_quantity(actor: Actor, requisition_id: int, line_id: int, quantity: Decimal) -> None:
    """Changes a line of the cart; zero removes it."""
    requisition = _locked_cart(actor, requisition_id)
    line = found(next((one for one in requisition.lines if one.id == line_id), None), "line")
    if quantity == 0:
        requisition.lines.remove(line)
        db.session.delete(line)
        _retotal(requisition)
    else:
        _set_quantity(requisition, line, quantity)


def describe(actor: Actor, requisition_id: int, *, need_by: date | None, note: str) -> None:
    """Sets the need-by date and the note of the cart."""
    requisition = _locked_cart(actor, requisition_id)
    requisition.need_by = need_by
    requisition.note = note


def _locked_cart(actor: Actor, requisition_id: int) -> Requisition:
    requisition = found(queries.find(requisition_id, lock=True), "cart")
    if requisition.requester_id != actor.account_id:
        raise NotAllowed("This is another person's cart.")
    if requisition.state is not RequisitionState.DRAFT:
        raise Conflict(f"This cart was submitted already as {requisition.number}.")
    return requisition


def _new_line(requisition: Requisition, offer: Offer) -> RequisitionLine:
    if len(requisition.lines) >= MOST_LINES:
        raise Invalid(f"A cart holds at most {MOST_LINES} lines. Submit this one and start another.")
    line = RequisitionLine(
        requisition=requisition,
        line_number=max((one.line_number for one in requisition.lines), default=0) + 1,
        offer_id=offer.id,
        item_id=offer.item_id,
        quantity=Decimal(),
        uom=offer.uom,
        unit_price=offer.list_price,
        amount=Decimal(),
        cost_center_id=requisition.location.cost_center_id,
        gl_account_id=offer.item.gl_account_id,
    )
    line.offer = offer
    db.session.add(line)
    return line


def _set_quantity(requisition: Requisition, line: RequisitionLine, quantity: Decimal) -> None:
    if quantity > MOST_QUANTITY:
        raise Invalid(f"Enter at most {MOST_QUANTITY:,} of one item.", field="quantity")
    line.quantity = quantity
    today = today_at(requisition.location)
    _price(line, price_on(today, line.item_id, line.offer.supplier_id, line.uom, quantity))
    _retotal(requisition)


MOST_QUANTITY = Decimal(99_999)


def _price(line: RequisitionLine, price: ContractLine | None) -> None:
    line.contract_line_id = price.id if price else None
    line.unit_price = price.unit_price if price else line.offer.list_price
    line.amount = extended(line.quantity, line.unit_price)


def _retotal(requisition: Requisition) -> None:
    requisition.total = sum((line.amount for line in requisition.lines), Decimal())


def check(actor: Actor, requisition: Requisition) -> list[Check]:
    """What every rule says of the cart now."""
    today = today_at(requisition.location)
    checks = [
        result for facts in queries.line_facts(actor, requisition, today) for result in check_line(facts)
    ]
    return checks + [check_budget(facts) for facts in queries.budget_facts(requisition.lines, today)]


def submit(actor: Actor, requisition_id: int, *, seen_version: int) -> Requisition:
    """Checks and submits the cart, holds its budget and opens its approval.

    Raises Conflict when the cart changed since it was looked at, Invalid when a check blocks.
    """
    requisition = _locked_cart(actor, requisition_id)
    if requisition.version != seen_version:
        raise Conflict("The cart changed since you looked at it. Check it and submit again.")
    if not requisition.lines:
        raise Invalid("The cart is empty. Add an item first.")
    follow_trace(requisition.trace_id)
    today = today_at(requisition.location)
    budget_of = budgets_on(today, {line.cost_center_id or 0 for line in requisition.lines})
    budgets.lock(budget.id for budget in budget_of.values())
    checks = check(actor, requisition)
    _reprice(requisition, today)
    if worst(checks) is CheckOutcome.BLOCK:
        raise Invalid(next(one.sentence for one in checks if one.outcome is CheckOutcome.BLOCK))
    _move(requisition, "submit")
    requisition.number = next_number("RQ")
    requisition.submitted_at = clock.now()
    _keep(requisition, checks)
    for line in requisition.lines:
        budget = budget_of.get(line.cost_center_id or 0)
        if budget is not None:
            budgets.hold(budget.id, Change(line.id, Term.REQUESTED, line.amount, document_of(requisition)))
    audit.record(
        actor,
        "requisition.submit",
        requisition,
        before={"state": RequisitionState.DRAFT},
        after={"state": requisition.state, "total": requisition.total, "lines": len(requisition.lines)},
        evidence={"checks": [f"{one.rule} v{one.version}: {one.outcome}" for one in checks]},
    )
    submitted(actor, requisition)
    return requisition


def _reprice(requisition: Requisition, today: date) -> None:
    keys = {
        line.id: (line.item_id, line.offer.supplier_id, line.uom, line.quantity) for line in requisition.lines
    }
    prices = prices_on(today, keys.values())
    for line in requisition.lines:
        _price(line, prices.get(keys[line.id]))
    _retotal(requisition)


def _keep(requisition: Requisition, checks: Sequence[Check]) -> None:
    line_ids = {line.line_number: line.id for line in requisition.lines}
    db.session.add_all(
        CheckResult(
            requisition_id=requisition.id,
            line_id=line_ids.get(one.line),
            rule=one.rule,
            rule_version=one.version,
            outcome=one.outcome,
            sentence=one.sentence,
            evidence={key: str(value) for key, value in one.evidence.items()},
        )
        for one in checks
    )


def _move(requisition: Requisition, action: str) -> None:
    state = TRANSITIONS.get((requisition.state, action))
    if state is None:
        raise Conflict(f"This requisition is {requisition.state} already; it cannot be changed like this.")
    requisition.state = state


def decide(requisition: Requisition) -> None:
    """All lines have their answer."""
    _move(requisition, "decide")
    requisition.decided_at = clock.now()


def withdraw(actor: Actor, requisition_id: int) -> Requisition:
    """The requester takes back what nobody has decided yet; the held budget returns."""
    requisition = found(queries.find(requisition_id, lock=True), "requisition")
    if requisition.requester_id != actor.account_id:
        raise NotAllowed("Only the person who asked may withdraw a requisition.")
    if any(line.state is not LineState.OPEN for line in requisition.lines):
        raise Conflict("Some lines are decided already. Close the lines you no longer need instead.")
    _move(requisition, "withdraw")
    for line in requisition.lines:
        close_open_part(line, requisition)
    audit.record(
        actor,
        "requisition.withdraw",
        requisition,
        before={"state": RequisitionState.SUBMITTED},
        after={"state": requisition.state},
    )
    withdrawn(actor, requisition)
    return requisition


def close_line(actor: Actor, requisition_id: int, line_id: int, reason: str) -> None:
    """Closes what is not ordered yet of a line; the budget held for it returns to the cent."""
    requisition = found(queries.find(requisition_id, lock=True), "requisition")
    line = found(next((one for one in requisition.lines if one.id == line_id), None), "line")
    may_buy = actor.can(Permission.BUY, facility_id=requisition.location.facility_id)
    if requisition.requester_id != actor.account_id and not may_buy:
        raise NotAllowed("Only the person who asked, or a buyer, may close a line.")
    if not reason.strip():
        raise Invalid("Say why the line is closed.", field="reason")
    if line.state is not LineState.APPROVED or open_quantity(line) <= 0:
        raise Conflict("There is nothing open on this line.")
    before = {"closed": line.closed_quantity}
    close_open_part(line, requisition)
    after = {"closed": line.closed_quantity, "reason": reason}
    audit.record(actor, "requisition_line.close", line, before=before, after=after)


def open_quantity(line: RequisitionLine) -> Decimal:
    """Neither ordered nor closed."""
    return line.quantity - line.ordered_quantity - line.closed_quantity


def close_open_part(line: RequisitionLine, requisition: Requisition) -> None:
    """Closes what is open and gives its budget back."""
    done = line.ordered_quantity + line.closed_quantity
    amount = slice_amount(line.unit_price, done, line.quantity)
    line.closed_quantity = line.quantity - line.ordered_quantity
    budgets.post([Change(line.id, Term.REQUESTED, -amount, document_of(requisition))])


def document_of(requisition: Requisition) -> Document:
    """The requisition as a document that holds budget."""
    return Document("requisition", requisition.id, requisition.number or "")
