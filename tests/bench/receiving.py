"""Receipts of five lines, entered and posted, against inserting their rows."""

from collections.abc import Callable, Sequence
from itertools import count, cycle

from portal.exchange.models import Message
from portal.exchange.rules import Direction, MessageState
from portal.foundation import clock
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.inventory.models import StockMovement
from portal.inventory.rules import MovementKind
from portal.receiving import services
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import Entry, ReceiptState
from tests.bench.bare_rows import BareRows
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave, until_empty
from tests.bench.placing import Order

KNOWN_TO_ERP = "UPDATE purchase_order SET erp_number = '45' || lpad(id::text, 8, '0')"
RECEIVED = "UPDATE purchase_order_line SET received = quantity WHERE order_id = %s"
STOCK = """
INSERT INTO stock (location_id, item_id, lot, serial, owner, condition, on_hand)
SELECT %s, line.item_id, '', '', 'own', 'available', line.quantity * line.factor
FROM purchase_order_line AS line WHERE line.order_id = %s
ON CONFLICT (location_id, item_id, lot, serial, owner, condition)
DO UPDATE SET on_hand = stock.on_hand + excluded.on_hand
"""


def measure(ground: Ground, orders: Sequence[Order], plan: Plan) -> Figure:
    """Receipts a second; the first orders are the bare side's."""
    ground.owner.execute(KNOWN_TO_ERP)
    waiting = until_empty(orders[plan.works :])
    others = cycle(orders[: plan.works])
    numbers = count(1)
    with ground.bare_connection() as connection:
        rows = BareRows(connection)
        measured = interleave(
            {
                "portal": Side(lambda: _receipt(ground, next(waiting)), ground.cpu),
                "bare": Side(
                    lambda: _insertion(ground, rows, next(others), f"BR-{next(numbers)}"), ground.cpu
                ),
            },
            plan,
        )
    title = f"Enter and post receipts of {len(orders[0].lines)} lines"
    return figure(title, "inserting their rows", measured["portal"], measured["bare"], unit="per s")


def _receipt(ground: Ground, order: Order) -> Callable[[], object]:
    receiver = ground.actors[Role.RECEIVER]
    entries = [Entry(line.id, line.quantity) for line in order.lines]

    def receive() -> None:
        with ground.acting(), transaction():
            receipt_id = services.enter(receiver, order.id, form_key=order.number, entries=entries).id
        with ground.acting(), transaction():
            services.post(receiver, receipt_id)

    return receive


def _insertion(ground: Ground, rows: BareRows, order: Order, number: str) -> Callable[[], object]:
    def insert() -> None:
        with rows.connection.transaction():
            receipt = {
                "number": number, "form_key": number, "order_id": order.id, "posted_at": clock.now(),
                "state": ReceiptState.POSTED.value, "receiver_id": ground.actors[Role.RECEIVER].account_id,
            }  # fmt: skip
            receipt_id = rows.add(Receipt, receipt)[0]
            line_ids = rows.add(
                ReceiptLine,
                *(
                    {"receipt_id": receipt_id, "order_line_id": line.id, "quantity": line.quantity, "lot": ""}
                    for line in order.lines
                ),
            )
            movements = [
                {
                    "key": f"receipt-line-{line_id}", "kind": MovementKind.RECEIPT.value, "document": number,
                    "location_id": order.location_id, "item_id": line.item_id, "quantity": line.quantity * 10,
                }
                for line_id, line in zip(line_ids, order.lines, strict=True)
            ]  # fmt: skip
            rows.add(StockMovement, *movements)
            rows.connection.execute(STOCK, (order.location_id, order.id))
            rows.connection.execute(RECEIVED, (order.id,))
            message = {
                "partner_id": ground.erp_id, "direction": Direction.OUTBOUND.value, "kind": "bare",
                "key": number, "number": number, "state": MessageState.DONE.value,
            }  # fmt: skip
            rows.add(Message, message)
            rows.note("receipt.post", Receipt, receipt_id)

    return insert
