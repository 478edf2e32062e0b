"""The receipt as the canonical document that is posted to the ERP."""

from zoneinfo import ZoneInfo

from integrations import canonical
from integrations.erp.contract import Erp
from portal.exchange.models import Message
from portal.foundation import clock
from portal.receiving.models import Receipt

KIND = "receipt"


def document(receipt: Receipt) -> canonical.Receipt:
    """The canonical receipt of a posted receipt."""
    order = receipt.order
    zone = ZoneInfo(order.location.facility.time_zone)
    received_at = receipt.posted_at or clock.now()
    return canonical.Receipt(
        number=receipt.number,
        order_number=order.number,
        erp_order_number=order.erp_number,
        facility=order.location.facility.code,
        location=order.location.code,
        received_on=received_at.astimezone(zone).date(),
        lines=tuple(
            canonical.ReceiptLine(
                line_number=line.order_line.line_number,
                item=line.order_line.item.code,
                quantity=line.quantity,
                uom=line.order_line.uom,
                lot=line.lot,
                expires_on=line.expires_on,
            )
            for line in receipt.lines
        ),
    )


def deliver_to_erp(erp: Erp, message: Message, ask_first: bool) -> str:
    """Posts the receipt; returns the ERP's document number."""
    receipt = canonical.Receipt.model_validate(message.canonical)
    posted = erp.post_receipt(receipt, ask_first=ask_first)
    message.warnings = list(posted.warnings)
    return posted.number
