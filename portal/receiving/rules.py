"""States of a receipt and how much may be received."""

from decimal import Decimal
from enum import StrEnum


class ReceiptState(StrEnum):
    """Entered and being checked, posted to stock, or thrown away before posting."""

    ENTERED = "entered"
    POSTED = "posted"
    DISCARDED = "discarded"


TRANSITIONS: dict[tuple[ReceiptState, str], ReceiptState] = {
    (ReceiptState.ENTERED, "post"): ReceiptState.POSTED,
    (ReceiptState.ENTERED, "discard"): ReceiptState.DISCARDED,
}

OVER_RECEIPT_TOLERANCE = Decimal("0.10")


def most_receivable(wanted: Decimal, received: Decimal) -> Decimal:
    """What may still be received of a line, tolerance on the total of all deliveries included."""
    return max(wanted * (1 + OVER_RECEIPT_TOLERANCE) - received, Decimal())
