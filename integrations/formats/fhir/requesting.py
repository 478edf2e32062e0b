"""Our requests as SupplyRequest resources (R4 12.16), for a system that wants to read them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from integrations.formats.fhir.validation import validate

STATUSES = frozenset({"draft", "active", "completed", "cancelled"})


@dataclass(frozen=True)
class Requested:
    """One line of a request; it names no person and no patient."""

    number: str
    line_number: int
    item_code: str
    item_name: str
    quantity: Decimal
    uom: str
    status: str
    authored_at: datetime
    needed_on: date | None
    supplier: str
    deliver_to: str
    is_rush: bool = False


def supply_request(one: Requested) -> dict[str, Any]:
    """The resource; raises ValueError if it would not be valid."""
    resource: dict[str, Any] = {
        "resourceType": "SupplyRequest",
        "id": f"{one.number}-{one.line_number}",
        "identifier": [{"value": one.number}, {"value": f"{one.number}-{one.line_number}"}],
        "status": one.status,
        "priority": "urgent" if one.is_rush else "routine",
        "itemCodeableConcept": {
            "coding": [{"code": one.item_code, "display": one.item_name}],
            "text": one.item_name,
        },
        "quantity": {"value": float(one.quantity), "unit": one.uom},
        "authoredOn": one.authored_at.isoformat(),
        "supplier": [{"display": one.supplier}],
        "deliverTo": {"display": one.deliver_to},
    }
    if one.needed_on is not None:
        resource["occurrenceDateTime"] = one.needed_on.isoformat()
    faults = validate(resource, "SupplyRequest")
    if faults:
        raise ValueError(f"SupplyRequest {resource['id']}: {faults[0].text} at {faults[0].place}")
    return resource


def bundle_of(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A searchset of resources."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    }
