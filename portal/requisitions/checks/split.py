"""Several cost centers pay for a line: their shares make the whole, and each may be charged."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from portal.foundation.quantity import plain
from portal.requisitions.checks.facts import LineFacts
from portal.requisitions.checks.place import check_cost_center
from portal.requisitions.checks.result import Check, Evidence
from portal.requisitions.checks.words import spoken_money
from portal.requisitions.rules import CheckOutcome, SplitBy

HUNDRED = Decimal(100)
LEAST = Decimal("0.001")  # of the line: orders tell shares in thousandths of its quantity


def check_split(facts: LineFacts) -> Check:
    """Percentages add up to 100, amounts to the line, and every share has something to pay."""
    problem = _problem(facts, [share.weight for share in facts.shares])
    evidence: Evidence = tuple(
        (
            share.center.name if share.center else "Cost center not in use",
            _said(facts, share.weight) + ("" if problem else f": {_money(facts, share.amount)}"),
        )
        for share in facts.shares
    )
    outcome = CheckOutcome.BLOCK if problem else CheckOutcome.PASS
    whole = _money(facts, facts.amount)
    sentence = problem or f"{len(facts.shares)} shares of {facts.item} add up to {whole}."
    return Check("split", outcome, sentence, facts.number, evidence)


def check_payers(facts: LineFacts, today: date) -> list[Check]:
    """Each cost center of a line with several."""
    return [check_cost_center(share.center, today, facts.number) for share in facts.shares]


def _problem(facts: LineFacts, weights: Sequence[Decimal]) -> str:
    if len(weights) < 2:
        return f"Say who shares {facts.item}: at least two cost centers, each with its part."
    if any(weight <= 0 for weight in weights):
        return f"Give every cost center that shares {facts.item} its part, or leave it out."
    if any(share.gl_account is None for share in facts.shares):
        return f"A share of {facts.item} has no GL account in use. Choose one."
    whole = sum(weights, Decimal())
    if any(share.amount == 0 for share in facts.shares) or min(weights) / whole < LEAST:
        return f"A share of {facts.item} comes to less than a cent or 0.1 %. Leave it out, or give it more."
    if facts.split_by is SplitBy.PERCENT and whole != HUNDRED:
        return f"The parts of {facts.item} add up to {plain(whole)} %; they must make 100 %."
    if facts.split_by is SplitBy.AMOUNT and whole != facts.amount:
        return (
            f"The parts of {facts.item} add up to {_money(facts, whole)}; the line costs "
            f"{_money(facts, facts.amount)}. Correct the amounts."
        )
    return ""


def _said(facts: LineFacts, weight: Decimal) -> str:
    return f"{plain(weight)} %" if facts.split_by is SplitBy.PERCENT else _money(facts, weight)


def _money(facts: LineFacts, amount: Decimal) -> str:
    return spoken_money(amount, facts.currency)
