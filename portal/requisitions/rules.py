"""States of requisitions and their lines."""

from enum import StrEnum


class RequisitionState(StrEnum):
    """Where a requisition is; everything after `decided` follows from its lines' quantities."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DECIDED = "decided"
    CANCELLED = "cancelled"


class LineState(StrEnum):
    """What was decided on a line."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


TRANSITIONS: dict[tuple[RequisitionState, str], RequisitionState] = {
    (RequisitionState.DRAFT, "submit"): RequisitionState.SUBMITTED,
    (RequisitionState.DRAFT, "cancel"): RequisitionState.CANCELLED,
    (RequisitionState.SUBMITTED, "decide"): RequisitionState.DECIDED,
    (RequisitionState.SUBMITTED, "withdraw"): RequisitionState.CANCELLED,
}


class CheckOutcome(StrEnum):
    """Pass, warn (may be submitted) or block (may not)."""

    PASS = "pass"  # noqa: S105  # an outcome, not a password
    WARN = "warn"
    BLOCK = "block"
