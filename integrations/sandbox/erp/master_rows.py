"""Master data as rows of the services' entity sets, shortened to SAP's field lengths."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from integrations.formats.odata import json_date, json_instant
from integrations.sandbox.erp import services
from integrations.sandbox.erp.master import Line, Master, day, is_yes
from integrations.sandbox.erp.model import EntitySet
from integrations.sandbox.erp.values import Row, blank

AREA, CHART = "A000", "YCOA"
MANUFACTURER_GROUP, SUPPLIER_GROUP = "MNFR", "SUPL"
NETWORK_ID_TYPE = "ANID"
SERIAL_PROFILE = "0001"
STATUS = {"blocked": "01", "discontinued": "OB"}
FIRST_DAY = date(2020, 1, 1)
Tables = dict[str, list[Row]]


def tables(master: Master, today: date) -> Tables:
    """The rows of every master data set."""
    found: Tables = {}

    def add(entity_set: EntitySet, **values: object) -> None:
        found.setdefault(entity_set.name, []).append(_row(entity_set, values))

    _places(master, add)
    _accounting(master, today, add)
    _partners(master, add)
    for line in master.files["items"]:
        _product(master, line, add)
    return found


def stamp_changes(connection: sqlite3.Connection, found: Tables) -> None:
    """Sets the change dates: now for what differs from the last run, as before for the rest."""
    for entity_set, parts in (
        (services.PRODUCT, ("A_ProductDescription", "A_ProductUnitsOfMeasure", "A_ProductStorage")),
        (services.PARTNER, ("A_BuPaIdentification",)),
        (services.GL_ACCOUNT, ("A_GLAccountText",)),
    ):
        parts_of: dict[str, list[Row]] = {}
        for name in parts:
            for row in found.get(name, ()):
                parts_of.setdefault(str(row[services.SETS[name].group]), []).append(row)
        for row in found.get(entity_set.name, ()):
            part_of = str(row[entity_set.group])
            body = json.dumps([row, parts_of.get(part_of, [])])
            _stamp(row, _changed(connection, entity_set.name, part_of, body))


def _stamp(row: Row, moment: datetime) -> None:
    if "LastChangeDateTime" in row:
        row["LastChangeDateTime"] = json_instant(moment)
    if "LastChangeDate" in row:
        row["LastChangeDate"] = json_date(moment.date())


def _changed(connection: sqlite3.Connection, entity_set: str, part_of: str, body: str) -> datetime:
    """When this content was first seen."""
    now = datetime.now(UTC)
    connection.execute(
        "INSERT INTO changed (entity_set, part_of, body, moment) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET body = excluded.body, moment = excluded.moment"
        " WHERE body <> excluded.body",
        (entity_set, part_of, body, now.isoformat()),
    )
    sql = "SELECT moment FROM changed WHERE entity_set = ? AND part_of = ?"
    return datetime.fromisoformat(connection.execute(sql, (entity_set, part_of)).fetchone()[0])


def _row(entity_set: EntitySet, values: Mapping[str, object]) -> Row:
    row = blank(entity_set)
    for name, value in values.items():
        one = entity_set.properties[name]
        row[name] = value[: one.size] if isinstance(value, str) and one.type == "Edm.String" else value
    return row


Add = Callable[..., None]


def _places(master: Master, add: Add) -> None:
    companies = {line.get("facility", ""): line["company_code"] for line in master.files["cost_centers"]}
    for line in master.files["facilities"]:
        company = companies.get(line["code"], "")
        add(services.PLANT, Plant=line["code"], PlantName=line["name"], CompanyCode=company)
    for line in master.files["locations"]:
        add(
            services.STORAGE_LOCATION,
            Plant=line["facility"],
            StorageLocation=line["code"],
            StorageLocationName=line["name"],
        )


def _accounting(master: Master, today: date, add: Add) -> None:
    for line in master.files["cost_centers"]:
        last = json_date(day(line["valid_to"], today))
        period = {"ValidityStartDate": json_date(day(line["valid_from"], today)), "ValidityEndDate": last}
        key = {"ControllingArea": AREA, "CostCenter": line["code"], **period}
        add(services.COST_CENTER, **key, CompanyCode=line["company_code"])
        names = {"CostCenterName": line["name"], "CostCenterDescription": line["name"]}
        add(services.COST_CENTER_TEXT, **key, Language="EN", **names)
    for line in master.files["gl_accounts"]:
        key = {"ChartOfAccounts": CHART, "GLAccount": line["code"]}
        add(services.GL_ACCOUNT, **key, IsProfitLossAccount=True, GLAccountType="P")
        names = {"GLAccountName": line["name"], "GLAccountLongName": line["name"]}
        add(services.GL_ACCOUNT_TEXT, **key, Language="EN", **names)


def _partners(master: Master, add: Add) -> None:
    for line in master.files["suppliers"]:
        blocked = is_yes(line, "blocked")
        _partner(add, line["code"], line["name"], SUPPLIER_GROUP, blocked=blocked)
        if line["network_id"]:
            add(
                services.IDENTIFICATION,
                BusinessPartner=line["code"],
                BPIdentificationType=NETWORK_ID_TYPE,
                BPIdentificationNumber=line["network_id"],
            )
    for name, number in master.manufacturers.items():
        _partner(add, number, name, MANUFACTURER_GROUP, blocked=False)


def _partner(add: Add, code: str, name: str, group: str, *, blocked: bool) -> None:
    names = {"BusinessPartnerFullName": name, "BusinessPartnerName": name, "OrganizationBPName1": name}
    created = json_date(FIRST_DAY)
    add(
        services.PARTNER,
        BusinessPartner=code,
        Supplier=code,
        BusinessPartnerCategory="2",
        CreationDate=created,
        **names,
    )
    add(
        services.SUPPLIER,
        Supplier=code,
        SupplierName=name,
        SupplierFullName=name,
        SupplierAccountGroup=group,
        PurchasingIsBlocked=blocked,
        CreationDate=created,
    )


def _product(master: Master, line: Line, add: Add) -> None:
    code, name, base = line["code"], line["name"], line["base_uom"]
    profile = SERIAL_PROFILE if is_yes(line, "serial_tracked") else ""
    add(
        services.PRODUCT,
        Product=code,
        ProductType="HAWA",
        BaseUnit=base,
        ProductGroup=line["unspsc"],
        ProductStandardID=line["base_gtin"],
        ManufacturerNumber=master.manufacturers.get(line["manufacturer"], ""),
        ProductManufacturerNumber=line["manufacturer_part"],
        IsBatchManagementRequired=is_yes(line, "lot_tracked"),
        SerialNumberProfile=profile,
        CrossPlantStatus=STATUS.get(line["lifecycle"], ""),
        CreationDate=json_date(FIRST_DAY),
    )
    add(services.PRODUCT_DESCRIPTION, Product=code, Language="EN", ProductDescription=name)
    if len(name) > 40:
        add(services.PRODUCT_TEXT, Product=code, Language="EN", LongText=name)
    shelf_life = "365" if is_yes(line, "expiry_tracked") else "0"
    add(services.PRODUCT_STORAGE, Product=code, TotalShelfLife=shelf_life, BaseUnit=base)
    for plant in master.locations:
        add(services.PRODUCT_PLANT, Product=code, Plant=plant, SerialNumberProfile=profile, BaseUnit=base)
    material = master.materials[code]
    for unit, factor in material.units.items():
        add(
            services.PRODUCT_UNIT,
            Product=code,
            AlternativeUnit=unit,
            QuantityNumerator=f"{factor:f}",
            QuantityDenominator="1",
            GlobalTradeItemNumber=material.gtins[unit],
            BaseUnit=base,
        )
