"""Kinds of stock movements; when a lot is expired or soon will be."""

from datetime import date, timedelta
from enum import StrEnum

SOON = timedelta(days=60)


class MovementKind(StrEnum):
    """Why stock changed."""

    OPENING = "opening"
    RECEIPT = "receipt"
    RECEIPT_REVERSAL = "receipt_reversal"
    COUNT = "count"


class Expiry(StrEnum):
    """How long a lot may still be used."""

    NONE = "none"
    GOOD = "good"
    SOON = "soon"
    EXPIRED = "expired"


def expiry_of(expires_on: date | None, today: date) -> Expiry:
    """A lot may be used up to and including the day it expires on."""
    if expires_on is None:
        return Expiry.NONE
    if expires_on < today:
        return Expiry.EXPIRED
    return Expiry.SOON if expires_on - today <= SOON else Expiry.GOOD
