"""The item of a line: may it be requested, by this person, in this unit and quantity."""

from decimal import Decimal

from integrations.canonical import Lifecycle
from portal.foundation.quantity import is_multiple, plain, rounded_packs
from portal.requisitions.checks.facts import LineFacts
from portal.requisitions.checks.result import Check, Evidence, weighed
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rules import CheckOutcome


def check_item(facts: LineFacts) -> Check:
    """Active, offered, from a supplier that is open for orders; else what replaces it."""
    evidence: Evidence = (
        ("Item", facts.lifecycle.value),
        ("Offer", "active" if facts.offer_active else "withdrawn"),
        ("Supplier", f"{facts.supplier}, {'blocked' if facts.supplier_blocked else 'open for orders'}"),
    )
    if facts.replacements:
        evidence = (*evidence, ("Replaced by", ", ".join(facts.replacements)))
    outcome, sentence = CheckOutcome.PASS, f"{facts.item} may be requested."
    if facts.lifecycle is not Lifecycle.ACTIVE:
        outcome = CheckOutcome.BLOCK
        sentence = f"{facts.item} is {facts.lifecycle.value}. {_advice(facts)}"
    elif not facts.offer_active:
        outcome = CheckOutcome.BLOCK
        sentence = (
            f"{facts.item} is no longer offered by {facts.supplier}. Remove it and choose another offer."
        )
    elif facts.supplier_blocked:
        outcome = CheckOutcome.BLOCK
        sentence = f"{facts.supplier} is blocked for new orders. Choose another supplier of {facts.item}."
    return Check("item", outcome, sentence, facts.number, evidence)


def _advice(facts: LineFacts) -> str:
    if facts.replacements:
        return f"Remove it and take {' or '.join(facts.replacements)} instead."
    return "Remove it and choose a substitute."


def check_recalled(facts: LineFacts) -> Check:
    """No open recall names all of the item; recalled lots are told."""
    whole = [one for one in facts.recalls if not one.lots]
    evidence = tuple(
        (one.number, f"{one.title}: {', '.join(one.lots) if one.lots else 'all of it'}")
        for one in facts.recalls
    )
    if whole:
        sentence = f"{facts.item} is recalled ({whole[0].number}, {whole[0].title}). Remove it."
        return Check("recalled", CheckOutcome.BLOCK, sentence, facts.number, evidence)
    if facts.recalls:
        lots = ", ".join(lot for one in facts.recalls for lot in one.lots)
        sentence = f"Of {facts.item} some are recalled: {lots}. Others may be ordered; check what arrives."
        return Check("recalled", CheckOutcome.WARN, sentence, facts.number, evidence)
    sentence = f"No open recall names {facts.item}."
    return Check("recalled", CheckOutcome.PASS, sentence, facts.number, (("Open recalls", "none"),))


def check_restricted(facts: LineFacts, rules: Rulebook) -> Check:
    """This person has the role or the credential that the item needs; one of them is enough."""
    is_met = not facts.needs or any(need.is_met for need in facts.needs)
    wanted = " or ".join(need.words for need in facts.needs)
    return weighed(
        rules.setting("restricted", facts.category),
        None if is_met else Decimal(1),
        finding=f"{facts.item} is restricted: it needs {wanted}. Ask a colleague who has it to request it.",
        otherwise=f"You have what {facts.item} needs." if facts.needs else f"{facts.item} is open to all.",
        line=facts.number,
        evidence=tuple(
            (need.words[:1].upper() + need.words[1:], "yes" if need.is_met else "no") for need in facts.needs
        ),
    )


def check_uom(facts: LineFacts) -> Check:
    """The unit is offered, and holds what the item's packaging says."""
    packed = "not kept" if facts.packed is None else f"{plain(facts.packed)} {facts.base_uom}"
    evidence = (
        ("Unit", facts.uom),
        ("By the offer", f"{plain(facts.factor)} {facts.base_uom}".strip()),
        ("By the item's packaging", packed),
    )
    outcome, sentence = CheckOutcome.BLOCK, ""
    if facts.offered_uom is not None and facts.offered_uom != facts.uom:
        sentence = f"{facts.supplier} offers {facts.item} in {facts.offered_uom} now, not in {facts.uom}. "
        sentence += "Remove it and add it again."
    elif facts.packed is not None and facts.packed != facts.factor:
        sentence = (
            f"One {facts.uom} of {facts.item} holds {plain(facts.factor)} {facts.base_uom} by the offer, "
        )
        sentence += f"{plain(facts.packed)} by the item's packaging. Ask your administrator to correct it."
    else:
        outcome, sentence = CheckOutcome.PASS, f"{facts.item} is ordered in {facts.pack}."
    return Check("uom", outcome, sentence, facts.number, evidence)


def check_quantity(facts: LineFacts) -> Check:
    """Whole packs, at least one."""
    evidence = (("Quantity", f"{plain(facts.quantity)} {facts.uom}"), ("Pack", facts.pack))
    if facts.quantity <= 0 or not is_multiple(facts.quantity, Decimal(1)):
        packs = rounded_packs(facts.quantity, Decimal(1), Decimal(), to_zero=False)
        example = f", for example {plain(packs)}" if packs > 0 else ""
        sentence = f"{facts.item} comes in whole packs ({facts.pack}). Enter a whole number{example}."
        return Check("quantity", CheckOutcome.BLOCK, sentence, facts.number, evidence)
    sentence = f"{plain(facts.quantity)} whole packs of {facts.item}."
    return Check("quantity", CheckOutcome.PASS, sentence, facts.number, evidence)


def check_duplicate(facts: LineFacts, rules: Rulebook) -> Check:
    """Neither on order nor requested for the same location."""
    coming = facts.on_order + sum((open_units for _, open_units in facts.requested), Decimal())
    evidence: Evidence = (("On order", f"{plain(facts.on_order)} {facts.base_uom}"),)
    if facts.expected_on:
        evidence = (*evidence, ("Expected", f"{facts.expected_on:%b %-d, %Y}"))
    evidence += tuple((number, f"{plain(units)} {facts.base_uom}") for number, units in facts.requested)
    many = f"{plain(coming)} {facts.base_uom} of {facts.item}"
    sentence = f"{many} are requested or on order for this location already"
    sources = [number for number, _ in facts.requested[:3]]
    if facts.on_order:
        expected = f", expected {facts.expected_on:%b %-d}" if facts.expected_on else ""
        sources.insert(0, f"{plain(facts.on_order)} on order{expected}")
    return weighed(
        rules.setting("duplicate", facts.category),
        coming or None,
        finding=f"{sentence} ({'; '.join(sources)}). Is this one more?",
        otherwise=f"{facts.item} is neither requested nor on order for this location."
        if not coming
        else f"{sentence}; this rule is off.",
        line=facts.number,
        evidence=evidence,
    )


def check_gl_account(facts: LineFacts) -> Check:
    """An account in use."""
    evidence = (("GL account", facts.gl_account or "none"),)
    if facts.gl_account is None:
        sentence = f"{facts.item} has no GL account in use. Ask your administrator to complete the item."
        return Check("gl_account", CheckOutcome.BLOCK, sentence, facts.number, evidence)
    sentence = f"{facts.item} is charged to {facts.gl_account}."
    return Check("gl_account", CheckOutcome.PASS, sentence, facts.number, evidence)
