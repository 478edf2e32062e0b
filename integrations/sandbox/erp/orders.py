"""Creates purchase orders after the checks an S/4HANA makes; message numbers are those commonly seen."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from integrations.formats.odata import json_date, json_instant, read_json_date
from integrations.sandbox.erp import services
from integrations.sandbox.erp.master import Master
from integrations.sandbox.erp.payload import Posted
from integrations.sandbox.erp.refusal import Message, Refusal
from integrations.sandbox.erp.rows import Stored
from integrations.sandbox.erp.values import Row, amount, blank

FIRST_NUMBER = 4_500_000_001
BY_QUANTITY, BY_PERCENT = "1", "2"
CONSIGNMENT = "2"  # the item category; people see it as K
BLOCKED = {"blocked": "Blocked for procurement", "discontinued": "Obsolete material"}
HEADER_NEEDS = ("CompanyCode", "PurchaseOrderType", "Supplier", "PurchasingOrganization", "PurchasingGroup")


def create(rows: Stored, master: Master, posted: Posted, user: str) -> tuple[Row, list[Message]]:
    """Stores the order and returns its header with warnings; raises Refusal with every error."""
    today = datetime.now(UTC).date()
    messages = list(_checks(master, posted, today))
    errors = [one for one in messages if one.severity == "error"]
    if errors:
        raise Refusal(errors)
    number = rows.next_number("purchase order", FIRST_NUMBER)
    header = {
        **blank(services.ORDER),
        **posted.values,
        "PurchaseOrder": number,
        "CreatedByUser": user[:12],
        "CreationDate": json_date(today),
        "LastChangeDateTime": json_instant(datetime.now(UTC)),
        "PurchasingProcessingStatus": "02",
        "PurchaseOrderDate": posted.values.get("PurchaseOrderDate") or json_date(today),
        "Language": posted.text("Language") or "EN",
    }
    rows.add(services.ORDER, header)
    for place, item in enumerate(posted.below("to_PurchaseOrderItem"), start=1):
        _add_item(rows, header, item, item_number(item, place))
    for note in posted.below("to_PurchaseOrderNote"):
        rows.add(services.ORDER_NOTE, {**blank(services.ORDER_NOTE), **note.values, "PurchaseOrder": number})
    return header, messages


def item_number(item: Posted, place: int) -> str:
    """The sent number without leading zeros, or tens by position."""
    return item.text("PurchaseOrderItem").lstrip("0") or str(place * 10)


def _add_item(rows: Stored, header: Row, item: Posted, number: str) -> None:
    order = header["PurchaseOrder"]
    unit = item.text("PurchaseOrderQuantityUnit")
    row = {
        **blank(services.ORDER_ITEM),
        "GoodsReceiptIsExpected": True,
        "InvoiceIsExpected": True,
        **item.values,
        "PurchaseOrder": order,
        "PurchaseOrderItem": number,
        "DocumentCurrency": header["DocumentCurrency"],
        "OrderPriceUnit": item.text("OrderPriceUnit") or unit,
        "NetPriceQuantity": item.text("NetPriceQuantity") or "1",
    }
    rows.add(services.ORDER_ITEM, row)
    key = {"PurchaseOrder": order, "PurchaseOrderItem": number, "PurchaseOrderQuantityUnit": unit}
    for place, share in enumerate(item.below("to_AccountAssignment"), start=1):
        numbered = {"AccountAssignmentNumber": share.text("AccountAssignmentNumber") or str(place)}
        rows.add(services.ASSIGNMENT, {**blank(services.ASSIGNMENT), **share.values, **numbered, **key})
    for line in item.below("to_ScheduleLine") or (Posted({}),):
        key = {
            "PurchasingDocument": order,
            "PurchasingDocumentItem": number,
            "PurchaseOrderQuantityUnit": unit,
        }
        usual = {"ScheduleLine": "1", "ScheduleLineOrderQuantity": row["OrderQuantity"]}
        rows.add(services.SCHEDULE_LINE, {**blank(services.SCHEDULE_LINE), **usual, **line.values, **key})


def _checks(master: Master, posted: Posted, today: date) -> Iterator[Message]:
    yield from _header_checks(master, posted)
    items = posted.below("to_PurchaseOrderItem")
    if not items:
        yield Message("06/035", "Document contains no items")
    numbers = [item_number(item, place) for place, item in enumerate(items, start=1)]
    for number in sorted({number for number in numbers if numbers.count(number) > 1}):
        yield Message("06/043", f"Item {number} exists twice")
    charged_on = _day(posted, "PurchaseOrderDate") or today
    for number, item in zip(numbers, items, strict=True):
        for message in _item_checks(master, item, charged_on, today):
            yield Message(message.code, f"Item {number}: {message.text}", message.target, message.severity)


def _header_checks(master: Master, posted: Posted) -> Iterator[Message]:
    for name in HEADER_NEEDS:
        if not posted.text(name):
            yield Message("ME/083", f"Enter {name}", name)
    supplier = posted.text("Supplier")
    if supplier and supplier not in master.suppliers:
        yield Message("06/321", f"Supplier {supplier} does not exist", "Supplier")
    elif master.suppliers.get(supplier):
        yield Message("06/024", f"Supplier {supplier} is blocked for purchasing", "Supplier")


def _item_checks(master: Master, item: Posted, charged_on: date, today: date) -> Iterator[Message]:
    yield from _place_checks(master, item)
    yield from _material_checks(master, item)
    if _number(item, "OrderQuantity") <= 0:
        yield Message("06/072", "Enter quantity", "OrderQuantity")
    if _number(item, "NetPriceAmount") < 0:
        yield Message("06/215", "Net price must not be negative", "NetPriceAmount")
    if item.text("PurchaseOrderItemCategory") == CONSIGNMENT:
        yield from _consignment_checks(item)
    elif item.text("AccountAssignmentCategory"):
        yield from _assignment_checks(master, item, charged_on)
    for line in item.below("to_ScheduleLine"):
        delivered_on = _day(line, "ScheduleLineDeliveryDate")
        if delivered_on is not None and delivered_on < today:
            text = f"Delivery date {delivered_on.isoformat()} is in the past"
            yield Message("ME/040", text, "ScheduleLineDeliveryDate", "warning")


def _consignment_checks(item: Posted) -> Iterator[Message]:
    if item.text("AccountAssignmentCategory") or item.below("to_AccountAssignment"):
        yield Message("ME/069", "Account assignment is not possible for a consignment item")
    if _number(item, "NetPriceAmount"):
        yield Message("06/216", "A consignment item has no net price", "NetPriceAmount")


def _place_checks(master: Master, item: Posted) -> Iterator[Message]:
    plant, location = item.text("Plant"), item.text("StorageLocation")
    if plant not in master.locations:
        yield Message("M3/305", f"Plant {plant} does not exist" if plant else "Enter Plant", "Plant")
    elif location and location not in master.locations[plant]:
        yield Message(
            "M3/351", f"Storage location {location} does not exist in plant {plant}", "StorageLocation"
        )


def _material_checks(master: Master, item: Posted) -> Iterator[Message]:
    code, unit = item.text("Material"), item.text("PurchaseOrderQuantityUnit")
    material = master.materials.get(code)
    if material is None:
        text = f"Material {code} does not exist or is not activated" if code else "Enter Material"
        yield Message("M3/305", text, "Material")
    elif material.lifecycle in BLOCKED:
        yield Message("ME/573", f"Material {code} has status: {BLOCKED[material.lifecycle]}", "Material")
    elif unit not in material.units:
        text = f"Unit of measure {unit} is not defined for material {code}"
        yield Message("M3/421", text, "PurchaseOrderQuantityUnit")


def _assignment_checks(master: Master, item: Posted, charged_on: date) -> Iterator[Message]:
    shares = item.below("to_AccountAssignment")
    if not shares:
        yield Message("ME/062", "Enter account assignment", "to_AccountAssignment")
        return
    if len(shares) > 1 and item.text("MultipleAcctAssgmtDistribution") not in {BY_QUANTITY, BY_PERCENT}:
        yield Message("ME/063", "Choose a distribution for several account assignments")
    if item.text("MultipleAcctAssgmtDistribution") == BY_QUANTITY:
        shared = sum((_number(share, "Quantity") for share in shares), Decimal())
        ordered = _number(item, "OrderQuantity")
        if shared != ordered:
            yield Message("ME/064", f"Account assignments share {amount(shared)} of {amount(ordered)}")
    for share in shares:
        yield from _charge_checks(master, share, charged_on)


def _charge_checks(master: Master, share: Posted, charged_on: date) -> Iterator[Message]:
    center, account = share.text("CostCenter"), share.text("GLAccount")
    periods = master.cost_centers.get(center, ())
    if not periods:
        text = f"Cost center {center} does not exist" if center else "Enter Cost Center"
        yield Message("KI/235", text, "CostCenter")
    elif not any(period.first <= charged_on <= period.last for period in periods):
        yield Message(
            "KS/113", f"Cost center {center} is not valid on {charged_on.isoformat()}", "CostCenter"
        )
    if account not in master.gl_accounts:
        text = (
            f"G/L account {account} does not exist in chart of accounts" if account else "Enter G/L Account"
        )
        yield Message("FH/401", text, "GLAccount")


def _number(posted: Posted, name: str) -> Decimal:
    return Decimal(posted.text(name) or 0)


def _day(posted: Posted, name: str) -> date | None:
    value = posted.text(name)
    return read_json_date(value).date() if value else None
