"""Sends received goods back to the supplier: stock, the credit to expect, and the outbox for the ERP."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import money
from portal.foundation.money import extended, split
from portal.foundation.numbering import next_number
from portal.foundation.quantity import plain
from portal.inventory import services as inventory
from portal.inventory.rules import MovementKind, Owner
from portal.inventory.services import Move
from portal.orders import services as order_services
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving import outbound, queries, return_queries
from portal.receiving.models import Receipt, ReceiptLine, SupplierReturn, SupplierReturnLine
from portal.receiving.rules import ReceiptState
from portal.receiving.services import delivery, good_lines, locked


@dataclass(frozen=True)
class Asked:
    """What goes back: `quantities` by receipt line, in the unit of the order; `form_key` marks a repeat."""

    form_key: str
    authorization: str
    reason: str
    quantities: Mapping[int, Decimal]


@dataclass(frozen=True)
class Memo:
    """A supplier's credit memo: the amount without tax, and the quantities it names by order line."""

    number: str
    amount: Decimal
    quantities: Mapping[int, Decimal]


def send_back(actor: Actor, receipt_id: int, asked: Asked) -> SupplierReturn:
    """Takes goods of a receipt from the shelf for the supplier; the same form again is the same return.

    Raises Conflict for a receipt that does not count, Invalid without quantity, authorization or reason, or
    for more than came or than is on the shelf.
    """
    receipt, order = locked(actor, receipt_id)
    known = queries.return_by_form_key(asked.form_key)
    if known is not None:
        return known
    if receipt.state is not ReceiptState.POSTED:
        raise Conflict(f"{receipt.number} is {receipt.state}: only what was posted can go back.")
    chosen = _chosen(receipt, asked)
    lines = {line.id: line for line in order.lines}
    sent_back = SupplierReturn(
        number=next_number("RS"),
        form_key=asked.form_key,
        order=order,
        authorization=asked.authorization.strip(),
        reason=asked.reason.strip(),
        credit_expected=_credit(chosen, lines),
        returned_by_id=actor.account_id,
        trace_id=order.trace_id,
        lines=[SupplierReturnLine(receipt_line=line, quantity=quantity) for line, quantity in chosen],
    )
    db.session.add(sent_back)
    db.session.flush()  # movements and audit name it by its id
    inventory.move(actor, [_move(sent_back, order, line) for line in sent_back.lines])
    order_services.touch(order)
    audit.record(
        actor, "supplier_return.send", sent_back,
        after={"order": order.number, "receipt": receipt.number, "authorization": sent_back.authorization,
               "reason": sent_back.reason, "credit_expected": sent_back.credit_expected},
    )  # fmt: skip
    _announce(sent_back)
    return sent_back


def credit(actor: Actor, return_id: int, number: str, amount: Decimal) -> SupplierReturn:
    """Notes the supplier's credit note for a return; the same one again changes nothing.

    What was invoiced of the returned goods is given back to the budgets. Raises Conflict when another one is
    noted already, Invalid without a number or an amount.
    """
    sent_back = found(queries.find_return(return_id, lock=True), "return")
    actor.require(Permission.MATCH_INVOICES, facility_id=sent_back.order.location.facility_id)
    number = number.strip()
    if (sent_back.credit_number, sent_back.credited) == (number, amount):
        return sent_back
    if sent_back.credited_at is not None:
        raise Conflict(f"{sent_back.number} is credited already, by credit note {sent_back.credit_number}.")
    if not number:
        raise Invalid("Enter the number of the credit note.", field="number")
    if amount <= 0:
        raise Invalid("Enter what the supplier credits, above zero.", field="amount")
    sent_back.credit_number, sent_back.credited, sent_back.credited_at = number, amount, clock.now()
    order_services.touch(sent_back.order)
    given_back = _give_back(sent_back, amount)
    after = {
        "credit_number": number, "credited": amount, "expected": sent_back.credit_expected,
        "given_back": given_back,
    }  # fmt: skip
    audit.record(actor, "supplier_return.credit", sent_back, after=after)
    return sent_back


def _chosen(receipt: Receipt, asked: Asked) -> list[tuple[ReceiptLine, Decimal]]:
    if not asked.authorization.strip():
        raise Invalid("Enter the number the supplier gave for the return.", field="authorization")
    if not asked.reason.strip():
        raise Invalid("Say why it goes back.", field="reason")
    lines = {line.id: line for line in good_lines(receipt)}
    chosen = [(found(lines.get(line_id), "line"), many) for line_id, many in asked.quantities.items() if many]
    if not chosen:
        raise Invalid("Enter the quantity of at least one line.")
    before = queries.returned([line.id for line, _ in chosen])
    for line, quantity in chosen:
        left = line.quantity - before.get(line.id, Decimal())
        if quantity > left:
            name, uom = line.order_line.description, line.order_line.uom
            raise Invalid(f"{name}: at most {plain(left)} {uom} of this receipt can go back.")
    return chosen


