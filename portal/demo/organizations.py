"""Writes the master data of one demo organization: places, money, suppliers, items, prices, stock."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import InstrumentedAttribute

from integrations.canonical import Lifecycle
from portal.budgets.models import Budget
from portal.catalog.models import Offer, OrderGuideLine, Substitute, Synonym
from portal.catalog.services import align_offers
from portal.demo import tables
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import Base, db
from portal.identity.services import create_organization
from portal.inventory.models import ParLevel
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import (
    ClosedDay,
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
from portal.masterdata.rules import LocationKind
from portal.requisitions.rulebook.models import RuleVersion
from portal.requisitions.rulebook.rules import Severity

Ids = dict[str, int]
OPENING_LOT_DAYS = 400
IMPLANTS = ("Implants", "Cardiology and cath lab")


class Organization:
    """One organization being written; each step relies on those before it."""

    def __init__(self, slug: str, name: str, time_zone: str) -> None:
        self.slug = slug
        self.row = create_organization(slug=slug, name=name, time_zone=time_zone)
        self.today = clock.today(time_zone)

    def write(self) -> None:
        """Writes everything in the current transaction."""
        self._places()
        self._suppliers_and_items()
        self._contracts()
        self._offers()
        self._budgets()
        self._rulebook()
        self._catalog_aids()
        self._stock()

    def _rows(self, table: str) -> Iterable[dict[str, str]]:
        return tables.rows(self.slug, table, today=self.today)

    def _places(self) -> None:
        _insert(Facility, [dict(row) for row in self._rows("facilities")])
        self.facilities = _ids(Facility.code)
        _insert(
            CostCenter,
            [
                {**_without(row, "facility"), "facility_id": self.facilities[row["facility"]], **_days(row)}
                for row in self._rows("cost_centers")
            ],
        )
        self.cost_centers = _ids(CostCenter.code)
        _insert(GlAccount, [dict(row) for row in self._rows("gl_accounts")])
        self.gl_accounts = _ids(GlAccount.code)
        _insert(
            Location,
            [
                {
                    "code": row["code"],
                    "name": row["name"],
                    "kind": LocationKind(row["kind"]),
                    "facility_id": self.facilities[row["facility"]],
                    "cost_center_id": self.cost_centers[row["cost_center"]],
                }
                for row in self._rows("locations")
            ],
        )
        self.locations = _ids(Location.code)

    def _suppliers_and_items(self) -> None:
        _insert(
            Supplier,
            [{**row, "minimum_order": Decimal(row["minimum_order"])} for row in self._rows("suppliers")],
        )
        self.suppliers = _ids(Supplier.code)
        _insert(ItemCategory, [dict(row) for row in self._rows("categories")])
        items = list(self._rows("items"))
        _insert(Item, [self._item(row) for row in items])
        self.items = _ids(Item.code)
        base = [
            {"item": row["code"], "uom": row["base_uom"], "factor": "1", "gtin": row["base_gtin"]}
            for row in items
        ]
        packaging = [*base, *self._rows("item_packaging")]
        self.factors = {(row["item"], row["uom"]): Decimal(row["factor"]) for row in packaging}
        _insert(
            ItemPackaging,
            [
                {
                    **_without(row, "item"),
                    "item_id": self.items[row["item"]],
                    "factor": Decimal(row["factor"]),
                }
                for row in packaging
            ],
        )

        _insert(
            DeviceIdentifier,
            [
                {**_without(row, "item"), "item_id": self.items[row["item"]]}
                for row in self._rows("device_identifiers")
            ],
        )
        _insert(
            ItemDocument,
            [
                {**_without(row, "item"), "item_id": self.items[row["item"]]}
                for row in self._rows("item_documents")
            ],
        )

    def _item(self, row: dict[str, str]) -> dict[str, Any]:
        return {
            **_without(row, "base_gtin", "gl_account"),
            **{name: row[name] == "yes" for name in ("lot_tracked", "serial_tracked", "expiry_tracked")},
            "implant": row["serial_tracked"] == "yes" and row["category"] in IMPLANTS,
            "lifecycle": Lifecycle(row["lifecycle"]),
            "gl_account_id": self.gl_accounts[row["gl_account"]],
        }

    def _contracts(self) -> None:
        _insert(
            Contract,
            [
                {**_without(row, "supplier"), "supplier_id": self.suppliers[row["supplier"]], **_days(row)}
                for row in self._rows("contracts")
            ],
        )
        contracts = _ids(Contract.number)
        _insert(
            ContractLine,
            [
                {
                    **_without(row, "contract", "item"),
                    "contract_id": contracts[row["contract"]],
                    "item_id": self.items[row["item"]],
                    "minimum_quantity": Decimal(row["minimum_quantity"]),
                    "unit_price": Decimal(row["unit_price"]),
                    **_days(row),
                }
                for row in self._rows("contract_lines")
            ],
        )

    def _offers(self) -> None:
        _insert(
            Offer,
            [
                {
                    **_without(row, "item", "supplier"),
                    "item_id": self.items[row["item"]],
                    "supplier_id": self.suppliers[row["supplier"]],
                    "factor": self.factors[row["item"], row["uom"]],
                    "list_price": Decimal(row["list_price"]),
                }
                for row in self._rows("offers")
            ],
        )
        align_offers()

    def _budgets(self) -> None:
        _insert(
            Budget,
            [
                {
                    "cost_center_id": self.cost_centers[row["cost_center"]],
                    "period_start": date.fromisoformat(row["period_start"]),
                    "period_end": date.fromisoformat(row["period_end"]),
                    "amount": Decimal(row["amount"]),
                    "currency": row["currency"],
                }
                for row in self._rows("budgets")
            ],
        )

    def _rulebook(self) -> None:
        """Nobody receives on Sundays; a rule that was made stricter last month."""
        _insert(
            ClosedDay,
            [
                {"facility_id": facility_id, "weekday": 6, "reason": "closed on Sundays"}
                for facility_id in self.facilities.values()
            ],
        )
        setting = {"rule": "contract_ends", "number": 2, "severity": Severity.WARN, "threshold": Decimal(60)}
        why = "Renewals take two months to negotiate."
        _insert(RuleVersion, [{**setting, "starts_on": self.today - timedelta(days=30), "reason": why}])

    def _catalog_aids(self) -> None:
        _insert(
            OrderGuideLine,
            [
                {
                    **_without(row, "location", "item"),
                    "location_id": self.locations[row["location"]],
                    "item_id": self.items[row["item"]],
                    "position": int(row["position"]),
                }
                for row in self._rows("order_guides")
            ],
        )
        _insert(Synonym, [dict(row) for row in self._rows("synonyms")])
        _insert(
            Substitute,
            [
                {
                    "item_id": self.items[row["item"]],
                    "substitute_id": self.items[row["substitute"]],
                    "note": row["note"],
                }
                for row in self._rows("substitutes")
            ],
        )

    def _stock(self) -> None:
        levels = list(self._rows("par_levels"))
        _insert(
            ParLevel,
            [
                {
                    "location_id": self.locations[row["location"]],
                    "item_id": self.items[row["item"]],
                    "minimum": Decimal(row["minimum"]) * self._factor(row),
                    "maximum": Decimal(row["maximum"]) * self._factor(row),
                }
                for row in levels
            ],
        )
        tracked = {row["code"]: row for row in self._rows("items")}
        moves = [self._opening(row, tracked[row["item"]]) for row in levels if Decimal(row["on_hand"]) > 0]
        move(system(self.row.id, "opening stock of the demo"), moves)

    def _factor(self, row: dict[str, str]) -> Decimal:
        return self.factors[row["item"], row["uom"]]

    def _opening(self, row: dict[str, str], item: dict[str, str]) -> Move:
        lot_tracked, expires = item["lot_tracked"] == "yes", item["expiry_tracked"] == "yes"
        return Move(
            key=f"opening-{row['location']}-{row['item']}",
            kind=MovementKind.OPENING,
            location_id=self.locations[row["location"]],
            item_id=self.items[row["item"]],
            quantity=Decimal(row["on_hand"]) * self._factor(row),
            lot=f"L{row['item']}A" if lot_tracked else "",
            expires_on=self.today + timedelta(days=OPENING_LOT_DAYS) if expires else None,
            document="Opening count",
        )


def _insert(model: type[Base], values: list[dict[str, Any]]) -> None:
    if values:
        db.session.execute(insert(model), values)


def _ids(column: InstrumentedAttribute[str]) -> Ids:
    model = column.class_
    return {row[0]: row[1] for row in db.session.execute(select(column, model.id))}


def _without(row: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _days(row: dict[str, str]) -> dict[str, date]:
    return {name: date.fromisoformat(row[name]) for name in ("valid_from", "valid_to")}
