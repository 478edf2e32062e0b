"""Kinds and states of master data."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any


class LocationKind(StrEnum):
    """What a location is."""

    CLINIC = "clinic"
    DEPARTMENT = "department"
    STOREROOM = "storeroom"
    OPERATING_ROOM = "operating_room"


class ImportKind(StrEnum):
    """What can be imported from a file."""

    FACILITIES = "facilities"
    LOCATIONS = "locations"
    COST_CENTERS = "cost_centers"
    GL_ACCOUNTS = "gl_accounts"
    SUPPLIERS = "suppliers"
    CATEGORIES = "categories"
    ITEMS = "items"
    ITEM_PACKAGING = "item_packaging"
    DEVICE_IDENTIFIERS = "device_identifiers"
    ITEM_DOCUMENTS = "item_documents"
    CONTRACTS = "contracts"
    CONTRACT_LINES = "contract_lines"


class ImportState(StrEnum):
    """Where an import is."""

    READING = "reading"
    PREVIEWED = "previewed"
    APPLYING = "applying"
    APPLIED = "applied"
    DISCARDED = "discarded"
    FAILED = "failed"


IMPORT_TRANSITIONS: dict[tuple[ImportState, str], ImportState] = {
    (ImportState.READING, "show"): ImportState.PREVIEWED,
    (ImportState.READING, "fail"): ImportState.FAILED,
    (ImportState.READING, "discard"): ImportState.DISCARDED,
    (ImportState.PREVIEWED, "apply"): ImportState.APPLYING,
    (ImportState.PREVIEWED, "discard"): ImportState.DISCARDED,
    (ImportState.APPLYING, "show"): ImportState.PREVIEWED,
    (ImportState.APPLYING, "finish"): ImportState.APPLIED,
    (ImportState.APPLYING, "fail"): ImportState.FAILED,
    (ImportState.FAILED, "discard"): ImportState.DISCARDED,
}
"""What may happen to an import; "show" from applying means that the preview had become stale."""


class Validity(StrEnum):
    """Where a day stands in a span of days."""

    EFFECTIVE = "effective"
    EXPIRING = "expiring"
    FUTURE = "future"
    EXPIRED = "expired"


EXPIRES_SOON = timedelta(days=60)


def validity(start: date, end: date, today: date) -> Validity:
    """How a span of days, both included, looks today."""
    if start > today:
        return Validity.FUTURE
    if end < today:
        return Validity.EXPIRED
    return Validity.EXPIRING if end <= today + EXPIRES_SOON else Validity.EFFECTIVE


class SyncState(StrEnum):
    """Where a read of master data from the ERP is; `stopped` waits for a person."""

    READING = "reading"
    STOPPED = "stopped"
    APPLYING = "applying"
    APPLIED = "applied"
    DISCARDED = "discarded"
    FAILED = "failed"


SYNC_TRANSITIONS: dict[tuple[SyncState, str], SyncState] = {
    (SyncState.READING, "finish"): SyncState.APPLIED,
    (SyncState.READING, "stop"): SyncState.STOPPED,
    (SyncState.READING, "fail"): SyncState.FAILED,
    (SyncState.STOPPED, "apply"): SyncState.APPLYING,
    (SyncState.STOPPED, "discard"): SyncState.DISCARDED,
    (SyncState.APPLYING, "finish"): SyncState.APPLIED,
    (SyncState.APPLYING, "fail"): SyncState.FAILED,
}

DEFAULT_CHANGE_LIMIT = Decimal(20)
UNLIMITED = Decimal(100)
FEW_ROWS = 10


def change_limit(settings: Mapping[str, Any], kind: str) -> Decimal:
    """Percent of existing rows one read may change: the partner's setting change_limit_<kind>, else 20."""
    try:
        limit = Decimal(str(settings.get(f"change_limit_{kind}", DEFAULT_CHANGE_LIMIT)))
    except InvalidOperation:
        return DEFAULT_CHANGE_LIMIT
    return limit if limit.is_finite() else DEFAULT_CHANGE_LIMIT


def may_change(changed: int, existing: int, limit: Decimal) -> bool:
    """Whether a read may change so many rows by itself: few, or at most `limit` percent of the existing."""
    return changed <= FEW_ROWS or share(changed, existing) <= limit


def share(changed: int, existing: int) -> Decimal:
    """Percent of the existing rows that change."""
    return round(Decimal(100 * changed) / existing, 2) if existing else Decimal(0)


@dataclass(frozen=True)
class Closing:
    """A day, or a weekday of every week (Monday is 0), without deliveries; `reason` is for people."""

    day: date | None = None
    weekday: int | None = None
    reason: str = ""

    def covers(self, day: date) -> bool:
        """Whether nothing is received on a day."""
        return self.day == day or self.weekday == day.weekday()


def closing_on(day: date, closings: Iterable[Closing]) -> Closing | None:
    """Why nothing is received on a day; None when something is."""
    return next((one for one in closings if one.covers(day)), None)


def next_open(day: date, closings: Collection[Closing]) -> date | None:
    """The day itself or the first one after it on which something is received; None within a year."""
    days = (day + timedelta(days=ahead) for ahead in range(366))
    return next((one for one in days if closing_on(one, closings) is None), None)
