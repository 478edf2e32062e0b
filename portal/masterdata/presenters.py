"""Master data as its pages show it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from integrations.canonical import Lifecycle
from portal.foundation.filters import day
from portal.foundation.status import Status
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    Crosswalk,
    Item,
    Location,
    Supplier,
)
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import Validity, validity
from portal.masterdata.schemas import SCHEMAS

LIFECYCLES: Mapping[Lifecycle, Status] = {
    Lifecycle.ACTIVE: Status("Active", "success", "circle-check"),
    Lifecycle.BLOCKED: Status("Blocked", "danger", "ban"),
    Lifecycle.DISCONTINUED: Status("Discontinued", "warning", "archive"),
}
VALIDITIES: Mapping[Validity, Status] = {
    Validity.EFFECTIVE: Status("Effective", "success", "circle-check"),
    Validity.EXPIRING: Status("Expires soon", "warning", "clock"),
    Validity.FUTURE: Status("Not yet valid", "info", "calendar"),
    Validity.EXPIRED: Status("Expired", "neutral", "archive"),
}
ACTIVE = Status("Active", "success", "circle-check")
INACTIVE = Status("Inactive", "neutral", "archive")
BLOCKED = Status("Blocked", "danger", "ban")
ENTITIES = {
    "facility": "Facility",
    "location": "Location",
    "cost_center": "Cost center",
    "gl_account": "GL account",
    "supplier": "Supplier",
    "item": "Item",
}
KIND_CHOICES = {kind.value: schema.label for kind, schema in SCHEMAS.items()}
LIFECYCLE_CHOICES = {"": "Any lifecycle"} | {one.value: shown.label for one, shown in LIFECYCLES.items()}
VALIDITY_CHOICES = {"": "Any validity"} | {one.value: shown.label for one, shown in VALIDITIES.items()}
ENTITY_CHOICES = {"": "Any kind"} | ENTITIES
SYNC_KIND_CHOICES = {"": "Any kind"} | {kind.value: source.label for kind, source in SOURCES.items()}


def span(start: date, end: date) -> str:
    """From and to in words; the far end of time is left open."""
    return f"from {day(start)}" if end.year == date.max.year else f"{day(start)} – {day(end)}"


def item_row(item: Item) -> dict[str, Any]:
    """A row of the list of items."""
    return {
        "id": item.id,
        "code": item.code,
        "name": item.name,
        "maker": " ".join(filter(None, (item.manufacturer, item.manufacturer_part))),
        "category": item.category,
        "base_uom": item.base_uom,
        "lifecycle": LIFECYCLES[item.lifecycle],
    }


def item_page(item: Item, called: Sequence[Any]) -> dict[str, Any]:
    """What is known of one item besides its prices."""
    tracked = [word for word in ("lot", "serial", "expiry") if getattr(item, f"{word}_tracked")]
    return {
        "name": item.name,
        "code": item.code,
        "lifecycle": LIFECYCLES[item.lifecycle],
        "facts": [
            {"label": "Code", "value": item.code},
            {"label": "Category", "value": item.category},
            {"label": "UNSPSC", "value": item.unspsc},
            {"label": "Manufacturer", "value": item.manufacturer},
            {"label": "Manufacturer's part", "value": item.manufacturer_part},
            {"label": "Base unit", "value": item.base_uom},
            {"label": "Tracked by", "value": ", ".join(tracked) or "nothing"},
            *({"label": f"{partner} calls it", "value": external} for partner, external in called),
        ],
        "packaging": sorted(item.packaging, key=lambda level: level.factor),
    }


def price_row(line: ContractLine, contract: Contract, today: date) -> dict[str, Any]:
    """A contract price; its days are those on which line and contract are both valid."""
    start, end = max(line.valid_from, contract.valid_from), min(line.valid_to, contract.valid_to)
    state = validity(start, end, today)
    return {
        "contract_id": contract.id,
        "contract": contract.number,
        "supplier_part": line.supplier_part,
        "uom": line.uom,
        "from_quantity": line.minimum_quantity,
        "price": line.unit_price,
        "consignment": line.consignment,
        "currency": contract.currency,
        "span": span(start, end),
        "status": VALIDITIES[state],
        "tone": "success" if state in (Validity.EFFECTIVE, Validity.EXPIRING) else "",
    }


def contract_price_row(row: Any, contract: Contract, today: date) -> dict[str, Any]:
    """A price (line, item's code, item's name) on the page of its contract."""
    line, code, name = row
    return {**price_row(line, contract, today), "item_id": line.item_id, "code": code, "name": name}


def item_prices(lines: Sequence[ContractLine], today: date) -> list[dict[str, Any]]:
    """The prices on the page of their item: those that count today, what follows, what was."""
    rows = [
        {**price_row(line, line.contract, today), "supplier": line.contract.supplier.name} for line in lines
    ]
    return sorted(rows, key=lambda row: list(VALIDITIES.values()).index(row["status"]))


def contract_row(contract: Contract, lines: int, today: date) -> dict[str, Any]:
    """A row of the list of contracts."""
    return {
        "id": contract.id,
        "number": contract.number,
        "name": contract.name,
        "supplier": contract.supplier.name,
        "span": span(contract.valid_from, contract.valid_to),
        "lines": lines,
        "status": VALIDITIES[validity(contract.valid_from, contract.valid_to, today)],
    }


def supplier_row(supplier: Supplier, contracts: int) -> dict[str, Any]:
    """A row of the list of suppliers."""
    return {
        "code": supplier.code,
        "name": supplier.name,
        "network_id": supplier.network_id,
        "email": supplier.email,
        "minimum_order": supplier.minimum_order,
        "contracts": contracts,
        "status": BLOCKED if supplier.blocked else ACTIVE,
    }


def location_row(location: Location) -> dict[str, Any]:
    """A row of the list of locations."""
    center = location.cost_center
    return {
        "code": location.code,
        "name": location.name,
        "kind": location.kind.value.replace("_", " ").capitalize(),
        "facility": location.facility.name,
        "cost_center": f"{center.code} {center.name}" if center else "",
        "status": ACTIVE if location.active else INACTIVE,
    }


def cost_center_row(center: CostCenter, facility: str | None, today: date) -> dict[str, Any]:
    """A row of the list of cost centers."""
    state = VALIDITIES[validity(center.valid_from, center.valid_to, today)]
    return {
        "code": center.code,
        "name": center.name,
        "facility": facility or "",
        "company_code": center.company_code,
        "span": span(center.valid_from, center.valid_to),
        "status": state if center.active else INACTIVE,
    }


def crosswalk_row(
    row: Crosswalk, partner: str, names: Mapping[tuple[str, int], tuple[str, str]]
) -> dict[str, Any]:
    """A row of the crosswalk."""
    code, name = names.get((row.entity, row.entity_id), ("", "no longer there"))
    return {
        "external_id": row.external_id,
        "partner": partner,
        "entity": ENTITIES.get(row.entity, row.entity),
        "code": code,
        "name": name,
        "item_id": row.entity_id if row.entity == "item" else None,
        "confirmed": row.confirmed_by_id is not None,
        "updated_at": row.updated_at,
    }
