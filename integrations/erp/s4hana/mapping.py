"""Purchase orders and receipts as SAP S/4HANA wants them; every length is checked before sending.

Names, lengths and scales are those of the metadata of API_PURCHASEORDER_PROCESS_SRV and
API_MATERIAL_DOCUMENT_SRV.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import get_currency_precision

from integrations.canonical import AccountAssignment, PurchaseOrder, PurchaseOrderLine, Receipt, ReceiptLine
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Rejected
from integrations.formats.odata import JsonObject, date_literal, json_date, string_literal

QUANTITY_DIGITS, QUANTITY_SCALE = 13, 3
PRICE_DIGITS = 12
PRICE_QUANTITIES = (1, 10, 100, 1000, 10000)
BATCH_LENGTH = 10
BY_QUANTITY, BY_PERCENT = "1", "2"
TENTH = Decimal("0.1")
COST_CENTER_CATEGORY, ASSIGNMENTS = "K", "to_AccountAssignment"
RECEIVE_FOR_ORDER, GOODS_RECEIPT, ORDER_REFERENCE = "01", "101", "B"


def purchase_order(order: PurchaseOrder, settings: Settings) -> JsonObject:
    """The deep insert of one order; raises Rejected naming field, value and limit."""
    settings.require_purchasing()
    return {
        "CompanyCode": settings.company_code,
        "PurchaseOrderType": settings.order_type,
        "Supplier": fit("supplier", order.supplier, 10),
        "PurchasingOrganization": settings.purchasing_organization,
        "PurchasingGroup": settings.purchasing_group,
        "DocumentCurrency": order.currency,
        "CorrespncExternalReference": fit("order number", order.number, 12),
        "PurchaseOrderDate": json_date(order.ordered_at.date()),
        "to_PurchaseOrderItem": [order_item(order, line, settings) for line in order.lines],
    }


def order_item(order: PurchaseOrder, line: PurchaseOrderLine, settings: Settings) -> JsonObject:
    place = f"line {line.line_number}: "
    quantity = _quantity(f"{place}quantity", line.quantity)
    item: JsonObject = {
        "PurchaseOrderItem": fit(f"{place}number", str(line.line_number), 5),
        "PurchaseOrderItemText": line.description[:40],
        "Plant": fit("facility", order.facility, 4),
        "StorageLocation": fit("location", order.location, 4, optional=True),
        "Material": fit(f"{place}item", line.item, 40),
        "SupplierMaterialNumber": fit(f"{place}supplier part", line.supplier_part, 35, optional=True),
        "OrderQuantity": quantity,
        "PurchaseOrderQuantityUnit": fit(f"{place}unit", settings.erp_unit(line.uom), 3),
        **(_consigned(settings) if line.is_consignment else _bought(order, line, place)),
        "to_ScheduleLine": [
            {
                "ScheduleLine": "1",
                "ScheduleLineDeliveryDate": json_date(line.need_by),
                "ScheduleLineOrderQuantity": quantity,
            }
        ],
    }
    return {name: value for name, value in item.items() if value != ""}


def _consigned(settings: Settings) -> JsonObject:
    """No price and no account: the supplier's stock is valued and charged when it is used."""
    return {"PurchaseOrderItemCategory": settings.consignment_category}


def _bought(order: PurchaseOrder, line: PurchaseOrderLine, place: str) -> JsonObject:
    amount, per = _price(order, line, place)
    return {
        "NetPriceAmount": amount,
        "NetPriceQuantity": per,
        "AccountAssignmentCategory": COST_CENTER_CATEGORY,
        "MultipleAcctAssgmtDistribution": _distribution(line),
        ASSIGNMENTS: _assignments(line, place),
    }


def _distribution(line: PurchaseOrderLine) -> str:
    """How cost centers share a line: in percent as agreed where tenths can say it, else by quantity."""
    if len(line.assignments) < 2:
        return ""
    shares = [share.percent for share in line.assignments if share.percent is not None]
    are_told = len(shares) == len(line.assignments) and sum(shares) == 100
    return BY_PERCENT if are_told and all(one % TENTH == 0 for one in shares) else BY_QUANTITY


def _assignments(line: PurchaseOrderLine, place: str) -> list[JsonObject]:
    shared = sum((share.quantity for share in line.assignments), Decimal())
    if not line.assignments or shared != line.quantity:
        raise Rejected(
            f"{place}the cost centers take {shared} of {line.quantity} {line.uom}; they must take all"
        )
    if len(line.assignments) > 99:
        raise Rejected(f"{place}{len(line.assignments)} cost centers; SAP S/4HANA takes 99 a line")
    by_percent = _distribution(line) == BY_PERCENT
    return [
        _assignment(number, share, place, by_percent=by_percent)
        for number, share in enumerate(line.assignments, start=1)
    ]


def _assignment(number: int, share: AccountAssignment, place: str, *, by_percent: bool) -> JsonObject:
    assignment: JsonObject = {
        "AccountAssignmentNumber": str(number),
        "CostCenter": fit(f"{place}cost center", share.cost_center, 10),
        "GLAccount": fit(f"{place}GL account", share.gl_account, 10),
    }
    if by_percent:  # the ERP finds the quantities itself
        assignment["MultipleAcctAssgmtDistrPercent"] = f"{share.percent or Decimal():.1f}"
    else:
        assignment["Quantity"] = _quantity(f"{place}quantity for {share.cost_center}", share.quantity)
    return assignment


