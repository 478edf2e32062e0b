"""What every ERP adapter promises.

A repeat of the same document is harmless: `ask_first=True` makes the adapter look for the document by
its reference before posting, and an adapter never posts twice within one call. Once a try was Ambiguous
or ended unseen, every later one must ask first: trouble while asking is Retryable and proves nothing.
Errors are those of `integrations.errors`: a time-out after sending is Ambiguous, 429 and 5xx without
effect are Retryable, a business refusal is Rejected with the ERP's own words, a login or set-up fault is
Misconfigured, master data that cannot be meant is Unreadable. Unknown extra fields in answers are
ignored. Every request ends within the connection's time limit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from integrations.canonical import MasterRecord, PurchaseOrder, Receipt
from integrations.health import Health
from integrations.http import WireExchange
from integrations.returns import ReceiptReversal, SupplierReturn


class MasterKind(StrEnum):
    """Master data an ERP can be read for."""

    FACILITY = "facility"
    COST_CENTER = "cost_center"
    GL_ACCOUNT = "gl_account"
    SUPPLIER = "supplier"
    ITEM = "item"


@dataclass(frozen=True)
class Posted:
    """The ERP's document; `found` says that it was there already."""

    number: str
    found: bool = False
    warnings: tuple[str, ...] = field(default=())


class Erp(Protocol):
    """One ERP connection."""

    @property
    def wire(self) -> Sequence[WireExchange]:
        """Every HTTP exchange of this adapter so far."""

    def check(self) -> Health:
        """Reaches the ERP and logs in; never raises."""

    def post_purchase_order(self, order: PurchaseOrder, *, ask_first: bool) -> Posted:
        """Creates the purchase order and returns the ERP's number."""

    def change_purchase_order(self, order: PurchaseOrder) -> Posted:
        """Brings the ERP's order to the quantities, prices, days and place wanted now, all or nothing.

        What is not among the lines is marked as deleted there. A repeat changes nothing; `found` says so.
        """

    def post_receipt(self, receipt: Receipt, *, ask_first: bool) -> Posted:
        """Posts the goods receipt and returns the ERP's document number ("number/year")."""

    def reverse_receipt(self, reversal: ReceiptReversal, *, ask_first: bool) -> Posted:
        """Takes a whole goods receipt back and returns the number of the document that does."""

    def post_return(self, sent_back: SupplierReturn, *, ask_first: bool) -> Posted:
        """Posts goods that go back to the supplier and returns the ERP's document number."""

    def read(self, kind: MasterKind, *, changed_since: datetime | None) -> Iterator[Sequence[MasterRecord]]:
        """Yields pages of records changed since; everything where the ERP keeps no change date."""

    def close(self) -> None:
        """Releases the connection."""
