"""Master data read from SAP S/4HANA in pages of canonical records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from integrations.canonical import CostCenter, GlAccount, Item, Location, MasterRecord, Supplier
from integrations.erp.contract import MasterKind
from integrations.erp.s4hana import masterdata
from integrations.erp.s4hana.session import Session
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Retryable, Unreadable
from integrations.formats.odata import (
    Feed,
    JsonObject,
    date_literal,
    instant_literal,
    read_feed,
    string_literal,
)

Record = TypeVar("Record")
Pages = Iterator[Sequence[MasterRecord]]
NAMES_A_QUERY = 40
ITEM_FIELDS = (
    "Product", "BaseUnit", "ProductStandardID", "CrossPlantStatus", "CrossPlantStatusValidityDate",
    "IsMarkedForDeletion", "IsBatchManagementRequired", "SerialNumberProfile", "ManufacturerNumber",
    "ProductManufacturerNumber", "to_Description", "to_ProductBasicText", "to_ProductUnitsOfMeasure",
    "to_ProductStorage", "to_Plant/Plant", "to_Plant/SerialNumberProfile",
)  # fmt: skip
ITEM_PARTS = "to_Description,to_ProductBasicText,to_ProductUnitsOfMeasure,to_ProductStorage,to_Plant"


@dataclass
class Reader:
    """Reads one kind of master data after the other through a session."""

    session: Session
    settings: Settings
    _manufacturers: dict[str, str] = field(default_factory=dict)

    def read(self, kind: MasterKind, changed_since: datetime | None) -> Pages:
        """Yields pages; raises Unreadable naming the entity whose content cannot be meant."""
        readers: Mapping[MasterKind, Callable[[datetime | None], Pages]] = {
            MasterKind.FACILITY: self._facilities,
            MasterKind.COST_CENTER: self._cost_centers,
            MasterKind.GL_ACCOUNT: self._gl_accounts,
            MasterKind.SUPPLIER: self._suppliers,
            MasterKind.ITEM: self._items,
        }
        return readers[kind](changed_since)

    def _facilities(self, _changed_since: datetime | None) -> Pages:
        locations: dict[str, list[Location]] = {}
        if self.settings.storage_locations:
            for rows in self._pages(self.settings.storage_locations, "Plant,StorageLocation"):
                for place in _each(rows, masterdata.location):
                    locations.setdefault(place.facility, []).append(place)
        for rows in self._pages("API_PLANT_SRV/A_Plant", "Plant"):
            yield _each(rows, lambda row: masterdata.facility(row, locations))

    def _cost_centers(self, _changed_since: datetime | None) -> Pages:
        """A cost center may have several periods, so all are read before the first page is given."""
        periods: dict[str, list[CostCenter]] = {}
        area = self.settings.controlling_area
        options = {"$expand": "to_Text"}
        if area:
            options["$filter"] = f"ControllingArea eq {string_literal(area)}"
        for rows in self._pages("API_COSTCENTER_SRV/A_CostCenter", "CostCenter,ValidityEndDate", options):
            for period in _each(rows, lambda row: masterdata.cost_center(row, self.settings)):
                periods.setdefault(period.code, []).append(period)
        today = datetime.now(UTC).date()
        centers = [masterdata.current(one, today) for one in periods.values()]
        size = self.settings.page_size
        for start in range(0, len(centers), size):
            yield centers[start : start + size]

    def _gl_accounts(self, changed_since: datetime | None) -> Pages:
        conditions = []
        if self.settings.chart_of_accounts:
            conditions.append(f"ChartOfAccounts eq {string_literal(self.settings.chart_of_accounts)}")
        if changed_since is not None:
            conditions.append(f"LastChangeDateTime ge {instant_literal(changed_since)}")
        options = {"$expand": "to_Text", **_filter(conditions)}
        path = "API_GLACCOUNTINCHARTOFACCOUNTS_SRV/A_GLAccountInChartOfAccounts"
        for rows in self._pages(path, "ChartOfAccounts,GLAccount", options):
            found = _each(rows, lambda row: masterdata.gl_account(row, self.settings))
            yield [account for account in found if isinstance(account, GlAccount)]

    def _suppliers(self, changed_since: datetime | None) -> Pages:
        conditions = ["Supplier ne ''"]
        if changed_since is not None:
            day = date_literal(changed_since.astimezone(UTC).date())
            conditions.append(f"(LastChangeDate ge {day} or CreationDate ge {day})")
        options = {"$expand": "to_Supplier,to_BuPaIdentification", **_filter(conditions)}
        for rows in self._pages("API_BUSINESS_PARTNER/A_BusinessPartner", "BusinessPartner", options):
            found = _each(rows, lambda row: masterdata.supplier(row, self.settings))
            yield [supplier for supplier in found if isinstance(supplier, Supplier)]

    def _items(self, changed_since: datetime | None) -> Pages:
        conditions = [f"({self.settings.item_filter})"] if self.settings.item_filter else []
        if changed_since is not None:
            conditions.append(f"LastChangeDateTime ge {instant_literal(changed_since)}")
        options = {
            "$select": ",".join((*ITEM_FIELDS, self.settings.unspsc_field)),
            "$expand": ITEM_PARTS,
            **_filter(conditions),
        }
        for rows in self._pages("API_PRODUCT_SRV/A_Product", "Product", options):
            yield self._item_page(rows)

    def _item_page(self, rows: Sequence[JsonObject]) -> Sequence[Item]:
        self._learn_manufacturers({masterdata.text(row, "ManufacturerNumber") for row in rows} - {""})
        return _each(rows, lambda row: masterdata.item(row, self.settings, self._manufacturers))

    def _learn_manufacturers(self, numbers: set[str]) -> None:
        unknown = sorted(numbers - self._manufacturers.keys())
        for start in range(0, len(unknown), NAMES_A_QUERY):
            part = unknown[start : start + NAMES_A_QUERY]
            self._manufacturers.update(dict.fromkeys(part, ""))
            condition = " or ".join(f"Supplier eq {string_literal(number)}" for number in part)
            options = {"$filter": condition, "$select": "Supplier,SupplierName"}
            for rows in self._pages("API_BUSINESS_PARTNER/A_Supplier", "Supplier", options):
                names = {
                    masterdata.text(row, "Supplier"): masterdata.text(row, "SupplierName") for row in rows
                }
                self._manufacturers.update(names)

    def _pages(
        self, path: str, order: str, options: Mapping[str, str] | None = None
    ) -> Iterator[Sequence[JsonObject]]:
        """Every page of a set; a server may give shorter pages than asked for."""
        seen, total = 0, 1
        while seen < total:
            window = {"$top": str(self.settings.page_size), "$skip": str(seen), "$inlinecount": "allpages"}
            page = feed(self.session, path, {**(options or {}), "$orderby": order, **window})
            if not page.entities:
                return
            yield page.entities
            seen += len(page.entities)
            total = page.count if page.count is not None else seen + 1


def feed(session: Session, path: str, options: Mapping[str, str]) -> Feed:
    """One page of a set; raises Retryable for an answer that is no page."""
    response = session.read(path, options)
    try:
        return read_feed(response.content)
    except ValueError as error:
        raise Retryable(f"SAP S/4HANA answered {path} with something else: {error}") from error


def _filter(conditions: Sequence[str]) -> dict[str, str]:
    return {"$filter": " and ".join(conditions)} if conditions else {}


def _each(rows: Sequence[JsonObject], read: Callable[[JsonObject], Record]) -> list[Record]:
    records = []
    for row in rows:
        try:
            records.append(read(row))
        except ValueError as error:
            place = _place(row)
            raise Unreadable(f"SAP S/4HANA's {place} cannot be read: {error}", position=place) from error
    return records


def _place(row: JsonObject) -> str:
    """The end of the entity's address, such as A_Product('21')."""
    metadata = row.get("__metadata")
    uri = metadata.get("uri") if isinstance(metadata, dict) else None
    return uri.rsplit("/", 1)[-1] if isinstance(uri, str) else "entity"
