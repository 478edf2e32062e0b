"""The checks before submit: each says pass, warn or block, with the evidence it used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from babel.numbers import format_currency

from integrations.canonical import Lifecycle
from portal.budgets.rules import Balance, Control
from portal.foundation.money import extended
from portal.foundation.quantity import is_multiple, plain
from portal.requisitions.rules import CheckOutcome

CONTRACT_ENDS_SOON = timedelta(days=30)
LABELS = {
    "item": "Item may be requested",
    "quantity": "Whole packs",
    "price": "Contract price",
    "price_moved": "Price since it was added",
    "cost_center": "Cost center",
    "gl_account": "GL account",
    "need_by": "Need-by date",
    "budget": "Budget",
}
Evidence = tuple[tuple[str, str], ...]
"""Pairs of a label and a value as people read them."""


@dataclass(frozen=True)
class LineFacts:
    """What is known of a line when it is checked."""

    number: int
    item: str
    quantity: Decimal
    uom: str
    pack: str
    lifecycle: Lifecycle
    offer_active: bool
    supplier: str
    supplier_blocked: bool
    currency: str
    unit_price: Decimal
    price_shown: Decimal
    contract_line_id: int | None
    contract: str | None
    contract_tier: Decimal  # from so many packs on; 0 or 1 is the first tier
    contract_ends: date | None
    gl_account: str | None

    @property
    def amount(self) -> Decimal:
        """What the line costs today."""
        return extended(self.quantity, self.unit_price)

    @property
    def contract_in_words(self) -> str:
        """The contract and its tier; without one the list price."""
        if self.contract is None:
            return "List price"
        tier = f", tier from {plain(self.contract_tier)} {self.uom}" if self.contract_tier > 1 else ""
        return f"{self.contract}{tier}"


@dataclass(frozen=True)
class CenterFacts:
    """The cost center that pays, and whether this person may charge it."""

    name: str
    valid_from: date
    valid_to: date
    is_allowed: bool


@dataclass(frozen=True)
class BudgetFacts:
    """A cost center's money when a cart is checked; no balance means no budget."""

    cost_center: str
    control: Control
    balance: Balance | None
    asked: Decimal
    budget_id: int | None = None
    currency: str = "USD"

    @property
    def left(self) -> Decimal:
        """What remains after this cart."""
        return (self.balance.available if self.balance else Decimal()) - self.asked


@dataclass(frozen=True)
class CartFacts:
    """Everything the checks look at; `today` is the facility's day."""

    today: date
    need_by: date | None
    center: CenterFacts | None
    lines: Sequence[LineFacts]
    budgets: Sequence[BudgetFacts]

    @property
    def total(self) -> Decimal:
        """What the cart costs today."""
        return sum((line.amount for line in self.lines), Decimal())


@dataclass(frozen=True)
class Check:
    """What a rule says, in a sentence; line 0 is the whole requisition.

    Raise the version of a rule when its meaning changes.
    """

    rule: str
    outcome: CheckOutcome
    sentence: str
    line: int = 0
    evidence: Evidence = ()
    version: int = 1


def check(facts: CartFacts) -> list[Check]:
    """What every rule says, line by line, then of the whole."""
    return [
        *(result for line in facts.lines for result in check_line(line, facts.today)),
        check_cost_center(facts.center, facts.today),
        check_need_by(facts.need_by, facts.today),
        *(check_budget(budget) for budget in facts.budgets),
    ]


def worst(checks: Sequence[Check]) -> CheckOutcome:
    """The outcome that decides."""
    order = list(CheckOutcome)
    return max((check.outcome for check in checks), key=order.index, default=CheckOutcome.PASS)


def check_line(facts: LineFacts, today: date) -> list[Check]:
    """All rules of one line."""
    return [_item(facts), _quantity(facts), _price(facts, today), _price_moved(facts), _gl_account(facts)]


