"""Master data of SAP S/4HANA in the portal's words.

Every function reads one entity and raises ValueError with a sentence for content that cannot be meant.
Names, lengths and scales are those of the services' metadata.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from integrations.canonical import (
    CostCenter,
    Facility,
    GlAccount,
    Item,
    Lifecycle,
    Location,
    Packaging,
    Supplier,
)
from integrations.erp.s4hana.settings import Settings
from integrations.formats.odata import JsonObject, expanded, read_json_date

UNSPSC_LENGTH = 8
SHELF_LIFE = ("TotalShelfLife", "MinRemainingShelfLife")


def location(row: JsonObject) -> Location:
    """A storage location (StorageLocation of API_STORAGELOCATION_SRV)."""
    code = required(row, "StorageLocation")
    return Location(code=code, name=text(row, "StorageLocationName") or code, facility=required(row, "Plant"))


def facility(row: JsonObject, locations: Mapping[str, Sequence[Location]]) -> Facility:
    """A plant (A_Plant) with its storage locations; the service knows no address."""
    code = required(row, "Plant")
    return Facility(code=code, name=text(row, "PlantName") or code, locations=tuple(locations.get(code, ())))


def cost_center(row: JsonObject, settings: Settings) -> CostCenter:
    """One period of a cost center (A_CostCenter with to_Text)."""
    code = required(row, "CostCenter")
    names = _in_language(expanded(row, "to_Text"), settings)
    return CostCenter(
        code=code,
        name=text(names, "CostCenterDescription") or text(names, "CostCenterName") or code,
        valid_from=_day(row, "ValidityStartDate") or date.min,
        valid_to=_day(row, "ValidityEndDate") or date.max,
        company_code=text(row, "CompanyCode"),
    )


def current(periods: Iterable[CostCenter], today: date) -> CostCenter:
    """Of one cost center's periods the one valid today, else the next, else the last."""

    def rank(period: CostCenter) -> tuple[bool, int]:
        if period.valid_to < today:
            return True, -period.valid_to.toordinal()
        return False, max(period.valid_from, today).toordinal()

    return min(periods, key=rank)


def gl_account(row: JsonObject, settings: Settings) -> GlAccount | None:
    """A GL account (A_GLAccountInChartOfAccounts with to_Text), or None where posting is not possible."""
    if any(row.get(name) is True for name in ("AccountIsBlockedForPosting", "AccountIsMarkedForDeletion")):
        return None
    code = required(row, "GLAccount")
    names = _in_language(expanded(row, "to_Text"), settings)
    return GlAccount(code=code, name=text(names, "GLAccountLongName") or text(names, "GLAccountName") or code)


def supplier(row: JsonObject, settings: Settings) -> Supplier | None:
    """A supplier (A_BusinessPartner with to_Supplier, to_BuPaIdentification), or None for a manufacturer."""
    master = next(iter(expanded(row, "to_Supplier")), {})
    if text(master, "SupplierAccountGroup") == settings.manufacturer_group:
        return None
    code = required(row, "Supplier")
    blocks = (
        (row, "BusinessPartnerIsBlocked"),
        (row, "IsMarkedForArchiving"),
        (master, "PurchasingIsBlocked"),
        (master, "PostingIsBlocked"),
        (master, "DeletionIndicator"),
    )
    network_ids = (
        text(one, "BPIdentificationNumber")
        for one in expanded(row, "to_BuPaIdentification")
        if text(one, "BPIdentificationType") == settings.network_id_type
    )
    return Supplier(
        code=code,
        name=text(master, "SupplierName") or text(row, "BusinessPartnerFullName") or code,
        blocked=any(part.get(name) is True for part, name in blocks),
        network_id=next(network_ids, ""),
    )


