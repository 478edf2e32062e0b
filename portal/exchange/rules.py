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


class Received(StrEnum):
    """What became of a document a partner sent: stored, known already, or known with other content."""

    NEW = "new"
    REPEATED = "repeated"
    DIFFERENT = "different"


OUTCOME_OF: dict[type[PartnerError], Outcome] = {
    Retryable: Outcome.RETRYABLE,
    Ambiguous: Outcome.AMBIGUOUS,
    Rejected: Outcome.REJECTED,
    Misconfigured: Outcome.MISCONFIGURED,
    Unreadable: Outcome.UNREADABLE,
}

# Messages of clinical systems: sealed at rest, and applied by the feature that knows how to read them.
SEALED_KINDS = frozenset({"hl7v2", "fhir"})

DUE_STATES = (MessageState.WAITING, MessageState.WORKING)
UNFINISHED_STATES = (*DUE_STATES, MessageState.NEEDS_ATTENTION)

TRANSITIONS: dict[tuple[MessageState, str], MessageState] = {
    (MessageState.WAITING, "claim"): MessageState.WORKING,
    (MessageState.WORKING, "claim"): MessageState.WORKING,
    (MessageState.WORKING, "finish"): MessageState.DONE,
    # A try that outlived its lease may report success after a newer one has failed.
    (MessageState.WAITING, "finish"): MessageState.DONE,
    (MessageState.NEEDS_ATTENTION, "finish"): MessageState.DONE,
    (MessageState.WORKING, "wait"): MessageState.WAITING,
    (MessageState.WORKING, "stop"): MessageState.NEEDS_ATTENTION,
    (MessageState.NEEDS_ATTENTION, "retry"): MessageState.WAITING,
    (MessageState.WAITING, "retry"): MessageState.WAITING,
    (MessageState.DONE, "replay"): MessageState.WAITING,
    (MessageState.WAITING, "withdraw"): MessageState.WITHDRAWN,
    (MessageState.NEEDS_ATTENTION, "withdraw"): MessageState.WITHDRAWN,
}

REPEATED = frozenset({Outcome.RETRYABLE, Outcome.AMBIGUOUS})
# After these the partner may hold the document already.
ASK_FIRST_AFTER = frozenset({Outcome.DONE, Outcome.AMBIGUOUS, Outcome.INTERRUPTED})

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 60, 300, 900, 3600, 3600, 3600))
MOST_TRIES = len(PAUSES) + 1
# A partner that did not answer may be at work still; asked too early it would say "not here".
SETTLING_TIME = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=6)


def outcome_of(error: PartnerError) -> Outcome:
    """The outcome an error means; an unnamed one leaves open what the partner did."""
    return next((one for kind, one in OUTCOME_OF.items() if isinstance(error, kind)), Outcome.AMBIGUOUS)


def pause_after(outcome: Outcome, tries: int, retry_after: float | None = None) -> timedelta | None:
    """How long to wait after try number `tries` (from 1) ended so; None means: stop and ask a person.

    `retry_after` are the seconds the partner asked for; more than LONGEST_PAUSE is not granted.
    """
    if outcome not in REPEATED or tries >= MOST_TRIES:
        return None
    pause = PAUSES[tries - 1]
    if outcome is Outcome.AMBIGUOUS:
        pause = max(pause, SETTLING_TIME)
    asked = timedelta(seconds=min(retry_after or 0, LONGEST_PAUSE.total_seconds()))
    return max(pause, asked)


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
    CONTRACT_PRICE = "contract_price"
    PART_NUMBER = "part_number"
    DATE_PENDING = "date_pending"
    ON_HOLD = "on_hold"
    DELETED = "deleted"
    NOT_ON_CONFIRMATION = "not_on_confirmation"
    NOT_ON_ORDER = "not_on_order"
    OVER_RECEIPT = "over_receipt"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    SHORT = "short"
    SYNC_STOPPED = "sync_stopped"
    INVOICE_DIFFERENCE = "invoice_difference"
    STOCK_BELOW_ZERO = "stock_below_zero"
    STOCK_DIFFERS = "stock_differs"
    USAGE_UNKNOWN = "usage_unknown"
    USAGE_CONFLICT = "usage_conflict"
    USAGE_UNSAFE = "usage_unsafe"
    BILL_ONLY = "bill_only"
    RECALL = "recall"


STOPPED = frozenset({WorkItemKind.DELIVERY_STOPPED, WorkItemKind.NOT_APPLIED, WorkItemKind.SYNC_STOPPED})