def _item(facts: LineFacts) -> Check:
    evidence = (
        ("Item", facts.lifecycle.value),
        ("Offer", "active" if facts.offer_active else "withdrawn"),
        ("Supplier", f"{facts.supplier}, {'blocked' if facts.supplier_blocked else 'open for orders'}"),
    )
    outcome, sentence = CheckOutcome.PASS, f"{facts.item} may be requested."
    if facts.lifecycle is not Lifecycle.ACTIVE:
        outcome = CheckOutcome.BLOCK
        sentence = f"{facts.item} is {facts.lifecycle.value}. Remove it and choose a substitute."
    elif not facts.offer_active:
        outcome = CheckOutcome.BLOCK
        sentence = (
            f"{facts.item} is no longer offered by {facts.supplier}. Remove it and choose another offer."
        )
    elif facts.supplier_blocked:
        outcome = CheckOutcome.BLOCK
        sentence = f"{facts.supplier} is blocked for new orders. Choose another supplier of {facts.item}."
    return Check("item", outcome, sentence, facts.number, evidence)


def _quantity(facts: LineFacts) -> Check:
    evidence = (("Quantity", f"{plain(facts.quantity)} {facts.uom}"), ("Pack", facts.pack))
    if facts.quantity <= 0 or not is_multiple(facts.quantity, Decimal(1)):
        sentence = f"{facts.item} comes in whole packs ({facts.pack}). Enter a whole number."
        return Check("quantity", CheckOutcome.BLOCK, sentence, facts.number, evidence)
    sentence = f"{plain(facts.quantity)} whole packs of {facts.item}."
    return Check("quantity", CheckOutcome.PASS, sentence, facts.number, evidence)


def _price(facts: LineFacts, today: date) -> Check:
    price = ("Price", f"{spoken_price(facts.unit_price, facts.currency)} per {facts.uom}")
    if facts.contract is None or facts.contract_ends is None:
        sentence = f"{facts.item} has no contract price today; the list price is used."
        evidence: Evidence = (("Contract", "none valid today"), price)
        return Check("price", CheckOutcome.WARN, sentence, facts.number, evidence)
    evidence = (
        ("Contract", facts.contract_in_words),
        ("Valid until", spoken_day(facts.contract_ends)),
        price,
    )
    if facts.contract_ends - today <= CONTRACT_ENDS_SOON:
        sentence = f"Contract {facts.contract} for {facts.item} ends on {spoken_day(facts.contract_ends)}."
        return Check("price", CheckOutcome.WARN, sentence, facts.number, evidence)
    sentence = f"{facts.item} has the price of contract {facts.contract}."
    return Check("price", CheckOutcome.PASS, sentence, facts.number, evidence)


def _price_moved(facts: LineFacts) -> Check:
    before, now = (spoken_price(one, facts.currency) for one in (facts.price_shown, facts.unit_price))
    evidence = (("When it was added", before), ("Today", now))
    if facts.price_shown != facts.unit_price:
        sentence = f"{facts.item} now costs {now} per {facts.uom}; it was {before} when you added it."
        return Check("price_moved", CheckOutcome.WARN, sentence, facts.number, evidence)
    sentence = f"The price of {facts.item} is the same as when you added it."
    return Check("price_moved", CheckOutcome.PASS, sentence, facts.number, evidence)


def _gl_account(facts: LineFacts) -> Check:
    evidence = (("GL account", facts.gl_account or "none"),)
    if facts.gl_account is None:
        sentence = f"{facts.item} has no GL account in use. Ask your administrator to complete the item."
        return Check("gl_account", CheckOutcome.BLOCK, sentence, facts.number, evidence)
    sentence = f"{facts.item} is charged to {facts.gl_account}."
    return Check("gl_account", CheckOutcome.PASS, sentence, facts.number, evidence)


