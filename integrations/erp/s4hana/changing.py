"""What must change at an order's items in SAP S/4HANA so that they say what is wanted now."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from integrations.canonical import PurchaseOrder
from integrations.erp.s4hana.batch import Change
from integrations.erp.s4hana.mapping import ASSIGNMENTS, order_item
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Rejected
from integrations.formats.odata import JsonObject, expanded, string_literal

ITEM_SET, ASSIGNMENT_SET = "A_PurchaseOrderItem", "A_PurOrdAccountAssignment"
SCHEDULE_SET, SCHEDULE = "A_PurchaseOrderScheduleLine", "to_ScheduleLine"
EXPANDED = f"{ASSIGNMENTS},{SCHEDULE}"
DELETED: JsonObject = {"PurchasingDocumentDeletionCode": "L"}
COMPARED = ("OrderQuantity", "NetPriceAmount", "NetPriceQuantity")
PLACE, DAY = "StorageLocation", "ScheduleLineDeliveryDate"


def changes(order: PurchaseOrder, rows: Sequence[JsonObject], settings: Settings) -> list[Change]:
    """The changes of one order; `rows` are its items there. Raises Rejected for a line that is not there."""
    lines = {} if order.is_cancelled else {line.line_number: line for line in order.lines}
    there = {int(str(row["PurchaseOrderItem"])): row for row in rows}
    if missing := sorted(set(lines) - set(there)):
        raise Rejected(f"line {missing[0]} does not stand in the ERP's order {order.erp_number}")
    found: list[Change] = []
    for number, row in sorted(there.items()):
        if number in lines:
            found += _item_changes(row, order_item(order, lines[number], settings))
        elif not row.get("PurchasingDocumentDeletionCode"):
            found.append(Change(_path(ITEM_SET, row, "PurchaseOrder", "PurchaseOrderItem"), DELETED))
    return found


def _item_changes(row: JsonObject, wanted: JsonObject) -> Iterator[Change]:
    values: JsonObject = {}
    compared = [name for name in COMPARED if name in wanted]  # consignment has no price there
    if any(Decimal(str(row[name])) != Decimal(str(wanted[name])) for name in compared):
        values = {name: wanted[name] for name in compared}
    if wanted.get(PLACE, "") != (row.get(PLACE) or ""):
        values[PLACE] = wanted.get(PLACE, "")
    if values:
        yield Change(_path(ITEM_SET, row, "PurchaseOrder", "PurchaseOrderItem"), values)
    yield from _day_changes(row, wanted)
    yield from _share_changes(row, wanted)


def _day_changes(row: JsonObject, wanted: JsonObject) -> Iterator[Change]:
    """The portal's orders have one schedule line an item."""
    (day,) = (one[DAY] for one in _listed(wanted[SCHEDULE]))
    for line in expanded(row, SCHEDULE)[:1]:
        if line[DAY] != day:
            path = _path(SCHEDULE_SET, line, "PurchasingDocument", "PurchasingDocumentItem", "ScheduleLine")
            yield Change(path, {DAY: day})


def _share_changes(row: JsonObject, wanted: JsonObject) -> Iterator[Change]:
    shares = {one["AccountAssignmentNumber"]: one for one in _listed(wanted.get(ASSIGNMENTS))}
    for share in expanded(row, ASSIGNMENTS):
        path = _path(ASSIGNMENT_SET, share, "PurchaseOrder", "PurchaseOrderItem", "AccountAssignmentNumber")
        told = shares.get(str(share["AccountAssignmentNumber"]).lstrip("0"))
        if told is None:
            yield Change(path, None)
        # Shares in percent follow the item's quantity by themselves.
        elif "Quantity" in told and Decimal(str(share["Quantity"])) != Decimal(str(told["Quantity"])):
            yield Change(path, {"Quantity": told["Quantity"]})


def _listed(value: object) -> list[JsonObject]:
    return value if isinstance(value, list) else []


def _path(entity_set: str, row: JsonObject, *keys: str) -> str:
    return f"{entity_set}({','.join(f'{key}={string_literal(str(row[key]))}' for key in keys)})"
