"""What was used but was never the hospital's: asks the supplier for the bill only, nothing is delivered."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from portal.budgets import services as budgets
from portal.budgets.queries import budgets_on
from portal.budgets.rules import Term
from portal.budgets.services import Change
from portal.clinical.care.rules import UNDO_WITHIN
from portal.clinical.models import Case, Usage
from portal.clinical.usage.facts import Price
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import DomainError
from portal.foundation.numbering import next_number
from portal.foundation.quantity import is_multiple
from portal.identity.queries import accounts_with, organization
from portal.masterdata.models import Item, Location
from portal.orders import cancelling
from portal.orders import services as orders
from portal.orders.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderSource
from portal.requisitions import queries as requisition_queries
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, RequisitionSource, RequisitionState

MOST_AT_ONCE = 500


def request(actor: Actor, row: Usage, place: Location, price: Price | None) -> None:
    """An approved request for the bill of one use; a buyer is asked where something is missing."""
    buyer_id = actor.account_id or _buyer_id(place.facility_id)
    if price is None or buyer_id is None:
        lacking = "nobody offers it" if price is None else "nobody buys for this facility"
        ask_buyer(row, f"No bill-only request could be made: {lacking}.")
        return
    requisition = _requisition(row, price, buyer_id)
    db.session.add(requisition)
    db.session.flush()
    _hold(requisition, requisition.lines[0])
    row.requisition_id = requisition.id
    audit.record(
        actor, "requisition.bill_only", requisition,
        after={"state": requisition.state, "total": requisition.total},
        evidence={"usage": row.id, "contract_line": row.contract_line_id},
    )  # fmt: skip
    if not _may_be_ordered(requisition.lines[0]):
        ask_buyer(row, "No contract price holds on the day of use, or only a part of a pack was used.")


def _requisition(row: Usage, price: Price, requester_id: int) -> Requisition:
    cost = row.cost or Decimal()
    item = found(db.session.get(Item, row.item_id), "item")
    line = RequisitionLine(
        line_number=1, offer_id=price.offer.id, item_id=item.id,
        quantity=row.quantity / price.offer.factor, uom=price.offer.uom, unit_price=price.unit_price,
        contract_line_id=price.contract_line_id, amount=cost, cost_center_id=row.cost_center_id,
        gl_account_id=item.gl_account_id, state=LineState.APPROVED,
        decision_reason="Used already: the supplier bills it.",
    )  # fmt: skip
    return Requisition(
        number=next_number("RQ"), state=RequisitionState.DECIDED, source=RequisitionSource.BILL_ONLY,
        requester_id=requester_id, location_id=row.location_id, note=_reference(row.case_id), total=cost,
        currency=organization().currency, submitted_at=clock.now(), decided_at=clock.now(), lines=[line],
    )  # fmt: skip


def _reference(case_id: int | None) -> str:
    number = db.session.scalar(select(Case.number).where(Case.id == case_id)) if case_id else None
    return f"Bill only, case {number}" if number else "Bill only, used already"


def _hold(requisition: Requisition, line: RequisitionLine) -> None:
    """What was used is owed, whatever the budget says."""
    center_id = line.cost_center_id
    budget = budgets_on(clock.today(), [center_id]).get(center_id) if center_id else None
    if budget is not None:
        document = requisitions.document_of(requisition)
        budgets.lock([budget.id])
        budgets.hold(budget.id, Change(line.id, Term.REQUESTED, line.amount, document))


def _may_be_ordered(line: RequisitionLine) -> bool:
    paid = line.cost_center_id is not None and line.gl_account_id is not None
    return paid and line.contract_line_id is not None and is_multiple(line.quantity, Decimal(1))


def _buyer_id(facility_id: int) -> int | None:
    return next((one.id for one in accounts_with(Permission.BUY, facility_id=facility_id)), None)


def ask_buyer(row: Usage, sentence: str) -> None:
    """Opens the work item about the bill of a use."""
    exchange.open_item(
        WorkItemKind.BILL_ONLY,
        key=f"bill-only-{row.id}",
        sentence=f"{row.description}: {sentence}",
        suggestion="Look at the request on the workbench, correct offer or contract, and order it there.",
        subject=About("usage", row.id, f"Use {row.id}"),
        at_stake=row.cost,
    )


def withdraw(actor: Actor, row: Usage, reason: str) -> None:
    """Closes the request of a use that was undone; an order that has left is a buyer's to cancel."""
    requisition = found(requisition_queries.find(row.requisition_id or 0, lock=True), "requisition")
    line = requisition.lines[0]
    if line.ordered_quantity > 0:
        _cancel_order(actor, row, line, reason)
        return
    if requisitions.open_quantity(line) > 0:
        requisitions.close_open_part(line, requisition)
        audit.record(actor, "requisition.close_line", requisition, after={"line": 1, "reason": reason})
    exchange.resolve_by_system(actor, f"bill-only-{row.id}", "The use was undone.")


