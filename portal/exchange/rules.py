"""States of messages and work items, retry pauses: plain tables."""

from datetime import timedelta
from enum import StrEnum

from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable, Unreadable


class Direction(StrEnum):
    """Seen from the portal."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class MessageState(StrEnum):
    """Where a message is; `working` is claimed by a worker until its lease ends."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    NEEDS_ATTENTION = "needs_attention"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """How one attempt ended; `interrupted` means its worker died before saying."""

    DONE = "done"
    RETRYABLE = "retryable"
    AMBIGUOUS = "ambiguous"
    REJECTED = "rejected"
    MISCONFIGURED = "misconfigured"
    UNREADABLE = "unreadable"
    INTERRUPTED = "interrupted"


OUTCOME_OF: dict[type[PartnerError], Outcome] = {
    Retryable: Outcome.RETRYABLE,
    Ambiguous: Outcome.AMBIGUOUS,
    Rejected: Outcome.REJECTED,
    Misconfigured: Outcome.MISCONFIGURED,
    Unreadable: Outcome.UNREADABLE,
}

TRANSITIONS: dict[tuple[MessageState, str], MessageState] = {
    (MessageState.WAITING, "claim"): MessageState.WORKING,
    (MessageState.WORKING, "claim"): MessageState.WORKING,
    (MessageState.WORKING, "finish"): MessageState.DONE,
    (MessageState.WORKING, "wait"): MessageState.WAITING,
    (MessageState.WORKING, "stop"): MessageState.NEEDS_ATTENTION,
    (MessageState.NEEDS_ATTENTION, "retry"): MessageState.WAITING,
    (MessageState.WAITING, "retry"): MessageState.WAITING,
    (MessageState.DONE, "replay"): MessageState.WAITING,
    (MessageState.WAITING, "withdraw"): MessageState.WITHDRAWN,
    (MessageState.NEEDS_ATTENTION, "withdraw"): MessageState.WITHDRAWN,
}

REPEATED = frozenset({Outcome.RETRYABLE, Outcome.AMBIGUOUS})
ASK_FIRST_AFTER = frozenset({Outcome.AMBIGUOUS, Outcome.INTERRUPTED})
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 60, 300, 900, 3600, 3600, 3600))


def pause_before(attempt: int) -> timedelta | None:
    """How long to wait before the attempt after number `attempt` (from 1); None gives up."""
    return PAUSES[attempt - 1] if attempt <= len(PAUSES) else None


class WorkItemKind(StrEnum):
    """Why a person must decide (DESIGN of the order desk: the supplier's or a partner's deviation)."""

    DELIVERY_STOPPED = "delivery_stopped"
    NOT_APPLIED = "not_applied"
    DATE_CHANGED = "date_changed"
    SUBSTITUTION = "substitution"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    QUANTITY = "quantity"
    UNIT = "unit"
    PRICE = "price"
    NOT_ON_ORDER = "not_on_order"
    OVER_RECEIPT = "over_receipt"
    SYNC_STOPPED = "sync_stopped"
    INVOICE_DIFFERENCE = "invoice_difference"