def _credit(chosen: Sequence[tuple[ReceiptLine, Decimal]], lines: Mapping[int, PurchaseOrderLine]) -> Decimal:
    """What is paid for; consignment was the supplier's all the time."""
    bought = [(line, quantity) for line, quantity in chosen if line.owner is Owner.OWN]
    prices = ((lines[line.order_line_id].unit_price, quantity) for line, quantity in bought)
    return sum((extended(quantity, price) for price, quantity in prices), Decimal())


def _give_back(sent_back: SupplierReturn, amount: Decimal) -> Decimal:
    """Shares a credit among the returned lines by what each was worth; returns what the budgets get back."""
    bought = [one for one in sent_back.lines if one.receipt_line.owner is Owner.OWN]
    worth = [extended(one.quantity, one.receipt_line.order_line.unit_price) for one in bought]
    if not sum(worth, Decimal()):
        return Decimal()
    asked_by = return_queries.requested_by([one.receipt_line.order_line_id for one in bought])
    shares = zip(bought, split(amount, worth), strict=True)
    given = (
        budgets.give_back(asked_by[one.receipt_line.order_line_id], Term.INVOICED, share)
        for one, share in shares
    )
    return sum(given, Decimal())


def take_credit(actor: Actor, order: PurchaseOrder, memo: Memo) -> SupplierReturn:
    """Notes a credit memo that names the order: for the return of the same lines, else of the same amount,
    else for the only one that waits. The same memo again changes nothing.

    Raises Invalid when no return waits for it, or when it cannot be told which one.
    """
    known = return_queries.credited_as(order.supplier_id, memo.number)
    if known is not None:
        return credit(actor, known, memo.number, memo.amount)
    ids = return_queries.uncredited(order.id)
    waiting = [found(queries.find_return(one), "return") for one in ids]
    same_lines = [one for one in waiting if _quantities(one) == memo.quantities]
    same_amount = [one for one in waiting if one.credit_expected == memo.amount]
    found_ = next((some for some in (same_lines, same_amount, waiting) if len(some) == 1), None)
    told = f"Credit memo {memo.number} over {money(memo.amount, order.currency)}"
    if not waiting:
        raise Invalid(f"{told}: nothing of {order.number} went back that waits for a credit.")
    if found_ is None:
        numbers = ", ".join(one.number for one in waiting)
        raise Invalid(f"{told} may be for {numbers} of {order.number}. Note it on the right one by hand.")
    return credit(actor, found_[0].id, memo.number, memo.amount)


def _quantities(sent_back: SupplierReturn) -> dict[int, Decimal]:
    """How much of each order line went back."""
    found_: dict[int, Decimal] = defaultdict(Decimal)
    for one in sent_back.lines:
        found_[one.receipt_line.order_line_id] += one.quantity
    return dict(found_)


def _move(sent_back: SupplierReturn, order: PurchaseOrder, line: SupplierReturnLine) -> Move:
    came = line.receipt_line
    return Move(
        key=f"supplier-return-line-{line.id}",
        kind=MovementKind.RETURN_TO_SUPPLIER,
        location_id=order.location_id,
        item_id=came.order_line.item_id,
        quantity=-line.quantity * came.order_line.factor,
        lot=came.lot,
        expires_on=came.expires_on,
        document=sent_back.number,
        serial=came.serial,
        owner=came.owner,
        reason=sent_back.reason,
    )


def _announce(sent_back: SupplierReturn) -> None:
    order = sent_back.order
    if not order.erp_number:
        return
    for partner_id in exchange.partners_for(outbound.KIND, order.supplier_id):
        exchange.send(
            outbound.RETURN_KIND,
            outbound.supplier_return(sent_back),
            exchange.about(sent_back),
            partner_id=partner_id,
            key=sent_back.number,
        )


def send_waiting(order: PurchaseOrder) -> None:
    """Returns made before the ERP knew their order can go now, after the receipts."""
    for return_id in queries.return_ids(order.id):
        _announce(found(queries.find_return(return_id), "return"))


def taken_by_erp(message: Message) -> None:
    """The ERP has the return."""
    sent_back = found(queries.find_return(message.subject_id or 0), "return")
    sent_back.erp_number = message.reference
    order_services.touch(sent_back.order)
    after = {"erp_number": sent_back.erp_number}
    audit.record(delivery(message), "supplier_return.posted_to_erp", sent_back, after=after)


def stopped(message: Message) -> None:
    """The ERP did not take the return; the work item says why, the goods are gone all the same."""
    sent_back = found(queries.find_return(message.subject_id or 0), "return")
    order_services.touch(sent_back.order)
    after = {"cause": message.cause}
    audit.record(delivery(message), "supplier_return.stopped", sent_back, after=after)
