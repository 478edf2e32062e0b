"""Confirmations through the inbox (store, translate, apply), against inserting their rows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import count

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
)
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import Header, write_request
from portal.exchange import services
from portal.exchange.inbox import apply_due
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction, MessageState
from portal.foundation.db import db, transaction
from portal.orders.models import ConfirmationPart, OrderConfirmation
from tests.bench.bare_rows import BareRows
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave
from tests.bench.placing import Order, batches

SENT_AT = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)
PROMISED = date(2026, 2, 9)
CONFIRMED = "UPDATE purchase_order_line SET confirmed = quantity, promised_on = %s WHERE order_id = %s"
DONE = "UPDATE message SET state = 'done', finished_at = now() WHERE id = %s"
UNAPPLIED = "SELECT count(*) FROM message WHERE direction = 'inbound' AND kind = 'cxml' AND state <> 'done'"


def measure(ground: Ground, orders: Sequence[Order], plan: Plan) -> Figure:
    """Confirmations a second; the first batch of orders is the bare side's."""
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
    title = "Store and apply confirmations"
    return figure(title, "inserting their rows", measured["portal"], measured["bare"], unit="per s")


def _document(ground: Ground, order: Order, message_id: str) -> bytes:
    document = Confirmation(
        number=f"OC-{order.number}",
        order_number=order.number,
        order_message_id=f"{order.number}@portal",
        type=ConfirmationType.DETAIL,
        noticed_at=SENT_AT,
        lines=tuple(
            ConfirmationLine(
                line_number=line.number,
                quantity=line.quantity,
                uom="BX",
                parts=(
                    ConfirmedPart(
                        status=ConfirmationStatus.ACCEPTED,
                        quantity=line.quantity,
                        uom="BX",
                        promised_on=PROMISED,
                    ),
                ),
            )
            for line in order.lines
        ),
    )
    return write_request(header(ground, order, message_id), write_confirmation(document), dtd="Fulfill.dtd")


def header(ground: Ground, order: Order, message_id: str) -> Header:
    """The envelope of what the supplier of an order sends."""
    return Header(
        message_id=message_id,
        sent_at=SENT_AT,
        from_=("NetworkID", order.supplier_network_id),
        to=("NetworkID", ground.slug),
        sender=("NetworkID", "AN-HUB"),
        secret="inbound-secret",
    )


def _application(ground: Ground, orders: list[Order]) -> Callable[[], object]:
    documents = {order.number: _document(ground, order, f"{order.number}@supplier") for order in orders}
    return application(ground, orders, documents, "supplier")


def application(
    ground: Ground, orders: list[Order], documents: Mapping[str, bytes], what: str
) -> Callable[[], object]:
    """Stores one document of each order by itself, then applies all that wait."""
    senders = {order.number: order.supplier_network_id for order in orders}

    def apply() -> None:
        for number, raw in documents.items():
            with ground.acting(), transaction():
                partner = db.session.get_one(Partner, ground.network_id)
                services.receive(
                    partner, kind="cxml", key=f"{number}@{what}", raw=raw, sender=senders[number]
                )
        with ground.acting():
            while apply_due():
                pass
        left = ground.owner.execute(UNAPPLIED).fetchone()
        assert left == (0,), "every document is applied"

    return apply


def _insertion(ground: Ground, rows: BareRows, orders: Sequence[Order], turn: int) -> Callable[[], object]:
    """Two transactions each, since a document must be durable before it is answered."""
    documents = {order.number: _document(ground, order, f"{order.number}@bare-{turn}") for order in orders}

    def insert() -> None:
        for order in orders:
            key = f"{order.number}@bare-{turn}"
            with rows.connection.transaction():
                message = {
                    "partner_id": ground.network_id, "direction": Direction.INBOUND.value, "kind": "bare",
                    "key": key, "raw": documents[order.number], "state": MessageState.DONE.value,
                }  # fmt: skip
                message_id = rows.add(Message, message)[0]
            with rows.connection.transaction():
                confirmation = {
                    "order_id": order.id, "number": key, "type": ConfirmationType.DETAIL.value,
                    "operation": "new", "noticed_at": SENT_AT, "message_id": message_id,
                }  # fmt: skip
                confirmation_id = rows.add(OrderConfirmation, confirmation)[0]
                parts = [
                    {
                        "confirmation_id": confirmation_id, "line_id": line.id, "quantity": line.quantity,
                        "status": ConfirmationStatus.ACCEPTED.value, "promised_on": PROMISED,
                    }
                    for line in order.lines
                ]  # fmt: skip
                rows.add(ConfirmationPart, *parts)
                rows.connection.execute(CONFIRMED, (PROMISED, order.id))
                rows.connection.execute(DONE, (message_id,))
                rows.note("order.confirm", OrderConfirmation, confirmation_id)

    return insert
