"""States of requisitions and their lines, and the checks before submit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from integrations.canonical import Lifecycle
from portal.budgets.rules import Balance, Control
from portal.foundation.quantity import is_multiple, plain


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


# The checks before submit. Each rule names its version; raise it when its meaning changes.


@dataclass(frozen=True)
class LineFacts:
    """What is known of a line when it is checked; `today` is the facility's day."""

    today: date
    number: int
    item: str
    quantity: Decimal
    uom: str
    need_by: date | None
    lifecycle: Lifecycle
    offer_active: bool
    supplier: str
    supplier_blocked: bool
    unit_price: Decimal
    price_shown: Decimal
    contract: str | None
    contract_ends: date | None
    cost_center: str | None
    cost_center_valid: tuple[date, date] | None
    cost_center_allowed: bool
    gl_account: str | None


@dataclass(frozen=True)
class BudgetFacts:
    """A cost center's money when a cart is checked; no balance means no budget."""

    cost_center: str
    control: Control
    balance: Balance | None
    asked: Decimal


@dataclass(frozen=True)
class Check:
    """What a rule says, in a sentence, with the evidence it used; line 0 is the whole requisition."""

    rule: str
    version: int
    outcome: CheckOutcome
    sentence: str
    line: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)


CONTRACT_ENDS_SOON = timedelta(days=30)


def check_line(facts: LineFacts) -> list[Check]:
    """All rules of one line."""
    return [
        rule(facts) for rule in (_item, _quantity, _price, _price_moved, _cost_center, _gl_account, _need_by)
    ]


def _of(facts: LineFacts, rule: str, outcome: CheckOutcome, sentence: str, **evidence: Any) -> Check:
    return Check(rule, 1, outcome, sentence, facts.number, evidence)


def _item(facts: LineFacts) -> Check:
    evidence = {"lifecycle": facts.lifecycle, "supplier_blocked": facts.supplier_blocked}
    if facts.lifecycle is not Lifecycle.ACTIVE or not facts.offer_active:
        sentence = f"{facts.item} is {facts.lifecycle if facts.offer_active else 'no longer offered'}."
        return _of(facts, "item", CheckOutcome.BLOCK, f"{sentence} Choose another item.", **evidence)
    if facts.supplier_blocked:
        sentence = f"{facts.supplier} is blocked for new orders. Choose another supplier."
        return _of(facts, "item", CheckOutcome.BLOCK, sentence, **evidence)
    return _of(facts, "item", CheckOutcome.PASS, f"{facts.item} may be requested.", **evidence)


def _quantity(facts: LineFacts) -> Check:
    evidence = {"quantity": facts.quantity, "uom": facts.uom}
    if facts.quantity <= 0 or not is_multiple(facts.quantity, Decimal(1)):
        sentence = f"{facts.uom} is ordered in whole packs. Enter a whole number."
        return _of(facts, "quantity", CheckOutcome.BLOCK, sentence, **evidence)
    sentence = f"{plain(facts.quantity)} {facts.uom}, whole packs."
    return _of(facts, "quantity", CheckOutcome.PASS, sentence, **evidence)


def _price(facts: LineFacts) -> Check:
    evidence = {"contract": facts.contract, "ends": facts.contract_ends, "unit_price": facts.unit_price}
    if facts.contract is None or facts.contract_ends is None:
        sentence = f"No contract price today for {facts.item}; the list price is used."
        return _of(facts, "price", CheckOutcome.WARN, sentence, **evidence)
    if facts.contract_ends - facts.today <= CONTRACT_ENDS_SOON:
        sentence = f"Contract {facts.contract} ends on {facts.contract_ends:%b %-d, %Y}."
        return _of(facts, "price", CheckOutcome.WARN, sentence, **evidence)
    return _of(facts, "price", CheckOutcome.PASS, f"Price of contract {facts.contract}.", **evidence)


