"""Who pays and where it goes: cost center, location, day, and the supplier's minimum order."""

from datetime import date
from decimal import Decimal

from portal.masterdata.rules import closing_on, next_open
from portal.requisitions.checks.facts import CenterFacts, PlaceFacts, SupplierFacts
from portal.requisitions.checks.result import Check, Evidence, weighed
from portal.requisitions.checks.words import spoken_day, spoken_money
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rules import CheckOutcome


def check_cost_center(center: CenterFacts | None, today: date, line: int = 0) -> Check:
    """The cost center is in use, valid today and this person's to charge."""
    if center is None:
        sentence = "This location has no cost center in use. Ask your administrator to give it one."
        return Check("cost_center", CheckOutcome.BLOCK, sentence, line, (("Cost center", "none"),))
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
        sentence = f"You may not charge cost center {center.name} for this location."
    else:
        outcome = CheckOutcome.PASS
    advice = "Ask your administrator." if sentence else f"Cost center {center.name} is valid today."
    return Check("cost_center", outcome, f"{sentence} {advice}".strip(), line, evidence)


def check_location(place: PlaceFacts, line: int = 0) -> Check:
    """The location and its facility are in use."""
    evidence = (("Location", place.name), ("Facility", place.facility))
    if not place.active:
        sentence = f"{place.name} is not in use any more. Request for another location."
        return Check("location", CheckOutcome.BLOCK, sentence, line, evidence)
    return Check("location", CheckOutcome.PASS, f"{place.name} is in use.", line, evidence)


def check_need_by(need_by: date | None, today: date, line: int = 0) -> Check:
    """The need-by date lies ahead, or none is given."""
    if need_by is None:
        sentence = "No need-by date: it is ordered as soon as it is approved."
        return Check("need_by", CheckOutcome.PASS, sentence, line)
    evidence = (("Need by", spoken_day(need_by)), ("Today", spoken_day(today)))
    if need_by < today:
        sentence = "The need-by date is in the past. Choose today or later."
        return Check("need_by", CheckOutcome.BLOCK, sentence, line, evidence)
    return Check("need_by", CheckOutcome.PASS, f"Needed by {spoken_day(need_by)}.", line, evidence)


def check_closed_day(place: PlaceFacts, need_by: date | None, rules: Rulebook, line: int = 0) -> Check:
    """Something is received on the day it is needed."""
    setting = rules.setting("closed_day")
    closing = closing_on(need_by, place.closings) if need_by else None
    if need_by is None or closing is None:
        day = f" on {spoken_day(need_by)}" if need_by else ""
        return weighed(setting, None, finding="", otherwise=f"{place.name} takes deliveries{day}.", line=line)
    open_again = next_open(need_by, place.closings)
    advice = f" Choose {open_again:%a}, {spoken_day(open_again)}." if open_again else ""
    why = f" ({closing.reason})" if closing.reason else ""
    sentence = f"{place.name} takes no deliveries on {need_by:%a}, {spoken_day(need_by)}{why}."
    evidence: Evidence = (("Needed by", f"{need_by:%A}, {spoken_day(need_by)}"),)
    if open_again:
        evidence = (*evidence, ("Open again", f"{open_again:%A}, {spoken_day(open_again)}"))
    return weighed(
        setting,
        Decimal(1),
        finding=f"{sentence}{advice}",
        otherwise=f"{sentence} This rule is off.",
        line=line,
        evidence=evidence,
    )


def check_supplier_minimum(facts: SupplierFacts, rules: Rulebook) -> Check:
    """What is asked of a supplier reaches its minimum order."""
    asked, least = (spoken_money(one, facts.currency) for one in (facts.asked, facts.least))
    missing = facts.least - facts.asked
    return weighed(
        rules.setting("supplier_minimum"),
        missing if missing > 0 else None,
        finding=f"This asks {facts.name} for {asked}; its minimum order is {least}. Add "
        f"{spoken_money(missing, facts.currency)}, or the buyer combines it with other requests.",
        otherwise=f"{asked} from {facts.name}."
        if facts.least == 0 or missing > 0
        else f"{asked} from {facts.name} reaches its minimum order of {least}.",
        evidence=((f"From {facts.name}", asked), ("Least order", least)),
    )
