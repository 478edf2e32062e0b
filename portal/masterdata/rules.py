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


class SyncState(StrEnum):
    """Where a read of master data from the ERP is; `stopped` waits for a person."""

    READING = "reading"
    APPLIED = "applied"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    FAILED = "failed"