def _price_moved(facts: LineFacts) -> Check:
    evidence = {"shown": facts.price_shown, "today": facts.unit_price}
    if facts.price_shown != facts.unit_price:
        sentence = (
            f"The price of {facts.item} changed from {facts.price_shown.normalize():f} to "
            f"{facts.unit_price.normalize():f} per {facts.uom} since it was added."
        )
        return _of(facts, "price_moved", CheckOutcome.WARN, sentence, **evidence)
    sentence = "The price has not changed since it was added."
    return _of(facts, "price_moved", CheckOutcome.PASS, sentence, **evidence)


def _cost_center(facts: LineFacts) -> Check:
    evidence = {"cost_center": facts.cost_center, "valid": facts.cost_center_valid}
    if facts.cost_center is None or facts.cost_center_valid is None:
        sentence = "No cost center. Ask an administrator to give this location one."
        return _of(facts, "cost_center", CheckOutcome.BLOCK, sentence, **evidence)
    start, end = facts.cost_center_valid
    if not start <= facts.today <= end:
        when = f"ended on {end:%b %-d, %Y}" if facts.today > end else f"begins on {start:%b %-d, %Y}"
        sentence = f"Cost center {facts.cost_center} {when}. Choose a valid one."
        return _of(facts, "cost_center", CheckOutcome.BLOCK, sentence, **evidence)
    if not facts.cost_center_allowed:
        sentence = f"You may not charge cost center {facts.cost_center}."
        return _of(facts, "cost_center", CheckOutcome.BLOCK, sentence, **evidence)
    sentence = f"Cost center {facts.cost_center} is valid."
    return _of(facts, "cost_center", CheckOutcome.PASS, sentence, **evidence)


def _gl_account(facts: LineFacts) -> Check:
    evidence = {"gl_account": facts.gl_account}
    if facts.gl_account is None:
        sentence = f"{facts.item} has no GL account. Ask an administrator to complete the item."
        return _of(facts, "gl_account", CheckOutcome.BLOCK, sentence, **evidence)
    return _of(facts, "gl_account", CheckOutcome.PASS, f"Charged to {facts.gl_account}.", **evidence)


def _need_by(facts: LineFacts) -> Check:
    evidence = {"need_by": facts.need_by, "today": facts.today}
    if facts.need_by is not None and facts.need_by < facts.today:
        sentence = "The need-by date is in the past. Choose today or later."
        return _of(facts, "need_by", CheckOutcome.BLOCK, sentence, **evidence)
    return _of(facts, "need_by", CheckOutcome.PASS, "The need-by date is ahead.", **evidence)


def check_budget(facts: BudgetFacts) -> Check:
    """available = budget - requested - ordered - invoiced must cover what is asked."""
    if facts.balance is None:
        sentence = f"Cost center {facts.cost_center} has no budget for today; nothing is held."
        return Check("budget", 1, CheckOutcome.WARN, sentence, evidence={"asked": facts.asked})
    left = facts.balance.available - facts.asked
    evidence = {
        "budget": facts.balance.budget,
        "requested": facts.balance.requested,
        "ordered": facts.balance.ordered,
        "invoiced": facts.balance.invoiced,
        "available": facts.balance.available,
        "asked": facts.asked,
        "left": left,
    }
    if left >= 0:
        sentence = f"Cost center {facts.cost_center}: {left:,.2f} left after this request."
        return Check("budget", 1, CheckOutcome.PASS, sentence, evidence=evidence)
    sentence = (
        f"Cost center {facts.cost_center} has {facts.balance.available:,.2f} available; "
        f"this request needs {facts.asked:,.2f}."
    )
    outcome = {Control.NONE: CheckOutcome.PASS, Control.WARN: CheckOutcome.WARN}.get(
        facts.control, CheckOutcome.BLOCK
    )
    return Check("budget", 1, outcome, sentence, evidence=evidence)


def worst(checks: Sequence[Check]) -> CheckOutcome:
    """The outcome that decides."""
    order = list(CheckOutcome)
    return max((check.outcome for check in checks), key=order.index, default=CheckOutcome.PASS)
