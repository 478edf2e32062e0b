"""Receipts, their reversals and returns as the canonical documents that are posted to the ERP."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations import canonical
from integrations.erp.contract import Erp
from integrations.returns import ReceiptReversal, ReturnLine
from integrations.returns import SupplierReturn as ReturnDocument
from portal.exchange.models import Message
from portal.foundation import clock
from portal.inventory.rules import Owner
from portal.receiving.models import Receipt, ReceiptLine, SupplierReturn
from portal.receiving.rules import Verdict

KIND, REVERSAL_KIND, RETURN_KIND = "receipt", "receipt_reversal", "supplier_return"


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
        lines=tuple(_lines(receipt)),
    )


def _lines(receipt: Receipt) -> Iterator[canonical.ReceiptLine]:
    """One line per order line, lot and owner; the serial numbers of a lot stand in one line."""
    together: dict[tuple[int, str, date | None, Owner], list[ReceiptLine]] = {}
    for line in receipt.lines:
        if line.verdict is Verdict.GOOD:
            together.setdefault((line.order_line_id, line.lot, line.expires_on, line.owner), []).append(line)
    for same in together.values():
        first = same[0]
        yield canonical.ReceiptLine(
            line_number=first.order_line.line_number,
            item=first.order_line.item.code,
            quantity=sum((one.quantity for one in same), Decimal()),
            uom=first.order_line.uom,
            lot=first.lot,
            expires_on=first.expires_on,
            serials=tuple(one.serial for one in same if one.serial),
            is_consignment=first.owner is Owner.CONSIGNMENT,
        )


def reversal(receipt: Receipt) -> ReceiptReversal:
    """The canonical document of a receipt that was rolled back."""
    zone = ZoneInfo(receipt.order.location.facility.time_zone)
    return ReceiptReversal(
        number=receipt.number,
        erp_number=receipt.erp_number,
        reversed_on=(receipt.reversed_at or clock.now()).astimezone(zone).date(),
    )


def supplier_return(sent_back: SupplierReturn) -> ReturnDocument:
    """The canonical document of goods that go back."""
    order = sent_back.order
    zone = ZoneInfo(order.location.facility.time_zone)
    return ReturnDocument(
        number=sent_back.number,
        order_number=order.number,
        erp_order_number=order.erp_number,
        facility=order.location.facility.code,
        location=order.location.code,
        authorization=sent_back.authorization,
        reason=sent_back.reason,
        returned_on=sent_back.returned_at.astimezone(zone).date(),
        lines=tuple(
            ReturnLine(
                line_number=line.receipt_line.order_line.line_number,
                item=line.receipt_line.order_line.item.code,
                quantity=line.quantity,
                uom=line.receipt_line.order_line.uom,
                lot=line.receipt_line.lot,
                serials=(line.receipt_line.serial,) if line.receipt_line.serial else (),
                is_consignment=line.receipt_line.owner is Owner.CONSIGNMENT,
            )
            for line in sent_back.lines
        ),
    )


def deliver_to_erp(erp: Erp, message: Message, ask_first: bool) -> str:
    """Posts the receipt; returns the ERP's document number."""
    receipt = canonical.Receipt.model_validate(message.canonical)
    posted = erp.post_receipt(receipt, ask_first=ask_first)
    message.warnings = list(posted.warnings)
    return posted.number


def reverse_in_erp(erp: Erp, message: Message, ask_first: bool) -> str:
    """Reverses the receipt; returns the number of the ERP's reversing document."""
    document = ReceiptReversal.model_validate(message.canonical)
    posted = erp.reverse_receipt(document, ask_first=ask_first)
    message.warnings = list(posted.warnings)
    return posted.number


def return_in_erp(erp: Erp, message: Message, ask_first: bool) -> str:
    """Posts the return; returns the ERP's document number."""
    document = ReturnDocument.model_validate(message.canonical)
    posted = erp.post_return(document, ask_first=ask_first)
    message.warnings = list(posted.warnings)
    return posted.number
