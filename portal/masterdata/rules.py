"""Kinds and states of master data."""

from enum import StrEnum


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
    ITEMS = "items"
    ITEM_PACKAGING = "item_packaging"
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


class SyncState(StrEnum):
    """Where a read of master data from the ERP is; `stopped` waits for a person."""

    READING = "reading"
    APPLIED = "applied"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    FAILED = "failed"