def _cancel_order(actor: Actor, row: Usage, line: RequisitionLine, reason: str) -> None:
    source = db.session.execute(
        select(PurchaseOrder, PurchaseOrderLine)
        .join(PurchaseOrderLine, PurchaseOrderLine.order_id == PurchaseOrder.id)
        .join(PurchaseOrderSource, PurchaseOrderSource.line_id == PurchaseOrderLine.id)
        .where(PurchaseOrderSource.requisition_line_id == line.id)
    ).first()
    order, order_line = source or (None, None)
    if order is None or order_line is None:
        return
    if order.posted_at is None and order.sent_at is None and order_line.quantity == line.quantity:
        try:
            with db.session.begin_nested():
                order_line.received = Decimal()  # it was not used after all
                db.session.flush()
                cancelling.cancel_rest(_portal(actor, order.buyer_id), order.id, order_line.id, reason)
            return
        except DomainError:
            pass  # it is being handed over at this moment
    ask_buyer(row, f"The use was undone, but {order.number} has left. Tell the supplier not to bill it.")


def _portal(actor: Actor, buyer_id: int) -> Actor:
    return Actor(actor.organization_id, "Portal", account_id=buyer_id, system_reason="bill-only order")


def order_due(organization_id: int, *, after: timedelta = UNDO_WITHIN) -> list[PurchaseOrder]:
    """Orders the bills of uses that can no longer be undone by a click: one order per case and supplier."""
    due = _due(after)
    placed: list[PurchaseOrder] = []
    for (reference, buyer_id), line_ids in due.items():
        actor = Actor(organization_id, "Portal", account_id=buyer_id, system_reason="bill-only order")
        try:
            with db.session.begin_nested():
                new = orders.place(actor, line_ids, reference=reference)
                for order in new:
                    _take_as_received(order)
                placed += new
        except DomainError as error:
            _ask_about(line_ids, str(error))
    return placed


def _take_as_received(order: PurchaseOrder) -> None:
    """The use is the receipt: nothing is on its way, and the bill is matched with what was used."""
    for line in order.lines:
        line.received = line.quantity
    orders.refresh(order)


def _due(after: timedelta) -> dict[tuple[str, int], list[int]]:
    statement = (
        select(RequisitionLine, Requisition.note, Requisition.requester_id, Location.facility_id)
        .join(RequisitionLine.requisition)
        .join(Requisition.location)
        .join(Usage, Usage.requisition_id == Requisition.id)
        .where(
            RequisitionLine.state == LineState.APPROVED,
            RequisitionLine.ordered_quantity + RequisitionLine.closed_quantity < RequisitionLine.quantity,
            Requisition.source == RequisitionSource.BILL_ONLY,
            Usage.recorded_at <= clock.now() - after,
        )
        .order_by(RequisitionLine.id)
        .limit(MOST_AT_ONCE)
    )
    due: dict[tuple[str, int], list[int]] = {}
    for line, note, requester_id, facility_id in db.session.execute(statement):
        if _may_be_ordered(line):
            buyer_id = _buyer_id(facility_id) or requester_id
            due.setdefault((note, buyer_id), []).append(line.id)
    return due


def _ask_about(line_ids: list[int], why: str) -> None:
    rows = db.session.scalars(
        select(Usage)
        .join(RequisitionLine, RequisitionLine.requisition_id == Usage.requisition_id)
        .where(RequisitionLine.id.in_(line_ids))
    )
    for row in rows:
        ask_buyer(row, f"The bill-only order could not be placed: {why}")