def check_cost_center(center: CenterFacts | None, today: date) -> Check:
    """The location's cost center is in use, valid today and this person's to charge."""
    if center is None:
        sentence = "This location has no cost center in use. Ask your administrator to give it one."
        return Check("cost_center", CheckOutcome.BLOCK, sentence, evidence=(("Cost center", "none"),))
    evidence = (
        ("Cost center", center.name),
        ("Valid", f"{spoken_day(center.valid_from)} to {spoken_day(center.valid_to)}"),
        ("Today", spoken_day(today)),
    )
    outcome, sentence = CheckOutcome.BLOCK, ""
    if today > center.valid_to:
        sentence = f"Cost center {center.name} ended on {spoken_day(center.valid_to)}."
    elif today < center.valid_from:
        sentence = f"Cost center {center.name} begins on {spoken_day(center.valid_from)}."
    elif not center.is_allowed:
        sentence = f"You may not charge cost center {center.name}."
    else:
        outcome = CheckOutcome.PASS
    advice = "Ask your administrator." if sentence else f"Cost center {center.name} is valid today."
    return Check("cost_center", outcome, f"{sentence} {advice}".strip(), evidence=evidence)


def check_need_by(need_by: date | None, today: date) -> Check:
    """The need-by date lies ahead, or none is given."""
    if need_by is None:
        sentence = "No need-by date: it is ordered as soon as it is approved."
        return Check("need_by", CheckOutcome.PASS, sentence)
    evidence = (("Need by", spoken_day(need_by)), ("Today", spoken_day(today)))
    if need_by < today:
        sentence = "The need-by date is in the past. Choose today or later."
        return Check("need_by", CheckOutcome.BLOCK, sentence, evidence=evidence)
    sentence = f"Needed by {spoken_day(need_by)}."
    return Check("need_by", CheckOutcome.PASS, sentence, evidence=evidence)


def check_budget(facts: BudgetFacts) -> Check:
    """available = budget - requested - ordered - invoiced must cover what is asked."""

    def spoken(amount: Decimal) -> str:
        return spoken_money(amount, facts.currency)

    if facts.balance is None:
        sentence = f"Cost center {facts.cost_center} has no budget for today; nothing is held."
        return Check("budget", CheckOutcome.WARN, sentence, evidence=(("This request", spoken(facts.asked)),))
    balance = facts.balance
    evidence = (
        ("Budget", spoken(balance.budget)),
        ("Requested, not ordered yet", spoken(-balance.requested)),
        ("Ordered, not invoiced yet", spoken(-balance.ordered)),
        ("Invoiced", spoken(-balance.invoiced)),
        ("Available", spoken(balance.available)),
        ("This request", spoken(-facts.asked)),
        ("Left after it", spoken(facts.left)),
    )
    if facts.left >= 0:
        sentence = f"Cost center {facts.cost_center} has {spoken(facts.left)} left after this request."
        return Check("budget", CheckOutcome.PASS, sentence, evidence=evidence)
    sentence = (
        f"Cost center {facts.cost_center} has {spoken(balance.available)} available; "
        f"this request needs {spoken(facts.asked)}."
    )
    if facts.control is Control.BLOCK:
        advice = "Take something out, or ask the budget owner."
        return Check("budget", CheckOutcome.BLOCK, f"{sentence} {advice}", evidence=evidence)
    outcome = CheckOutcome.WARN if facts.control is Control.WARN else CheckOutcome.PASS
    return Check("budget", outcome, f"{sentence} The approver will see it.", evidence=evidence)


def spoken_money(amount: Decimal, currency: str) -> str:
    """$1,234.50; nothing is written as $0.00 whatever its sign."""
    return str(format_currency(amount + 0, currency, locale="en_US"))


def spoken_price(amount: Decimal, currency: str) -> str:
    """A unit price with two to four decimals."""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    pattern = f"¤#,##0.{'0' * decimals}"
    return str(format_currency(amount, currency, format=pattern, locale="en_US", currency_digits=False))


def spoken_day(day: date) -> str:
    """Nov 22, 2026"""
    return f"{day:%b %-d, %Y}"
