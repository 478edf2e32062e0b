"""ConfirmationRequest: a supplier's answer to an order (Fulfill.dtd 1.2.063, ConfirmationRequest)."""

from collections.abc import Iterable
from typing import Literal

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import (
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
    Money,
)
from integrations.errors import Unreadable
from integrations.formats.cxml.prices import price_per_unit
from integrations.formats.cxml.reading import Reader, text_at, unusable, where
from integrations.formats.cxml.references import notice_time, read_order_reference
from integrations.formats.cxml.writing import add, add_money, add_text, new, noon, plain, stamp

# allDetail repeats everything the supplier knows, changed or not: only a comparison can tell.
STATUSES = {
    "accept": ConfirmationStatus.ACCEPTED,
    "detail": ConfirmationStatus.CHANGED,
    "allDetail": ConfirmationStatus.CHANGED,
    "backordered": ConfirmationStatus.BACKORDERED,
    "reject": ConfirmationStatus.REJECTED,
    "unknown": ConfirmationStatus.UNKNOWN,
}
TYPES = {
    ConfirmationStatus.ACCEPTED: "accept",
    ConfirmationStatus.CHANGED: "detail",
    ConfirmationStatus.BACKORDERED: "backordered",
    ConfirmationStatus.REJECTED: "reject",
    ConfirmationStatus.UNKNOWN: "unknown",
}


def read_confirmation(request: etree._Element, root: etree._Element, reader: Reader) -> Confirmation:
    """The confirmation; without confirmID it is numbered by the payloadID of its first document."""
    header = reader.child(request, "ConfirmationHeader")
    order = read_order_reference(request, reader)
    operation = _operation(header, reader)
    items = request.findall("ConfirmationItem")
    try:
        return Confirmation(
            number=_number(header, root, operation, reader),
            order_number=order.number,
            order_message_id=order.message_id,
            type=_type(header, bool(items), reader),
            operation=operation,
            noticed_at=notice_time(header, root, reader),
            comments=reader.comments(header),
            lines=tuple(_merged((_line(item, reader) for item in items), header, reader)),
        )
    except ValidationError as error:
        raise unusable(header, error) from error


def write_confirmation(confirmation: Confirmation, *, replaces: str = "") -> etree._Element:
    """The ConfirmationRequest; `replaces` is the payloadID of the version that an update replaces."""
    request = new("ConfirmationRequest")
    header = add(
        request,
        "ConfirmationHeader",
        confirmID=confirmation.number,
        operation=confirmation.operation,
        type=confirmation.type,
        noticeDate=stamp(confirmation.noticed_at),
    )
    if replaces:
        add(header, "DocumentReference", payloadID=replaces)
    if confirmation.comments:
        add_text(header, "Comments", confirmation.comments)
    reference = add(request, "OrderReference", orderID=confirmation.order_number)
    add(reference, "DocumentReference").set("payloadID", confirmation.order_message_id)
    for line in confirmation.lines:
        item = add(
            request, "ConfirmationItem", quantity=plain(line.quantity), lineNumber=str(line.line_number)
        )
        add(item, "UnitOfMeasure", line.uom)
        for part in line.parts:
            _add_part(item, part, all_detail=confirmation.type is ConfirmationType.ALL_DETAIL)
    return request


def _add_part(item: etree._Element, part: ConfirmedPart, *, all_detail: bool) -> None:
    kind = TYPES[part.status]
    status = add(
        item,
        "ConfirmationStatus",
        quantity=plain(part.quantity),
        type="allDetail" if kind == "detail" and all_detail else kind,
        shipmentDate=noon(part.ships_on) if part.ships_on else "",
        deliveryDate=noon(part.promised_on) if part.promised_on else "",
    )
    add(status, "UnitOfMeasure", part.uom)
    if part.substitute_part:
        _add_substitute(status, part)
    elif part.unit_price:
        add_money(status, "UnitPrice", part.unit_price)
    if part.comments:
        add_text(status, "Comments", part.comments)


def _add_substitute(status: etree._Element, part: ConfirmedPart) -> None:
    """ItemDetail must name a price; Unreadable is the reader's word, so a missing one is our own mistake."""
    if part.unit_price is None:
        raise ValueError("a substitute needs its unit price")
    item = add(status, "ItemIn", quantity=plain(part.quantity))
    add(add(item, "ItemID"), "SupplierPartID", part.substitute_part)
    detail = add(item, "ItemDetail")
    add_money(detail, "UnitPrice", part.unit_price)
    add_text(detail, "Description", part.substitute_description)
    add(detail, "UnitOfMeasure", part.uom)
    add(detail, "Classification", domain="UNSPSC")