def _price(order: PurchaseOrder, line: PurchaseOrderLine, place: str) -> tuple[str, str]:
    """Net price and the quantity it is for: 0.0725 per EA is 72.50 per 1000 EA."""
    price = line.unit_price
    if price.currency != order.currency:
        raise Rejected(f"{place}the price is in {price.currency}, the order in {order.currency}")
    if price.amount < 0:
        raise Rejected(f"{place}the unit price {price.amount} is negative")
    places = get_currency_precision(order.currency)
    _check_size(f"{place}unit price", price.amount, PRICE_DIGITS - 3)
    for per in PRICE_QUANTITIES:
        amount = price.amount * per
        if amount == round(amount, places):
            return _decimal(f"{place}unit price", amount, PRICE_DIGITS, 3), str(per)
    raise Rejected(
        f"{place}unit price {price.amount} {price.currency} has more decimals than"
        f" SAP S/4HANA takes ({places} for a price per {PRICE_QUANTITIES[-1]})"
    )


@dataclass(frozen=True)
class MappedReceipt:
    """The deep insert of one receipt and what could not be said exactly."""

    payload: JsonObject
    warnings: tuple[str, ...] = ()


CONSIGNMENT = "K"  # supplier's stock at the customer: posted without value


def receipt(document: Receipt, settings: Settings) -> MappedReceipt:
    """The deep insert of one receipt; raises Rejected naming field, value and limit."""
    day = json_date(document.received_on)
    payload: JsonObject = {
        "GoodsMovementCode": RECEIVE_FOR_ORDER,
        "DocumentDate": day,
        "PostingDate": day,
        "ReferenceDocument": fit("receipt number", document.number, 16),
        "MaterialDocumentHeaderText": document.order_number[:25],
        "to_MaterialDocumentItem": [_receipt_item(document, line, settings) for line in document.lines],
    }
    warnings = tuple(
        f"lot {line.lot} is longer than the ERP's {BATCH_LENGTH} characters:"
        " it stands in the item text, the ERP numbers the batch itself"
        for line in document.lines
        if len(line.lot) > BATCH_LENGTH
    )
    return MappedReceipt(payload, warnings)


def _receipt_item(document: Receipt, line: ReceiptLine, settings: Settings) -> JsonObject:
    place = f"line {line.line_number}: "
    item: JsonObject = {
        "Material": fit(f"{place}item", line.item, 40),
        "Plant": fit("facility", document.facility, 4),
        "StorageLocation": fit("location", document.location, 4, optional=True),
        "GoodsMovementType": GOODS_RECEIPT,
        "GoodsMovementRefDocType": ORDER_REFERENCE,
        "InventorySpecialStockType": CONSIGNMENT if line.is_consignment else "",
        "PurchaseOrder": fit("ERP order number", document.erp_order_number, 10),
        "PurchaseOrderItem": fit(f"{place}number", str(line.line_number), 5),
        "QuantityInEntryUnit": _quantity(f"{place}quantity", line.quantity),
        "EntryUnit": fit(f"{place}unit", settings.erp_unit(line.uom), 3),
        "Batch": line.lot if len(line.lot) <= BATCH_LENGTH else "",
        "MaterialDocumentItemText": _lot_text(line, place),
        "ShelfLifeExpirationDate": json_date(line.expires_on) if line.expires_on else "",
    }
    if line.serials:
        numbers = [fit(f"{place}serial number", serial, 18) for serial in line.serials]
        item["to_SerialNumbers"] = [{"SerialNumber": number} for number in numbers]
    return {name: value for name, value in item.items() if value != ""}


def _lot_text(line: ReceiptLine, place: str) -> str:
    return fit(f"{place}lot", f"Lot {line.lot}", 50) if len(line.lot) > BATCH_LENGTH else ""


def order_filter(order: PurchaseOrder, settings: Settings) -> str:
    """Which purchase orders of the ERP are this one."""
    return (
        f"CorrespncExternalReference eq {string_literal(order.number)}"
        f" and Supplier eq {string_literal(order.supplier)}"
        f" and CompanyCode eq {string_literal(settings.company_code)}"
    )


def receipt_filter(document: Receipt) -> str:
    """Which material documents may be this one; `is_receipt` decides."""
    return (
        f"ReferenceDocument eq {string_literal(document.number)}"
        f" and PostingDate eq {date_literal(document.received_on)}"
    )


def is_receipt(document: Receipt, items: Sequence[Mapping[str, object]]) -> bool:
    """Whether a material document with these items receives this order: suppliers' numbers may collide."""
    wanted = (document.erp_order_number, GOODS_RECEIPT)
    return any((item.get("PurchaseOrder"), item.get("GoodsMovementType")) == wanted for item in items)


def fit(name: str, value: str, limit: int, *, optional: bool = False) -> str:
    """The value if it fits the ERP's field; raises Rejected with a sentence."""
    if not value and not optional:
        raise Rejected(f"{name} is empty; SAP S/4HANA needs it")
    if len(value) > limit:
        raise Rejected(f"{name} {value!r} has {len(value)} characters; SAP S/4HANA takes {limit}")
    return value


def _quantity(name: str, value: Decimal) -> str:
    if value <= 0:
        raise Rejected(f"{name} is {value}; it must be more than 0")
    return _decimal(name, value, QUANTITY_DIGITS, QUANTITY_SCALE)


def _decimal(name: str, value: Decimal, digits: int, scale: int) -> str:
    _check_size(name, value, digits - scale)
    if value != round(value, scale):
        raise Rejected(f"{name} {value} has more than the {scale} decimals SAP S/4HANA takes")
    return f"{value.normalize():f}"


def _check_size(name: str, value: Decimal, digits: int) -> None:
    if value >= Decimal(10) ** digits:
        raise Rejected(f"{name} {value} has more than the {digits} digits SAP S/4HANA takes")
