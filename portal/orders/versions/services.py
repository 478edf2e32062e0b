"""Changes an order that was placed: quantity, day, price, ship-to; the budget follows to the cent."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from portal.budgets import queries as budget_queries
from portal.budgets import services as budgets
from portal.budgets.rules import Control, Term
from portal.budgets.services import Change
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import day, money, unit_price
from portal.foundation.money import extended, split
from portal.foundation.quantity import plain
from portal.orders import queries
from portal.orders.blanket.services import keep_within
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.review import recompute
from portal.orders.rules import overlaps, part_of
from portal.orders.services import document_of
from portal.orders.tolerances import book_at, tolerance
from portal.orders.versions.announcing import next_version
from portal.orders.versions.queries import approved_since, ordered_for, places_of
from portal.orders.versions.rules import Wish, why_not
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine

Held = defaultdict[int, Decimal]  # by requisition line


@dataclass(frozen=True)
class Beyond:
    """What a requested line would cost, and what was approved for it."""

    requested: RequisitionLine
    approved: Decimal
    total: Decimal


class BeyondApproval(Invalid):
    """Requested lines would cost more than was approved for them, beyond tolerance."""

    def __init__(self, sentence: str, beyond: Sequence[Beyond]) -> None:
        super().__init__(sentence)
        self.beyond = tuple(beyond)


def change(
    actor: Actor,
    order_id: int,
    wishes: Sequence[Wish],
    *,
    reason: str,
    seen: int,
    location_id: int | None = None,
    is_approved: bool = False,
) -> PurchaseOrder:
    """Makes the next version of an order as wished; `seen` is the version the person looked at.

    `is_approved`: who may has said yes to what it costs beyond what was approved first.

    Raises Invalid for what cannot be (below what is shipped, above what was approved, beyond the budget),
    Conflict when the order changed meanwhile or while a partner is taking it.
    """
    order = found(queries.find(order_id, lock=True), "order")
    actor.require(Permission.BUY, facility_id=order.location.facility_id)
    if not reason.strip():
        raise Invalid("Say why the order is changed.", field="reason")
    if order.version != seen:
        raise Conflict(f"{order.number} was changed meanwhile. Look at it again, then decide.")
    before = held(order)
    changes = [told for wish in wishes for told in _change_line(order, wish)]
    changes += _move(actor, order, location_id) if location_id is not None else []
    if not changes:
        raise Invalid("Nothing is different from what is ordered. Change something, or go back.")
    order.total = sum((source.amount for line in order.lines for source in line.sources), Decimal())
    _follow_budget(order, before, is_approved=is_approved)
    keep_within(order)
    audit.record(
        actor, "order.change", order, before={"version": seen},
        after={"version": seen + 1, "changes": changes, "reason": reason.strip()},
    )  # fmt: skip
    recompute(order)
    next_version(actor, order, reason, changes)
    return order


def held(order: PurchaseOrder) -> Held:
    """What the budgets hold as ordered for each requisition line: what is wanted and not invoiced."""
    amounts: Held = defaultdict(Decimal)
    for line in order.lines:
        quantities = [source.quantity for source in line.sources]
        for index, begin, end in overlaps(quantities, line.invoiced, line.quantities.wanted):
            source = line.sources[index]
            amounts[source.requisition_line_id] += part_of(source.amount, source.quantity, begin, end)
    return amounts


def _change_line(order: PurchaseOrder, wish: Wish) -> list[dict[str, Any]]:
    line = found(next((one for one in order.lines if one.id == wish.line_id), None), "line")
    wanted = line.quantities.wanted
    if wanted <= 0:
        raise Conflict(f"{line.description} was cancelled meanwhile. Look at the order again.")
    refusal = why_not(
        line.description, line.uom, line.quantities, wish,
        price=line.unit_price, needed_on=line.needed_on, today=requisitions.today_at(order.location),
    )  # fmt: skip
    if refusal:
        raise Invalid(refusal)
    told: list[dict[str, Any]] = []
    price = line.unit_price
    if wish.quantity != wanted:
        _set_wanted(line, wish.quantity)
        told.append(
            _told(line, "quantity", f"{plain(wanted)} {line.uom}", f"{plain(wish.quantity)} {line.uom}")
        )
    if wish.unit_price != price:
        line.unit_price = wish.unit_price
        shown = (unit_price(price, order.currency), unit_price(wish.unit_price, order.currency))
        told.append(_told(line, "price", *shown))
    if told:
        _share_amount(line)
    if wish.needed_on != line.needed_on:
        told.append(_told(line, "needed by", day(line.needed_on), day(wish.needed_on)))
        line.needed_on = wish.needed_on
    return told


def _told(line: PurchaseOrderLine, what: str, before: str, after: str) -> dict[str, Any]:
    return {
        "line": line.line_number, "item": line.description, "what": what, "before": before, "after": after,
    }  # fmt: skip


def _set_wanted(line: PurchaseOrderLine, quantity: Decimal) -> None:
    """Less is cancelled, from the last request on; more takes back what was cancelled, then adds to it."""
    growth = quantity - line.quantities.wanted
    moved = sum((one.moved for one in line.sources), Decimal())
    taken_back = min(line.cancelled - moved, growth)  # what went to another line does not come back
    line.cancelled -= taken_back
    added = max(growth - taken_back, Decimal())
    line.quantity += added
    last = line.sources[-1]
    last.serves = None if last.serves is None else last.serves + last.requested(added)
    last.quantity += added


def _share_amount(line: PurchaseOrderLine) -> None:
    amounts = split(extended(line.quantity, line.unit_price), [one.quantity for one in line.sources])
    for source, amount in zip(line.sources, amounts, strict=True):
        source.amount = amount


def _move(actor: Actor, order: PurchaseOrder, location_id: int) -> list[dict[str, Any]]:
    if location_id == order.location_id:
        return []
    places = {place.id: place for place in places_of(order.location.facility_id)}
    place = places.get(location_id)
    if place is None:
        raise Invalid(
            f"Choose a place in {order.location.facility.name}. For another facility, cancel and order anew.",
            field="location",
        )
    if any(line.shipped or line.received for line in order.lines):
        raise Invalid("Goods are on their way already; the place cannot change.", field="location")
    before = order.location
    order.location_id, order.location = place.id, place
    return [{"what": "ship to", "before": before.name, "after": place.name}]


def _follow_budget(order: PurchaseOrder, before: Held, *, is_approved: bool) -> None:
    """Posts what the orders hold more or less; more must be approved, and fit into a blocking budget."""
    after = held(order)
    document = document_of(order)
    changes = [
        Change(line_id, Term.ORDERED, after[line_id] - before[line_id], document)
        for line_id in sorted({*before, *after})
    ]
    grown = {one.requisition_line_id for one in changes if one.amount > 0}
    if not is_approved:
        refuse_beyond_approval(order, grown)
    budgets.post(changes)
    if grown:
        refuse_beyond_budget(order, grown)


def refuse_beyond_budget(order: PurchaseOrder, grown: set[int]) -> None:
    """Raises Invalid when a blocking budget of these requested lines is overdrawn now."""
    db.session.flush()
    holding = [one for one in budget_queries.holding(grown) if one.control is Control.BLOCK]
    balances = budget_queries.balances(holding)
    for budget in holding:
        left = balances[budget.id].available
        if left < 0:
            short = money(-left, order.currency)
            raise Invalid(f"The budget of {budget.cost_center.name} is {short} short of this change.")


def refuse_beyond_approval(order: PurchaseOrder, grown: set[int]) -> None:
    """Raises BeyondApproval for requested lines that cost more than was approved, beyond tolerance."""
    if not grown:
        return
    elsewhere, since = ordered_for(grown, but=order.id), approved_since(grown)
    book = book_at(order.location)
    here: Held = defaultdict(Decimal)
    asked = {}
    for line in order.lines:
        quantities = [source.quantity for source in line.sources]
        for index, begin, end in overlaps(quantities, Decimal(), line.quantities.wanted):
            source = line.sources[index]
            here[source.requisition_line_id] += part_of(source.amount, source.quantity, begin, end)
            asked[source.requisition_line_id] = (line, source.requisition_line)
    beyond: list[Beyond] = []
    sentences: list[str] = []
    for line_id in sorted(grown):
        line, requested = asked[line_id]
        approved = max(extended(requested.quantity, requested.unit_price), since.get(line_id, Decimal()))
        total = here[line_id] + elsewhere.get(line_id, Decimal())
        if not tolerance(book, line.item.category).covers(approved, total):
            beyond.append(Beyond(requested, approved, total))
            sentences.append(
                f"{line.description} would cost {money(total, order.currency)}; "
                f"{money(approved, order.currency)} were approved in {requested.requisition.number}."
            )
    if beyond:
        sentences.append("Have the difference requested and approved, then order it from the workbench.")
        raise BeyondApproval(" ".join(sentences), beyond)
