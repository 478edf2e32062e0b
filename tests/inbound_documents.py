"""What suppliers send: confirmations as cXML, with the envelope of the network of one hospital."""

from datetime import UTC, date, datetime
from decimal import Decimal

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
)
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import Header, write_request
from portal.foundation.db import db
from portal.identity.rules import Role
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from tests.hospital import Hospital

SENT_AT = datetime(2026, 2, 3, 10, 0, tzinfo=UTC)


def header(hospital: Hospital, message_id: str, *, secret: str = "inbound-secret") -> Header:
    """The envelope as the hub of `add_partners` writes it."""
    return Header(
        message_id=message_id,
        sent_at=SENT_AT,
        from_=("NetworkID", hospital.supplier.network_id),
        to=("NetworkID", hospital.organization.slug),
        sender=("NetworkID", "AN-HUB"),
        secret=secret,
    )


def confirmation(
    hospital: Hospital,
    order_number: str,
    *,
    message_id: str = "m-1@supplier",
    number: str = "C-1",
    quantity: int = 5,
    secret: str = "inbound-secret",
) -> bytes:
    """A confirmation of line 10 in boxes."""
    part = ConfirmedPart(
        status=ConfirmationStatus.ACCEPTED,
        quantity=Decimal(quantity),
        uom="BX",
        promised_on=date(2026, 2, 9),
    )
    document = Confirmation(
        number=number,
        order_number=order_number,
        order_message_id=f"{order_number}@portal",
        type=ConfirmationType.DETAIL,
        noticed_at=SENT_AT,
        lines=(ConfirmationLine(line_number=10, quantity=Decimal(quantity), uom="BX", parts=(part,)),),
    )
    return write_request(
        header(hospital, message_id, secret=secret), write_confirmation(document), dtd="Fulfill.dtd"
    )


def place_order(hospital: Hospital, number: str) -> int:
    """An order of five boxes of gloves, as the workbench would have placed it; its id."""
    order = PurchaseOrder(
        number=number,
        supplier_id=hospital.supplier.id,
        location_id=hospital.clinic.id,
        buyer_id=hospital.accounts[Role.BUYER].id,
        total=Decimal("36.25"),
    )
    order.lines = [
        PurchaseOrderLine(
            line_number=10,
            item_id=hospital.gloves.id,
            supplier_part="S-GLOVE-M",
            description="Exam glove, nitrile, medium",
            quantity=Decimal(5),
            uom="BX",
            factor=Decimal(10),
            unit_price=Decimal("7.25"),
            needed_on=date(2026, 2, 9),
        )
    ]
    db.session.add(order)
    db.session.flush()
    return order.id