def _operation(header: etree._Element, reader: Reader) -> Literal["new", "update"]:
    operation = header.get("operation", "new")
    if operation == "update":
        return "update"
    if operation != "new":
        reader.warn(header, f"operation {operation} is unknown; new is taken")
    return "new"


def _number(header: etree._Element, root: etree._Element, operation: str, reader: Reader) -> str:
    number = (header.get("confirmID") or "").strip()
    if number:
        return number
    first = header.find("DocumentReference")
    reader.warn(header, "no confirmID; the payloadID of the first document takes its place")
    return reader.needed(root if operation == "new" or first is None else first, "payloadID")


def _type(header: etree._Element, has_items: bool, reader: Reader) -> ConfirmationType:
    text = reader.needed(header, "type")
    if text in set(ConfirmationType):
        return ConfirmationType(text)
    if not has_items:
        raise Unreadable(f"ConfirmationHeader type is unknown: {text[:40]!r}", position=where(header))
    reader.warn(header, f"type {text} is unknown; the lines are read as detail")
    return ConfirmationType.DETAIL


def _line(item: etree._Element, reader: Reader) -> ConfirmationLine:
    uom = reader.unit(item)
    quantity = reader.number(item, "quantity")
    statuses = item.findall("ConfirmationStatus")
    if not statuses:
        raise Unreadable("ConfirmationItem has no ConfirmationStatus", position=where(item))
    parts = tuple(_part(status, uom, reader) for status in statuses)
    stated = sum(part.quantity for part in parts if part.uom == uom)
    if stated != quantity and all(part.uom == uom for part in parts):
        reader.warn(item, f"the statuses add up to {stated:f} {uom}, the line to {quantity:f} {uom}")
    return ConfirmationLine(line_number=reader.line_number(item), quantity=quantity, uom=uom, parts=parts)


def _merged(
    lines: Iterable[ConfirmationLine], header: etree._Element, reader: Reader
) -> Iterable[ConfirmationLine]:
    """One entry per order line; a line confirmed in several items gets all their parts."""
    found: dict[int, ConfirmationLine] = {}
    for line in lines:
        first = found.setdefault(line.line_number, line)
        if first is not line:
            reader.warn(header, f"order line {line.line_number} is confirmed more than once; both are kept")
            found[line.line_number] = first.model_copy(update={"parts": first.parts + line.parts})
    return found.values()


def _part(status: etree._Element, uom: str, reader: Reader) -> ConfirmedPart:
    kind = reader.needed(status, "type")
    if kind not in STATUSES:
        reader.warn(status, f"status {kind} is unknown")
    substitute = status.find("ItemIn")
    unit = reader.unit(status, uom)
    comments = reader.comments(status)
    if substitute is None:
        stated = status.find("UnitPrice")
        price = None if stated is None else reader.money(stated)
    else:
        price, note = _substitute_price(substitute, unit, reader)
        comments = "\n".join(text for text in (comments, note) if text)
    return ConfirmedPart(
        status=STATUSES.get(kind, ConfirmationStatus.UNKNOWN),
        quantity=reader.number(status, "quantity"),
        uom=unit,
        promised_on=reader.optional_day(status, "deliveryDate"),
        ships_on=reader.optional_day(status, "shipmentDate"),
        unit_price=price,
        substitute_part="" if substitute is None else text_at(substitute, "ItemID/SupplierPartID"),
        substitute_description=("" if substitute is None else text_at(substitute, "ItemDetail/Description")),
        comments=comments,
    )


def _substitute_price(item: etree._Element, unit: str, reader: Reader) -> tuple[Money | None, str]:
    """The price per unit of the status, or a note when the substitute is sold in another unit."""
    detail = item.find("ItemDetail")
    if detail is None or detail.find("UnitPrice") is None:
        reader.warn(item, "the offered item has no price")
        return None, ""
    price = price_per_unit(detail, reader)
    own = text_at(detail, "UnitOfMeasure")
    if own in {"", unit}:
        return price, ""
    quantity = (item.get("quantity") or "").strip()
    reader.warn(item, f"the offered item is counted in {own}, the order line in {unit}")
    return None, f"Offered as {quantity} {own} at {price.amount:f} {price.currency} per {own}"
