"""Which work items a person sees, and what a row means in words."""

from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor, Permission

K = WorkItemKind

ITEM_LABELS: dict[WorkItemKind, str] = {
    K.DELIVERY_STOPPED: "Delivery stopped",
    K.NOT_APPLIED: "Document not applied",
    K.DATE_CHANGED: "Date changed",
    K.SUBSTITUTION: "Substitution",
    K.BACKORDERED: "Backordered",
    K.REJECTED: "Rejected by supplier",
    K.QUANTITY: "Quantity differs",
    K.UNIT: "Unit differs",
    K.PRICE: "Price differs",
    K.CONTRACT_PRICE: "Contract price",
    K.PART_NUMBER: "Part number",
    K.DATE_PENDING: "Date pending",
    K.ON_HOLD: "On hold",
    K.DELETED: "Deleted by supplier",
    K.NOT_ON_CONFIRMATION: "Not on confirmation",
    K.NOT_ON_ORDER: "Not on order",
    K.OVER_RECEIPT: "Over receipt",
    K.DAMAGED: "Arrived damaged",
    K.WRONG_ITEM: "Wrong item",
    K.SHORT: "Short delivery",
    K.SYNC_STOPPED: "Master data stopped",
    K.INVOICE_DIFFERENCE: "Invoice differs",
    K.STOCK_BELOW_ZERO: "Stock below zero",
    K.STOCK_DIFFERS: "Stock book wrong",
    K.USAGE_UNKNOWN: "Use not understood",
    K.USAGE_CONFLICT: "Use told twice",
    K.USAGE_UNSAFE: "Used in spite of a warning",
    K.BILL_ONLY: "Bill-only order",
    K.RECALL: "Recall",
}

_SUPPLIER_ANSWERS = frozenset({
    K.DATE_CHANGED, K.SUBSTITUTION, K.BACKORDERED, K.REJECTED, K.QUANTITY, K.UNIT, K.NOT_ON_ORDER,
    K.PART_NUMBER, K.DATE_PENDING, K.ON_HOLD, K.DELETED, K.NOT_ON_CONFIRMATION,
})  # fmt: skip
_AT_THE_DOCK = frozenset({K.OVER_RECEIPT, K.DAMAGED, K.WRONG_ITEM, K.SHORT})
KINDS_FOR: dict[Permission, frozenset[WorkItemKind]] = {
    Permission.OPERATE_EXCHANGE: frozenset(K),
    Permission.BUY: frozenset(K) - {K.SYNC_STOPPED, K.STOCK_BELOW_ZERO, K.STOCK_DIFFERS},
    Permission.RECEIVE: _SUPPLIER_ANSWERS | _AT_THE_DOCK | {K.STOCK_BELOW_ZERO, K.USAGE_UNKNOWN, K.RECALL},
    Permission.MATCH_INVOICES: frozenset(
        {K.PRICE, K.CONTRACT_PRICE, K.QUANTITY, K.UNIT, K.NOT_ON_ORDER, K.OVER_RECEIPT, K.INVOICE_DIFFERENCE}
    ),
    Permission.MANAGE_MASTER_DATA: frozenset({K.SYNC_STOPPED}),
}


def visible_kinds(actor: Actor) -> frozenset[WorkItemKind]:
    """The kinds of work items this person can do something about."""
    if not actor.can(Permission.RESOLVE_WORK_ITEMS):
        return frozenset()
    return frozenset[WorkItemKind]().union(
        *(kinds for permission, kinds in KINDS_FOR.items() if actor.can(permission))
    )


MESSAGE_KINDS: dict[str, str] = {
    "purchase_order": "Purchase order",
    "receipt": "Receipt",
    "receipt_reversal": "Receipt rolled back",
    "supplier_return": "Return to supplier",
    "confirmation": "Order confirmation",
    "ship_notice": "Ship notice",
    "invoice": "Invoice",
    "cxml": "Not translated",
}


def in_words(name: str) -> str:
    """purchase_order → Purchase order"""
    words = name.replace("_", " ").replace(".", ": ")
    return words[:1].upper() + words[1:]
