"""What each importable table looks like: columns, keys, references and rules within a row, as plain data."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from integrations.canonical import Lifecycle
from portal.masterdata import cells
from portal.masterdata.cells import Reader
from portal.masterdata.rules import ImportKind, LocationKind

Values = Mapping[str, Any]
RowRule = Callable[[Values], Iterator[tuple[str, str]]]
"""Yields (column, sentence) for what the cells of one row say together; absent cells are None."""


@dataclass(frozen=True)
class Column:
    """One column. Its cell may be empty when `empty` is given, which is then the value meant."""

    name: str
    read: Reader
    hint: str
    empty: Any = None
    refers_to: ImportKind | None = None

    @property
    def required(self) -> bool:
        """Whether the column and each of its cells must be filled."""
        return self.empty is None

    @property
    def destination(self) -> str:
        """Where the value goes in our table; base_gtin goes to the packaging of the base unit."""
        return f"{self.name}_id" if self.refers_to else self.name


@dataclass(frozen=True)
class Schema:
    """One table; `key` are the columns that say which row is meant, `ruled` those the rule looks at."""

    kind: ImportKind
    label: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rule: RowRule | None = None
    ruled: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The label inside a sentence."""
        return self.label if self.label[:2].isupper() else self.label.lower()

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The columns of the key, in its order."""
        named = {column.name: column for column in self.columns}
        return tuple(named[name] for name in self.key)


@dataclass(frozen=True)
class Fault:
    """What is wrong at a row (the header is row 1) and column (empty: the whole row)."""

    row: int
    column: str
    sentence: str


def _in_order(values: Values) -> Iterator[tuple[str, str]]:
    start, end = values["valid_from"], values["valid_to"]
    if isinstance(start, date) and isinstance(end, date) and end < start:
        yield "valid_to", f"This ends on {end}, before it begins on {start}."


def _not_below_itself(values: Values) -> Iterator[tuple[str, str]]:
    if values["parent"] and values["parent"] == values["name"]:
        yield "parent", "A category cannot stand below itself. Enter the one above it, or leave this empty."


_CODE = Column("code", cells.code, "Its code, unique")
_NAME = Column("name", cells.text(200), "What people call it")
_ACTIVE = Column("active", cells.flag, "no hides it from new documents", empty=True)
_MONEY = cells.amount(decimals=2, zero=True)
_SPAN = (
    Column("valid_from", cells.day, "First day, such as 2026-01-01"),
    Column("valid_to", cells.day, "Last day, such as 2026-12-31"),
)

FACILITIES = Schema(
    ImportKind.FACILITIES,
    "Facilities",
    (
        _CODE,
        _NAME,
        Column("street", cells.text(200), "Street and number", empty=""),
        Column("city", cells.text(100), "City", empty=""),
        Column("region", cells.text(40), "State", empty=""),
        Column("postal_code", cells.text(20), "ZIP code", empty=""),
        Column("country", cells.country, "Two letters, such as US", empty="US"),
        Column("gln", cells.gln, "GLN, 13 digits", empty=""),
        Column("time_zone", cells.time_zone, "Such as America/Chicago", empty="UTC"),
        _ACTIVE,
    ),
    ("code",),
)
COST_CENTERS = Schema(
    ImportKind.COST_CENTERS,
    "Cost centers",
    (
        _CODE,
        _NAME,
        Column("facility", cells.code, "Code of its facility", empty="", refers_to=ImportKind.FACILITIES),
        *_SPAN,
        Column("company_code", cells.code, "Company code in the ERP", empty=""),
        _ACTIVE,
    ),
    ("code",),
    _in_order,
    ("valid_from", "valid_to"),
)
GL_ACCOUNTS = Schema(ImportKind.GL_ACCOUNTS, "GL accounts", (_CODE, _NAME, _ACTIVE), ("code",))
LOCATIONS = Schema(
    ImportKind.LOCATIONS,
    "Locations",
    (
        Column("code", cells.code, "Its code, unique in the facility"),
        _NAME,
        Column("facility", cells.code, "Code of its facility", refers_to=ImportKind.FACILITIES),
        Column(
            "kind",
            cells.choice(LocationKind),
            "clinic, department, storeroom or operating_room",
            empty=LocationKind.DEPARTMENT.value,
        ),
        Column(
            "cost_center",
            cells.code,
            "Cost center it is charged to",
            empty="",
            refers_to=ImportKind.COST_CENTERS,
        ),
        _ACTIVE,
    ),
    ("facility", "code"),
)
SUPPLIERS = Schema(
    ImportKind.SUPPLIERS,
    "Suppliers",
    (
        _CODE,
        _NAME,
        Column("network_id", cells.code, "Its id on the procurement network", empty=""),
        Column("email", cells.email, "Where orders go without a network", empty=""),
        Column("minimum_order", _MONEY, "Least amount of an order", empty=Decimal(0)),
        Column("blocked", cells.flag, "yes stops new orders", empty=False),
    ),
    ("code",),
)
CATEGORIES = Schema(
    ImportKind.CATEGORIES,
    "Categories",
    (
        Column("name", cells.text(100), "A category, as the items name it"),
        Column("parent", cells.text(100), "The category above it; empty at the top", empty=""),
    ),
    ("name",),
    _not_below_itself,
)
ITEMS = Schema(
    ImportKind.ITEMS,
    "Items",
    (
        _CODE,
        _NAME,
        Column("category", cells.text(100), "Group in the catalog", empty=""),
        Column("unspsc", cells.unspsc, "UNSPSC code, eight digits", empty=""),
        Column("manufacturer", cells.text(200), "Who makes it", empty=""),
        Column("manufacturer_part", cells.text(80), "The maker's part number", empty=""),
        Column("base_uom", cells.uom, "Smallest unit counted, such as EA"),
        Column("base_gtin", cells.gtin, "GTIN of the smallest unit", empty=""),
        Column("lot_tracked", cells.flag, "yes or no", empty=False),
        Column("serial_tracked", cells.flag, "yes or no", empty=False),
        Column("expiry_tracked", cells.flag, "yes or no", empty=False),
        Column(
            "lifecycle",
            cells.choice(Lifecycle),
            "active, blocked or discontinued",
            empty=Lifecycle.ACTIVE.value,
        ),
        Column(
            "gl_account",
            cells.code,
            "GL account it is charged to",
            empty="",
            refers_to=ImportKind.GL_ACCOUNTS,
        ),
    ),
    ("code",),
)
ITEM_PACKAGING = Schema(
    ImportKind.ITEM_PACKAGING,
    "Item packaging",
    (
        Column("item", cells.code, "Code of the item", refers_to=ImportKind.ITEMS),
        Column("uom", cells.uom, "Unit of the pack, such as BX"),
        Column("factor", cells.amount(decimals=3, zero=False, digits=6), "Base units in the pack"),
        Column("gtin", cells.gtin, "GTIN of the pack", empty=""),
    ),
    ("item", "uom"),
)
DEVICE_IDENTIFIERS = Schema(
    ImportKind.DEVICE_IDENTIFIERS,
    "Device identifiers",
    (
        Column("identifier", cells.device_identifier, "HIBC or ICCBBA identifier, or one more GTIN"),
        Column("item", cells.code, "Code of the item", refers_to=ImportKind.ITEMS),
        Column("uom", cells.uom, "Unit of the pack it is printed on, such as BX"),
    ),
    ("identifier",),
)
ITEM_DOCUMENTS = Schema(
    ImportKind.ITEM_DOCUMENTS,
    "Item documents",
    (
        Column("item", cells.code, "Code of the item", refers_to=ImportKind.ITEMS),
        Column("title", cells.text(120), "What it is, such as Instructions for use"),
        Column("url", cells.web_address, "Where it is, beginning with https://"),
    ),
    ("item", "title"),
)
CONTRACTS = Schema(
    ImportKind.CONTRACTS,
    "Contracts",
    (
        Column("number", cells.code, "Contract number, unique"),
        Column("supplier", cells.code, "Code of the supplier", refers_to=ImportKind.SUPPLIERS),
        _NAME,
        *_SPAN,
        Column("currency", cells.currency, "Three letters, such as USD", empty="USD"),
    ),
    ("number",),
    _in_order,
    ("valid_from", "valid_to"),
)
CONTRACT_LINES = Schema(
    ImportKind.CONTRACT_LINES,
    "Contract prices",
    (
        Column("contract", cells.code, "Contract number", refers_to=ImportKind.CONTRACTS),
        Column("item", cells.code, "Code of the item", refers_to=ImportKind.ITEMS),
        Column("supplier_part", cells.text(80), "The supplier's part number", empty=""),
        Column("uom", cells.uom, "Unit the price is for, such as BX"),
        Column(
            "minimum_quantity",
            cells.amount(decimals=3, zero=True),
            "The price holds from this quantity on",
            empty=Decimal(0),
        ),
        Column("unit_price", cells.amount(decimals=4, zero=True), "Price of one unit, up to four decimals"),
        *_SPAN,
        Column("consignment", cells.flag, "yes when it stays the supplier's until it is used", empty=False),
    ),
    ("contract", "item", "uom", "minimum_quantity", "valid_from"),
    _in_order,
    ("valid_from", "valid_to"),
)

SCHEMAS: dict[ImportKind, Schema] = {
    schema.kind: schema
    for schema in (
        FACILITIES, COST_CENTERS, GL_ACCOUNTS, LOCATIONS, SUPPLIERS, CATEGORIES, ITEMS,
        ITEM_PACKAGING, DEVICE_IDENTIFIERS, ITEM_DOCUMENTS, CONTRACTS, CONTRACT_LINES,
    )
}  # fmt: skip
"""In an order in which each table follows those it refers to."""
