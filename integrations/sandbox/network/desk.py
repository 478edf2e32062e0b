"""The network's front desk: who may send, what is an order, what is answered at once."""

import hmac
import uuid
from datetime import UTC, datetime

from flask import Response
from lxml import etree

from integrations.canonical import PurchaseOrder
from integrations.errors import Unreadable
from integrations.formats.cxml.envelope import (
    body,
    open_envelope,
    open_root,
    profile_response,
    write_response,
)
from integrations.formats.cxml.orders import read_order
from integrations.formats.cxml.reading import Reader
from integrations.network.contract import Envelope
from integrations.sandbox.behavior import Effect, Script
from integrations.sandbox.faults import after_effect, before_effect
from integrations.sandbox.network.answers import Received
from integrations.sandbox.network.settings import NetworkSettings
from integrations.sandbox.network.suppliers import Suppliers

ORDER = "order"
EFFECTS = frozenset(
    {
        Effect.SLOW,
        Effect.TOO_MANY,
        Effect.ERROR_BEFORE,
        Effect.ERROR_AFTER,
        Effect.TIMEOUT_AFTER,
        Effect.DROP_BEFORE,
        Effect.MALFORMED,
        Effect.REJECT,
    }
)


class Desk:
    """Receives the buyers' documents."""

    def __init__(self, settings: NetworkSettings, suppliers: Suppliers, script: Script) -> None:
        self._settings = settings
        self._suppliers = suppliers
        self._script = script

    def receive(self, raw: bytes, *, address: str) -> Response:
        """The cXML Response to a document; `address` is where orders go, for the profile."""
        try:
            envelope = open_envelope(raw)
            if not self._is_known(envelope):
                return _respond(401, "Sender or shared secret is wrong")
            if envelope.kind == "ProfileRequest":
                profile = profile_response({"OrderRequest": address}, effective_at=datetime.now(UTC))
                return _respond(200, "", payload=profile)
            if envelope.kind != "OrderRequest":
                return _respond(450, f"{envelope.kind} is not taken by this network")
            order, operation = _open_order(raw, envelope)
        except Unreadable as error:
            return _respond(406, f"{error} ({error.position})")
        return self._take(Received(order, envelope.message_id, envelope.from_[1]), operation, raw)

    def _take(self, received: Received, operation: str, raw: bytes) -> Response:
        order = received.order
        items = [line.item for line in order.lines]
        plan = self._script.take(ORDER, items=items, supplier=order.supplier, effects=EFFECTS)
        if (fault := before_effect(plan)) is not None:
            return fault
        if (refused := plan.find(Effect.REJECT)) is not None:
            return _respond(400, refused.value)
        if self._suppliers.is_repeat(received.buyer, received.message_id):
            return after_effect(plan, _respond(200, "This message was received before"))
        taken = self._suppliers.take(received, operation, raw)
        return after_effect(plan, _respond(taken.code, taken.text))

    def _is_known(self, envelope: Envelope) -> bool:
        secret = self._settings.buyers.get(envelope.sender[1], "")
        return bool(secret) and hmac.compare_digest(secret.encode(), envelope.secret.encode())


def _open_order(raw: bytes, envelope: Envelope) -> tuple[PurchaseOrder, str]:
    """The order and its operation; Unreadable also for what no supplier could carry out."""
    root, _ = open_root(raw)
    order_request = body(root)
    order = read_order(order_request, envelope.to[1], Reader())
    numbers = [line.line_number for line in order.lines]
    if len(set(numbers)) < len(numbers):
        raise Unreadable("Two lines have the same lineNumber", position="OrderRequest")
    for line in order.lines:
        if not line.quantity or not line.supplier_part:
            raise Unreadable(
                f"Line {line.line_number} has no quantity or no SupplierPartID", position="ItemOut"
            )
    header = Reader().child(order_request, "OrderRequestHeader")
    return order, header.get("type", "new")


def _respond(code: int, text: str, *, payload: etree._Element | None = None) -> Response:
    """The status inside the document; HTTP says 200 whenever a document was understood as such."""
    content = write_response(
        code, text, message_id=f"{uuid.uuid4()}@network", sent_at=datetime.now(UTC), payload=payload
    )
    return Response(content, 200, content_type="text/xml; charset=utf-8")
