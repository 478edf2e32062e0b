"""Carries a part of an order line over to a line of its own, here or at another supplier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.catalog.queries import PricedOffer
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.money import split
from portal.foundation.numbering import next_number
from portal.orders.cancelling import cancel_part
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.orders.packs import in_packs
from portal.orders.proposals.weighing import refuse_beyond_approval, refuse_beyond_budget
from portal.orders.rules import overlaps
from portal.orders.services import announce, document_of
from portal.orders.versions.services import costs_of


@dataclass(frozen=True)
class Piece:
    """A part of a line that serves one request: in the line's unit, and in the request's."""

    source: PurchaseOrderSource
    quantity: Decimal
    served: Decimal


def take_off(
    actor: Actor, order: PurchaseOrder, line: PurchaseOrderLine, quantity: Decimal, reason: str
) -> tuple[list[Piece], dict[str, Any]]:
    """Takes a quantity off the end of a line; returns whom it served, and the change as told."""
    wanted = line.quantities.wanted
    stretches = overlaps([one.quantity for one in line.sources], wanted - quantity, wanted)
    pieces = [_piece(line.sources[index], end - begin) for index, begin, end in stretches]
    told = cancel_part(actor, order, line, quantity, reason)
    for piece in pieces:
        piece.source.moved += piece.quantity
    return pieces, told


def _piece(source: PurchaseOrderSource, quantity: Decimal) -> Piece:
    return Piece(source, quantity, source.requested(quantity))


def split_line(order: PurchaseOrder, line: PurchaseOrderLine, pieces: Sequence[Piece], day: date) -> None:
    """A line of the same order for the pieces, at the same price, needed on its own day."""
    added = PurchaseOrderLine(
        line_number=max(one.line_number for one in order.lines) + 10,
        item=line.item,
        supplier_part=line.supplier_part,
        description=line.description,
        uom=line.uom,
        factor=line.factor,
        unit_price=line.unit_price,
        consignment=line.consignment,
        needed_on=day,
    )
    _fill(added, pieces, [one.quantity for one in pieces])
    order.lines.append(added)
    order.total += _amount(added)
    db.session.flush()  # the ledger names requested lines, the outbox the order
    _hold(order, [added])


def order_elsewhere(
    actor: Actor,
    order: PurchaseOrder,
    line: PurchaseOrderLine,
    pieces: Sequence[Piece],
    found: PricedOffer,
    *,
    is_approved: bool,
) -> PurchaseOrder:
    """An order at another supplier for the pieces, in whole packs of its own.

    Raises BeyondApproval unless what it costs beyond approval `is_approved`, Invalid beyond the budget.
    """
    added = _line_of(line, pieces, found)
    other = PurchaseOrder(
        number=next_number("PO"),
        supplier=found.offer.supplier,
        location=order.location,
        buyer_id=actor.account_id,
        currency=order.currency,
        total=_amount(added),
        reference=order.reference,
        trace_id=order.trace_id,
        lines=[added],
    )
    db.session.add(other)
    db.session.flush()  # the ledger and the outbox name the order by its id
    grown = {one.source.requisition_line_id for one in pieces}
    if not is_approved:
        refuse_beyond_approval(costs_of(other, grown), other.location)
    _hold(other, [added])
    refuse_beyond_budget(grown, other.currency)
    audit.record(
        actor, "order.place", other, after={"total": other.total, "lines": 1},
        evidence={"instead_of": order.number, "line": line.line_number},
    )  # fmt: skip
    announce(other)
    return other


def _line_of(line: PurchaseOrderLine, pieces: Sequence[Piece], found: PricedOffer) -> PurchaseOrderLine:
    added = PurchaseOrderLine(
        line_number=10,
        item=line.item,
        supplier_part=found.offer.supplier_part,
        description=line.description,
        uom=found.offer.uom,
        factor=found.offer.factor,
        unit_price=found.unit_price,
        consignment=found.contract_line is not None and found.contract_line.consignment,
        needed_on=line.needed_on,
        expected_on=line.needed_on,
    )
    quantities = [one.quantity for one in pieces]
    if added.factor != line.factor:
        quantities = in_packs([one * line.factor for one in quantities], added.factor)
    _fill(added, pieces, quantities)
    return added


def _fill(line: PurchaseOrderLine, pieces: Sequence[Piece], quantities: Sequence[Decimal]) -> None:
    """The line is rounded once; the requests it serves share that amount to the cent."""
    line.quantity = sum(quantities, Decimal())
    line.cancelled = line.received = line.invoiced = line.shipped = Decimal()
    amounts = split(line.cost, quantities)
    line.sources = [
        PurchaseOrderSource(
            requisition_line=one.source.requisition_line,
            requisition_line_id=one.source.requisition_line_id,
            quantity=quantity,
            serves=None if quantity == one.served else one.served,
            moved=Decimal(),
            amount=amount,
            cost_center=one.source.cost_center,
            gl_account=one.source.gl_account,
        )
        for one, quantity, amount in zip(pieces, quantities, amounts, strict=True)
    ]


def _amount(line: PurchaseOrderLine) -> Decimal:
    return sum((one.amount for one in line.sources), Decimal())


def _hold(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> None:
    document = document_of(order)
    budgets.post(
        Change(source.requisition_line_id, Term.ORDERED, source.amount, document)
        for line in lines
        for source in line.sources
    )
