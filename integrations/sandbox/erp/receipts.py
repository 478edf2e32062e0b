"""Posts goods receipts (101) and returns (122), cancels receipts (102) after the checks an S/4HANA makes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from integrations.formats.odata import json_date, read_json_date
from integrations.sandbox.erp import services
from integrations.sandbox.erp.master import Master, Material
from integrations.sandbox.erp.orders import CONSIGNMENT
from integrations.sandbox.erp.payload import Posted
from integrations.sandbox.erp.refusal import NOT_FOUND, Message, Refusal, refuse
from integrations.sandbox.erp.rows import Stored
from integrations.sandbox.erp.values import Row, amount, blank

FIRST_NUMBER = 5_000_000_001
FIRST_BATCH = 1
# Kept beside the properties of a row and never shown.
RECEIVED, IN_ORDER_UNIT = "_received", "_in_order_unit"
RECEIVE_FOR_ORDER, RECEIPT, REVERSAL, RETURN, ORDER_REFERENCE = "01", "101", "102", "122", "B"


@dataclass
class _Line:
    """A line of the receipt beside the order item it is for; quantities in the order's unit."""

    posted: Posted
    order_item: Row
    material: Material
    quantity: Decimal = field(default=Decimal(0))

    @property
    def key(self) -> tuple[str, str]:
        """Order and item."""
        return str(self.order_item["PurchaseOrder"]), str(self.order_item["PurchaseOrderItem"])

    @property
    def is_return(self) -> bool:
        """Whether it goes back to the supplier."""
        return self.posted.text("GoodsMovementType") == RETURN

    @property
    def difference(self) -> Decimal:
        """What it adds to the received quantity."""
        return -self.quantity if self.is_return else self.quantity


def create(rows: Stored, master: Master, posted: Posted, user: str) -> tuple[Row, list[Message]]:
    """Stores the material document and returns its header with warnings; raises Refusal."""
    lines: list[_Line] = []
    messages = list(_checks(rows, master, posted, lines))
    errors = [one for one in messages if one.severity == "error"]
    if errors:
        raise Refusal(errors)
    header = _header(rows, posted, user)
    rows.add(services.MATERIAL_DOCUMENT, header)
    for place, line in enumerate(lines, start=1):
        _add_line(rows, header, line, str(place))
        _book(rows, line.key, line.difference)
    return header, messages


def cancel(rows: Stored, keys: Posted, user: str) -> Row:
    """Reverses a whole material document and returns the new one's header; raises Refusal."""
    number, year = keys.text("MaterialDocument"), keys.text("MaterialDocumentYear")
    originals = [
        row
        for row in rows.group(services.MATERIAL_DOCUMENT_ITEM, number)
        if row["MaterialDocumentYear"] == year and row["GoodsMovementType"] == RECEIPT
    ]
    if not originals:
        raise refuse("M7/001", f"Document {number} does not exist", NOT_FOUND)
    if any(row["GoodsMovementIsCancelled"] for row in originals):
        raise refuse("M7/021", f"Document {number} has been reversed already")
    day = keys.values.get("PostingDate") or json_date(datetime.now(UTC).date())
    header = _header(rows, Posted({"DocumentDate": day, "PostingDate": day}), user)
    rows.add(services.MATERIAL_DOCUMENT, header)
    for row in originals:
        reversal = {
            **row,
            **_key(header),
            "GoodsMovementType": REVERSAL,
            "ReversedMaterialDocumentYear": year,
            "ReversedMaterialDocument": number,
            "ReversedMaterialDocumentItem": row["MaterialDocumentItem"],
        }
        rows.add(services.MATERIAL_DOCUMENT_ITEM, reversal)
        key = (str(row["PurchaseOrder"]), str(row["PurchaseOrderItem"]))
        _book(rows, key, -Decimal(str(row[IN_ORDER_UNIT])))
        rows.change(services.MATERIAL_DOCUMENT_ITEM, row, GoodsMovementIsCancelled=True)
    return header


