"""Ship notices through the inbox (store, translate, apply), against inserting their rows."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from integrations.canonical import ShipNotice as Document
from integrations.canonical import ShipNoticeLine as DocumentLine
from integrations.canonical import ShippedLot
from integrations.formats.cxml.envelope import write_request
from integrations.formats.cxml.ship_notices import write_ship_notice
from portal.exchange.models import Message
from portal.exchange.rules import Direction, MessageState
from portal.orders.models import ShipNotice, ShipNoticeLine
from tests.bench.bare_rows import BareRows
from tests.bench.confirming import DONE, SENT_AT, application, header
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave
from tests.bench.placing import Order, batches

ARRIVES = datetime(2026, 2, 9, 10, 0, tzinfo=UTC)
SHIPPED = "UPDATE purchase_order_line SET shipped = quantity, expected_on = %s WHERE order_id = %s"


def measure(ground: Ground, orders: Sequence[Order], plan: Plan) -> Figure:
    """Ship notices a second; the first batch of orders is the bare side's."""
    waiting = batches(orders[plan.operations :], plan.operations)
    numbers = count(1)
    with ground.bare_connection() as connection:
        rows = BareRows(connection)
        measured = interleave(
            {
                "portal": Side(lambda: _application(ground, next(waiting)), ground.cpu),
                "bare": Side(
                    lambda: _insertion(ground, rows, orders[: plan.operations], next(numbers)), ground.cpu
                ),
            },
            plan,
        )
    title = "Store and apply ship notices"
    return figure(title, "inserting their rows", measured["portal"], measured["bare"], unit="per s")


def _document(ground: Ground, order: Order, message_id: str) -> bytes:
    document = Document(
        number=f"SN-{order.number}",
        noticed_at=SENT_AT,
        shipped_at=SENT_AT,
        delivery_expected_at=ARRIVES,
        carrier="Northline Freight",
        tracking="1Z-42",
        lines=tuple(
            DocumentLine(
                order_number=order.number,
                line_number=line.number,
                quantity=line.quantity,
                uom="BX",
                lots=(ShippedLot(quantity=line.quantity, lot="L1"),),
            )
            for line in order.lines
        ),
    )
    return write_request(header(ground, order, message_id), write_ship_notice(document), dtd="Fulfill.dtd")


def _application(ground: Ground, orders: list[Order]) -> Callable[[], object]:
    documents = {order.number: _document(ground, order, f"{order.number}@shipped") for order in orders}
    return application(ground, orders, documents, "shipped")


def _insertion(ground: Ground, rows: BareRows, orders: Sequence[Order], turn: int) -> Callable[[], object]:
    """Two transactions each, since a document must be durable before it is answered."""
    documents = {order.number: _document(ground, order, f"{order.number}@bare-sn-{turn}") for order in orders}

    def insert() -> None:
        for order in orders:
            key = f"{order.number}@bare-sn-{turn}"
            with rows.connection.transaction():
                message = {
                    "partner_id": ground.network_id, "direction": Direction.INBOUND.value, "kind": "bare",
                    "key": key, "raw": documents[order.number], "state": MessageState.DONE.value,
                }  # fmt: skip
                message_id = rows.add(Message, message)[0]
            with rows.connection.transaction():
                notice = {
                    "supplier_id": order.supplier_id, "number": key, "noticed_at": SENT_AT,
                    "shipped_at": SENT_AT, "delivery_expected_at": ARRIVES, "message_id": message_id,
                }  # fmt: skip
                notice_id = rows.add(ShipNotice, notice)[0]
                lines = [
                    {"notice_id": notice_id, "line_id": line.id, "quantity": line.quantity, "lot": "L1"}
                    for line in order.lines
                ]
                rows.add(ShipNoticeLine, *lines)
                rows.connection.execute(SHIPPED, (ARRIVES.date(), order.id))
                rows.connection.execute(DONE, (message_id,))
                rows.note("order.ship", ShipNotice, notice_id)

    return insert
