"""What arrived damaged, wrong or not at all: never put to stock, decided by the buyer."""

from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor
from portal.foundation.money import extended
from portal.foundation.quantity import plain
from portal.orders.models import PurchaseOrder
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import Verdict

WHAT = {
    Verdict.DAMAGED: (
        WorkItemKind.DAMAGED, "arrived damaged",
        "Ask the supplier for a replacement or a credit.",
    ),
    Verdict.WRONG_ITEM: (
        WorkItemKind.WRONG_ITEM, "arrived as another item",
        "Ask the supplier to take it back and to send what was ordered.",
    ),
    Verdict.SHORT: (
        WorkItemKind.SHORT, "not in the delivery, though announced",
        "Ask the supplier to send it, or cancel the rest and order elsewhere.",
    ),
}  # fmt: skip


def report(receipt: Receipt, order: PurchaseOrder) -> None:
    """Opens one work item about the order for each such line of the receipt."""
    lines = {line.id: line for line in order.lines}
    for one in receipt.lines:
        if one.verdict is Verdict.GOOD:
            continue
        kind, what, suggestion = WHAT[one.verdict]
        line = lines[one.order_line_id]
        of = f"{line.description}, lot {one.lot}" if one.lot else line.description
        exchange.open_item(
            kind,
            key=_key(one),
            sentence=f"{plain(one.quantity)} {line.uom} of {of}: {what} ({receipt.number}).",
            suggestion=suggestion,
            subject=exchange.about(order),
            at_stake=extended(one.quantity, line.unit_price),
        )


def take_back(actor: Actor, receipt: Receipt) -> None:
    """The receipt was rolled back, and what it said with it."""
    for one in receipt.lines:
        if one.verdict is not Verdict.GOOD:
            exchange.resolve_by_system(actor, _key(one), f"{receipt.number} was rolled back.")


def _key(line: ReceiptLine) -> str:
    # The page of the order shows beside a line what begins with its name.
    return f"line-{line.order_line_id}-receipt-{line.id}"
