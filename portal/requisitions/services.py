"""Carts and requisitions: add, change, check, submit, withdraw, close what is no longer needed."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import flag_modified

from integrations.canonical import Lifecycle
from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document
from portal.catalog.models import Offer
from portal.catalog.queries import find_offers
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.foundation.hooks import Hook
from portal.foundation.money import extended, slice_amount
from portal.foundation.numbering import next_number
from portal.foundation.quantity import is_multiple
from portal.foundation.trace import follow_trace, new_trace
from portal.identity.models import Account
from portal.identity.queries import organization
from portal.masterdata.models import ContractLine, Location
from portal.masterdata.queries import prices_on
from portal.requisitions import checks, queries
from portal.requisitions.before import asked_in_vain
from portal.requisitions.checks import CartFacts
from portal.requisitions.facts import cart_facts
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import (
    MOST_LINES,
    MOST_QUANTITY,
    TOO_MANY,
    TRANSITIONS,
    LineState,
    RequisitionSource,
    RequisitionState,
)
from portal.requisitions.submission import (
    facts_with_money_locked,
    joining,
    refuse_blocked,
    retotal,
    write_down,
)

withdrawn: Hook[[Actor, Requisition]] = Hook()


def today_at(location: Location) -> date:
    """The day it is at a location."""
    return clock.today(location.facility.time_zone)


def cart(actor: Actor, location_id: int) -> Requisition:
    """The cart a person fills for a location, made if there is none; two clicks at once make one."""
    location = requestable(actor, location_id)
    present = queries.cart_of(actor, location_id)
    if present is None:
        lock_person(actor)
        present = queries.cart_of(actor, location_id)
    if present is None:
        db.session.execute(insert(Requisition).values(beginning(actor, location, RequisitionSource.CART)))
        present = queries.cart_of(actor, location_id)
    return found(present, "cart")


def lock_person(actor: Actor) -> None:
    """What one person does in two windows happens one after the other."""
    person = select(Account.id).where(Account.id == actor.account_id)
    db.session.execute(person.with_for_update(key_share=True))


def requestable(actor: Actor, location_id: int) -> Location:
    location = found(
        db.session.scalar(
            select(Location)
            .where(Location.id == location_id, Location.active)
            .options(joinedload(Location.facility))
        ),
        "location",
    )
    actor.require(
        Permission.REQUEST, facility_id=location.facility_id, cost_center_id=location.cost_center_id
    )
    return location


def beginning(actor: Actor, location: Location, source: RequisitionSource) -> dict[str, Any]:
    return {
        "requester_id": actor.account_id,
        "location_id": location.id,
        "state": RequisitionState.DRAFT,
        "source": source,
        "currency": organization().currency,
        "version": 1,
        "trace_id": new_trace(),
    }


def request(
    actor: Actor,
    location_id: int,
    wanted: Mapping[int, Decimal],
    *,
    source: RequisitionSource,
    need_by: date | None = None,
    note: str = "",
) -> Requisition:
    """Submits quantities of offers (by id) at once, beside the cart; refuses as `submit`."""
    requisition = begin(actor, location_id, source)
    requisition.need_by, requisition.note = need_by, note
    put_all(requisition, wanted)
    db.session.flush()
    return submit(actor, requisition.id, seen_version=requisition.version)


def begin(actor: Actor, location_id: int, source: RequisitionSource) -> Requisition:
    """A requisition beside the cart, to be filled and submitted at once."""
    location = requestable(actor, location_id)
    statement = insert(Requisition).values(beginning(actor, location, source)).returning(Requisition.id)
    return locked_cart(actor, db.session.scalars(statement).one())


def add(actor: Actor, location_id: int, offer_id: int, quantity: Decimal) -> RequisitionLine:
    """Puts a quantity of an offer into the cart; the same offer again adds to its line."""
    return add_all(actor, location_id, {offer_id: quantity})[0]


def add_all(actor: Actor, location_id: int, wanted: Mapping[int, Decimal]) -> list[RequisitionLine]:
    """Puts quantities of offers (by id) into the cart, all or none; known offers add to their lines.

    Raises Invalid naming the item for what cannot be requested or is too much, NotFound for an offer
    that does not exist.
    """
    requisition = locked_cart(actor, cart(actor, location_id).id)
    return put_all(requisition, wanted)


def put_all(requisition: Requisition, wanted: Mapping[int, Decimal]) -> list[RequisitionLine]:
    offers = {offer.id: offer for offer in find_offers(wanted)}
    if len(offers) != len(wanted):
        raise NotFound("This item is not offered any more. Look it up again.")
    lines = [put(requisition, offers[offer_id], quantity) for offer_id, quantity in wanted.items()]
    reprice(requisition, lines)
    return lines


def put(
    requisition: Requisition,
    offer: Offer,
    quantity: Decimal,
    place: Location | None = None,
    *,
    anew: bool = False,
) -> RequisitionLine:
    """Puts packs for a place (none is the cart's) into a cart; the caller reprices the line.

    They add to the line of this offer and place that is paid for as usual, else to any; or are one `anew`.
    """
    if offer.item.lifecycle is not Lifecycle.ACTIVE or not offer.active or offer.supplier.blocked:
        reason = f"{offer.item.name} from {offer.supplier.name} cannot be requested now."
        raise Invalid(reason, field=f"q{offer.id}")
    place_id = place.id if place and place.id != requisition.location_id else None
    same = [one for one in requisition.lines if (one.offer.id, one.location_id) == (offer.id, place_id)]
    line = min(same, key=lambda one: not is_paid_as_usual(one), default=None)
    if line is None or anew:
        line = _new_line(requisition, offer)
        line.location, line.location_id = (place if place_id else None), place_id
    field = f"q{offer.id}"
    set_quantity(line, line.quantity + whole(quantity, field), field)
    return line


def is_paid_as_usual(line: RequisitionLine) -> bool:
    """Whether the usual cost center and account pay all of a line of a cart."""
    return line.split_by is None and line.cost_center is None and line.gl_account is None


def _new_line(requisition: Requisition, offer: Offer) -> RequisitionLine:
    if len(requisition.lines) >= MOST_LINES:
        raise Invalid(f"A cart holds at most {MOST_LINES} lines. Submit this one, then start another.")
    line = RequisitionLine(
        requisition=requisition,
        line_number=max((one.line_number for one in requisition.lines), default=0) + 1,
        offer=offer,
        item=offer.item,
        quantity=Decimal(),
        uom=offer.uom,
        unit_price=offer.list_price,
        amount=Decimal(),
        cost_center=None,
        gl_account=None,
        shares=[],
    )
    db.session.add(line)
    return line


def whole(quantity: Decimal, field: str) -> Decimal:
    if quantity <= 0 or not is_multiple(quantity, Decimal(1)):
        raise Invalid("Enter a whole number of packs, at least 1.", field=field)
    return quantity


def set_quantity(line: RequisitionLine, quantity: Decimal, field: str) -> None:
    if quantity > MOST_QUANTITY:
        raise Invalid(f"{line.item.name}: {TOO_MANY}", field=field)
    line.quantity = quantity


def describe(actor: Actor, requisition_id: int, *, need_by: date | None, note: str) -> None:
    """Sets the need-by date and the note of the cart."""
    requisition = locked_cart(actor, requisition_id)
    requisition.need_by = need_by
    requisition.note = note


def locked_cart(actor: Actor, requisition_id: int) -> Requisition:
    requisition = queries.own(actor, requisition_id, lock=True)
    if requisition.state is not RequisitionState.DRAFT:
        raise Conflict(f"This cart was submitted as {requisition.number}. It cannot be changed any more.")
    if requisition.removed_at is not None:
        raise Conflict("This cart was deleted. Put it back first.")
    return requisition


def reprice(requisition: Requisition, lines: Sequence[RequisitionLine]) -> None:
    """Today's prices, tiers by the new quantities, in one query."""
    keys = [(line.item_id, line.offer.supplier_id, line.uom, line.quantity) for line in _with_ids(lines)]
    prices = prices_on(today_at(requisition.location), keys)
    for line, key in zip(lines, keys, strict=True):
        price: ContractLine | None = prices.get(key)
        line.contract_line_id = price.id if price else None
        line.unit_price = price.unit_price if price else line.offer.list_price
        line.amount = extended(line.quantity, line.unit_price)
    retotal(requisition)


def _with_ids(lines: Sequence[RequisitionLine]) -> Sequence[RequisitionLine]:
    db.session.flush()  # new lines take the ids of their offer and item
    return lines


def facts_of(actor: Actor, requisition: Requisition) -> CartFacts:
    """What the checks see of the cart now."""
    return cart_facts(actor, requisition, today_at(requisition.location))


def submit(
    actor: Actor, requisition_id: int, *, seen_version: int, seen_total: Decimal | None = None
) -> Requisition:
    """Checks and submits the cart, holds its budget and opens its approval; done once, whoever repeats it.

    Raises Conflict when the cart changed since it was looked at, Invalid when a check blocks, when the
    total is not the one that was shown, or when nobody may approve it.
    """
    requisition = queries.to_submit(actor, requisition_id)
    if requisition.state in (RequisitionState.SUBMITTED, RequisitionState.DECIDED):
        return requisition  # a double click, or the back button
    if requisition.state is not RequisitionState.DRAFT:
        raise Conflict(f"{requisition.number} was withdrawn. Start a new cart.")
    if requisition.version != seen_version or requisition.removed_at is not None:
        raise Conflict("The cart changed since you looked at it. Check it, then submit again.")
    if not requisition.lines:
        raise Invalid("The cart is empty. Add an item first.")
    follow_trace(requisition.trace_id)
    joined = joining(actor, requisition)
    facts, known = facts_with_money_locked(actor, requisition, joined)
    results = checks.check(facts)
    refuse_blocked(facts, results, seen_total)
    document = Document("requisition", requisition.id, next_number("RQ"))
    write_down(actor, requisition, facts, results, document, joined, known)
    return requisition


def _move(requisition: Requisition, action: str) -> None:
    state = TRANSITIONS.get((requisition.state, action))
    if state is None:
        raise Conflict(f"{requisition.number} is {requisition.state} already. Look at it again.")
    requisition.state = state


def decide(actor: Actor, requisition: Requisition) -> None:
    """All lines have their answer."""
    before = requisition.state
    _move(requisition, "decide")
    requisition.decided_at = clock.now()
    audit.record(
        actor,
        "requisition.decide",
        requisition,
        before={"state": before},
        after={"state": requisition.state},
    )


def withdraw(actor: Actor, requisition_id: int) -> Requisition:
    """The requester takes back what nobody has decided yet; the held budget returns. Repeats do nothing."""
    requisition = queries.own(actor, requisition_id, lock=True)
    if requisition.state is RequisitionState.CANCELLED:
        return requisition
    if any(line.state is not LineState.OPEN for line in requisition.lines):
        raise Conflict("Some lines are decided already. Close the lines you no longer need instead.")
    _move(requisition, "withdraw")
    for line in requisition.lines:
        close_open_part(line, requisition)
    asked_in_vain(requisition)
    audit.record(
        actor,
        "requisition.withdraw",
        requisition,
        before={"state": RequisitionState.SUBMITTED},
        after={"state": requisition.state},
    )
    withdrawn(actor, requisition)
    return requisition


def close_line(actor: Actor, requisition_id: int, line_id: int, reason: str) -> RequisitionLine:
    """Closes what is not ordered yet of a line; the budget held for it returns to the cent."""
    requisition = found(queries.find(requisition_id, lock=True), "requisition")
    line = found(next((one for one in requisition.lines if one.id == line_id), None), "line")
    if not may_close(actor, requisition):
        raise NotAllowed("Only the person who asked, or a buyer, may close a line.")
    if not reason.strip():
        raise Invalid("Say why the line is closed.", field="reason")
    if line.state is LineState.OPEN and requisition.state is RequisitionState.SUBMITTED:
        raise Conflict("This line still waits for approval. Withdraw the requisition instead.")
    if line.state is not LineState.APPROVED or open_quantity(line) <= 0:
        raise Conflict("Nothing of this line is open: it is ordered, closed or rejected.")
    before = {"closed": line.closed_quantity}
    close_open_part(line, requisition)
    flag_modified(requisition, "total")  # whoever looks at the requisition sees that it changed
    after = {"line": line.line_number, "closed": line.closed_quantity, "reason": reason.strip()}
    audit.record(actor, "requisition.close_line", requisition, before=before, after=after)
    return line


def may_close(actor: Actor, requisition: Requisition) -> bool:
    """The requester, and buyers of the facility."""
    may_buy = actor.can(Permission.BUY, facility_id=requisition.location.facility_id)
    return requisition.requester_id == actor.account_id or may_buy


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
