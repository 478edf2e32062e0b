"""Our requisitions as FHIR SupplyRequest, for systems with credentials of their own."""

import re
from typing import Any

from sqlalchemy import select

from integrations.formats.fhir.requesting import Requested, bundle_of, supply_request
from portal.clinical.models import CareRequest
from portal.foundation.db import db, found
from portal.foundation.errors import NotFound
from portal.requisitions import queries
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, RequisitionState

LINE = re.compile(r"(?P<number>[A-Z]{2}\d{2}-\d{7,12})(?:-(?P<line>\d{1,4}))?")


def by_id(text: str) -> dict[str, Any]:
    """The line RQ26-0000001-2 as a SupplyRequest; a whole requisition of several lines as a Bundle.

    Raises NotFound.
    """
    named = LINE.fullmatch(text)
    if named is None:
        raise NotFound("This request does not exist.")
    resources = of_number(named["number"])
    if named["line"] is not None:
        wanted = f"{named['number']}-{int(named['line'])}"
        return found(next((one for one in resources if one["id"] == wanted), None), "request")
    return resources[0] if len(resources) == 1 else bundle_of(resources)


def search(number: str) -> dict[str, Any]:
    """The lines of a requisition, or one of them, by business identifier, as a searchset."""
    try:
        content = by_id(number.rpartition("|")[2])
    except NotFound:
        return bundle_of([])
    return content if content["resourceType"] == "Bundle" else bundle_of([content])


def of_number(number: str) -> list[dict[str, Any]]:
    """Every line of a requisition; raises NotFound."""
    requisition_id = db.session.scalar(
        select(Requisition.id).where(
            Requisition.number == number, Requisition.state != RequisitionState.DRAFT
        )
    )
    requisition = found(queries.find(requisition_id or 0), "request")
    rush = select(CareRequest.rush_reason).where(CareRequest.requisition_id == requisition.id)
    is_rush = bool(db.session.scalar(rush))
    return [supply_request(_requested(requisition, line, is_rush=is_rush)) for line in requisition.lines]


def _requested(requisition: Requisition, line: RequisitionLine, *, is_rush: bool) -> Requested:
    return Requested(
        number=requisition.number or "", line_number=line.line_number, item_code=line.item.code,
        item_name=line.item.name, quantity=line.quantity, uom=line.uom, status=_status(requisition, line),
        authored_at=requisition.submitted_at or requisition.created_at, needed_on=requisition.need_by,
        supplier=line.offer.supplier.name, deliver_to=line.ship_to.name, is_rush=is_rush,
    )  # fmt: skip


def _status(requisition: Requisition, line: RequisitionLine) -> str:
    withdrawn = requisition.state is RequisitionState.CANCELLED or line.state is LineState.REJECTED
    if withdrawn or line.closed_quantity >= line.quantity:
        return "cancelled"
    return "completed" if line.ordered_quantity + line.closed_quantity >= line.quantity else "active"