def _checks(rows: Stored, master: Master, posted: Posted, lines: list[_Line]) -> Iterator[Message]:
    if posted.text("GoodsMovementCode") != RECEIVE_FOR_ORDER:
        yield Message("M7/022", "Only goods movement code 01 is supported here", "GoodsMovementCode")
    for name in ("PostingDate", "DocumentDate"):
        if not posted.values.get(name):
            yield Message("M7/083", f"Enter {name}", name)
    items = posted.below("to_MaterialDocumentItem")
    if not items:
        yield Message("M7/095", "Document does not contain any items")
    for place, item in enumerate(items, start=1):
        for message in _line_checks(rows, master, item, lines):
            yield Message(message.code, f"Item {place}: {message.text}", message.target, message.severity)
    yield from _quantity_checks(lines)


def _line_checks(rows: Stored, master: Master, item: Posted, lines: list[_Line]) -> Iterator[Message]:
    movement = (item.text("GoodsMovementType"), item.text("GoodsMovementRefDocType"))
    if movement not in {(RECEIPT, ORDER_REFERENCE), (RETURN, ORDER_REFERENCE)}:
        text = "Only movement types 101 and 122 with reference B are supported here"
        yield Message("M7/022", text, "GoodsMovementType")
        return
    order, number = item.text("PurchaseOrder"), item.text("PurchaseOrderItem").lstrip("0")
    found = [row for row in rows.group(services.ORDER_ITEM, order) if row["PurchaseOrderItem"] == number]
    if not found:
        text = f"Purchase order {order} does not exist or has no item {number}"
        yield Message("M7/064", text, "PurchaseOrder")
        return
    material = master.materials.get(str(found[0]["Material"]))
    if material is None:
        yield Message("M3/305", f"Material {found[0]['Material']} does not exist", "Material")
        return
    line = _Line(item, found[0], material)
    yield from _content_checks(master, line)
    lines.append(line)


def _content_checks(master: Master, line: _Line) -> Iterator[Message]:
    item, order_item = line.posted, line.order_item
    for name in ("Material", "Plant"):
        if item.text(name) and item.text(name) != order_item[name]:
            text = f"{name} {item.text(name)} is not that of the order, {order_item[name]}"
            yield Message("M7/066", text, name)
    is_ordered = order_item["PurchaseOrderItemCategory"] == CONSIGNMENT
    if (item.text("InventorySpecialStockType") == "K") != is_ordered:
        text = "Consignment stock (K) belongs to a consignment item of the order, and to no other"
        yield Message("M7/068", text, "InventorySpecialStockType")
    plant, location = str(order_item["Plant"]), item.text("StorageLocation")
    if location and location not in master.locations.get(plant, ()):
        text = f"Storage location {location} does not exist in plant {plant}"
        yield Message("M3/351", text, "StorageLocation")
    entered = Decimal(item.text("QuantityInEntryUnit") or 0)
    if entered <= 0:
        yield Message("M7/029", "Enter quantity", "QuantityInEntryUnit")
    unit = item.text("EntryUnit") or str(order_item["PurchaseOrderQuantityUnit"])
    ordered_in = line.material.units.get(str(order_item["PurchaseOrderQuantityUnit"]))
    if unit not in line.material.units or ordered_in is None:
        text = f"Unit of measure {unit} is not defined for material {line.material.code}"
        yield Message("M3/421", text, "EntryUnit")
        return
    pieces = entered * line.material.units[unit]
    line.quantity = pieces / ordered_in
    yield from _tracking_checks(line, pieces)


def _tracking_checks(line: _Line, pieces: Decimal) -> Iterator[Message]:
    item = line.posted
    if line.material.expiry_tracked and not line.is_return and not item.values.get("ShelfLifeExpirationDate"):
        yield Message("12/015", "Enter shelf life expiration date", "ShelfLifeExpirationDate")
    serials = [one.text("SerialNumber") for one in item.below("to_SerialNumbers")]
    if line.material.serial_tracked and len(serials) != pieces:
        text = f"Maintain serial numbers for total quantity: {len(serials)} of {pieces.normalize():f}"
        yield Message("IO/304", text, "to_SerialNumbers")
    if len(set(serials)) < len(serials) or "" in serials:
        yield Message("IO/203", "Serial numbers must be filled and different", "to_SerialNumbers")


