"""Kinds of stock movements."""

from enum import StrEnum


class MovementKind(StrEnum):
    """Why stock changed."""

    OPENING = "opening"
    RECEIPT = "receipt"
    RECEIPT_REVERSAL = "receipt_reversal"
    COUNT = "count"
