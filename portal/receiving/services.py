"""Receipts in two steps: enter, then check and post to stock and ERP."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.hooks import Hook
from portal.foundation.numbering import next_number
from portal.foundation.quantity import plain
from portal.foundation.trace import follow_trace
from portal.inventory import services as inventory
from portal.inventory.queries import shelved_serials
from portal.inventory.rules import MovementKind, Owner
from portal.inventory.services import Move
from portal.orders import queries as orders
from portal.orders import services as order_services
from portal.orders.cancelling import cancel_lines
from portal.orders.models import PurchaseOrder
from portal.orders.review import settle_received
from portal.receiving import outbound, queries, tolerances, troubles
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import TRANSITIONS, Problem, ReceiptState, Verdict, fingerprint, names, problems
from portal.receiving.rules import Entry as Entry  # what callers of `enter` need
from portal.requisitions.around import recalls
from portal.requisitions.services import today_at

received: Hook[[PurchaseOrder]] = Hook()


class EntriesRefused(Invalid):
    """Some of what was counted cannot be received; `problems` says what, entry by entry."""

    def __init__(self, refused: Sequence[Problem]) -> None:
        super().__init__(refused[0].sentence)
        self.problems = refused


def enter(actor: Actor, order_id: int, *, form_key: str, entries: Sequence[Entry], seen: str = "") -> Receipt:
    """Keeps what was counted, for checking.

    The same form sent again gives the same receipt; sent with other numbers it corrects the receipt as long
    as it is not posted. `seen` is the fingerprint of what the form began with; what was scanned or corrected
    since is never overwritten. Raises Invalid (EntriesRefused) for what cannot be received, Conflict once
    posted or changed meanwhile.
    """
    order = found(orders.find(order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    follow_trace(order.trace_id)
    known = queries.find_by_form_key(form_key)
    if known is not None:
        return _enter_again(actor, order, known, entries, seen)
    _check(order, entries)
    receipt = Receipt(
        number=next_number("GR"),
        form_key=form_key,
        order=order,
        receiver_id=actor.account_id,
        trace_id=order.trace_id,
        lines=_lines(entries),
    )
    db.session.add(receipt)
    db.session.flush()  # the audit row names it by its id
    order_services.touch(order)
    audit.record(actor, "receipt.enter", receipt, after={"state": receipt.state, "order": order.number})
    return receipt


def _enter_again(
    actor: Actor, order: PurchaseOrder, receipt: Receipt, entries: Sequence[Entry], seen: str
) -> Receipt:
    before = [entry_of(line) for line in receipt.lines]
    if receipt.order_id == order.id and before == list(entries):
        return receipt
    if receipt.order_id != order.id or receipt.state is not ReceiptState.ENTERED:
        raise Conflict(
            f"{receipt.number} of this form is {receipt.state} already, with other numbers. "
            "What you changed since was not counted; open the order and receive the rest."
        )
    if seen != fingerprint(before) if seen else queries.last_scan(receipt.id) is not None:
        raise Conflict(
            f"Something was counted in {receipt.number} since this form was opened. "
            "Open it again and correct it."
        )
    _check(order, entries)
    transition(receipt, "correct")
    receipt.lines = _lines(entries)
    audit.record(
        actor, "receipt.correct", receipt,
        before={"entries": [_told(one) for one in before]},
        after={"entries": [_told(one) for one in entries]},
    )  # fmt: skip
    return receipt


def _lines(entries: Sequence[Entry]) -> list[ReceiptLine]:
    return [line_of(one) for one in entries]


def line_of(entry: Entry) -> ReceiptLine:
    """The line an entry becomes."""
    return ReceiptLine(
        order_line_id=entry.order_line_id, quantity=entry.quantity, lot=entry.lot,
        expires_on=entry.expires_on, serial=entry.serial, owner=entry.owner, verdict=entry.verdict,
    )  # fmt: skip


def entry_of(line: ReceiptLine) -> Entry:
    """The entry a line was made of."""
    return Entry(
        line.order_line_id, line.quantity, line.lot, line.expires_on, line.serial, line.owner, line.verdict
    )


def _told(entry: Entry) -> str:
    return (
        f"line {entry.order_line_id}: {entry.quantity:f}, lot {entry.lot or '-'}, {entry.expires_on or '-'}, "
        f"serial {entry.serial or '-'}, {entry.owner}, {entry.verdict}"
    )


def _check(order: PurchaseOrder, entries: Sequence[Entry]) -> None:
    if not entries:
        raise Invalid("Enter the quantity of at least one line.")
    lines = {line.id: line for line in order.lines}
    for entry in entries:
        found(lines.get(entry.order_line_id), "line")
    refused = every_problem(order, entries)
    if refused:
        raise EntriesRefused(refused)


def every_problem(order: PurchaseOrder, entries: Sequence[Entry]) -> list[Problem]:
    """What is wrong with the entries of an order; recalled lots and serials that are here already, too."""
    found_ = problems(tolerances.receivable_lines(order), entries, today_at(order.location))
    found_ += [*_recalled(order, entries), *_here_already(order, entries)]
    return sorted(found_, key=lambda one: one.index)


def _here_already(order: PurchaseOrder, entries: Sequence[Entry]) -> Iterator[Problem]:
    items = {line.id: line.item_id for line in order.lines}
    good = [(at, one) for at, one in enumerate(entries) if one.serial and one.verdict is Verdict.GOOD]
    shelved = shelved_serials({(items[one.order_line_id], one.serial) for _, one in good})
    for index, entry in good:
        place = shelved.get((items[entry.order_line_id], entry.serial))
        if place is not None:
            sentence = f"Serial number {entry.serial} is on the shelf of {place} already. Check the pack."
            yield Problem(index, "serial", sentence)


def _recalled(order: PurchaseOrder, entries: Sequence[Entry]) -> Iterator[Problem]:
    items = {line.id: line.item_id for line in order.lines}
    named = defaultdict(list)
    for read in recalls({items[one.order_line_id] for one in entries}):
        for item_id, recall in read.now():
            named[item_id].append(recall)
    for index, entry in enumerate(entries):
        for recall in named.get(items[entry.order_line_id], []):
            if entry.verdict is Verdict.GOOD and names(recall.lots, entry):
                sentence = (
                    f"Recall {recall.number}: {recall.title}. Do not receive it: set it aside and tell "
                )
                yield Problem(index, "lot" if entry.lot else "quantity", sentence + "the buyer.")


def post(actor: Actor, receipt_id: int, *, cancel: Collection[int] = (), seen: str = "") -> Receipt:
    """Counts a checked receipt: stock, order, and the outbox for the ERP, in one transaction.

    `cancel` are order lines of which nothing more is expected: what is open of them is cancelled. Raises
    Conflict when it is posted or discarded already, or when other things are counted than those whose
    fingerprint was `seen`; Invalid when the order takes less by now.
    """
    receipt, order = locked(actor, receipt_id)
    transition(receipt, "post")
    if seen and seen != fingerprint([entry_of(line) for line in receipt.lines]):
        raise Conflict("Something was counted or corrected since you looked. Check it again, then post.")
    receipt.posted_at = clock.now()
    with db.session.no_autoflush:  # what is read here is nothing that is changed here: one UPDATE a row
        _check(order, [entry_of(line) for line in receipt.lines])
        _count(actor, receipt, order)
        settle_received(order)
    received(order)
    audit.record(
        actor, "receipt.post", receipt,
        before={"state": ReceiptState.ENTERED}, after={"state": receipt.state, "order": order.number},
    )  # fmt: skip
    audit.record(actor, "order.receive", order, after={"receipt": receipt.number})
    troubles.report(receipt, order)
    _send(receipt)
    if cancel:
        reason = f"Not delivered with {receipt.number}"
        rests = cancel_lines(actor, order, cancel, reason, Permission.RECEIVE)
        receipt.cancelled = {str(line_id): plain(rest) for line_id, rest in rests.items()} or None
    return receipt


def _count(actor: Actor, receipt: Receipt, order: PurchaseOrder) -> None:
    lines = {line.id: line for line in order.lines}
    good = good_lines(receipt)
    for one in good:
        lines[one.order_line_id].received += one.quantity
        if lines[one.order_line_id].consignment:
            one.owner = Owner.CONSIGNMENT
    inventory.move(actor, [_stock_move(receipt, order, one) for one in good])


def good_lines(receipt: Receipt) -> list[ReceiptLine]:
    """What of a receipt is put to stock."""
    return [line for line in receipt.lines if line.verdict is Verdict.GOOD]


def discard(actor: Actor, receipt_id: int) -> Receipt:
    """Throws away what was entered but not posted."""
    receipt, order = locked(actor, receipt_id)
    transition(receipt, "discard")
    # The form may be sent again, from the browser's history; it then makes another receipt.
    receipt.form_key = f"discarded-{receipt.id}"
    order_services.touch(order)
    audit.record(
        actor, "receipt.discard", receipt,
        before={"state": ReceiptState.ENTERED}, after={"state": receipt.state},
    )  # fmt: skip
    return receipt


def locked(actor: Actor, receipt_id: int) -> tuple[Receipt, PurchaseOrder]:
    """The order is locked before its receipt, everywhere, so that nobody waits in a circle."""
    found(queries.lock_order_of(receipt_id), "receipt")
    receipt = found(queries.find(receipt_id, lock=True), "receipt")
    order = found(orders.find(receipt.order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    follow_trace(receipt.trace_id)
    return receipt, order


def transition(receipt: Receipt, action: str) -> None:
    """Moves the receipt on; raises Conflict where it cannot."""
    state = TRANSITIONS.get((receipt.state, action))
    if state is None:
        raise Conflict(f"Receipt {receipt.number} is {receipt.state} already.")
    receipt.state = state


def _stock_move(receipt: Receipt, order: PurchaseOrder, line: ReceiptLine) -> Move:
    return Move(
        key=movement_key(line),
        kind=MovementKind.RECEIPT,
        location_id=order.location_id,
        item_id=line.order_line.item_id,
        quantity=line.quantity * line.order_line.factor,
        lot=line.lot,
        expires_on=line.expires_on,
        document=receipt.number,
        serial=line.serial,
        owner=line.owner,
    )


def movement_key(line: ReceiptLine) -> str:
    """Names the stock movement of a line for ever."""
    return f"receipt-line-{line.id}"


def _send(receipt: Receipt) -> None:
    """Announces what is good of the receipt to the ERP, once the ERP knows the order."""
    if not receipt.order.erp_number or not good_lines(receipt):
        return
    for partner_id in exchange.partners_for(outbound.KIND, receipt.order.supplier_id):
        exchange.send(
            outbound.KIND,
            outbound.document(receipt),
            exchange.about(receipt),
            partner_id=partner_id,
            key=receipt.number,
        )


def send_waiting(order: PurchaseOrder) -> None:
    """Receipts posted before the ERP knew their order can go now."""
    for receipt in queries.receipts_of(order.id, state=ReceiptState.POSTED):
        _send(found(queries.find(receipt.id), "receipt"))


def taken_by_erp(message: Message) -> None:
    """The ERP has the receipt."""
    actor = delivery(message)
    receipt, order = locked(actor, message.subject_id or 0)
    receipt.erp_number = message.reference
    receipt.erp_posted_at = clock.now()
    order_services.touch(order)
    audit.record(actor, "receipt.posted_to_erp", receipt, after={"erp_number": receipt.erp_number})


def stopped(message: Message) -> None:
    """The ERP did not take the receipt; the work item says why, the receipt stands."""
    actor = delivery(message)
    receipt, order = locked(actor, message.subject_id or 0)
    order_services.touch(order)
    audit.record(actor, "receipt.stopped", receipt, after={"cause": message.cause})


def delivery(message: Message) -> Actor:
    """Who acts when a partner has answered."""
    return system(message.organization_id, "delivery")
