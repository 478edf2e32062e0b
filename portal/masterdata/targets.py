"""Where the rows of each importable table go: model, references, and the checks of the database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table

from portal.foundation.db import TenantRow
from portal.masterdata import checks
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    DeviceIdentifier,
    Facility,
    GlAccount,
    Item,
    ItemCategory,
    ItemDocument,
    ItemPackaging,
    Location,
    Supplier,
)
from portal.masterdata.rules import ImportKind

Check = Callable[[Table, Table], Select[Any]]
"""Takes the staged and the resolved rows; selects (row, column, sentence) of what is wrong."""


@dataclass(frozen=True)
class Target:
    """`strict` checks concern what a person can correct in a file; records of the ERP pass without them."""

    model: type[TenantRow]
    noun: str
    checks: tuple[Check, ...] = ()
    strict: tuple[Check, ...] = ()

    @property
    def table(self) -> Table:
        """The table behind the model."""
        table = self.model.__table__
        assert isinstance(table, Table)
        return table

    @property
    def code(self) -> str:
        """The column by which people and files name a row."""
        return "number" if "number" in self.table.c else "code"


TARGETS: dict[ImportKind, Target] = {
    ImportKind.FACILITIES: Target(Facility, "facility"),
    ImportKind.COST_CENTERS: Target(CostCenter, "cost center"),
    ImportKind.GL_ACCOUNTS: Target(GlAccount, "GL account"),
    ImportKind.LOCATIONS: Target(Location, "location"),
    ImportKind.SUPPLIERS: Target(Supplier, "supplier"),
    ImportKind.CATEGORIES: Target(ItemCategory, "category"),
    ImportKind.ITEMS: Target(
        Item,
        "item",
        checks=(checks.base_unit_changed,),
        strict=(checks.base_gtin_taken, checks.base_gtin_repeated),
    ),
    ImportKind.ITEM_PACKAGING: Target(
        ItemPackaging,
        "packaging",
        checks=(checks.base_unit_is_one,),
        strict=(checks.pack_gtin_taken, checks.pack_gtin_repeated),
    ),
    ImportKind.DEVICE_IDENTIFIERS: Target(
        DeviceIdentifier,
        "device identifier",
        checks=(checks.unit_unknown,),
        strict=(checks.identifier_taken,),
    ),
    ImportKind.ITEM_DOCUMENTS: Target(ItemDocument, "document"),
    ImportKind.CONTRACTS: Target(Contract, "contract"),
    ImportKind.CONTRACT_LINES: Target(
        ContractLine,
        "contract price",
        checks=(checks.unit_unknown, checks.outside_contract, checks.overlapping),
    ),
}
