"""One believable answer of a supplier to `an_order`, and pieces of documents as suppliers write them."""

from datetime import date
from decimal import Decimal

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
    Money,
)
from integrations.network.contract import Translated
from integrations.registry import INBOUND
from tests.unit.cxml_documents import SENT_AT

ORDER = '<OrderReference orderID="PO-1"><DocumentReference payloadID="PO-1@portal"/></OrderReference>'

CONFIRMATION = Confirmation(
    number="C-1",
    order_number="PO-26-000001",
    order_message_id="PO-26-000001.1@portal",
    type=ConfirmationType.DETAIL,
    noticed_at=SENT_AT,
    lines=(
        ConfirmationLine(
            line_number=1,
            quantity=Decimal(40),
            uom="BX",
            parts=(
                ConfirmedPart(
                    status=ConfirmationStatus.ACCEPTED,
                    quantity=Decimal(40),
                    uom="BX",
                    promised_on=date(2026, 2, 9),
                ),
            ),
        ),
    ),
)


def read(body: str) -> Translated:
    """Translates one request; its first line is line 2 of the document."""
    envelope = '<cXML payloadID="m1@supplier" timestamp="2026-02-03T10:00:00-06:00">\n'
    return INBOUND["cxml"].translate(f"{envelope}<Request>{body}</Request></cXML>".encode())


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def price(amount: str) -> str:
    return f'<UnitPrice><Money currency="USD">{amount}</Money></UnitPrice>'
