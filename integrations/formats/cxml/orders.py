"""OrderRequest: a canonical purchase order as cXML and back (cXML.dtd 1.2.063, OrderRequest)."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from lxml import etree
from pydantic import ValidationError

from integrations.canonical import AccountAssignment, Address, Money, PurchaseOrder, PurchaseOrderLine
from integrations.errors import Unreadable
from integrations.formats.cxml.addresses import add_address, add_references, read_address, read_references
from integrations.formats.cxml.prices import price_per_unit
from integrations.formats.cxml.reading import Reader, text_at, unusable, where
from integrations.formats.cxml.writing import add, add_money, add_text, new, noon, plain, stamp

Operation = Literal["new", "update", "delete"]
# Domains of IdReference and types of Segment are free text agreed between the parties.
FACILITY = "facility"
LOCATION = "location"
SUPPLIER = "supplierNumber"
ERP_ORDER = "erpOrderNumber"
COST_CENTER = "CostCenter"
GL_ACCOUNT = "GLAccount"
QUANTITY = "Quantity"
CONSIGNMENT = "consignment"  # cXML.dtd 1.2.050, ItemOut itemCategory
CENTS = 2


def write_order(order: PurchaseOrder, *, operation: Operation) -> etree._Element:
    """The OrderRequest; what it replaces stands in its DocumentReference (for update, delete)."""
    request = new("OrderRequest")
    header = add(
        request,
        "OrderRequestHeader",
        orderID=order.number,
        orderDate=stamp(order.ordered_at),
        orderVersion=str(order.version),
        type=operation,
    )
    if order.agreement:
        header.set("orderType", "release")
        header.set("agreementID", order.agreement)
    add_money(header, "Total", Money(amount=order.total, currency=order.currency))
    add_address(header, "ShipTo", order.ship_to, {FACILITY: order.facility, LOCATION: order.location})
    add_address(header, "BillTo", order.bill_to, {})
    if order.requester:
        add_text(add(header, "Contact", role="requester"), "Name", order.requester)
    if order.comments:
        add_text(header, "Comments", order.comments)
    if order.replaces:
        add(header, "DocumentReference", payloadID=order.replaces)
    add_references(header, {SUPPLIER: order.supplier, ERP_ORDER: order.erp_number})
    for line in order.lines:
        _add_line(request, line)
    return request


def read_order(request: etree._Element, to: str, reader: Reader) -> PurchaseOrder:
    """The order; `to` is the identity it is sent to, the supplier's network id.

    An order written by others may lack what the portal always sends: facility, location, supplier number,
    accounting and day of need then come from the nearest field, with a warning.
    """
    header = reader.child(request, "OrderRequestHeader")
    if header.get("type", "new") == "delete":
        reader.warn(header, "this document withdraws the order (type delete)")
    ordered_at = reader.instant(header, "orderDate")
    wanted = reader.optional_day(header, "requestedDeliveryDate") or ordered_at.date()
    total = reader.money(reader.child(header, "Total"))
    bill_to = read_address(reader.child(header, "BillTo"), reader)
    ship_to = _ship_to(request, header, bill_to, reader)
    place = read_references(header.find("ShipTo"))
    known = read_references(header)
    try:
        return PurchaseOrder(
            number=reader.needed(header, "orderID"),
            version=_version(header, reader),
            replaces=_replaces(header),
            is_cancelled=header.get("type", "new") == "delete",
            ordered_at=ordered_at,
            currency=total.currency,
            supplier=known.get(SUPPLIER) or to,
            supplier_network_id=to,
            facility=place.get(FACILITY) or ship_to.code,
            location=place.get(LOCATION, ""),
            ship_to=ship_to,
            bill_to=bill_to,
            requester=text_at(header, "Contact/Name"),
            erp_number=known.get(ERP_ORDER, ""),
            comments=reader.comments(header),
            agreement=header.get("agreementID", ""),
            lines=tuple(_line(item, wanted, reader) for item in _items(request)),
        )
    except ValidationError as error:
        raise unusable(header, error) from error


def _replaces(header: etree._Element) -> str:
    reference = header.find("DocumentReference")
    return "" if reference is None else reference.get("payloadID", "")


def charges(line: PurchaseOrderLine) -> list[Decimal]:
    """The amount of each assignment in cents; they sum up to the line's amount, the last takes the rest.

    Payers who share a line have agreed on theirs.
    """
    price = line.unit_price.amount
    shares = [
        round(assignment.quantity * price, CENTS) if assignment.amount is None else assignment.amount
        for assignment in line.assignments
    ]
    if shares:
        shares[-1] = round(line.quantity * price, CENTS) - sum(shares[:-1], Decimal())
    return shares


def _add_line(request: etree._Element, line: PurchaseOrderLine) -> None:
    item = add(
        request,
        "ItemOut",
        quantity=plain(line.quantity),
        lineNumber=str(line.line_number),
        requestedDeliveryDate=noon(line.need_by),
        **({"itemCategory": CONSIGNMENT} if line.is_consignment else {}),
    )
    ids = add(item, "ItemID")
    add(ids, "SupplierPartID", line.supplier_part)
    if line.item:
        add(ids, "BuyerPartID", line.item)
    detail = add(item, "ItemDetail")
    add_money(detail, "UnitPrice", line.unit_price)
    add_text(detail, "Description", line.description)
    add(detail, "UnitOfMeasure", line.uom)
    # The DTD wants one; an item without class sends it empty.
    add(detail, "Classification", line.unspsc, domain="UNSPSC")
    if line.manufacturer_part:
        add(detail, "ManufacturerPartID", line.manufacturer_part)
    if line.manufacturer:
        add(detail, "ManufacturerName", line.manufacturer)
    for assignment, charge in zip(line.assignments, charges(line), strict=True):
        _add_distribution(item, assignment, Money(amount=charge, currency=line.unit_price.currency))


def _add_distribution(item: etree._Element, assignment: AccountAssignment, charge: Money) -> None:
    distribution = add(item, "Distribution")
    accounting = add(distribution, "Accounting", name="Account assignment")
    segments = (
        (COST_CENTER, assignment.cost_center, "Cost center"),
        (GL_ACCOUNT, assignment.gl_account, "GL account"),
        (QUANTITY, plain(assignment.quantity), "Share of the line's quantity"),
    )
    for kind, value, description in segments:
        segment = add(accounting, "Segment", type=kind, description=description)
        segment.set("id", value)
    add_money(distribution, "Charge", charge)


def _version(header: etree._Element, reader: Reader) -> int:
    return reader.line_number(header, "orderVersion") if header.get("orderVersion") else 1


def _items(request: etree._Element) -> Sequence[etree._Element]:
    items = request.findall("ItemOut")
    if not items:
        raise Unreadable("OrderRequest has no ItemOut", position=where(request))
    return items


def _line(item: etree._Element, wanted: date, reader: Reader) -> PurchaseOrderLine:
    detail = reader.child(item, "ItemDetail")
    quantity = reader.number(item, "quantity")
    classes = {found.get("domain", "").upper(): found for found in detail.findall("Classification")}
    unspsc = classes.get("UNSPSC")
    try:
        return PurchaseOrderLine(
            line_number=reader.line_number(item),
            item=text_at(item, "ItemID/BuyerPartID"),
            supplier_part=text_at(item, "ItemID/SupplierPartID"),
            description=text_at(detail, "Description"),
            quantity=quantity,
            uom=reader.unit(detail),
            unit_price=price_per_unit(detail, reader),
            unspsc=(unspsc.text or "").strip() if unspsc is not None else "",
            manufacturer=text_at(detail, "ManufacturerName"),
            manufacturer_part=text_at(detail, "ManufacturerPartID"),
            need_by=reader.optional_day(item, "requestedDeliveryDate") or wanted,
            assignments=tuple(_assignments(item, quantity, reader)),
            is_consignment=item.get("itemCategory") == CONSIGNMENT,
        )
    except ValidationError as error:
        raise unusable(item, error) from error


def _assignments(item: etree._Element, ordered: Decimal, reader: Reader) -> Iterable[AccountAssignment]:
    distributions = item.findall("Distribution")
    for distribution in distributions:
        segments = {_kind(found): found for found in distribution.iterfind("Accounting/Segment")}
        share = segments.get(QUANTITY.lower())
        if share is None and len(distributions) > 1:
            reader.warn(
                distribution, "the share of this account in the quantity is not given; it is left out"
            )
            continue
        yield AccountAssignment(
            cost_center=_segment(segments, COST_CENTER),
            gl_account=_segment(segments, GL_ACCOUNT),
            quantity=ordered if share is None else reader.number(share, "id"),
        )


def _kind(segment: etree._Element) -> str:
    """The type of a segment as others also write it ("Cost Center")."""
    return segment.get("type", "").replace(" ", "").lower()


def _segment(segments: dict[str, etree._Element], kind: str) -> str:
    found = segments.get(kind.lower())
    return (found.get("id") or "") if found is not None else ""


def _ship_to(request: etree._Element, header: etree._Element, bill_to: Address, reader: Reader) -> Address:
    holder = header.find("ShipTo")
    if holder is None:
        holder = request.find("ItemOut/ShipTo")
    if holder is None:
        reader.warn(header, "no ShipTo; the BillTo address is taken")
        return bill_to
    return read_address(holder, reader)
