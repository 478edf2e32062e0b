"""Changes purchase orders, item by item, with the checks an S/4HANA makes."""

from collections.abc import Sequence
from decimal import Decimal

from integrations.sandbox.erp import services
from integrations.sandbox.erp.model import EntitySet
from integrations.sandbox.erp.orders import BY_PERCENT
from integrations.sandbox.erp.payload import Posted
from integrations.sandbox.erp.receipts import received
from integrations.sandbox.erp.refusal import NOT_ALLOWED, NOT_FOUND, Refusal, refuse
from integrations.sandbox.erp.rows import Stored
from integrations.sandbox.erp.values import Row, amount

CHANGEABLE = {
    services.ORDER_ITEM.name: {
        "OrderQuantity", "NetPriceAmount", "NetPriceQuantity", "PurchasingDocumentDeletionCode",
        "StorageLocation",
    },
    services.SCHEDULE_LINE.name: {"ScheduleLineDeliveryDate"},
    services.ASSIGNMENT.name: {"Quantity"},
}  # fmt: skip
DELETED = "L"
HUNDRED = Decimal(100)


def change(rows: Stored, entity_set: EntitySet, keys: Sequence[str], sent: Posted) -> None:
    """Changes one item or account assignment of an order; raises Refusal."""
    allowed = CHANGEABLE.get(entity_set.name)
    if allowed is None:
        raise refuse("/IWFND/CM_MGW/096", f"{entity_set.name} cannot be changed", NOT_ALLOWED)
    if strange := sorted({*sent.values, *sent.children} - allowed):
        raise refuse("ME/085", f"{', '.join(strange)} cannot be changed")
    row = _find(rows, entity_set, keys)
    rows.change(entity_set, row, **sent.values)
    if entity_set.name == services.ORDER_ITEM.name:
        _follow(rows, {**row, **sent.values})


def remove(rows: Stored, entity_set: EntitySet, keys: Sequence[str]) -> None:
    """Deletes one account assignment of an order; raises Refusal."""
    if entity_set.name != services.ASSIGNMENT.name:
        raise refuse("/IWFND/CM_MGW/096", f"{entity_set.name} cannot be deleted", NOT_ALLOWED)
    rows.remove(entity_set, _find(rows, entity_set, keys))


def check(rows: Stored, order: str) -> None:
    """What the changes of one request leave behind must fit together; raises Refusal."""
    messages = []
    for item in rows.group(services.ORDER_ITEM, order):
        here, ordered = received(item), Decimal(str(item["OrderQuantity"]))
        number = item["PurchaseOrderItem"]
        if item["PurchasingDocumentDeletionCode"] == DELETED:
            if here:
                messages.append(refuse("06/115", f"Item {number} cannot be deleted: {amount(here)} received"))
            continue
        if ordered <= 0:
            messages.append(refuse("06/072", f"Item {number}: Enter quantity"))
        elif ordered < here:
            messages.append(refuse("06/117", f"Item {number}: less than the {amount(here)} received"))
        elif not _is_shared(rows, item, ordered):
            messages.append(refuse("ME/064", f"Item {number}: account assignments share another quantity"))
    if messages:
        raise Refusal([one for refusal in messages for one in refusal.messages])


def _is_shared(rows: Stored, item: Row, ordered: Decimal) -> bool:
    """Whether the shares make the whole; those in percent follow the quantity by themselves."""
    by_percent = item["MultipleAcctAssgmtDistribution"] == BY_PERCENT
    name, whole = ("MultipleAcctAssgmtDistrPercent", HUNDRED) if by_percent else ("Quantity", ordered)
    return sum((Decimal(str(row[name])) for row in _shares(rows, item)), Decimal()) == whole


def _follow(rows: Stored, item: Row) -> None:
    """The only schedule line and the only assignment follow the quantity of their item."""
    shares = _shares(rows, item)
    if len(shares) == 1:
        rows.change(services.ASSIGNMENT, shares[0], Quantity=item["OrderQuantity"])
    for line in rows.group(services.SCHEDULE_LINE, str(item["PurchaseOrder"])):
        if line["PurchasingDocumentItem"] == item["PurchaseOrderItem"]:
            rows.change(services.SCHEDULE_LINE, line, ScheduleLineOrderQuantity=item["OrderQuantity"])


def _shares(rows: Stored, item: Row) -> list[Row]:
    shares = rows.group(services.ASSIGNMENT, str(item["PurchaseOrder"]))
    return [row for row in shares if row["PurchaseOrderItem"] == item["PurchaseOrderItem"]]


def _find(rows: Stored, entity_set: EntitySet, keys: Sequence[str]) -> Row:
    for row in rows.group(entity_set, keys[0]):
        if [str(row[name]).lstrip("0") for name in entity_set.keys] == [key.lstrip("0") for key in keys]:
            return row
    raise refuse("06/019", f"{entity_set.name} {'/'.join(keys)[:40]} does not exist", NOT_FOUND)
