"""A purchase order and a receipt for tests of partners: change what the test is about."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from integrations.canonical import (
    AccountAssignment,
    Address,
    Money,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    ReceiptLine,
)

CLINIC = Address(
    name="Clinic North", code="1010", street="1 Main St", city="Dayton", region="OH", postal_code="45402"
)


def order_line(**changes: Any) -> PurchaseOrderLine:
    """Four boxes of gloves for one cost center."""
    quantity = changes.get("quantity", Decimal(4))
    usual: dict[str, Any] = {
        "line_number": 1,
        "item": "GLOVE-NIT-M",
        "supplier_part": "VG-100M",
        "description": "Glove, exam, nitrile, medium",
        "quantity": quantity,
        "uom": "BX",
        "unit_price": Money(amount=Decimal("7.25"), currency="USD"),
        "unspsc": "42132203",
        "need_by": date(2030, 1, 9),
        "assignments": (
            AccountAssignment(cost_center="CC-ER-100", gl_account="0065100000", quantity=quantity),
        ),
    }
    return PurchaseOrderLine(**{**usual, **changes})


def purchase_order(number: str = "MR26-0000001", **changes: Any) -> PurchaseOrder:
    """An order of one line for Clinic North."""
    usual: dict[str, Any] = {
        "number": number,
        "ordered_at": datetime(2026, 2, 2, 9, 30, tzinfo=UTC),
        "currency": "USD",
        "supplier": "17300001",
        "supplier_network_id": "AN01000000001",
        "facility": "1010",
        "location": "ER01",
        "ship_to": CLINIC,
        "bill_to": CLINIC,
        "lines": (order_line(),),
    }
    return PurchaseOrder(**{**usual, **changes})


def receipt_line(**changes: Any) -> ReceiptLine:
    """Two boxes of gloves."""
    usual: dict[str, Any] = {"line_number": 1, "item": "GLOVE-NIT-M", "quantity": Decimal(2), "uom": "BX"}
    return ReceiptLine(**{**usual, **changes})


def receipt(erp_order_number: str, number: str = "RC26-0000000001", **changes: Any) -> Receipt:
    """A receipt of one line against an order of the ERP."""
    usual: dict[str, Any] = {
        "number": number,
        "order_number": "MR26-0000001",
        "erp_order_number": erp_order_number,
        "facility": "1010",
        "location": "ER01",
        "received_on": date(2026, 2, 10),
        "lines": (receipt_line(),),
    }
    return Receipt(**{**usual, **changes})