def item(row: JsonObject, settings: Settings, manufacturers: Mapping[str, str]) -> Item:
    """An item (A_Product expanded); `manufacturers` are names by the ERP's number."""
    code = required(row, "Product")
    storage = next(iter(expanded(row, "to_ProductStorage")), {})
    plants = expanded(row, "to_Plant")
    unspsc = text(row, settings.unspsc_field)
    return Item(
        code=code,
        name=_item_name(row, settings) or code,
        base_uom=settings.portal_unit(required(row, "BaseUnit")),
        unspsc=unspsc if len(unspsc) == UNSPSC_LENGTH and unspsc.isdigit() else "",
        manufacturer=manufacturers.get(text(row, "ManufacturerNumber"), ""),
        manufacturer_part=text(row, "ProductManufacturerNumber"),
        packaging=_packaging(row, settings),
        lot_tracked=row.get("IsBatchManagementRequired") is True,
        serial_tracked=any(text(part, "SerialNumberProfile") for part in (row, *plants)),
        expiry_tracked=any(_number(storage, name) > 0 for name in SHELF_LIFE),
        lifecycle=_lifecycle(row, settings),
    )


def _item_name(row: JsonObject, settings: Settings) -> str:
    """The description, or the basic text that continues it past its 40 characters."""
    short = text(_in_language(expanded(row, "to_Description"), settings), "ProductDescription")
    long = text(_in_language(expanded(row, "to_ProductBasicText"), settings), "LongText").partition("\n")[0]
    return long.strip() if short and long.startswith(short) else short


def _packaging(row: JsonObject, settings: Settings) -> tuple[Packaging, ...]:
    base = required(row, "BaseUnit")
    levels = {base: Packaging(uom=settings.portal_unit(base), factor=Decimal(1))}
    levels[base] = levels[base].model_copy(update={"gtin": text(row, "ProductStandardID")})
    for unit in expanded(row, "to_ProductUnitsOfMeasure"):
        code = required(unit, "AlternativeUnit")
        below, above = _number(unit, "QuantityNumerator"), _number(unit, "QuantityDenominator")
        if below <= 0 or above <= 0:
            raise ValueError(f"unit {code} converts as {below} to {above}")
        gtin = text(unit, "GlobalTradeItemNumber") or (levels[base].gtin if code == base else "")
        levels[code] = Packaging(uom=settings.portal_unit(code), factor=below / above, gtin=gtin)
    return tuple(sorted(levels.values(), key=lambda level: level.factor))


def _lifecycle(row: JsonObject, settings: Settings) -> Lifecycle:
    if row.get("IsMarkedForDeletion") is True:
        return Lifecycle.DISCONTINUED
    status = text(row, "CrossPlantStatus")
    since = _day(row, "CrossPlantStatusValidityDate")
    if since is not None and since > datetime.now(UTC).date():
        return Lifecycle.ACTIVE
    if status in settings.discontinued_statuses:
        return Lifecycle.DISCONTINUED
    return Lifecycle.BLOCKED if status in settings.blocked_statuses else Lifecycle.ACTIVE


def text(row: Mapping[str, object], name: str) -> str:
    """A text field without surrounding blanks; absent, null and other types are empty."""
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def required(row: JsonObject, name: str) -> str:
    """A text field that must not be empty; raises ValueError."""
    value = text(row, name)
    if not value:
        raise ValueError(f"{name} is missing")
    return value


def _number(row: JsonObject, name: str) -> Decimal:
    value = row.get(name)
    try:
        number = Decimal(str(value or 0))
    except InvalidOperation:
        raise ValueError(f"{name} is {value!r}, not a number") from None
    if not number.is_finite():
        raise ValueError(f"{name} is {value!r}, not a number")
    return number


def _day(row: JsonObject, name: str) -> date | None:
    value = row.get(name)
    return read_json_date(value).date() if isinstance(value, str) and value else None


def _in_language(rows: Sequence[JsonObject], settings: Settings) -> JsonObject:
    wanted = (row for row in rows if text(row, "Language") == settings.language)
    return next(wanted, next(iter(rows), {}))
