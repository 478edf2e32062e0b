"""Every rule of the checks in plain words, and which setting counts where and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from portal.foundation.quantity import plain
from portal.requisitions.rules import CheckOutcome


class Severity(StrEnum):
    """What a finding does: nothing, a warning, or it may not be submitted."""

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


@dataclass(frozen=True)
class Threshold:
    """From where on a rule speaks up: above it, or at or below it with `at_most`."""

    label: str
    unit: str
    usual: Decimal
    most: Decimal
    at_most: bool = False

    def is_passed(self, measure: Decimal, value: Decimal) -> bool:
        """Whether what was measured is a finding."""
        return measure <= value if self.at_most else measure > value


@dataclass(frozen=True)
class Rule:
    """A rule in plain words; the first severity is the usual one, an only one is fixed.

    `source` is the master data it looks at, `weighs` what it judges: a requisition, an
    order at the dock, a change of an order, or a supplier's confirmation.
    """

    key: str
    label: str
    words: str
    severities: tuple[Severity, ...]
    threshold: Threshold | None = None
    source: str = ""
    by_category: bool = True
    weighs: str = "requisition"

    @property
    def usual(self) -> Severity:
        """How strict it is unless a setting says otherwise."""
        return self.severities[0]

    @property
    def is_fixed(self) -> bool:
        """Whether it has no settings."""
        return len(self.severities) == 1


_BLOCKS, _WARNS = (Severity.BLOCK,), (Severity.WARN,)
_ANY = (Severity.WARN, Severity.BLOCK, Severity.OFF)
_RULES = (
    Rule("item", "Item may be requested", "The item is active and still offered, its supplier open for "
         "orders.", _BLOCKS, source="items"),
    Rule("recalled", "No recall", "No open recall names the whole item; recalled lots are told.", _BLOCKS),
    Rule("restricted", "Restricted items", "A restricted item is requested only by somebody with the role or "
         "credential it needs.", (Severity.BLOCK, Severity.WARN)),
    Rule("uom", "Unit of measure", "The supplier offers the unit, and it holds what the packaging says.",
         _BLOCKS, source="items"),
    Rule("quantity", "Whole packs", "The quantity is a whole number of packs.", _BLOCKS),
    Rule("price", "Contract price", "A contract prices the item today; otherwise its equivalent on contract "
         "is offered.", _ANY, Threshold("Only above", "$", Decimal(), Decimal(1_000_000)),
         source="contract_lines"),
    Rule("contract_ends", "Contract ends soon", "The contract that prices the item does not end within so "
         "many days.", _ANY, Threshold("Within", "days", Decimal(30), Decimal(365), at_most=True),
         source="contract_lines"),
    Rule("price_moved", "Price since it was added", "The price is the one shown when the item was put into "
         "the cart.", _WARNS, source="contract_lines"),
    Rule("last_price", "Price since the last order", "The price has not moved by more than so many percent "
         "since it was last ordered.", _ANY, Threshold("More than", "%", Decimal(10), Decimal(1000)),
         source="contract_lines"),
    Rule("duplicate", "Not asked for already", "The item is neither on order nor requested for this location "
         "already.", _ANY),
    Rule("gl_account", "GL account", "The item has a GL account in use.", _BLOCKS, source="items"),
    Rule("cost_center", "Cost center", "Each line's cost center is valid on the day, and this person may "
         "charge it here.", _BLOCKS, source="cost_centers"),
    Rule("split", "Shared cost", "The parts of a line that several cost centers share make the whole.",
         _BLOCKS),
    Rule("location", "Location in use", "The location and its facility are in use.", _BLOCKS,
         source="locations"),
    Rule("closed_day", "Open for receiving", "The location takes deliveries on the day it is needed.", _ANY,
         by_category=False),
    Rule("need_by", "Need-by date", "The need-by date lies ahead.", _BLOCKS),
    Rule("supplier_minimum", "Supplier minimum", "What the cart asks of a supplier reaches its least "
         "order.", _ANY, source="suppliers", by_category=False),
    Rule("budget", "Budget", "The budget of the cost center, or of its category, covers the request. Each "
         "budget says itself whether it warns or blocks.", _BLOCKS),
    Rule("over_receipt", "More received than ordered", "The dock takes no more than so many percent above "
         "what is ordered of a line, all its deliveries together.", (Severity.BLOCK, Severity.WARN),
         Threshold("More than", "%", Decimal(10), Decimal(1000)), weighs="order"),
    Rule("over_approval_share", "Order above approval, in percent", "A change that makes an order cost more "
         "than so many percent above what was approved goes back to the approver.",
         (Severity.BLOCK, Severity.OFF), Threshold("More than", "%", Decimal(5), Decimal(1000)),
         weighs="change"),
    Rule("over_approval_amount", "Order above approval, in dollars", "A change that makes an order cost more "
         "than so many dollars above what was approved goes back to the approver.",
         (Severity.BLOCK, Severity.OFF), Threshold("More than", "$", Decimal(100), Decimal(1_000_000)),
         weighs="change"),
    Rule("confirmed_price_share", "Confirmed price, in percent", "A price that a supplier confirms more than "
         "so many percent above or below the ordered one is for the buyer to decide.",
         (Severity.BLOCK, Severity.OFF), Threshold("More than", "%", Decimal(1), Decimal(1000)),
         weighs="confirmation"),
    Rule("confirmed_price_amount", "Confirmed price, in dollars", "A confirmed price that makes an order "
         "line more than so many dollars dearer or cheaper is for the buyer to decide.",
         (Severity.BLOCK, Severity.OFF), Threshold("More than", "$", Decimal(5), Decimal(1_000_000)),
         weighs="confirmation"),
)  # fmt: skip
RULES: dict[str, Rule] = {rule.key: rule for rule in _RULES}
LABELS = {rule.key: rule.label for rule in _RULES}
BUILT_IN = 1
"""The version number of a rule nobody ever changed."""


@dataclass(frozen=True)
class Version:
    """One dated setting of a rule; no facility and no category is the whole organization.

    No severity takes back the setting of this place or category: the wider one counts again.
    """

    rule: str
    number: int
    starts_on: date
    severity: Severity | None
    threshold: Decimal | None = None
    facility_id: int | None = None
    category: str = ""

    @property
    def scope(self) -> tuple[int | None, str]:
        """Where it counts."""
        return self.facility_id, self.category


@dataclass(frozen=True)
class Setting:
    """What counts for one line."""

    rule: Rule
    severity: Severity
    threshold: Decimal
    number: int = BUILT_IN
    starts_on: date | None = None

    def outcome(self, measure: Decimal | None) -> CheckOutcome:
        """What a finding of so much means; no measure is no finding."""
        if measure is None or self.severity is Severity.OFF:
            return CheckOutcome.PASS
        threshold = self.rule.threshold
        if threshold is not None and not threshold.is_passed(measure, self.threshold):
            return CheckOutcome.PASS
        return CheckOutcome(self.severity.value)

    @property
    def bound(self) -> Decimal | None:
        """How far is tolerated; None where nothing stops."""
        return self.threshold if self.severity is Severity.BLOCK else None

    @cached_property
    def in_words(self) -> str:
        """warns, within 30 days"""
        limit = said_threshold(self.rule, self.threshold)
        return ", ".join(filter(None, (said(self.severity), limit)))


def said(severity: Severity) -> str:
    """What a severity does."""
    return {Severity.OFF: "off", Severity.WARN: "warns", Severity.BLOCK: "blocks"}[severity]


def said_threshold(rule: Rule, value: Decimal) -> str:
    """within 30 days; nothing for a rule without a threshold, or where everything is found"""
    threshold = rule.threshold
    if threshold is None or (value == 0 and not threshold.at_most):
        return ""
    spoken = f"${plain(value)}" if threshold.unit == "$" else f"{plain(value)} {threshold.unit}"
    return f"{threshold.label.lower()} {spoken}"


def built_in(rule: Rule) -> Setting:
    """How a rule is delivered."""
    return Setting(rule, rule.usual, rule.threshold.usual if rule.threshold else Decimal())


_BUILT_IN = {key: built_in(rule) for key, rule in RULES.items()}


@dataclass(frozen=True)
class Rulebook:
    """The settings in force for a facility on a day: of every scope the one that began last.

    `parents` is the category above each that has one; what is set for a category counts below it too.
    """

    versions: Sequence[Version] = ()
    facility_id: int | None = None
    parents: Mapping[str, str] = field(default_factory=dict)

    def setting(self, key: str, category: str = "") -> Setting:
        """The narrowest setting counts: facility and category, category, those above it, facility, all."""
        usual = _BUILT_IN[key]
        names = [*lineage(category, self.parents), ""] if self.versions else []
        for scope in [(place, name) for name in names for place in (self.facility_id, None)]:
            version = self._latest.get((key, scope))
            if version is not None and version.severity is not None:
                threshold = usual.threshold if version.threshold is None else version.threshold
                return Setting(usual.rule, version.severity, threshold, version.number, version.starts_on)
        return usual

    @cached_property
    def _latest(self) -> Mapping[tuple[str, tuple[int | None, str]], Version]:
        """Of each rule and scope the one that began last."""
        in_order = sorted(self.versions, key=lambda one: (one.starts_on, one.number))
        return {(one.rule, one.scope): one for one in in_order}


def lineage(category: str, parents: Mapping[str, str]) -> list[str]:
    """A category and those above it, the nearest first; nothing for none."""
    found: list[str] = []
    while category and category not in found:
        found.append(category)
        category = parents.get(category, "")
    return found