def _quantity_checks(lines: list[_Line]) -> Iterator[Message]:
    for key in dict.fromkeys(line.key for line in lines):
        here = [line for line in lines if line.key == key]
        item = here[0].order_item
        if item["UnlimitedOverdeliveryIsAllowed"]:
            continue
        here_then = received(item) + sum(line.difference for line in here)
        if here_then < 0:
            text = f"Quantity received for item {item['PurchaseOrderItem']} is less than what goes back"
            yield Message("M7/022", text, "QuantityInEntryUnit")
        tolerance = 1 + Decimal(str(item["OverdelivTolrtdLmtRatioInPct"])) / 100
        limit = Decimal(str(item["OrderQuantity"])) * tolerance
        over = here_then - limit
        if over > 0 and not all(line.is_return for line in here):
            unit = item["PurchaseOrderQuantityUnit"]
            text = f"PU Ordered quantity exceeded by {over.normalize():f} {unit} : {item['Material']}"
            yield Message("M7/021", text, "QuantityInEntryUnit")


def received(order_item: Row) -> Decimal:
    """What has been received for an order item and not reversed, in the order's unit."""
    return Decimal(str(order_item.get(RECEIVED, 0)))


def _book(rows: Stored, key: tuple[str, str], quantity: Decimal) -> None:
    """Adds a received quantity, negative for a reversal, to its order item."""
    order, number = key
    item = next(row for row in rows.group(services.ORDER_ITEM, order) if row["PurchaseOrderItem"] == number)
    so_far = received(item) + quantity
    complete = so_far >= Decimal(str(item["OrderQuantity"]))
    rows.change(services.ORDER_ITEM, item, **{RECEIVED: str(so_far), "IsCompletelyDelivered": complete})


def _header(rows: Stored, posted: Posted, user: str) -> Row:
    now = datetime.now(UTC)
    return {
        **blank(services.MATERIAL_DOCUMENT),
        **posted.values,
        "MaterialDocument": rows.next_number("material document", FIRST_NUMBER),
        "MaterialDocumentYear": str(read_json_date(posted.text("PostingDate")).year),
        "CreationDate": json_date(now.date()),
        "CreationTime": now.strftime("PT%HH%MM%SS"),
        "CreatedByUser": user[:12],
    }


def _key(header: Row) -> Row:
    return {name: header[name] for name in ("MaterialDocumentYear", "MaterialDocument")}


def _add_line(rows: Stored, header: Row, line: _Line, number: str) -> None:
    item, order_item = line.posted, line.order_item
    unit = item.text("EntryUnit") or str(order_item["PurchaseOrderQuantityUnit"])
    pieces = line.quantity * line.material.units[str(order_item["PurchaseOrderQuantityUnit"])]
    row = {
        **blank(services.MATERIAL_DOCUMENT_ITEM),
        **item.values,
        **_key(header),
        "MaterialDocumentItem": number,
        "Material": line.material.code,
        "Plant": order_item["Plant"],
        "StorageLocation": item.text("StorageLocation") or order_item["StorageLocation"],
        "PurchaseOrderItem": order_item["PurchaseOrderItem"],
        "Batch": item.text("Batch") or _own_batch(rows, line.material),
        "EntryUnit": unit,
        "MaterialBaseUnit": line.material.base_unit,
        "QuantityInBaseUnit": amount(pieces),
        "GoodsMovementIsCancelled": False,
        IN_ORDER_UNIT: str(line.quantity),
    }
    rows.add(services.MATERIAL_DOCUMENT_ITEM, row)
    for serial in item.below("to_SerialNumbers"):
        whose = {"Material": line.material.code, "MaterialDocumentItem": number, **_key(header)}
        rows.add(services.SERIAL_NUMBER, {**blank(services.SERIAL_NUMBER), **serial.values, **whose})


def _own_batch(rows: Stored, material: Material) -> str:
    """The number the ERP gives a batch that came without one."""
    return rows.next_number("batch", FIRST_BATCH).zfill(10) if material.lot_tracked else ""
