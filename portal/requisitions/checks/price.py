"""The price of a line: on contract, for how long, and how it moved."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from portal.requisitions.checks.facts import LineFacts
from portal.requisitions.checks.result import Check, Evidence, weighed
from portal.requisitions.checks.words import spoken_day, spoken_days, spoken_percent, spoken_price
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rules import CheckOutcome

TENTH = Decimal("0.1")


def check_price(facts: LineFacts, rules: Rulebook) -> Check:
    """A contract prices it today; otherwise what is on contract instead is offered."""
    price = ("Price", f"{spoken_price(facts.unit_price, facts.currency)} per {facts.uom}")
    is_off = facts.contract is None
    evidence: Evidence = (("Contract", "none valid today" if is_off else facts.contract_in_words), price)
    if is_off:
        evidence += tuple(("On contract instead", one) for one in facts.equivalents)
    instead = f" On contract instead: {facts.equivalents[0]}." if facts.equivalents else ""
    off = f"{facts.item} has no contract price today; the list price is used."
    return weighed(
        rules.setting("price", facts.category),
        facts.amount if is_off else None,
        finding=f"{off}{instead}",
        otherwise=off if is_off else f"{facts.item} has the price of contract {facts.contract}.",
        line=facts.number,
        evidence=evidence,
    )


def check_contract_ends(facts: LineFacts, today: date, rules: Rulebook) -> Check:
    """The contract does not end within so many days."""
    setting = rules.setting("contract_ends", facts.category)
    if facts.contract is None or facts.contract_ends is None:
        return weighed(
            setting, None, finding="", otherwise=f"No contract prices {facts.item}.", line=facts.number
        )
    days = (facts.contract_ends - today).days
    ends = f"Contract {facts.contract} for {facts.item} ends on {spoken_day(facts.contract_ends)}"
    return weighed(
        setting,
        Decimal(days),
        finding=f"{ends}. What comes later may cost more.",
        otherwise=f"{ends}, in {spoken_days(days)}.",
        line=facts.number,
        evidence=(("Valid until", spoken_day(facts.contract_ends)), ("Days left", str(days))),
    )


def check_price_moved(facts: LineFacts) -> Check:
    """The price that was shown when it was added still holds."""
    before, now = (spoken_price(one, facts.currency) for one in (facts.price_shown, facts.unit_price))
    evidence = (("When it was added", before), ("Today", now))
    if facts.price_shown != facts.unit_price:
        sentence = f"{facts.item} now costs {now} per {facts.uom}; it was {before} when you added it."
        return Check("price_moved", CheckOutcome.WARN, sentence, facts.number, evidence)
    sentence = f"The price of {facts.item} is the same as when you added it."
    return Check("price_moved", CheckOutcome.PASS, sentence, facts.number, evidence)


def check_last_price(facts: LineFacts, rules: Rulebook) -> Check:
    """The price has not moved much since the item was last ordered."""
    setting = rules.setting("last_price", facts.category)
    last = facts.last_order
    if last is None or last.unit_price == 0:
        sentence = f"{facts.item} was not ordered before."
        return weighed(setting, None, finding="", otherwise=sentence, line=facts.number)
    moved = (facts.unit_price - last.unit_price) * 100 / last.unit_price
    share = moved.quantize(TENTH, rounding=ROUND_HALF_UP)
    before, now = (spoken_price(one, facts.currency) for one in (last.unit_price, facts.unit_price))
    direction = "more" if moved > 0 else "less"
    sentence = (
        f"{facts.item} costs {now} per {facts.uom}, {spoken_percent(abs(share))} {direction} than "
        f"when it was last ordered ({before} on {spoken_day(last.on)})."
    )
    same = f"{facts.item} costs what it cost when it was last ordered."
    return weighed(
        setting,
        abs(moved),
        finding=sentence,
        otherwise=sentence if moved else same,
        line=facts.number,
        evidence=(
            ("Last ordered", f"{before} with {last.number} on {spoken_day(last.on)}"),
            ("Today", now),
            ("Change", f"{'+' if share > 0 else ''}{spoken_percent(share)}"),
        ),
    )
