"""One believable answer of a supplier to `an_order`."""

from datetime import date
from decimal import Decimal

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
)
from tests.unit.cxml_documents import SENT_AT

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
