"""Returns as pages show them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from portal.foundation import clock
from portal.foundation.filters import money
from portal.foundation.status import Status
from portal.receiving.models import SupplierReturn
from portal.receiving.rules import ReturnState

STATUSES = {
    ReturnState.OPEN: Status("Not in the ERP yet", "info", "clock"),
    ReturnState.SENT: Status("Credit awaited", "info", "truck-return"),
    ReturnState.LATE: Status("Credit late", "warning", "alert-triangle"),
    ReturnState.CREDITED: Status("Credited", "success", "check"),
    ReturnState.WITHOUT_CREDIT: Status("No credit expected", "neutral", "check"),
}
HEADER = (
    "return", "order", "supplier", "location", "authorization", "sent back", "days", "status", "pending",
    "currency", "credit expected", "credited", "credit note", "ERP document",
)  # fmt: skip


def row(found: Row[Any]) -> dict[str, Any]:
    """A return as a row; `found` is what the list reads of it."""
    sent_back, state = found[0], ReturnState(found.state)
    order = sent_back.order
    return {
        "id": sent_back.id,
        "number": sent_back.number,
        "order_id": order.id,
        "order": order.number,
        "supplier": order.supplier.name,
        "location": order.location.name,
        "authorization": sent_back.authorization,
        "returned_at": sent_back.returned_at,
        "days": (clock.now() - sent_back.returned_at).days,
        "zone": order.location.facility.time_zone,
        "credit_expected": sent_back.credit_expected,
        "credited": sent_back.credited,
        "currency": order.currency,
        "state": state,
        "status": STATUSES[state],
        "pending": _pending(sent_back, state, is_refused=found.is_refused),
        "tone": "warning" if state is ReturnState.LATE or found.is_refused else "",
    }


def _pending(sent_back: SupplierReturn, state: ReturnState, *, is_refused: bool) -> str:
    if state is ReturnState.CREDITED:
        short = sent_back.credit_expected - (sent_back.credited or 0)
        return f"{money(short, sent_back.order.currency)} less than expected" if short > 0 else ""
    if is_refused:
        return "The ERP refused it: see the work items."
    if state is ReturnState.WITHOUT_CREDIT:
        return ""
    if state is ReturnState.OPEN:
        after = "; the supplier's credit comes after" if sent_back.credit_expected else ""
        return f"The ERP has to take it{after}."
    return "Ask the supplier for the credit." if state is ReturnState.LATE else "The supplier's credit."


def cells(found: Row[Any]) -> Sequence[object]:
    """A return as a row of a file, in the order of HEADER."""
    shown, sent_back = row(found), found[0]
    return (
        shown["number"], shown["order"], shown["supplier"], shown["location"], shown["authorization"],
        shown["returned_at"].isoformat(), shown["days"], shown["status"].label, shown["pending"],
        shown["currency"], shown["credit_expected"], shown["credited"], sent_back.credit_number,
        sent_back.erp_number,
    )  # fmt: skip
