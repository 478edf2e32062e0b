"""States of requisitions and their lines, and what higher features tell of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class RequisitionState(StrEnum):
    """Where a requisition is; everything after `decided` follows from its lines' quantities."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    DECIDED = "decided"
    CANCELLED = "cancelled"


class RequisitionSource(StrEnum):
    """What a requisition began as; only the cart is filled over time, the others are submitted at once."""

    CART = "cart"
    STANDING = "standing"
    REPLENISHMENT = "replenishment"
    CASE = "case"
    BILL_ONLY = "bill_only"


class SplitBy(StrEnum):
    """How several cost centers share a line."""

    PERCENT = "percent"
    AMOUNT = "amount"


class LineState(StrEnum):
    """What was decided on a line."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


TRANSITIONS: dict[tuple[RequisitionState, str], RequisitionState] = {
    (RequisitionState.DRAFT, "submit"): RequisitionState.SUBMITTED,
    (RequisitionState.SUBMITTED, "decide"): RequisitionState.DECIDED,
    (RequisitionState.SUBMITTED, "withdraw"): RequisitionState.CANCELLED,
    (RequisitionState.DECIDED, "reopen"): RequisitionState.SUBMITTED,
}


class CheckOutcome(StrEnum):
    """Pass, warn (may be submitted) or block (may not)."""

    PASS = "pass"  # noqa: S105  # an outcome, not a password
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True)
class Kept:
    """What a check said when it was asked, with its evidence; no line is the whole requisition.

    `version` is that of the rule, `measure` what it weighed, `data_at` how old the facts were.
    """

    rule: str
    version: int
    outcome: CheckOutcome
    sentence: str
    line_id: int | None
    evidence: Sequence[Sequence[str]]
    measure: Decimal | None
    data_at: datetime | None


def kept(stored: Mapping[str, Any]) -> Kept:
    """From JSON, which has numbers and times as text."""
    measure, data_at = stored["measure"], stored["data_at"]
    return Kept(
        rule=stored["rule"],
        version=stored["version"],
        outcome=CheckOutcome(stored["outcome"]),
        sentence=stored["sentence"],
        line_id=stored["line_id"],
        evidence=stored["evidence"],
        measure=None if measure is None else Decimal(measure),
        data_at=None if data_at is None else datetime.fromisoformat(data_at),
    )


MOST_LINES = 200
MOST_QUANTITY = Decimal(99_999)
TOO_MANY = f"Ask for at most {MOST_QUANTITY:,} packs in one line."
LONGEST_NOTE = 1000
LONGEST_REASON = 300
OTHER_REASON = "Other"
CLOSE_REASONS = (
    "No longer needed",
    "Got it elsewhere",
    "Requested something else instead",
    "Entered by mistake",
    OTHER_REASON,
)

# What approvals and orders, which stand above this feature, tell of a requisition.


@dataclass(frozen=True)
class Question:
    """What an approver wants to know before deciding; the answer is empty until it is given."""

    id: int
    asked_by: str
    text: str
    answer: str = ""


@dataclass(frozen=True)
class ApprovalPart:
    """One approval of a requisition: who may decide it, or who did."""

    step_id: int
    cost_center: str
    amount: Decimal
    is_open: bool
    waits_for: tuple[str, ...] = ()
    opened_at: datetime | None = None
    decided_by: str = ""
    decided_at: datetime | None = None
    comment: str = ""
    why: str = ""
    held: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class OrderPart:
    """What became of the part of a requisition line that an order carries, in the line's unit."""

    requisition_id: int
    line_id: int
    order_id: int
    order: str
    supplier: str
    ordered_at: datetime
    is_sent: bool
    is_stopped: bool
    quantity: Decimal
    cancelled: Decimal
    confirmed: Decimal
    shipped: Decimal
    received: Decimal
    expected_on: date | None
    needed_on: date
    troubles: tuple[str, ...] = ()

    @property
    def wanted(self) -> Decimal:
        """Ordered and not cancelled."""
        return self.quantity - self.cancelled


@dataclass(frozen=True)
class Progress:
    """How far a requisition line has come, in its unit; each quantity holds the next ones in it."""

    requested: Decimal
    closed: Decimal
    ordered: Decimal
    cancelled: Decimal
    confirmed: Decimal
    shipped: Decimal
    received: Decimal

    @property
    def wanted(self) -> Decimal:
        """What is still to come or has come: requested, not closed, not cancelled."""
        return self.requested - self.closed - self.cancelled

    @property
    def open(self) -> Decimal:
        """Neither ordered nor closed."""
        return self.requested - self.closed - self.ordered


def progress_of(
    *, requested: Decimal, closed: Decimal, ordered: Decimal, parts: Sequence[OrderPart]
) -> Progress:
    """The line's own quantities with those of the orders that carry it."""
    return Progress(
        requested=requested,
        closed=closed,
        ordered=ordered,
        cancelled=sum((part.cancelled for part in parts), Decimal()),
        confirmed=sum((part.confirmed for part in parts), Decimal()),
        shipped=sum((part.shipped for part in parts), Decimal()),
        received=sum((part.received for part in parts), Decimal()),
    )


class Stage(StrEnum):
    """The steps of a requisition on its way to the clinic."""

    REQUESTED = "requested"
    APPROVED = "approved"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    RECEIVED = "received"


def reached(stage: Stage, progress: Progress) -> Decimal:
    """How much of a line has reached a stage after approval."""
    return {
        Stage.ORDERED: progress.ordered - progress.cancelled,
        Stage.CONFIRMED: max(progress.confirmed, progress.shipped),  # what is on its way needs no answer
        Stage.SHIPPED: progress.shipped,
        Stage.RECEIVED: progress.received,
    }[stage]
