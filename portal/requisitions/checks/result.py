"""What a rule says: an outcome, a sentence, its evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from portal.requisitions.checks.facts import CartFacts, LineFacts, PlaceFacts
from portal.requisitions.rulebook.rules import BUILT_IN, RULES, Setting
from portal.requisitions.rules import CheckOutcome

Evidence = tuple[tuple[str, str], ...]
"""Pairs of a label and a value as people read them."""


@dataclass(frozen=True)
class Check:
    """What a rule says, in a sentence; line 0 is the whole requisition.

    `measure` is what the rule weighed, so that another setting can be tried on it later; None is no finding.
    `version` is that of the setting, `data_at` the age of the facts (None: kept here since ever).
    """

    rule: str
    outcome: CheckOutcome
    sentence: str
    line: int = 0
    evidence: Evidence = ()
    version: int = BUILT_IN
    measure: Decimal | None = None
    data_at: datetime | None = None


def weighed(
    setting: Setting,
    measure: Decimal | None,
    *,
    finding: str,
    otherwise: str,
    line: int = 0,
    evidence: Evidence = (),
) -> Check:
    """The outcome of a rule whose strictness is a setting, with the sentence that fits."""
    outcome = setting.outcome(measure)
    sentence = otherwise if outcome is CheckOutcome.PASS else finding
    return Check(setting.rule.key, outcome, sentence, line, evidence, version=setting.number, measure=measure)


Stamp = tuple[Evidence, datetime | None]
"""What is added to the evidence of a rule, and how old its data is."""


def dated(check: Check, facts: CartFacts, line: LineFacts) -> Check:
    """What is said of a line, with the rule's version and the age of its data as evidence."""
    return stamped(check, stamps(facts)(check.rule, line.category, line.place))


def stamped(check: Check, stamp: Stamp) -> Check:
    """With its stamp."""
    added, at = stamp
    return Check(
        check.rule,
        check.outcome,
        check.sentence,
        check.line,
        (*check.evidence, *added),
        check.version,
        check.measure,
        at,
    )


def stamps(facts: CartFacts) -> Callable[[str, str, PlaceFacts | None], Stamp]:
    """Says the stamp of a rule for a category by the rules of a place; each is made once for all lines."""

    @cache
    def stamp(key: str, category: str, place: PlaceFacts | None) -> Stamp:
        rule = RULES[key]
        added: Evidence = ()
        if not rule.is_fixed:
            setting = facts.rules_at(place).setting(key, category)
            since = f" since {setting.starts_on:%b %-d, %Y}" if setting.starts_on else ""
            added = (("Rule", f"version {setting.number}{since}: {setting.in_words}"),)
        at = facts.ages.get(rule.source) if rule.source else facts.read_at
        return (added if at is None else (*added, data_of(at))), at

    @cache
    def data_of(at: datetime) -> tuple[str, str]:
        zone = ZoneInfo(facts.place.zone if facts.place else "UTC")
        return "Data of", f"{at.astimezone(zone):%b %-d, %Y, %-I:%M %p}"

    return stamp


def worst(checks: Sequence[Check]) -> CheckOutcome:
    """The outcome that decides."""
    order = list(CheckOutcome)
    return max((check.outcome for check in checks), key=order.index, default=CheckOutcome.PASS)
