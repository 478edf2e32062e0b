"""Canonical documents of goods that were received and are taken back or sent back."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from integrations.canonical import Document, Part


class ReceiptReversal(Document):
    """A whole goods receipt taken back; `erp_number` is the ERP's document of it ("number/year")."""

    kind: Literal["receipt_reversal"] = "receipt_reversal"
    number: str = Field(max_length=16)
    erp_number: str
    reversed_on: date


class ReturnLine(Part):
    """A quantity of one order line and lot that goes back, in the order's unit."""

    line_number: int
    item: str
    quantity: Decimal
    uom: str
    lot: str = ""
    serials: tuple[str, ...] = ()
    is_consignment: bool = False


class SupplierReturn(Document):
    """Received goods that go back; `authorization` is the supplier's number for it."""

    kind: Literal["supplier_return"] = "supplier_return"
    number: str = Field(max_length=16)
    order_number: str
    erp_order_number: str
    facility: str
    location: str
    authorization: str
    reason: str
    returned_on: date
    lines: tuple[ReturnLine, ...] = Field(min_length=1)
