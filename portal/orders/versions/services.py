"""Changes an order that was placed: quantity, day, price, ship-to; the budget follows to the cent."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import day, unit_price
from portal.foundation.money import extended, split
from portal.foundation.quantity import plain
from portal.orders import queries
from portal.orders.blanket.services import keep_within
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.proposals.queries import ordered_for
from portal.orders.proposals.weighing import Cost, refuse_beyond_approval, refuse_beyond_budget
from portal.orders.review import recompute
from portal.orders.rules import overlaps, part_of
from portal.orders.services import document_of
from portal.orders.versions.announcing import next_version
from portal.orders.versions.queries import places_of
from portal.orders.versions.rules import Wish, why_not
from portal.requisitions import services as requisitions

Held = defaultdict[int, Decimal]  # by requisition line


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
    amounts = split(line.cost, [one.quantity for one in line.sources])
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
        refuse_beyond_approval(costs_of(order, grown), order.location)
    budgets.post(changes)
    refuse_beyond_budget(grown, order.currency)


def costs_of(order: PurchaseOrder, requested: Collection[int]) -> list[Cost]:
    """What an order and all others cost for these requested lines, beside what was approved with them."""
    others = ordered_for(requested, but=order.id)
    here: Held = defaultdict(Decimal)
    asked = {}
    for line in order.lines:
        quantities = [source.quantity for source in line.sources]
        for index, begin, end in overlaps(quantities, Decimal(), line.quantities.wanted):
            source = line.sources[index]
            here[source.requisition_line_id] += part_of(source.amount, source.quantity, begin, end)
            asked[source.requisition_line_id] = (source.requisition_line, line.item)
    return [
        Cost(
            requested_line,
            item,
            extended(requested_line.quantity, requested_line.unit_price),
            here[requested_line.id] + others.get(requested_line.id, Decimal()),
        )
        for requested_line, item in (asked[line_id] for line_id in sorted(requested))
    ]
