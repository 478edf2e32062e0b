"""ShipNoticeRequest: what a supplier has shipped (Fulfill.dtd 1.2.063, ShipNoticeRequest)."""

from itertools import groupby
from typing import Literal

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import ShipNotice, ShipNoticeLine, ShippedPackage
from integrations.errors import Unreadable
from integrations.formats.cxml.packages import (
    outermost,
    read_lots,
    read_packages,
    write_lots,
    write_packages,
)
from integrations.formats.cxml.reading import Reader, text_at, unusable, where
from integrations.formats.cxml.references import OrderRef, notice_time, read_order_reference
from integrations.formats.cxml.writing import add, new, plain, stamp


def read_ship_notice(request: etree._Element, root: etree._Element, reader: Reader) -> ShipNotice:
    """The ship notice with the lines of all its orders."""
    header = reader.child(request, "ShipNoticeHeader")
    portions = [
        (read_order_reference(portion, reader), portion) for portion in request.findall("ShipNoticePortion")
    ]
    operation = _operation(header)
    if not portions and operation != "delete":
        raise Unreadable("ShipNoticeRequest has no ShipNoticePortion", position=where(request))
    carrier, tracking = _carrier(request, reader)
    try:
        return ShipNotice(
            number=reader.needed(header, "shipmentID"),
            operation=operation,
            noticed_at=notice_time(header, root, reader),
            shipped_at=reader.optional_instant(header, "shipmentDate"),
            delivery_expected_at=reader.optional_instant(header, "deliveryDate"),
            carrier=carrier,
            tracking=tracking,
            whole_orders=tuple(
                order.number or order.message_id
                for order, portion in portions
                if portion.find("ShipNoticeItem") is None
            ),
            lines=tuple(
                _line(item, order, reader)
                for order, portion in portions
                for item in portion.findall("ShipNoticeItem")
            ),
        )
    except ValidationError as error:
        raise unusable(header, error) from error


def write_ship_notice(notice: ShipNotice, *, replaces: str = "") -> etree._Element:
    """The ShipNoticeRequest; `replaces` is the payloadID of the version updated or withdrawn."""
    request = new("ShipNoticeRequest")
    header = add(
        request,
        "ShipNoticeHeader",
        shipmentID=notice.number,
        operation=notice.operation,
        noticeDate=stamp(notice.noticed_at),
        shipmentDate=stamp(notice.shipped_at) if notice.shipped_at else "",
        deliveryDate=stamp(notice.delivery_expected_at) if notice.delivery_expected_at else "",
    )
    if replaces:
        add(header, "DocumentReference", payloadID=replaces)
    if notice.carrier or notice.tracking:
        control = add(request, "ShipControl")
        add(control, "CarrierIdentifier", notice.carrier, domain="companyName")
        add(control, "ShipmentIdentifier", notice.tracking)
    for number in notice.whole_orders:
        _add_portion(request, OrderRef(number, ""))
    by_order = sorted(notice.lines, key=_order_of)
    for (number, message_id), lines in groupby(by_order, key=_order_of):
        portion = _add_portion(request, OrderRef(number, message_id))
        for index, line in enumerate(lines, start=1):
            _add_line(portion, line, index)
    return request


def _order_of(line: ShipNoticeLine) -> tuple[str, str]:
    return line.order_number, line.order_message_id


def _add_portion(request: etree._Element, order: OrderRef) -> etree._Element:
    portion = add(request, "ShipNoticePortion")
    reference = add(portion, "OrderReference", orderID=order.number)
    add(reference, "DocumentReference").set("payloadID", order.message_id)
    return portion


def _add_line(portion: etree._Element, line: ShipNoticeLine, index: int) -> None:
    item = add(
        portion,
        "ShipNoticeItem",
        quantity=plain(line.quantity),
        lineNumber=str(line.line_number),
        shipNoticeLineNumber=str(index),
    )
    if line.supplier_part:
        add(add(item, "ItemID"), "SupplierPartID", line.supplier_part)
    add(item, "UnitOfMeasure", line.uom)
    alone = (ShippedPackage(sscc=line.sscc),) if line.sscc else ()
    write_packages(item, line.packages or alone)
    write_lots(item, line.lots)


def _operation(header: etree._Element) -> Literal["new", "update", "delete"]:
    operation = header.get("operation", "new")
    if operation == "new":
        return "new"
    if operation == "update":
        return "update"
    if operation == "delete":
        return "delete"
    # Guessing here could withdraw or repeat a shipment.
    raise Unreadable(f"ShipNoticeHeader operation is unknown: {operation[:40]!r}", position=where(header))


def _carrier(request: etree._Element, reader: Reader) -> tuple[str, str]:
    """The first carrier's name (else its code) and its tracking numbers."""
    controls = request.findall("ShipControl")
    if not controls:
        return "", ""
    if len(controls) > 1:
        reader.warn(controls[1], "several carriers follow one another; the first one is taken")
    names = {
        (name.get("domain") or "").lower(): (name.text or "").strip()
        for name in controls[0].findall("CarrierIdentifier")
    }
    tracking = [(number.text or "").strip() for number in controls[0].findall("ShipmentIdentifier")]
    carrier = names.get("companyname") or next((name for name in names.values() if name), "")
    return carrier, ", ".join(number for number in tracking if number)


def _line(item: etree._Element, order: OrderRef, reader: Reader) -> ShipNoticeLine:
    quantity = reader.number(item, "quantity")
    packages = read_packages(item, reader)
    return ShipNoticeLine(
        order_number=order.number,
        order_message_id=order.message_id,
        line_number=reader.line_number(item),
        quantity=quantity,
        uom=reader.unit(item),
        supplier_part=text_at(item, "ItemID/SupplierPartID"),
        sscc=outermost(packages),
        packages=packages,
        lots=read_lots(item, quantity, reader),
    )
